package brokers

import (
	"fmt"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/conformance"
)

var takeoverChecks = []conformance.Check{
	{
		Name:    "takeover/old-ends",
		About:   "A client that connects while it is connected takes its own place: the old connection ends, in 5.0 with a reason.",
		Clauses: cite("3.1.1 3.1.4-2; 5.0 3.1.4-3"),
		Func: on(func(b *bench) {
			for _, before := range b.spoken() {
				after := b.Version
				b.each(fmt.Sprintf("%v, then %v", before, after), func(b *bench) {
					old := b.clean(before, "c")
					old.subscribe("a", 1)
					c := b.clean(after, "c")
					old.ended(nil, mqttwire.SessionTakenOver)
					c.ping()
					// The subscriptions were the old one's.
					b.clean(after, "publisher").publish(b.msg("a", "x", 1))
					c.ping()
				})
			}
		}),
	},
	{
		Name:    "takeover/session",
		About:   "The session goes on, with what was on its way.",
		Clauses: cite("3.1.1 3.1.4-2 3.1.2-4; 5.0 3.1.4-3 3.1.2-5"),
		Func: on(func(b *bench) {
			v := b.Version
			publisher := b.clean(v, "publisher")
			old := b.kept(v, "c", false)
			old.subscribe("a", 2)
			publisher.publish(b.msg("a", "1", 1), b.msg("a", "2", 2))
			one, two := old.arrived(b.msg("a", "1", 1)), old.arrived(b.msg("a", "2", 2))
			for range 3 {
				c := b.kept(v, "c", true)
				old.ended(nil, mqttwire.SessionTakenOver)
				c.again(one)
				c.again(two)
				old = c
			}
			publisher.publish(b.msg("a", "3", 1))
			three := old.arrived(b.msg("a", "3", 1))
			old.finish(one)
			old.finish(two)
			old.finish(three)
			old.ping()
			// A clean one puts an end to it.
			c := b.clean(v, "c")
			old.ended(nil, mqttwire.SessionTakenOver)
			publisher.publish(b.msg("a", "4", 1))
			c.ping()
		}),
	},
	{
		Name:    "takeover/many",
		About:   "Of many that come at once one remains, and it works.",
		Clauses: cite("3.1.1 3.1.4-2; 5.0 3.1.4-3"),
		Needs:   needs{Seconds: 3},
		Func: on(func(b *bench) {
			v := b.Version
			const n = 30
			type result struct {
				c   *client
				err error
			}
			results := make(chan result)
			for range n {
				c := b.dial(v)
				connect := encode(c.version(), &codec.Connect{Version: v, CleanStart: true, ClientID: []byte(b.id("c"))})
				go func() {
					err := c.Write([]byte(connect))
					for err == nil {
						var p codec.Packet
						p, err = c.next(b.Patience() / 2)
						if _, ok := p.(*codec.Connack); err == nil && !ok {
							break // DISCONNECT
						}
					}
					results <- result{c, err}
				}()
			}
			var left []*client
			for range n {
				if r := <-results; conformance.IsTimeout(r.err) {
					left = append(left, r.c)
				}
			}
			if len(left) != 1 {
				b.Fatalf(nil, "one connection that is left", "%d", len(left))
			}
			left[0].ping()
			left[0].subscribe("a", 0)
			b.clean(v, "publisher").publish(b.msg("a", "x", 0))
			left[0].take(b.msg("a", "x", 0))
		}),
	},
}
