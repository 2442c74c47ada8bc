package hub

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/examples/broker/keep/keeptest"
	"github.com/mqttwire/mqttwire/qos"
)

// waits returns what waits in all sessions, in order.
func (h *Hub) waits() string {
	var all []string
	for _, cl := range h.all() {
		for i := range cl.waiting.n {
			all = append(all, string(cl.waiting.at(i).m.payload))
		}
		for i := range cl.flight.slots {
			if x := &cl.flight.slots[i]; x.used && x.m != nil {
				all = append(all, string(x.m.payload))
			}
		}
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// What a session of a share leaves to the others they have once, wherever a crash
// comes in the end of that session: the messages move in one piece.
func TestMessagesMoveWhole(t *testing.T) {
	for _, end := range []struct {
		name string
		end  func(s *stage, x *wire)
	}{
		{"it expires", func(s *stage, x *wire) { x.close(); s.wait(2000 * time.Second) }},
		{"it begins anew", func(s *stage, x *wire) {
			x.close()
			c := lasting(mqttwire.V50, "leaves")
			c.CleanStart = true
			s.join(c)
		}},
		{"it ends with its connection", func(s *stage, x *wire) {
			x.send(&codec.Disconnect{Properties: codec.AppendSessionExpiryInterval(codec.Properties{}, 0)})
		}},
	} {
		disk := keeptest.NewRecorder()
		s := newStage(t, Config{Store: disk})
		x := s.join(lasting(mqttwire.V50, "leaves"))
		x.subscribeAt("$share/g/t", qos.AtLeastOnce)
		p := s.connected(mqttwire.V50, "p")
		for i := range 3 { // on their way to the one there is
			p.send(publicationAt("t", fmt.Sprint(i), qos.AtLeastOnce, 1))
		}
		c := lasting(mqttwire.V50, "stays")
		c.Properties = codec.AppendSessionExpiryInterval(codec.Properties{}, 1<<32-1)
		stays := s.join(c)
		stays.subscribeAt("$share/g/t", qos.AtLeastOnce)
		stays.close()
		before, _ := disk.Counts()
		end.end(s, x)
		all := disk.Records()
		if got := s.hub.waits(); got != "0 1 2" {
			t.Errorf("%s: %q waits", end.name, got)
		}
		for n := before; n <= len(all); n++ {
			left := all[:disk.Whole(n)]
			if len(left) < before {
				t.Fatalf("%s: %d records are left of %d, and %d were before", end.name, len(left), len(all), before)
			}
			again := s.restarted(keeptest.NewRecorder(left...))
			if got := again.hub.waits(); got != "0 1 2" {
				t.Errorf("%s: %d of %d records on, %q waits", end.name, len(left)-before, len(all)-before, got)
			}
		}
	}
}

// What a limit, time or a right takes away a restart does not bring back.
func TestTakenAwayStaysAway(t *testing.T) {
	for _, test := range []struct {
		name string
		take func(s *stage, p *wire)
		want string // what waits
	}{
		{"the queue is full", func(s *stage, p *wire) {
			s.hub.config.MaxQueuedMessages = 2
			p.publish("t", "refused", false)
		}, "0 1"},
		{"it has expired", func(s *stage, p *wire) {
			s.hub.config.MaxQueuedMessages = 3
			m := publicationAt("t", "expires", qos.AtLeastOnce, 1)
			m.Properties = codec.AppendMessageExpiryInterval(m.Properties, 1)
			p.send(m)
			s.wait(2 * time.Second)
			p.publish("t", "2", false) // which needs the room
		}, "0 1 2"},
		{"no such packet", func(s *stage, p *wire) {
			p.publish("t", "large "+mega[:500], false)
			c := lasting(mqttwire.V50, "away")
			c.Properties = codec.AppendMaximumPacketSize(c.Properties, 100)
			s.join(c).close()
		}, "0 1"},
		{"the session has expired", func(s *stage, p *wire) { s.wait(2000 * time.Second) }, ""},
	} {
		disk := keeptest.NewRecorder()
		s := newStage(t, Config{Store: disk})
		s.away("away", "t")
		p := s.connected(mqttwire.V50, "p")
		for i := range 2 {
			p.publish("t", fmt.Sprint(i), false)
		}
		counted := func() int64 {
			x := s.hub.Stats()
			return x.MessagesDropped + x.MessagesRefused + x.MessagesExpired + x.Expired
		}
		before := counted()
		test.take(s, p)
		if counted() == before {
			t.Errorf("%s: it is not counted", test.name)
		}
		again := s.restarted(disk)
		if now, then := s.hub.waits(), again.hub.waits(); now != test.want || then != test.want {
			t.Errorf("%s: %q waits, and %q after a restart, want %q", test.name, now, then, test.want)
		}
	}
}

// Time goes on while the broker is down: a session, a message and a will's delay end
// when they would have.
func TestTimeGoesOnOverCrash(t *testing.T) {
	disk := keeptest.NewRecorder()
	s := newStage(t, Config{Store: disk})
	s.away("away", "t", "will")
	p := s.connected(mqttwire.V50, "p")
	m := publicationAt("t", "expires", qos.AtLeastOnce, 1)
	m.Properties = codec.AppendMessageExpiryInterval(m.Properties, 100)
	p.send(m)
	c := lasting(mqttwire.V50, "dies")
	c.WillFlag, c.Will = true, codec.Will{Topic: []byte("will"), Payload: []byte("will"), QoS: 1, Properties: codec.AppendWillDelayInterval(codec.Properties{}, 100)}
	s.join(c).close()
	for _, x := range []struct {
		down time.Duration
		want string
	}{{99 * time.Second, "expires"}, {101 * time.Second, "will"}, {999 * time.Second, "will"}, {1001 * time.Second, ""}} {
		config := s.hub.config
		config.Store = keeptest.NewRecorder(disk.Records()...)
		again := newStage(t, config)
		again.now = s.now + x.down
		w := again.hub.Worker(again.now)
		if err := again.hub.Restore(w); err != nil {
			t.Fatal(err)
		}
		w.Finish()
		again.wait(0)
		got := ""
		if again.hub.clients["away"] != nil {
			y := again.join(lasting(mqttwire.V50, "away"))
			for m := y.next(); m != nil; m = y.next() {
				got += string(m.(*codec.Publish).Payload)
			}
		}
		if got != x.want {
			t.Errorf("after %v there is %q, want %q", x.down, got, x.want)
		}
	}
}
