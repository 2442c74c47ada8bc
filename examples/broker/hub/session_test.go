package hub

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/examples/broker/keep/keeptest"
	"github.com/mqttwire/mqttwire/qos"
)

// A message that was matched before a session began anew is not for the new one
// [MQTT-3.1.2-4; 3.1.1 MQTT-3.1.2-6].
func TestNothingOfTheSessionBefore(t *testing.T) {
	s := newStage(t, Config{})
	connect := lasting(mqttwire.V50, "c")
	x := s.join(connect)
	x.subscribeAt("t", qos.AtLeastOnce)
	w := s.hub.Worker(s.now)
	w.pub.set(publicationAt("t", "x", qos.AtLeastOnce, 1), "publisher", w.now)
	w.matches = s.hub.subscriptions.AppendTurns(w.matches[:0], w.pub.topic)
	x.close()
	connect.CleanStart = true
	x = s.join(connect)
	s.hub.decide(w, &w.pub, live{})
	w.Finish()
	x.expect()
}

// What a connection that waits with a buffer of its own has needed for a large
// packet it does not keep.
func TestIdleBuffer(t *testing.T) {
	s := newStage(t, Config{})
	x := s.connected(mqttwire.V311, "c")
	b, _ := publicationAt("t", strings.Repeat("x", 1_000_000), qos.AtMostOnce, 0).Append(nil, x.rules)
	w := s.hub.Worker(s.now)
	for len(b) > 0 {
		n := copy(x.c.OwnBuffer(), b)
		x.c.Receive(w, n, s.now)
		b = b[n:]
	}
	if n := len(x.c.OwnBuffer()); n > workerBuffer/4 {
		t.Errorf("an idle connection holds %d bytes", n)
	}
}

// Turns go on where their number is negative as an int of 32 or 64 bits.
func TestShareTurnsWithoutEnd(t *testing.T) {
	for _, turns := range []uint64{1<<31 - 4, 1<<32 - 4, 1<<63 - 4, 1<<64 - 4} {
		s := newStage(t, Config{})
		s.hub.turns.Store(turns)
		for i := range 3 {
			away := s.join(lasting(mqttwire.V50, fmt.Sprint("away", i)))
			away.subscribeAt("$share/g/a", qos.AtLeastOnce)
			away.close()
		}
		p := s.connected(mqttwire.V50, "p")
		for i := range 10 {
			p.send(publicationAt("a", fmt.Sprint(i), qos.AtLeastOnce, 1))
			p.expect(&codec.Puback{ID: 1})
		}
		for _, cl := range s.hub.all() {
			if n := cl.waiting.n; cl.id != "p" && (n < 2 || n > 5) {
				t.Errorf("%d of 10 messages wait for %s", n, cl.id)
			}
		}
	}
}

// A message that was taken, and whose acknowledgement could not be written, is
// not taken again, and acknowledged when it comes again: with a Store after a
// crash too.
func TestTakenWithoutAck(t *testing.T) {
	eachVersion(t, func(t *testing.T, v mqttwire.Version) {
		for _, crashes := range []bool{false, true} {
			calls := 0
			var s *stage
			config := Config{Handlers: map[string]Handler{"$own": func(*Peer, Access, qos.Level, []byte) Order {
				if calls++; calls == 1 { // the connection is over by the time of the answer
					s.hub.clients["c"].conn.machine.Disconnect(nil, mqttwire.UnspecifiedError, codec.Properties{})
				}
				return Order{}
			}}}
			store := new(keeptest.Recorder)
			if crashes {
				config.Store = store
			}
			s = newStage(t, config)
			x := s.join(lasting(v, "c"))
			m := publicationAt("$own", "1", qos.ExactlyOnce, 1)
			x.send(m)
			if x.expect(); !x.gone {
				t.Fatal("the connection is not closed")
			}
			if crashes {
				store.Sync()
				config.Store = store.Crashed()
				s = newStage(t, config)
				if err := s.hub.Restore(s.hub.Worker(0)); err != nil {
					t.Fatal(err)
				}
			}
			x = s.join(lasting(v, "c"))
			m.Dup = true
			x.send(m)
			x.expect(&codec.Pubrec{ID: 1})
			x.send(&codec.Pubrel{ID: 1})
			x.expect(&codec.Pubcomp{ID: 1})
			m.Dup = false
			x.send(m) // another
			x.expect(&codec.Pubrec{ID: 1})
			if calls != 2 {
				t.Errorf("%d messages were taken", calls)
			}
		}
	})
}
