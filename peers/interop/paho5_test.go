package interop

import (
	"bytes"
	"context"
	"net"
	"slices"
	"testing"

	"github.com/eclipse/paho.golang/paho"
)

// A paho5 is a client of 5.0, and what has come to it.
type paho5 struct {
	*paho.Client
	t        *testing.T
	ctx      context.Context
	conn     net.Conn
	connack  *paho.Connack
	messages chan *paho.Publish
	ended    chan byte
}

func dialPaho5(t *testing.T, address string, connect *paho.Connect) *paho5 {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		t.Fatal(err)
	}
	p := &paho5{t: t, ctx: ctx, conn: conn, messages: make(chan *paho.Publish, 1000), ended: make(chan byte, 1)}
	p.Client = paho.NewClient(paho.ClientConfig{
		Conn: conn,
		OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(r paho.PublishReceived) (bool, error) {
			p.messages <- r.Packet
			return true, nil
		}},
		OnServerDisconnect: func(d *paho.Disconnect) { p.ended <- d.ReasonCode },
	})
	connect.CleanStart = true
	if connect.KeepAlive == 0 {
		connect.KeepAlive = 60
	}
	if p.connack, err = p.Connect(ctx, connect); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Disconnect(&paho.Disconnect{}) })
	return p
}

func (p *paho5) subscribe(o paho.SubscribeOptions, id int) {
	p.t.Helper()
	s := &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{o}}
	if id != 0 {
		s.Properties = &paho.SubscribeProperties{SubscriptionIdentifier: &id}
	}
	ack, err := p.Subscribe(p.ctx, s)
	if err != nil {
		p.t.Fatal(err)
	}
	if !slices.Equal(ack.Reasons, []byte{0}) {
		p.t.Fatal("granted", ack.Reasons)
	}
}

func (p *paho5) publish(m *paho.Publish) {
	p.t.Helper()
	if _, err := p.Publish(p.ctx, m); err != nil {
		p.t.Fatal(err)
	}
}

func (p *paho5) expect(topic, payload string, retain bool) *paho.Publish {
	p.t.Helper()
	m := receive(p.t, p.messages, "message on "+topic)
	if m.Topic != topic || string(m.Payload) != payload || m.Retain != retain || m.QoS != 0 {
		p.t.Fatalf("got %v, want %s %q retain %v", m, topic, payload, retain)
	}
	return m
}

func TestPaho5Properties(t *testing.T) {
	_, address := startBroker(t)
	a, b := dialPaho5(t, address, &paho.Connect{ClientID: "a"}), dialPaho5(t, address, &paho.Connect{ClientID: "b"})
	a.subscribe(paho.SubscribeOptions{Topic: "x/+/#", QoS: 2}, 268_435_455)
	format, expiry := byte(1), uint32(100)
	user := paho.UserProperties{{Key: "k", Value: "1"}, {Key: "", Value: "ü"}, {Key: "k", Value: "2"}}
	b.publish(&paho.Publish{Topic: "x/y", Payload: []byte("1"), Properties: &paho.PublishProperties{
		PayloadFormat: &format, MessageExpiry: &expiry, ContentType: "text/plain", ResponseTopic: "r/1",
		CorrelationData: []byte{0, 255}, User: user,
	}})
	got := a.expect("x/y", "1", false).Properties
	if got.PayloadFormat == nil || *got.PayloadFormat != 1 || got.MessageExpiry == nil || *got.MessageExpiry > 100 || *got.MessageExpiry < 90 ||
		got.ContentType != "text/plain" || got.ResponseTopic != "r/1" || !bytes.Equal(got.CorrelationData, []byte{0, 255}) ||
		!slices.Equal(got.User, user) || got.SubscriptionIdentifier == nil || *got.SubscriptionIdentifier != 268_435_455 {
		t.Errorf("properties: %+v", got)
	}
}

func TestPaho5Announcement(t *testing.T) {
	_, address := startBroker(t)
	a := dialPaho5(t, address, &paho.Connect{})
	p := a.connack.Properties
	if p.AssignedClientID == "" || p.MaximumQoS == nil || *p.MaximumQoS != 0 || p.SharedSubAvailable || !p.RetainAvailable ||
		!p.WildcardSubAvailable || !p.SubIDAvailable || a.connack.SessionPresent {
		t.Errorf("CONNACK: %v", a.connack)
	}
	if _, err := a.Publish(a.ctx, &paho.Publish{Topic: "x", QoS: 1}); err == nil {
		t.Error("the client has published at QoS 1")
	}
}

func TestPaho5Retained(t *testing.T) {
	_, address := startBroker(t)
	a := dialPaho5(t, address, &paho.Connect{ClientID: "a"})
	a.publish(&paho.Publish{Topic: "x", Payload: []byte("1"), Retain: true})
	a.subscribe(paho.SubscribeOptions{Topic: "x", RetainHandling: 2}, 0)
	a.subscribe(paho.SubscribeOptions{Topic: "x", RetainHandling: 1}, 0)
	a.publish(&paho.Publish{Topic: "x", Payload: []byte("2"), Retain: true})
	a.expect("x", "2", false)
	a.subscribe(paho.SubscribeOptions{Topic: "x", RetainAsPublished: true}, 0)
	a.expect("x", "2", true)
	a.publish(&paho.Publish{Topic: "x", Payload: []byte("3"), Retain: true})
	a.expect("x", "3", true)
}

func TestPaho5NoLocal(t *testing.T) {
	_, address := startBroker(t)
	a, b := dialPaho5(t, address, &paho.Connect{ClientID: "a"}), dialPaho5(t, address, &paho.Connect{ClientID: "b"})
	a.subscribe(paho.SubscribeOptions{Topic: "x", NoLocal: true}, 0)
	a.publish(&paho.Publish{Topic: "x", Payload: []byte("own")})
	a.subscribe(paho.SubscribeOptions{Topic: "y"}, 0) // the broker is done with the one before
	b.publish(&paho.Publish{Topic: "x", Payload: []byte("other")})
	a.expect("x", "other", false)
}

func TestPaho5Will(t *testing.T) {
	_, address := startBroker(t)
	a := dialPaho5(t, address, &paho.Connect{ClientID: "a"})
	a.subscribe(paho.SubscribeOptions{Topic: "will/#"}, 0)
	withWill := func(id string) *paho5 {
		return dialPaho5(t, address, &paho.Connect{ClientID: id,
			WillMessage: &paho.WillMessage{Topic: "will/" + id, Payload: []byte("gone")},
			// paho.golang v0.23.0 sends no other property of a will.
			WillProperties: &paho.WillProperties{User: paho.UserProperties{{Key: "k", Value: "v"}}}})
	}
	if err := withWill("polite").Disconnect(&paho.Disconnect{}); err != nil {
		t.Error(err)
	}
	withWill("lost").conn.Close()
	m := a.expect("will/lost", "gone", false)
	if m.Properties.User.Get("k") != "v" {
		t.Errorf("properties: %+v", m.Properties)
	}
	if err := withWill("asks").Disconnect(&paho.Disconnect{ReasonCode: 4}); err != nil {
		t.Error(err)
	}
	a.expect("will/asks", "gone", false)
}

func TestPaho5Disconnects(t *testing.T) {
	s, address := startBroker(t)
	old := dialPaho5(t, address, &paho.Connect{ClientID: "a"})
	a := dialPaho5(t, address, &paho.Connect{ClientID: "a"})
	if code := receive(t, old.ended, "DISCONNECT"); code != 0x8E {
		t.Errorf("taken over with 0x%02x", code)
	}
	shut := make(chan error, 1)
	go func() { shut <- s.Shutdown(a.ctx) }()
	if code := receive(t, a.ended, "DISCONNECT"); code != 0x8B {
		t.Errorf("shut down with 0x%02x", code)
	}
	if err := receive(t, shut, "end of the server"); err != nil {
		t.Error(err)
	}
}
