package session_test

import (
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/session"
)

func testSessionExpiryInDisconnect(t *testing.T) {
	later := &codec.Disconnect{Properties: codec.AppendSessionExpiryInterval(codec.Properties{}, 5)}
	p := connect(mqttwire.V50)
	p.WillFlag, p.Will.Topic = true, []byte("w")
	s := connected(t, session.ServerOptions{}, p)
	breaks(t, s, mqttwire.ErrSessionExpiry, "e00182", later)
	s.Close(0)
	if ev := s.state.Poll(0); ev.Kind != session.Will {
		t.Errorf("it is not a valid DISCONNECT, but the will is gone: %v", ev.Kind)
	}
	s = connected(t, session.ServerOptions{MaximumSessionExpiry: 4}, with(sessionExpiry(2)))
	if _, err := s.send(later); err != nil || s.last.Kind != session.Disconnect || s.state.Expiry() != 4 {
		t.Errorf("%v, expiry %d", err, s.state.Expiry())
	}
	c := accepted(t, connect(mqttwire.V50), &codec.Connack{})
	if _, err := c.Disconnect(nil, 0, later.Properties); err != mqttwire.ErrSessionExpiry || c.Phase() != session.Connected {
		t.Errorf("client: %v", err)
	}
	c = accepted(t, with(sessionExpiry(2)), &codec.Connack{})
	if out, err := c.Disconnect(nil, 0, later.Properties); err != nil || len(out) != 9 || c.state.Expiry() != 5 {
		t.Errorf("client: % x, %v, expiry %d", out, err, c.state.Expiry())
	}
}

func testNothingAfterDisconnect(t *testing.T) {
	ends := []machine{
		&connected(t, session.ServerOptions{}, connect(mqttwire.V50)).Server,
		&accepted(t, connect(mqttwire.V50), &codec.Connack{}).Client,
	}
	for _, m := range ends {
		if out, err := m.Disconnect(nil, mqttwire.ImplementationSpecificError, codec.Properties{}); err != nil || len(out) != 3 {
			t.Errorf("% x, %v", out, err)
		}
		var outs [6][]byte
		var d codec.Decoder
		outs[0], _, _ = m.Publish(nil, publish(0, 0), 0, 0)
		outs[1], _, _ = m.Ack(nil, 1, 0, codec.Properties{}, 0)
		outs[2], _ = m.Disconnect(nil, 0, codec.Properties{})
		outs[3], _, _ = m.Poll(nil, 1000*second)
		outs[4], _ = feed(m, &d, 0, []byte{0x62, 2, 0, 1}, func(session.Event) {})
		outs[5] = m.Fail(nil, mqttwire.PUBLISH, mqttwire.ErrQoS)
		for i, out := range outs {
			if len(out) != 0 {
				t.Errorf("call %d wrote % x after DISCONNECT", i, out)
			}
		}
	}
}

func testPing(t *testing.T) {
	for _, v := range versions {
		s := connected(t, session.ServerOptions{}, connect(v))
		out, err := s.send(&codec.Pingreq{})
		if err != nil {
			t.Fatal(err)
		}
		is(t, v.String(), out, "d000")
	}
}
