package session_test

import (
	"bytes"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/session"
)

// TestJournal runs a connection whose lines are kept, and brings the session
// back from the snapshot at its start and the lines.
func TestJournal(t *testing.T) {
	for _, v := range versions {
		s := connected(t, session.ServerOptions{}, kept(v))
		start := s.state.AppendSnapshot(nil, 0)
		type line struct {
			sent  bool
			op    qos.Op
			id    uint16
			level qos.Level
			token uint64
		}
		var lines []line
		publish := func(level qos.Level, token uint64) {
			_, a, err := s.Publish(nil, publish(level, 0), token, 0)
			if err != nil {
				t.Fatal(err)
			}
			lines = append(lines, line{true, a.Journal, a.ID, level, token})
		}
		acked := func(p codec.Packet) {
			if _, err := s.send(p); err != nil {
				t.Fatal(err)
			}
			if s.last.Journal != qos.Nothing {
				lines = append(lines, line{p.Type() != mqttwire.PUBREL, s.last.Journal, s.last.ID, 2, s.last.Token})
			}
		}
		received := func(id uint16, level qos.Level) {
			p := codec.Publish{Topic: []byte("t"), QoS: level, ID: id}
			if _, err := s.send(&p); err != nil || s.last.Kind != session.Deliver {
				t.Fatal(err, s.last)
			}
			k := s.last.Ticket()
			lines = append(lines, line{false, qos.Accept, k.ID(), k.Level(), 0})
			if _, err := s.Ack(nil, k, 0, codec.Properties{}); err != nil {
				t.Fatal(err)
			}
		}
		publish(1, 11)
		publish(2, 12)
		publish(2, 13)
		publish(2, 14)
		acked(&codec.Puback{ID: 1})
		acked(&codec.Pubrec{ID: 2})
		acked(&codec.Pubrec{ID: 3})
		acked(&codec.Pubcomp{ID: 2})
		publish(1, 15)
		received(7, 2)
		received(8, 1)
		received(9, 2)
		acked(&codec.Pubrel{ID: 7})

		var r session.Session
		if err := r.ReplaySent(qos.Store, 1, 1, 1); err != mqttwire.ErrSnapshot {
			t.Errorf("%v: a line of no session: %v", v, err)
		}
		if err := r.Restore(start, 0); err != nil {
			t.Fatal(err)
		}
		for _, l := range lines {
			err := error(nil)
			if l.sent {
				err = r.ReplaySent(l.op, l.id, l.level, l.token)
			} else {
				err = r.ReplayReceived(l.op, l.id, l.level)
			}
			if err != nil {
				t.Fatalf("%v: %+v: %v", v, l, err)
			}
		}
		s.Close(0)
		if got, want := r.AppendSnapshot(nil, 0), s.state.AppendSnapshot(nil, 0); !bytes.Equal(got, want) {
			t.Errorf("%v: % x\nwant % x", v, got, want)
		}
	}
}
