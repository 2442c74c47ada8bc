package session_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/session"
)

// worn returns sessions in many states.
func worn(t testing.TB) (states []*session.Session) {
	for _, v := range versions {
		for _, connection := range []string{"none", "up", "lost", "left", "ended"} {
			p := kept(v)
			p.WillFlag, p.Will.Topic = true, []byte("w")
			if v == mqttwire.V50 {
				p.Properties = codec.AppendSessionExpiryInterval(codec.Properties{}, 100)
				p.Will.Properties = codec.AppendWillDelayInterval(codec.Properties{}, 30)
			}
			s := connected(t, session.ServerOptions{}, p)
			for i := range 3 {
				s.Publish(nil, publish(1, 0), uint64(i), 0)
				s.Publish(nil, publish(2, 0), uint64(10+i), 0)
			}
			s.send(&codec.Pubrec{ID: 2}, publish(2, 9), publish(2, 8))
			s.Ack(nil, s.last.Ticket(), 0, codec.Properties{}, 0)
			switch connection {
			case "none":
				s = connected(t, session.ServerOptions{}, p)
			case "lost":
				s.Close(5 * second)
			case "left":
				s.send(&codec.Disconnect{})
				s.Close(5 * second)
			case "ended":
				s.Close(5 * second)
				s.state.End()
			}
			states = append(states, &s.state)
		}
	}
	return append(states, new(session.Session))
}

func TestSnapshot(t *testing.T) {
	for i, s := range worn(t) {
		now := 10 * second
		b := s.AppendSnapshot([]byte("x"), now)[1:]
		// Restored much later, after a pause that does not count.
		var r session.Session
		const then = 1000 * second
		if err := r.Restore(b, then); err != nil {
			t.Fatalf("state %d: %v", i, err)
		}
		if r.Connected() || r.Exists() != s.Exists() || r.Expiry() != s.Expiry() {
			t.Errorf("state %d: restored wrongly", i)
		}
		if s.Connected() {
			continue // the connection counts as lost at that moment
		}
		if again := r.AppendSnapshot(nil, then); !bytes.Equal(b, again) {
			t.Errorf("state %d: % x\nthen % x", i, b, again)
		}
		a, aok := s.Deadline()
		z, zok := r.Deadline()
		if aok != zok || aok && a > 0 && a-now != z-then {
			t.Errorf("state %d: deadline %v, %v, then %v, %v", i, a, aok, z, zok)
		}
		for _, at := range []time.Duration{0, 20 * second, 95 * second} {
			if a, z := happened(s, now+at), happened(&r, then+at); a != z {
				t.Errorf("state %d: after %v %q, then %q", i, at, a, z)
			}
		}
	}
}

// A connection that was up when the snapshot was taken was lost when it is
// restored.
func TestSnapshotOfConnection(t *testing.T) {
	p := kept(mqttwire.V50)
	p.WillFlag, p.Will.Topic = true, []byte("w")
	p.Will.Properties = codec.AppendWillDelayInterval(codec.Properties{}, 30)
	s := connected(t, session.ServerOptions{}, p)
	s.Publish(nil, publish(1, 0), 42, 0)
	b := s.state.AppendSnapshot(nil, 10*second)
	if err := s.state.Restore(b, 0); err != mqttwire.ErrSessionInUse {
		t.Errorf("on a connection: %v", err)
	}
	next := asked(t, session.ServerOptions{}, kept(mqttwire.V50))
	if err := next.state.Restore(b, 100*second); err != nil {
		t.Fatal(err)
	}
	if got := happened(&next.state, 130*second-1); got != "" {
		t.Errorf("%q", got)
	}
	if got := happened(&next.state, 130*second); got != "will " {
		t.Errorf("%q", got)
	}
	if !next.accept(&codec.Connack{}).SessionPresent {
		t.Error("the session is lost")
	}
	if _, ev, ok := next.NextResend(nil, 0); !ok || ev.Token != 42 {
		t.Errorf("%v, %v", ev, ok)
	}
}

// A snapshot that is cut or altered is refused, and nothing changes.
func TestSnapshotDamaged(t *testing.T) {
	for i, s := range worn(t) {
		b := s.AppendSnapshot(nil, 0)
		var r session.Session
		untouched := r.AppendSnapshot(nil, 0)
		for n := range b {
			if err := r.Restore(b[:n], 0); err != mqttwire.ErrSnapshot {
				t.Errorf("state %d cut at %d: %v", i, n, err)
			}
			c := bytes.Clone(b)
			c[n] ^= 0x10
			if err := r.Restore(c, 0); err != mqttwire.ErrSnapshot {
				t.Errorf("state %d altered at %d: %v", i, n, err)
			}
		}
		if !bytes.Equal(r.AppendSnapshot(nil, 0), untouched) {
			t.Errorf("state %d: a damaged snapshot left its mark", i)
		}
	}
}

// A session that would end with its connection may be given longer, after the
// snapshot: what is in flight has to be there then.
func TestSnapshotBeforeLongerExpiry(t *testing.T) {
	s := asked(t, session.ServerOptions{}, with(sessionExpiry(100)))
	s.accept(&codec.Connack{Properties: codec.AppendSessionExpiryInterval(codec.Properties{}, 0)})
	s.Publish(nil, publish(2, 0), 7, 0)
	b := s.state.AppendSnapshot(nil, 0)
	s.send(&codec.Disconnect{Properties: codec.AppendSessionExpiryInterval(codec.Properties{}, 50)})
	if !s.last.State {
		t.Fatal(s.last)
	}
	var r session.Session
	if err := r.Restore(b, 10*second); err != nil {
		t.Fatal(err)
	}
	if err := r.Resume(s.state.State(), 10*second); err != nil {
		t.Fatal(err)
	}
	if got, want := exchanges(&r), exchanges(&s.state); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if at, ok := r.Deadline(); !ok || at != 60*second {
		t.Error(at, ok)
	}
	// Without the State it ends, at the next Poll.
	r.Restore(b, 10*second)
	if got := happened(&r, 10*second); got != "ended " || r.Exists() {
		t.Error(got)
	}
}
