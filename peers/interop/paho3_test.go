package interop

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// A paho3 is a client of 3.1 or 3.1.1, and what has come to it.
type paho3 struct {
	mqtt.Client
	t        *testing.T
	messages chan mqtt.Message
	lost     chan error
	conn     net.Conn
}

// dialPaho3 connects a client. Options may be changed before.
func dialPaho3(t *testing.T, address, id string, version uint, change func(*mqtt.ClientOptions)) *paho3 {
	t.Helper()
	p := &paho3{t: t, messages: make(chan mqtt.Message, 1000), lost: make(chan error, 1)}
	o := mqtt.NewClientOptions().AddBroker("tcp://" + address).SetClientID(id).SetProtocolVersion(version).
		SetAutoReconnect(false).SetConnectTimeout(patience).SetOrderMatters(true).
		SetConnectionLostHandler(func(_ mqtt.Client, err error) { p.lost <- err }).
		SetCustomOpenConnectionFn(func(*url.URL, mqtt.ClientOptions) (net.Conn, error) {
			var err error
			p.conn, err = net.DialTimeout("tcp", address, patience)
			return p.conn, err
		})
	if change != nil {
		change(o)
	}
	p.Client = mqtt.NewClient(o)
	p.wait(p.Connect())
	t.Cleanup(func() { p.Disconnect(0) })
	return p
}

func (p *paho3) wait(token mqtt.Token) {
	p.t.Helper()
	if !token.WaitTimeout(patience) {
		p.t.Fatal("no answer came")
	}
	if err := token.Error(); err != nil {
		p.t.Fatal(err)
	}
}

func (p *paho3) subscribe(filter string, level byte) {
	p.t.Helper()
	token := p.Subscribe(filter, level, func(_ mqtt.Client, m mqtt.Message) { p.messages <- m })
	p.wait(token)
	if granted := token.(*mqtt.SubscribeToken).Result()[filter]; granted != 0 {
		p.t.Fatalf("QoS %d was granted", granted)
	}
}

func (p *paho3) publish(topic, payload string, level byte, retain bool) {
	p.t.Helper()
	p.wait(p.Publish(topic, level, retain, payload))
}

func (p *paho3) expect(topic, payload string, retained bool) {
	p.t.Helper()
	m := receive(p.t, p.messages, "message on "+topic)
	if m.Topic() != topic || string(m.Payload()) != payload || m.Retained() != retained || m.Qos() != 0 {
		p.t.Fatalf("got %s %.40q retained %v QoS %d, want %s %.40q retained %v",
			m.Topic(), m.Payload(), m.Retained(), m.Qos(), topic, payload, retained)
	}
}

func eachPaho3(t *testing.T, test func(t *testing.T, version uint)) {
	t.Run("3.1", func(t *testing.T) { test(t, 3) })
	t.Run("3.1.1", func(t *testing.T) { test(t, 4) })
}

func TestPaho3Messages(t *testing.T) {
	eachPaho3(t, func(t *testing.T, version uint) {
		_, address := startBroker(t)
		a, b := dialPaho3(t, address, "a", version, nil), dialPaho3(t, address, "b", version, nil)
		a.subscribe("x/+/#", 2)
		for level := range byte(3) { // all of them are acknowledged
			for i := range 100 {
				payload := fmt.Sprint(level, " ", i)
				b.publish("x/y", payload, level, false)
				b.publish("x", payload, level, false)
				a.expect("x/y", payload, false)
			}
		}
		large := strings.Repeat("0123456789", 50_000)
		b.publish("x/y/z", large, 2, false)
		a.expect("x/y/z", large, false)
		a.wait(a.Unsubscribe("x/+/#"))
		b.publish("x/y", "not wanted", 0, false)
		a.subscribe("last", 0)
		b.publish("last", "1", 0, false)
		a.expect("last", "1", false)
	})
}

func TestPaho3Retained(t *testing.T) {
	eachPaho3(t, func(t *testing.T, version uint) {
		_, address := startBroker(t)
		a, b := dialPaho3(t, address, "a", version, nil), dialPaho3(t, address, "b", version, nil)
		b.publish("x/1", "old", 1, true)
		b.publish("x/1", "new", 1, true)
		b.publish("x/2", "gone", 1, true)
		b.publish("x/2", "", 1, true)
		a.subscribe("x/+", 0)
		a.expect("x/1", "new", true)
		b.publish("x/1", "newer", 1, true)
		a.expect("x/1", "newer", false)
	})
}

func TestPaho3Will(t *testing.T) {
	eachPaho3(t, func(t *testing.T, version uint) {
		_, address := startBroker(t)
		a := dialPaho3(t, address, "a", version, nil)
		a.subscribe("will/#", 0)
		withWill := func(o *mqtt.ClientOptions) { o.SetWill("will/"+o.ClientID, "gone", 2, true) }
		dialPaho3(t, address, "polite", version, withWill).Disconnect(100)
		dialPaho3(t, address, "lost", version, withWill).conn.Close()
		a.expect("will/lost", "gone", false)
		b := dialPaho3(t, address, "b", version, nil)
		b.subscribe("will/#", 0)
		b.expect("will/lost", "gone", true)
	})
}

func TestPaho3Takeover(t *testing.T) {
	eachPaho3(t, func(t *testing.T, version uint) {
		_, address := startBroker(t)
		old := dialPaho3(t, address, "a", version, nil)
		a := dialPaho3(t, address, "a", version, nil)
		if err := receive(t, old.lost, "end of the old connection"); err == nil {
			t.Error("no error")
		}
		a.subscribe("x", 0)
		a.publish("x", "1", 0, false)
		a.expect("x", "1", false)
	})
}

// A client that asks for a version that does not exist is told so.
func TestPaho3Refused(t *testing.T) {
	_, address := startBroker(t)
	c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp://" + address).SetClientID(strings.Repeat("x", 24)).
		SetProtocolVersion(3).SetAutoReconnect(false))
	token := c.Connect()
	if !token.WaitTimeout(patience) || !strings.Contains(fmt.Sprint(token.Error()), "dentifier rejected") {
		t.Error("a client identifier of 24 characters in 3.1:", errors.Unwrap(token.Error()), token.Error())
	}
}
