package hub

import (
	"fmt"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/fixedheader"
	"github.com/mqttwire/mqttwire/internal/race"
	"github.com/mqttwire/mqttwire/qos"
)

// subscribers are n clients, each with a filter of its own and one of all, who
// read nothing any more.
func subscribers(tb testing.TB, n int, v mqttwire.Version, level qos.Level, properties codec.Properties) *stage {
	s := newStage(tb, Config{})
	for i := range n {
		var list codec.Subscriptions
		for _, filter := range []string{fmt.Sprint("a/+/", i), "all/#"} {
			list = list.Append(codec.Subscription{Filter: []byte(filter), Options: codec.SubscriptionOptions(level)})
		}
		x := s.connected(v, fmt.Sprint(i))
		x.send(&codec.Subscribe{ID: 1, Subscriptions: list, Properties: properties})
		x.stuck = true
		s.all = nil // who are many are not to be asked each time
	}
	return s
}

// route takes a message to all who want it, throws away what they would be
// sent, and has it acknowledged.
func route(w *Worker, d *codec.Decoder, p *codec.Publish) (n int) {
	w.pub.set(p, "publisher", w.now)
	w.hub.routeHere(w, &w.pub, origin{})
	n = len(w.flushes)
	for _, c := range w.flushes {
		c.lock()
		out := c.out.Bytes()
		if p.QoS > 0 {
			e := w.pub.encode(codec.Rules{Version: c.machine.Version(), From: mqttwire.Server}, true)
			id := out[len(out)-len(e.b)+e.id:][:2]
			var err error
			if _, _, err = c.machine.Receive(nil, d, fixedheader.Header{Type: mqttwire.PUBACK, Length: 2, Width: 1}, id, w.now); err != nil {
				panic(err)
			}
		}
		c.touched = false
		c.out.Gather(out[:0])
		c.unlock()
	}
	w.flushes = w.flushes[:0]
	return n
}

func identifier(id uint32) codec.Properties {
	return codec.AppendSubscriptionIdentifier(codec.Properties{}, id)
}

// A message that is on its way at once allocates nothing, at whatever level, in
// whatever version, with Subscription Identifiers too.
func TestRouteAllocates(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector allocates")
	}
	for _, v := range versions {
		for level := range qos.ExactlyOnce {
			for _, properties := range []codec.Properties{{}, identifier(7)} {
				if v != mqttwire.V50 && properties.Size() > 0 || level > 0 && properties.Size() > 0 {
					continue
				}
				t.Run(fmt.Sprint(v, level, properties.Size()), func(t *testing.T) {
					s := subscribers(t, 10, v, level, properties)
					w := s.hub.Worker(s.now)
					var d codec.Decoder
					m := publicationAt("all/x", "0123456789", level, min(uint16(level), 1))
					if n := testing.AllocsPerRun(100, func() {
						if route(w, &d, m) != 10 {
							t.Fatal("not all are there")
						}
					}); n != 0 {
						t.Errorf("%v allocations", n)
					}
				})
			}
		}
	}
}

// A message for one client, who is one of many with a filter of their own, and
// a message for all of them.
func BenchmarkRoute(b *testing.B) {
	for _, n := range []int{1, 100, 10_000} {
		for level := range qos.ExactlyOnce {
			s := subscribers(b, n, mqttwire.V311, level, codec.Properties{})
			w := s.hub.Worker(s.now)
			var d codec.Decoder
			for _, topic := range []string{"a/b/0", "all"} {
				b.Run(fmt.Sprintf("%s/%d/qos%d", topic, n, level), func(b *testing.B) {
					m := publicationAt(topic, "0123456789", level, min(uint16(level), 1))
					b.ReportAllocs()
					for b.Loop() {
						route(w, &d, m)
					}
				})
			}
		}
	}
}
