package session_test

import (
	"slices"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/session"
)

func lenientServer(l codec.Leniencies) session.ServerOptions {
	return session.ServerOptions{Limits: session.Limits{Lenient: l}}
}

// Each leniency of a server, off and on: what its clients send that need it.
func TestServerLeniencies(t *testing.T) {
	for _, x := range []struct {
		l       codec.Leniencies
		version mqttwire.Version
		connect bool // the packet is the CONNECT
		packet  string
		kind    session.Kind
		err     error
	}{
		{codec.LongClientID, mqttwire.V31, true, "\x10\x26\x00\x06MQIsdp\x03\x02\x00\x3c\x00\x18abcdefghijklmnopqrstuvwx", session.Connect, mqttwire.ErrClientIDTooLong},
		{codec.PasswordWithoutUserName, mqttwire.V311, true, "\x10\x11\x00\x04MQTT\x04\x42\x00\x3c\x00\x01c\x00\x02pw", session.Connect, mqttwire.ErrPasswordWithoutUserName},
		{codec.ReservedFlags, mqttwire.V311, false, "\x80\x06\x00\x01\x00\x01a\x00", session.Subscribe, mqttwire.ErrSubscribeFlags},
		{codec.ReservedFlags, mqttwire.V50, false, "\x60\x02\x00\x01", session.Unsolicited, mqttwire.ErrPubrelFlags},
		{codec.DupQoS0, mqttwire.V50, false, "\x38\x04\x00\x01a\x00", session.Deliver, mqttwire.ErrDupQoS0},
		{codec.BadFilter, mqttwire.V311, false, "\x82\x09\x00\x01\x00\x00\x01\x00\x01a\x01", session.Subscribe, mqttwire.ErrTopicEmpty},
		{codec.BadFilter, mqttwire.V50, false, "\xa2\x08\x00\x01\x00\x00\x00\x00\x01a", session.Unsubscribe, mqttwire.ErrTopicEmpty},
	} {
		for _, l := range []codec.Leniencies{0, codec.AllLeniencies &^ x.l, x.l} {
			s := opened(t, lenientServer(l))
			if !x.connect {
				s = connected(t, lenientServer(l), connect(x.version))
			}
			_, err := s.feed([]byte(x.packet))
			if l == x.l {
				if err != nil || s.last.Kind != x.kind {
					t.Errorf("%v: %v, %v", x.l, s.last.Kind, err)
				}
			} else if err != x.err {
				t.Errorf("%v with %v: %v, want %v", x.l, l, err, x.err)
			}
		}
	}
}

// One bad filter is answered with a failure for it alone, if the caller asks
// for that.
func TestBadFilterAlone(t *testing.T) {
	for v, want := range map[mqttwire.Version]string{mqttwire.V311: "9005 0001 018001", mqttwire.V50: "9006 0001 00 018f01"} {
		s := connected(t, lenientServer(codec.BadFilter), connect(v))
		subs := codec.Subscriptions{}
		for _, f := range []string{"a", "a/#/b", "b"} {
			subs = subs.Append(codec.Subscription{Filter: []byte(f), Options: codec.SubscriptionOptions(qos.AtLeastOnce)})
		}
		if _, err := s.send(&codec.Subscribe{ID: 1, Subscriptions: subs}); err != nil || s.last.Kind != session.Subscribe {
			t.Fatalf("%v: %v, %v", v, s.last.Kind, err)
		}
		var ack codec.Suback
		for sub := range s.last.Packet.(*codec.Subscribe).Subscriptions.All() {
			code := mqttwire.Reason(sub.Options.QoS())
			if codec.CheckFilter(v, sub.Filter) != nil {
				code = mqttwire.TopicFilterInvalid
			}
			ack.Codes = ack.Codes.Append(code)
		}
		out, err := s.Suback(nil, s.last.Request(), &ack)
		if err != nil {
			t.Fatal(err)
		}
		is(t, "SUBACK", out, want)
	}
}

// The same PUBLISH of QoS 1 twice, without DUP: one delivery, one PUBACK.
func TestRepeatWithoutDup(t *testing.T) {
	packet := []byte("\x32\x05\x00\x01a\x00\x05")
	s := connected(t, lenientServer(codec.RepeatWithoutDup), connect(mqttwire.V311))
	if _, err := s.feed(packet); err != nil || s.last.Kind != session.Deliver {
		t.Fatalf("%v, %v", s.last.Kind, err)
	}
	ticket := s.last.Ticket()
	if out, err := s.feed(packet); err != nil || s.last.Kind != session.Duplicate || len(out) != 0 {
		t.Fatalf("%v, %v, % x", s.last.Kind, err, out)
	}
	out, _, err := s.Ack(nil, ticket, mqttwire.Success, codec.Properties{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	is(t, "PUBACK", out, "40020005")
	s = connected(t, lenientServer(codec.AllLeniencies&^codec.RepeatWithoutDup), connect(mqttwire.V311))
	if _, err := s.feed(slices.Concat(packet, packet)); err != mqttwire.ErrPacketIDInUse {
		t.Errorf("without: %v", err)
	}
}

// A Maximum QoS of 2 says what its absence says.
func TestClientTakesMaximumQoS2(t *testing.T) {
	for _, l := range []codec.Leniencies{0, codec.MaximumQoS2} {
		c := &client{t: t}
		c.options.Lenient = l
		c.dial(connect(mqttwire.V50))
		_, err := feed(&c.Client, &c.d, 0, []byte("\x20\x05\x00\x00\x02\x24\x02"), func(ev session.Event) { c.last = ev })
		if l == 0 {
			if err != mqttwire.ErrMaximumQoSValue {
				t.Errorf("without: %v", err)
			}
			continue
		}
		if err != nil || c.last.Kind != session.Accepted {
			t.Fatalf("%v, %v", c.last.Kind, err)
		}
		if _, _, err := c.Publish(nil, publish(qos.ExactlyOnce, 0), 1, 0); err != nil {
			t.Errorf("QoS 2: %v", err)
		}
	}
}

// The AUTH that ends a re-authentication may be empty.
func TestClientTakesEmptyAuth(t *testing.T) {
	for l, want := range map[codec.Leniencies]error{0: mqttwire.ErrAuthMethodMissing, codec.EmptyAuth: nil} {
		c := &client{t: t}
		c.options.Lenient = l
		c.dial(with(authMethod("m")))
		c.send(&codec.Connack{Properties: codec.AppendAuthenticationMethod(codec.Properties{}, "m")})
		if _, err := c.Auth(nil, mqttwire.ReAuthenticate, nil, codec.Properties{}, 0); err != nil {
			t.Fatal(err)
		}
		_, err := feed(&c.Client, &c.d, 0, []byte{0xf0, 0}, func(ev session.Event) { c.last = ev })
		if err != want || err == nil && c.last.Kind != session.Authenticated {
			t.Errorf("%v: %v, %v", l, c.last.Kind, err)
		}
		// Unasked it is wrong all the same.
		if _, err := feed(&c.Client, &c.d, 0, []byte{0xf0, 0}, func(session.Event) {}); err == nil {
			t.Errorf("%v: unasked", l)
		}
	}
	c := &client{t: t}
	c.options.Lenient = codec.EmptyAuth
	c.dial(connect(mqttwire.V50)) // without a method
	c.send(&codec.Connack{})
	if _, err := feed(&c.Client, &c.d, 0, []byte{0xf0, 0}, func(session.Event) {}); err != mqttwire.ErrAuthMethod {
		t.Errorf("without a method: %v", err)
	}
}

// 0x80 in a SUBACK of 3.1 is a failure.
func TestSubackOf31Fails(t *testing.T) {
	c := accepted(t, connect(mqttwire.V31), &codec.Connack{})
	subs := codec.Subscriptions{}.Append(codec.Subscription{Filter: []byte("a")})
	if _, _, err := c.Subscribe(nil, &codec.Subscribe{Subscriptions: subs}, 7, 0); err != nil {
		t.Fatal(err)
	}
	_, err := feed(&c.Client, &c.d, 0, []byte("\x90\x03\x00\x01\x80"), func(ev session.Event) { c.last = ev })
	if err != nil || c.last.Kind != session.Subscribed {
		t.Fatalf("%v, %v", c.last.Kind, err)
	}
	if code := c.last.Packet.(*codec.Suback).Codes.At(0); !code.IsError() {
		t.Errorf("code %v", code)
	}
}
