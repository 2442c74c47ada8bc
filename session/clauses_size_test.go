package session_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/session"
)

func testMaximumPacketSize(t *testing.T) {
	s := connected(t, session.ServerOptions{MaximumPacketSize: 30}, with(maximumPacketSize(20), sessionExpiry(9)))
	p := publish(1, 0)
	p.Payload = make([]byte, 12) // 2 + 3 + 2 + 1 + 12 = 20
	if out, _, err := s.Publish(nil, p, 1, 0); err != nil || len(out) != 20 {
		t.Errorf("%d bytes: %v", len(out), err)
	}
	p.Payload = make([]byte, 13)
	if out, _, err := s.Publish(nil, p, 2, 0); err != mqttwire.ErrPacketTooLarge || len(out) != 0 {
		t.Errorf("%d bytes: %v", len(out), err)
	}
	if sent, _ := s.state.InFlight(); sent != 1 {
		t.Errorf("%d in flight", sent)
	}
	if _, err := s.Reserve(1, false, 21, 2, 0); err != mqttwire.ErrPacketTooLarge {
		t.Errorf("Reserve: %v", err)
	}
	// What is to be sent again counts as delivered if it is too large now.
	q := with(maximumPacketSize(19), sessionExpiry(9))
	q.CleanStart = false
	s.again(q)
	_, ev, ok := s.NextResend(nil, 0)
	if !ok || ev.Kind != session.Resend || ev.Token != 1 {
		t.Fatalf("%v %v", ev, ok)
	}
	p.Payload = make([]byte, 12)
	out, gone, err := s.Resend(nil, ev, p, 0)
	if err != nil || len(out) != 0 || gone.Kind != session.GivenUp || gone.Reason != mqttwire.PacketTooLarge ||
		gone.Record() != (qos.Record{Token: 1, ID: ev.ID, Change: qos.Forget.Of(qos.Sent, 1)}) {
		t.Errorf("Resend: % x, %+v, %v", out, gone, err)
	}
	if sent, _ := s.state.InFlight(); sent != 0 {
		t.Errorf("%d in flight", sent)
	}
	// What comes, in either direction.
	p.Payload = make([]byte, 23)
	out, err = s.send(p)
	if err != mqttwire.ErrPacketTooLarge {
		t.Error(err)
	}
	is(t, "DISCONNECT of the server", out, "e00195")
	c := accepted(t, with(maximumPacketSize(30)), &codec.Connack{})
	if out, err = c.send(p); err != mqttwire.ErrPacketTooLarge {
		t.Error(err)
	}
	is(t, "DISCONNECT of the client", out, "e00195")
	// A client that cannot take a CONNACK gets none, and then no acknowledgement either.
	s = asked(t, session.ServerOptions{}, with(maximumPacketSize(4)))
	if out, _, err := s.Accept(nil, &s.state, nil, 0); err != mqttwire.ErrPacketTooLarge || len(out) != 0 || s.Phase() != session.Closing || s.state.Exists() {
		t.Errorf("CONNACK: % x, %v", out, err)
	}
	// Nor can a client do with a server that takes no acknowledgement, and it
	// says so only if it may.
	for size, want := range map[uint32]string{4: "e00195", 2: ""} {
		c = dialled(t, connect(mqttwire.V50))
		out, err := c.send(&codec.Connack{Properties: maximumPacketSize(size)(codec.Properties{})})
		if err != mqttwire.ErrPacketTooLarge || c.Phase() != session.Closing {
			t.Errorf("a server that takes %d bytes: %v", size, err)
		}
		is(t, "DISCONNECT", out, want)
	}
	// What one client is told overrules the options.
	s = asked(t, session.ServerOptions{MaximumPacketSize: 30}, connect(mqttwire.V50))
	s.accept(&codec.Connack{Properties: maximumPacketSize(29)(codec.Properties{})})
	if s.MaxSize() != 29 {
		t.Errorf("Maximum Packet Size %d", s.MaxSize())
	}
}

func explained(size int) codec.Properties {
	p := codec.AppendReasonString(codec.Properties{}, strings.Repeat("r", size))
	return codec.AppendUserProperty(p, "k", strings.Repeat("v", size))
}

func testProblemInformation(t *testing.T) {
	terse := func(p codec.Properties) codec.Properties { return codec.AppendRequestProblemInformation(p, 0) }
	s := connected(t, session.ServerOptions{}, with(terse, authMethod("m")))
	s.send(publish(1, 1))
	out, _, err := s.Ack(nil, s.last.Ticket(), 0, explained(3), 0)
	if err != nil {
		t.Fatal(err)
	}
	is(t, "PUBACK", out, "40020001")
	s.send(publish(2, 1))
	out, _, _ = s.Ack(nil, s.last.Ticket(), 0x87, explained(3), 0)
	is(t, "PUBREC", out, "5003000187")
	out, _ = s.suback(&codec.Suback{Codes: codec.ReasonCodes{}.Append(0), Properties: explained(3)})
	is(t, "SUBACK", out, "9004000100 00")
	out, _ = s.unsuback(&codec.Unsuback{Codes: codec.ReasonCodes{}.Append(0), Properties: explained(3)})
	is(t, "UNSUBACK", out, "b004000100 00")
	s.send(&codec.Auth{Code: mqttwire.ReAuthenticate, Properties: codec.AppendAuthenticationMethod(codec.Properties{}, "m")})
	out, err = s.Auth(nil, 0, nil, explained(3), 0)
	if err != nil {
		t.Fatal(err)
	}
	is(t, "AUTH", out, "f006 00 04 1500016d")
	p := publish(0, 0)
	p.Properties = codec.AppendUserProperty(codec.Properties{}, "k", "v")
	if out, _, err := s.Publish(nil, p, 0, 0); err != nil || len(out) != p.Size(mqttwire.V50) {
		t.Errorf("PUBLISH: % x, %v", out, err)
	}
	if out, err = s.Disconnect(nil, 0x8b, explained(3)); err != nil || len(out) < 10 {
		t.Errorf("DISCONNECT: % x, %v", out, err)
	}
	// The client that asked for it.
	for _, p := range []codec.Packet{
		&codec.Puback{ID: 1, Properties: explained(1)}, &codec.Pubrec{ID: 1, Properties: explained(1)}, &codec.Pubrel{ID: 1, Properties: explained(1)},
		&codec.Pubcomp{ID: 1, Properties: explained(1)}, &codec.Suback{ID: 1, Properties: explained(1), Codes: codec.ReasonCodes{}.Append(0)},
		&codec.Unsuback{ID: 1, Properties: explained(1), Codes: codec.ReasonCodes{}.Append(0)},
		&codec.Auth{Properties: codec.AppendAuthenticationMethod(explained(1), "m")},
	} {
		c := accepted(t, with(terse), &codec.Connack{})
		out, err := c.send(p)
		if err != mqttwire.ErrProblemInformation {
			t.Errorf("%v: %v", p.Type(), err)
		}
		is(t, p.Type().String(), out, "e00182")
	}
}

func testExplanationsThatFit(t *testing.T) {
	// The same packets, with properties that fit and that do not.
	for _, size := range []int{3, 40} {
		short := size == 40
		look := func(name string, out []byte, err error, bare string) {
			t.Helper()
			if err != nil {
				t.Errorf("%s: %v", name, err)
				return
			}
			if len(out) > 60 {
				t.Errorf("%s of %d bytes", name, len(out))
			}
			if short {
				is(t, name, out, bare)
			} else if !bytes.Contains(out, []byte("rrr")) || !bytes.Contains(out, []byte("vvv")) {
				t.Errorf("%s without its explanation: % x", name, out)
			}
		}
		hello := with(maximumPacketSize(60), authMethod("m"), sessionExpiry(5))
		s := asked(t, session.ServerOptions{}, hello)
		out, _, err := s.Accept(nil, &s.state, &codec.Connack{Properties: explained(size)}, 0)
		look("CONNACK", out, err, "2007 0000 04 1500016d")
		s.send(publish(1, 1))
		out, _, err = s.Ack(nil, s.last.Ticket(), 0, explained(size), 0)
		look("PUBACK", out, err, "40020001")
		s.send(publish(2, 1))
		out, _, err = s.Ack(nil, s.last.Ticket(), 0, explained(size), 0)
		look("PUBREC", out, err, "50020001")
		out, err = s.suback(&codec.Suback{Codes: codec.ReasonCodes{}.Append(0), Properties: explained(size)})
		look("SUBACK", out, err, "9004000100 00")
		out, err = s.unsuback(&codec.Unsuback{Codes: codec.ReasonCodes{}.Append(0), Properties: explained(size)})
		look("UNSUBACK", out, err, "b004000100 00")
		s.send(&codec.Auth{Code: mqttwire.ReAuthenticate, Properties: codec.AppendAuthenticationMethod(codec.Properties{}, "m")})
		out, err = s.Auth(nil, 0, nil, explained(size), 0)
		look("AUTH", out, err, "f006 00 04 1500016d")
		moved := codec.AppendServerReference(codec.Properties{}, "b")
		for x := range explained(size).All() {
			moved = moved.Append(x)
		}
		out, err = s.Disconnect(nil, mqttwire.ServerMoved, moved)
		look("DISCONNECT", out, err, "e006 9d 04 1c000162")
		s = asked(t, session.ServerOptions{}, with(maximumPacketSize(60)))
		out, err = s.Refuse(nil, connack.Banned, explained(size))
		look("CONNACK", out, err, "2003008a00")
	}
	// A PUBREL or PUBCOMP never has any.
	s := connected(t, session.ServerOptions{}, with(maximumPacketSize(5)))
	out, err := s.send(&codec.Pubrel{ID: 1}, &codec.Pubrec{ID: 2})
	if err != nil {
		t.Fatal(err)
	}
	is(t, "PUBCOMP and PUBREL", out, "7003000192 6203000292")
}
