package session_test

import (
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/session"
)

func kept(v mqttwire.Version) *codec.Connect {
	p := &codec.Connect{Version: v, ClientID: []byte("c")}
	if v == mqttwire.V50 {
		p.Properties = codec.AppendSessionExpiryInterval(p.Properties, session.Never)
	}
	return p
}

func testSenderQoS1(t *testing.T) {
	for _, v := range versions {
		s := connected(t, session.ServerOptions{}, kept(v))
		p := publish(1, 99)
		p.Dup = true
		seen := map[uint16]bool{}
		for i := range 20 {
			out, a, err := s.Publish(nil, p, uint64(i), 0)
			if err != nil {
				t.Fatal(err)
			}
			q := decodeAll(t, v, mqttwire.Server, out)[0].(*codec.Publish)
			if q.Dup || q.ID == 0 || q.ID != a.ID || seen[q.ID] {
				t.Errorf("%v: message %d: %v", v, i, q)
			}
			seen[q.ID] = true
		}
		for i := range 10 {
			if _, err := s.send(&codec.Puback{ID: uint16(i + 1)}); err != nil || s.last.Kind != session.Completed || s.last.Token != uint64(i) {
				t.Errorf("%v: %v, %v", v, s.last, err)
			}
		}
		if _, err := s.send(&codec.Puback{ID: 1}); err != nil || s.last.Kind != session.Unsolicited {
			t.Errorf("%v: a PUBACK twice: %v, %v", v, s.last, err)
		}
		s.again(kept(v))
		for i := range 10 {
			out, ev, ok := s.NextResend(nil, 0)
			if !ok || ev.Kind != session.Resend || ev.Token != uint64(10+i) || len(out) != 0 {
				t.Fatalf("%v: %v, %v", v, ev, ok)
			}
			out, _, err := s.Resend(nil, ev, p, 0)
			if err != nil {
				t.Fatal(err)
			}
			if q := decodeAll(t, v, mqttwire.Server, out)[0].(*codec.Publish); !q.Dup || q.ID != uint16(11+i) || q.QoS != 1 {
				t.Errorf("%v: %v", v, q)
			}
		}
		if _, _, ok := s.NextResend(nil, 0); ok {
			t.Errorf("%v: more to send again", v)
		}
		breaks(t, s, mqttwire.ErrAckMismatch, "e00182", &codec.Pubrec{ID: 11})
	}
}

func testSenderQoS2(t *testing.T) {
	for _, v := range versions {
		s := connected(t, session.ServerOptions{}, kept(v))
		out, a, err := s.Publish(nil, publish(2, 0), 5, 0)
		if err != nil {
			t.Fatal(err)
		}
		if q := decodeAll(t, v, mqttwire.Server, out)[0].(*codec.Publish); q.Dup || q.ID != a.ID {
			t.Errorf("%v: %v", v, q)
		}
		out, err = s.send(&codec.Pubrec{ID: a.ID})
		if err != nil || s.last.Kind != session.Released || s.last.Token != 5 {
			t.Errorf("%v: %v, %v", v, s.last, err)
		}
		is(t, v.String(), out, "62020001")
		s.again(kept(v))
		out, ev, ok := s.NextResend(nil, 0) // the PUBREL, and never the PUBLISH
		if !ok || ev.Kind != session.None {
			t.Errorf("%v: %v, %v", v, ev, ok)
		}
		want := "62020001"
		if v == mqttwire.V31 {
			want = "6a020001" // 3.1 §2.1
		}
		is(t, v.String(), out, want)
		if out, _, ok = s.NextResend(nil, 0); ok {
			t.Errorf("%v: % x", v, out)
		}
		if _, err := s.send(&codec.Pubcomp{ID: a.ID}); err != nil || s.last.Kind != session.Completed || s.last.Token != 5 {
			t.Errorf("%v: %v, %v", v, s.last, err)
		}
		if sent, _ := s.state.InFlight(); sent != 0 {
			t.Errorf("%v: %d in flight", v, sent)
		}
	}
}

func testReceiverQoS1(t *testing.T) {
	for _, v := range versions {
		s := connected(t, session.ServerOptions{}, kept(v))
		if out, err := s.send(publish(0, 0)); err != nil || len(out) != 0 || s.last.Kind != session.Deliver || s.last.Ticket() != 0 {
			t.Errorf("%v: QoS 0: %v, % x, %v", v, s.last, out, err)
		}
		if out, _, err := s.Ack(nil, 0, 0, codec.Properties{}, 0); err != nil || len(out) != 0 {
			t.Errorf("%v: % x, %v", v, out, err)
		}
		var tickets [3]qos.Ticket
		for i := range tickets {
			if out, err := s.send(publish(1, uint16(7+i))); err != nil || len(out) != 0 || s.last.Kind != session.Deliver {
				t.Fatalf("%v: %v, % x, %v", v, s.last, out, err)
			}
			tickets[i] = s.last.Ticket()
		}
		// Finished out of order, acknowledged in order.
		out, _, err := s.Ack(nil, tickets[2], 0, codec.Properties{}, 0)
		if err != nil || len(out) != 0 {
			t.Errorf("%v: % x, %v", v, out, err)
		}
		out, _, _ = s.Ack(nil, tickets[0], 0, codec.Properties{}, 0)
		is(t, v.String(), out, "40020007")
		out, _, _ = s.Ack(nil, tickets[1], 0, codec.Properties{}, 0)
		is(t, v.String(), out, "40020008 40020009")
		if _, _, err := s.Ack(nil, tickets[1], 0, codec.Properties{}, 0); err != mqttwire.ErrStaleTicket {
			t.Errorf("%v: %v", v, err)
		}
		// The identifier is free again, whatever DUP says.
		p := publish(1, 7)
		p.Dup = true
		if _, err := s.send(p); err != nil || s.last.Kind != session.Deliver {
			t.Errorf("%v: %v, %v", v, s.last, err)
		}
		old := s.last.Ticket()
		s.again(kept(v))
		if _, _, err := s.Ack(nil, old, 0, codec.Properties{}, 0); err != mqttwire.ErrStaleTicket {
			t.Errorf("%v: a ticket of another connection: %v", v, err)
		}
	}
}

func testReceiverQoS2(t *testing.T) {
	for _, v := range versions {
		s := connected(t, session.ServerOptions{}, kept(v))
		if _, err := s.send(publish(2, 7)); err != nil || s.last.Kind != session.Deliver {
			t.Fatalf("%v: %v, %v", v, s.last, err)
		}
		ticket := s.last.Ticket()
		again := publish(2, 7)
		again.Dup = true
		if out, err := s.send(again); err != nil || s.last.Kind != session.Duplicate || len(out) != 0 {
			t.Errorf("%v: %v, % x, %v", v, s.last, out, err)
		}
		out, _, _ := s.Ack(nil, ticket, 0, codec.Properties{}, 0)
		is(t, v.String(), out, "50020007")
		s.again(kept(v))
		out, err := s.send(again)
		if err != nil || s.last.Kind != session.Duplicate {
			t.Errorf("%v: %v, %v", v, s.last, err)
		}
		is(t, v.String(), out, "50020007")
		if out, err = s.send(&codec.Pubrel{ID: 7}); err != nil || s.last.Kind != session.Freed || s.last.Record() != (qos.Record{ID: 7, Change: qos.Forget.Of(qos.Received, 2)}) {
			t.Errorf("%v: %v, %v", v, s.last, err)
		}
		is(t, v.String(), out, "70020007")
		out, err = s.send(&codec.Pubrel{ID: 7})
		if err != nil || s.last.Kind != session.Unsolicited {
			t.Errorf("%v: %v, %v", v, s.last, err)
		}
		want := "70020007"
		if v == mqttwire.V50 {
			want = "7003000792"
		}
		is(t, v.String(), out, want)
		if _, err := s.send(again); err != nil || s.last.Kind != session.Deliver {
			t.Errorf("%v: %v, %v", v, s.last, err)
		}
	}
}

func testRefusedMessages(t *testing.T) {
	s := connected(t, session.ServerOptions{}, kept(mqttwire.V50))
	s.send(publish(2, 7))
	out, _, err := s.Ack(nil, s.last.Ticket(), mqttwire.QuotaExceeded, codec.Properties{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	is(t, "PUBREC", out, "5003000797")
	if _, err := s.send(publish(2, 7)); err != nil || s.last.Kind != session.Deliver {
		t.Errorf("%v, %v", s.last, err)
	}
	if _, _, err := s.Ack(nil, s.last.Ticket(), mqttwire.ProtocolError, codec.Properties{}, 0); err != mqttwire.ErrPubrecCode {
		t.Errorf("a code that PUBREC cannot carry: %v", err)
	}
	c := accepted(t, connect(mqttwire.V50), &codec.Connack{})
	c.send(publish(1, 1))
	if _, _, err := c.Ack(nil, c.last.Ticket(), mqttwire.NoMatchingSubscribers, codec.Properties{}, 0); err != mqttwire.ErrPubackCode {
		t.Errorf("a code that is the server's: %v", err)
	}
	for level, ack := range map[qos.Level]codec.Packet{1: &codec.Puback{ID: 1, Code: 0x97}, 2: &codec.Pubrec{ID: 2, Code: 0x97}} {
		s := connected(t, session.ServerOptions{}, kept(mqttwire.V50))
		s.Publish(nil, publish(1, 0), 1, 0)
		s.Publish(nil, publish(2, 0), 2, 0)
		if out, err := s.send(ack); err != nil || s.last.Kind != session.Rejected || s.last.Token != uint64(level) || s.last.Reason != 0x97 || len(out) != 0 {
			t.Errorf("%v: %v, % x, %v", ack, s.last, out, err)
		}
		s.again(kept(mqttwire.V50))
		if _, ev, ok := s.NextResend(nil, 0); !ok || ev.Token == uint64(level) {
			t.Errorf("%v: sent again: %v", ack, ev)
		}
	}
}

func testReceiveMaximum(t *testing.T) {
	s := connected(t, session.ServerOptions{ReceiveMaximum: 2}, with(receiveMaximum(3)))
	for i := range 3 {
		if s.Quota() != 3-i {
			t.Errorf("quota %d", s.Quota())
		}
		if _, _, err := s.Publish(nil, publish(qos.Level(1+i%2), 0), 0, 0); err != nil {
			t.Fatal(err)
		}
	}
	if out, _, err := s.Publish(nil, publish(1, 0), 0, 0); err != mqttwire.ErrSendQuota || len(out) != 0 {
		t.Errorf("% x, %v", out, err)
	}
	if out, _, err := s.Publish(nil, publish(0, 0), 0, 0); err != nil || len(out) == 0 {
		t.Errorf("QoS 0 waits: %v", err)
	}
	out, err := s.send(&codec.Pingreq{}, &codec.Pubrec{ID: 2})
	if err != nil {
		t.Fatal(err)
	}
	is(t, "PINGRESP and PUBREL", out, "d000 62020002")
	if _, err := s.send(&codec.Pubcomp{ID: 2}); err != nil || s.Quota() != 1 {
		t.Errorf("quota %d, %v", s.Quota(), err)
	}
	breaks(t, s, mqttwire.ErrReceiveMaximum, "e00193", publish(1, 1), publish(2, 2), publish(1, 3))
	c := accepted(t, with(receiveMaximum(1)), &codec.Connack{Properties: codec.AppendReceiveMaximum(codec.Properties{}, 1)})
	if c.Quota() != 1 {
		t.Errorf("quota %d", c.Quota())
	}
	if out, err = c.send(publish(1, 1), publish(2, 2)); err != mqttwire.ErrReceiveMaximum {
		t.Error(err)
	}
	is(t, "DISCONNECT of the client", out, "e00193")
}
