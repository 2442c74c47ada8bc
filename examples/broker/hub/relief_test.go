package hub

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/examples/broker/keep/keeptest"
	"github.com/mqttwire/mqttwire/qos"
)

// image is what is kept: sessions that last, with how much waits for each and what is
// the first of it, and what is retained.
func (h *Hub) image() string {
	var lines []string
	for _, cl := range h.all() {
		if !cl.volatile {
			first := ""
			if cl.waiting.n > 0 {
				first = string(cl.waiting.at(0).m.payload[:4])
			}
			lines = append(lines, fmt.Sprint("session ", cl.id, " ", cl.subscribed.Load(), " ", cl.waiting.n, first))
		}
	}
	h.retained.messages.Visit([]byte("#"), func(name []byte, _ *message) bool {
		lines = append(lines, "retained "+string(name))
		return true
	})
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// restarted returns a stage whose hub begins with what a Store was told.
func (s *stage) restarted(disk *keeptest.Recorder) *stage {
	s.t.Helper()
	c := s.hub.config
	c.Store = keeptest.NewRecorder(disk.Records()...)
	again := newStage(s.t, c)
	w := again.hub.Worker(again.now)
	if err := again.hub.Restore(w); err != nil {
		s.t.Fatal(err)
	}
	w.Finish()
	return again
}

// Where the whole is full the heaviest gives way, in this order: what waits, the oldest
// first; its absent sessions, the longest absent first; what it has retained, the
// oldest first; its connections. It is journalled: a restart brings nothing back.
// Nobody who holds little loses anything.
func TestReliefByStages(t *testing.T) {
	disk := keeptest.NewRecorder()
	s := newStage(t, Config{Store: disk})
	s.as(innocent).away("innocent-away", "i")
	p := s.connected(mqttwire.V50, "innocent-p")
	p.publish("i", "0000 waits", false)
	p.publish("i/kept", "x", true)
	s.as(guilty)
	g := s.connected(mqttwire.V50, "g")
	g.subscribeAt(mega[:50_000], qos.AtMostOnce) // its connection is heavier than all of the innocent
	for _, id := range []string{"away-1", "away-2"} {
		s.away(id, id)
		s.wait(time.Second)
	}
	for i := range 600 {
		g.publish("away-2", fmt.Sprintf("%04d", i)+mega[:1000], false)
	}
	for i := range 300 {
		g.publish(fmt.Sprintf("kept/%03d", i), mega[:1000], true)
	}
	slices := countSlices(t)
	var stages []string
	for range 20 {
		before := s.hub.Stats()
		s.hub.config.MaxTotalBytes = s.hub.accounts.whole.Load() - 1
		s.hub.hasRoom(p.c.client.account, 0)
		s.poll()
		if n := slices(); n != 1 {
			t.Fatalf("%d slices at once", n)
		}
		s.hub.config.MaxTotalBytes = 1 << 30
		s.wait(time.Second)
		slices()
		after := s.hub.Stats()
		what := fmt.Sprint(before.MessagesDropped-after.MessagesDropped, " messages")
		switch {
		case after.Evicted > before.Evicted:
			what = "session, " + fmt.Sprint(after.Clients)
		case after.Retained < before.Retained:
			what = fmt.Sprint(before.Retained-after.Retained, " retained")
		case g.gone:
			what = "connection"
		}
		stages = append(stages, what)
		if got, want := s.restarted(disk).hub.image(), s.hub.image(); got != want {
			t.Fatalf("after %s a restart brings back\n%.300s\nwant\n%.300s", what, got, want)
		}
		if g.gone {
			break
		}
	}
	want := "-256 messages; -256 messages; -88 messages; session, 4; session, 3; 256 retained; 44 retained; connection"
	if got := strings.Join(stages, "; "); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if got, want := s.hub.image(), "retained i/kept\nsession innocent-away 1 10000"; got != want {
		t.Errorf("left is\n%s\nwant\n%s", got, want)
	}
	if m, ok := g.next().(*codec.Disconnect); !ok || m.Code != mqttwire.QuotaExceeded {
		for p := g.next(); p != nil; p = g.next() {
			m, _ = p.(*codec.Disconnect)
		}
		if m == nil || m.Code != mqttwire.QuotaExceeded {
			t.Errorf("the last is told %v", m)
		}
	}
	p.close()
}

// The oldest goes first, of messages that wait and of those that are retained.
func TestReliefOldestFirst(t *testing.T) {
	s := newStage(t, Config{})
	s.as(guilty).away("away", "t")
	g := s.connected(mqttwire.V50, "g")
	for i := range 300 {
		g.publish("t", fmt.Sprintf("%04d", i), false)
		g.publish(fmt.Sprintf("kept/%03d", (i*7)%300), fmt.Sprintf("%04d", i), true)
	}
	g.publish("kept/000", "again", true) // is the newest now
	a := g.c.client.account
	w := s.hub.Worker(s.now)
	defer w.Finish()
	if n := s.hub.giveWay(w, a); n != 256 {
		t.Errorf("%d messages of a slice of %d", n, reliefSlice)
	}
	if got := string(s.hub.clients["away"].waiting.at(0).m.payload); got != "0256" {
		t.Errorf("the oldest that is left is %s", got)
	}
	s.hub.dropRetained(a)
	n := 0
	s.hub.retained.messages.Visit([]byte("kept/+"), func(name []byte, m *message) bool {
		if n++; string(m.payload) != "again" && string(m.payload) < "0257" {
			t.Errorf("%s is left of %s", name, m.payload)
		}
		return true
	})
	if n != 300-256 {
		t.Errorf("%d retained messages are left", n)
	}
}

// Whatever one principal fills the whole with, others are refused nothing for long:
// messages at QoS 1, subscriptions, sessions, retained messages.
func TestOthersAreServedWhereTheWholeIsFull(t *testing.T) {
	const total = 4 << 20
	for name, fill := range map[string]func(s *stage, i int){
		"retained": func(s *stage, i int) {
			x := s.connected(mqttwire.V50, "g")
			x.publish(fmt.Sprint("kept/", i), mega[:20_000], true)
			x.close()
		},
		"wills": func(s *stage, i int) {
			c := lasting(mqttwire.V50, fmt.Sprint("w", i))
			c.WillFlag, c.Will = true, codec.Will{Topic: []byte("w"), Payload: []byte(mega[:20_000]), Properties: codec.AppendWillDelayInterval(codec.Properties{}, 900)}
			x := s.open(mqttwire.V50)
			x.send(c)
			x.close()
		},
		"subscriptions": func(s *stage, i int) {
			x := s.open(mqttwire.V50)
			x.send(lasting(mqttwire.V50, fmt.Sprint("s", i)))
			list := codec.Subscriptions{}.Append(codec.Subscription{Filter: []byte(mega[:10_000])})
			x.send(&codec.Subscribe{ID: 1, Subscriptions: list})
			x.close()
		},
		"identifiers": func(s *stage, i int) {
			x := s.open(mqttwire.V50)
			x.send(lasting(mqttwire.V50, fmt.Sprint(i, mega[:10_000])))
			x.close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, Config{MaxTotalBytes: total, MaxAccountBytes: total * 2})
			s.connected(mqttwire.V50, "p").publish("kept by who holds little", "x", true)
			for i := range 400 {
				fill(s.as(guilty), i)
				if i%40 == 39 {
					s.innocentGoesOn()
				}
				if whole := s.hub.accounts.whole.Load(); whole > total+total/slack {
					t.Fatalf("%d bytes", whole)
				}
			}
			s.wait(time.Second)
			if whole := s.hub.accounts.whole.Load(); whole > total {
				t.Errorf("%d bytes are left", whole)
			}
			if s.hub.Stats().Retained == 0 || s.hub.clients["innocent-away"] == nil {
				t.Error("who holds little has lost it")
			}
		})
	}
}

// A client that comes back with ever larger wills is charged for them as one that is
// new; one without comes in to take what waits, though its account is full.
func TestWillsOfWhoComesBack(t *testing.T) {
	const limit = 1 << 20
	s := newStage(t, Config{MaxAccountBytes: limit}).as(guilty)
	with := func(i int) *codec.Connect {
		c := lasting(mqttwire.V50, fmt.Sprint("c", i))
		c.WillFlag, c.Will = true, codec.Will{Topic: []byte("w"), Payload: []byte(mega[:50_000]), Properties: codec.AppendWillDelayInterval(codec.Properties{}, 900)}
		return c
	}
	for i := range 100 {
		s.away(fmt.Sprint("c", i), "t")
	}
	refused := 0
	for i := range 100 {
		x := s.open(mqttwire.V50)
		x.send(with(i))
		if ack, ok := x.next().(*codec.Connack); ok && ack.Code == connack.Code(mqttwire.QuotaExceeded) {
			refused++
		}
		x.close()
	}
	a := s.hub.account("address "+Origin(guilty), false)
	if n := a.bytes.Load(); refused == 0 || n > limit+limit/slack {
		t.Errorf("%d wills of 50 KB are refused, %d bytes are charged", refused, n)
	}
	for range 3 { // one will takes the place of the other
		if code := s.answer(with(0)); code != 0 {
			t.Errorf("a will in the place of one as large is refused with %v", code)
		}
	}
	p := s.as(innocent).connected(mqttwire.V50, "p")
	p.publish("t", "x", false)
	if code := s.as(guilty).answer(lasting(mqttwire.V50, "c99")); code != 0 {
		t.Errorf("one without a will is refused with %v", code)
	}
	s.innocentGoesOn()
}
