package session_test

import (
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/session"
)

// TestNoAllocs holds that no step of a connection allocates, once windows and
// buffers have grown.
func TestNoAllocs(t *testing.T) {
	p := connect(mqttwire.V50)
	p.Properties = codec.AppendSessionExpiryInterval(p.Properties, session.Never)
	p.Properties = codec.AppendTopicAliasMaximum(p.Properties, 4)
	p.Properties = codec.AppendMaximumPacketSize(p.Properties, 60)
	p.Properties = codec.AppendAuthenticationMethod(p.Properties, "m")
	options := session.ServerOptions{TopicAliasMaximum: 4, NoShared: true}
	options.TopicAliases = 4
	s := connected(t, options, p)
	long := codec.AppendReasonString(codec.Properties{}, "a reason that is too long to be sent to a client of so few bytes")
	encode := func(p codec.Packet) []byte { return encode(t, mqttwire.V50, mqttwire.Client, p) }
	aliased := publish(qos.AtLeastOnce, 1)
	aliased.Properties = codec.AppendTopicAlias(aliased.Properties, 2)
	subs := codec.Subscriptions{}.Append(codec.Subscription{Filter: []byte("a/#")})
	auth := &codec.Auth{Code: mqttwire.ReAuthenticate, Properties: codec.AppendAuthenticationMethod(codec.Properties{}, "m")}
	frames := struct{ qos1, qos2, pubrel, subscribe, ping, auth []byte }{
		encode(aliased), encode(publish(qos.ExactlyOnce, 2)), encode(&codec.Pubrel{ID: 2}),
		encode(&codec.Subscribe{ID: 9, Subscriptions: subs}), []byte{0xc0, 0}, encode(auth),
	}
	suback := &codec.Suback{ID: 9, Codes: codec.ReasonCodes{}.Append(0), Properties: long}
	message1, message2 := publish(qos.AtLeastOnce, 0), publish(qos.ExactlyOnce, 0)
	dst := make([]byte, 0, 4096)
	pubrec, pubcomp, puback := make([]byte, 4), make([]byte, 4), make([]byte, 4)
	receive := func(b []byte) session.Event {
		h, body, _, _ := codec.Split(s.Rules(), b, 0)
		_, ev, err := s.Receive(dst, &s.d, h, body, 0)
		if err != nil {
			t.Fatal(err)
		}
		return ev
	}
	acked := func(_ []byte, _ qos.Record, err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	ok := func(_ []byte, err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	check := func(name string, step func()) {
		t.Helper()
		step()
		if n := testing.AllocsPerRun(100, step); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	check("receive at QoS 1", func() {
		acked(s.Ack(dst, receive(frames.qos1).Ticket(), mqttwire.NotAuthorized, long, 0))
	})
	check("receive at QoS 2", func() {
		acked(s.Ack(dst, receive(frames.qos2).Ticket(), 0, codec.Properties{}, 0))
		receive(frames.pubrel)
	})
	check("publish at QoS 1", func() {
		_, a, err := s.Publish(dst, message1, 1, 0)
		ok(nil, err)
		copy(puback, []byte{0x40, 2, byte(a.ID >> 8), byte(a.ID)})
		receive(puback)
	})
	check("publish at QoS 2", func() {
		_, a, err := s.Publish(dst, message2, 1, 0)
		ok(nil, err)
		copy(pubrec, []byte{0x50, 2, byte(a.ID >> 8), byte(a.ID)})
		receive(pubrec)
		copy(pubcomp, []byte{0x70, 2, byte(a.ID >> 8), byte(a.ID)})
		receive(pubcomp)
	})
	check("subscribe", func() {
		ok(s.Suback(dst, receive(frames.subscribe).Request(), suback))
	})
	check("re-authentication", func() {
		receive(frames.auth)
		ok(s.Auth(dst, mqttwire.Success, []byte("data"), long, 0))
	})
	check("ping and poll", func() {
		receive(frames.ping)
		_, _, err := s.Poll(dst, 0)
		ok(nil, err)
		s.Deadline()
	})
	ack := &codec.Connack{}
	hello := encode(&codec.Connect{Version: mqttwire.V50, ClientID: []byte("c"), Properties: codec.AppendSessionExpiryInterval(codec.Properties{}, 10)})
	check("a connection", func() {
		ok(s.Disconnect(dst, mqttwire.SessionTakenOver, long))
		s.Close(0)
		s.Open(&s.options, 0)
		receive(hello)
		ack.Properties = ack.Properties.Reset()
		acked(s.Accept(dst, &s.state, ack, 0))
		s.state.Poll(0)
	})
	check("a violation", func() {
		s.Fail(dst, mqttwire.PUBLISH, mqttwire.ErrQoS)
		s.Close(0)
		s.state.Poll(0)
		s.Open(&s.options, 0)
		receive(hello)
		ok(s.Refuse(dst, 0x87, long))
		s.Close(0)
		s.Open(&s.options, 0)
		receive(hello)
		ack.Properties = ack.Properties.Reset()
		acked(s.Accept(dst, &s.state, ack, 0))
	})
}

func TestNoAllocsClient(t *testing.T) {
	var c session.Client
	var state session.Session
	var d codec.Decoder
	var o session.ClientOptions
	p := connect(mqttwire.V311)
	dst := make([]byte, 0, 4096)
	message := publish(qos.AtLeastOnce, 0)
	subs := codec.Subscriptions{}.Append(codec.Subscription{Filter: []byte("a/#")})
	subscribe := &codec.Subscribe{Subscriptions: subs}
	receive := func(b []byte) {
		h, body, _, _ := codec.Split(c.Rules(), b, 0)
		if _, _, err := c.Receive(dst, &d, h, body, 0); err != nil {
			t.Fatal(err)
		}
	}
	connack, ack := []byte{0x20, 2, 0, 0}, make([]byte, 5)
	if n := testing.AllocsPerRun(100, func() {
		c.Connect(dst, &state, p, &o, 0)
		receive(connack)
		for range 3 {
			_, a, _ := c.Publish(dst, message, 1, 0)
			copy(ack, []byte{0x40, 2, byte(a.ID >> 8), byte(a.ID)})
			receive(ack[:4])
			_, id, _ := c.Subscribe(dst, subscribe, 2, 0)
			copy(ack, []byte{0x90, 3, byte(id >> 8), byte(id), 0})
			receive(ack)
			c.Poll(dst, 100*second)
		}
		c.Disconnect(dst, 0, codec.Properties{})
		c.Close(0)
		state.Poll(0)
	}); n > 1 { // the window, which goes with its session
		t.Errorf("%v allocations", n)
	}
}
