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
	aliased.Properties = codec.AppendUserProperty(codec.AppendTopicAlias(aliased.Properties, 2), "a", "b")
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

// TestNoAllocsJournal holds that what a session is kept and brought back by does
// not allocate, nor does the loop.
func TestNoAllocsJournal(t *testing.T) {
	for _, v := range versions {
		s := connected(t, session.ServerOptions{}, kept(v))
		var f codec.Framer
		dst := make([]byte, 0, 4096)
		subs := codec.Subscriptions{}.Append(codec.Subscription{Filter: []byte("a")})
		in := encode(t, v, mqttwire.Client, publish(1, 9), &codec.Subscribe{ID: 3, Subscriptions: subs}, &codec.Pingreq{})
		hello := encode(t, v, mqttwire.Client, kept(v))
		suback := &codec.Suback{Codes: codec.ReasonCodes{}.Append(0)}
		var events int
		read := func(b []byte) {
			f.Filled(copy(f.Buffer(), b))
			for {
				out, ev, ok, err := s.Next(dst, &f, &s.d, 0)
				if err != nil {
					t.Fatal(err)
				}
				if !ok {
					return
				}
				events++
				switch ev.Kind {
				case session.Connect:
					_, _, err = s.Accept(out, &s.state, nil, 0)
				case session.Deliver:
					_, _, err = s.Ack(out, ev.Ticket(), 0, codec.Properties{}, 0)
				case session.Subscribe:
					_, err = s.Suback(out, ev.Request(), suback)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		again := func() {
			s.Close(0)
			s.Open(&s.options, 0)
			read(hello)
		}
		check := func(name string, step func()) {
			t.Helper()
			step()
			if n := testing.AllocsPerRun(100, step); n != 0 {
				t.Errorf("%v: %s: %v allocations", v, name, n)
			}
		}
		check("Next, Ack and Suback", func() { read(in) })
		message := publish(2, 0)
		for range 5 { // one stays, so that the window does
			s.Publish(dst, message, 1, 0)
		}
		check("a connection, NextResend and Resend", func() {
			again()
			for {
				_, ev, ok := s.NextResend(dst, 0)
				if !ok {
					return
				}
				if _, _, err := s.Resend(dst, ev, message, 0); err != nil {
					t.Fatal(err)
				}
			}
		})
		message.QoS = 1
		check("GiveUp", func() {
			again()
			for {
				_, ev, ok := s.NextResend(dst, 0)
				if !ok {
					break
				}
				if ev.Kind != session.Resend {
					continue
				}
				if _, ev, err := s.GiveUp(dst, ev.ID, 0); err != nil || ev.Kind != session.GivenUp {
					t.Fatal(ev, err)
				}
			}
			if _, _, err := s.Publish(dst, message, 1, 0); err != nil {
				t.Fatal(err)
			}
		})
		s.Close(0)
		check("GiveUp without a connection", func() {
			for id := range uint16(20) {
				s.state.GiveUp(id)
			}
		})
		var r session.Session
		records := []qos.Record{
			{Token: 1, ID: 1, Change: qos.Store.Of(qos.Sent, 2)},
			{Token: 1, ID: 1, Change: qos.Release.Of(qos.Sent, 2)},
			{Token: 1, ID: 1, Change: qos.Forget.Of(qos.Sent, 2)},
			{ID: 1, Change: qos.Accept.Of(qos.Received, 2)},
			{ID: 1, Change: qos.Forget.Of(qos.Received, 2)},
		}
		n := 0
		check("Apply, Resume, State and the walks", func() {
			for _, x := range records {
				if err := r.Apply(x); err != nil {
					t.Fatal(err)
				}
				for x := range r.Sent() {
					n += int(x.ID)
				}
				for x := range r.Received() {
					n += int(x.ID)
				}
				n += int(r.Find(qos.Sent, 1).ID)
			}
			if err := r.Resume(s.state.State(), 0); err != nil || r.State() != s.state.State() {
				t.Fatal(err)
			}
			r.Poll(0)
		})
		if n == 0 || events == 0 {
			t.Error("nothing was measured")
		}
	}
}
