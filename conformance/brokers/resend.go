package brokers

import (
	"fmt"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/conformance"
	"github.com/mqttwire/mqttwire/qos"
)

var resendChecks = []conformance.Check{
	{
		Name:    "resend/order",
		About:   "What is not acknowledged is sent again to a client that comes back, with DUP, under the same identifier, in the order it had, and before what is new.",
		Clauses: cite("3.1.1 4.4.0-1 3.3.1-1; 5.0 4.4.0-1 3.3.1-1 4.3.2-3"),
		Func: on(func(b *bench) {
			v := b.Version
			c := b.kept(v, "c", false)
			c.subscribe("a", 2)
			publisher := b.clean(v, "publisher")
			var all []*codec.Publish
			for i, level := range []qos.Level{1, 2, 2, 1, 1} {
				publisher.publish(b.msg("a", fmt.Sprint(i), level))
				all = append(all, c.arrived(b.msg("a", fmt.Sprint(i), level)))
			}
			c.finish(all[0])
			c.finish(all[1])
			all = all[2:]
			c.ping() // the broker has read that
			c.disconnect()
			publisher.publish(b.msg("a", "new", 1))
			for _, end := range []func(){func() { c.lose() }, func() { c.disconnect() }} {
				c = b.kept(v, "c", true)
				for _, p := range all {
					c.again(p)
				}
				// What was on its way may have DUP by now.
				if p := receive[*codec.Publish](c); string(p.Payload) != "new" {
					b.Fatalf(nil, "the new message last", "%v", p)
				}
				end()
			}
			c = b.kept(v, "c", true)
			for _, p := range all {
				c.again(p)
			}
			p := receive[*codec.Publish](c).Clone()
			for _, q := range append(all, &p) {
				c.finish(q)
			}
			c.ping()
			c.disconnect()
			b.kept(v, "c", true).ping()
		}),
	},
	{
		Name:    "resend/qos-2",
		About:   "A QoS 2 delivery to a client goes on where it was: at PUBLISH until PUBREC, at PUBREL from then on.",
		Clauses: cite("3.1.1 4.3.3-1; 5.0 4.3.3-3 4.3.3-5 4.3.3-6"),
		Func: on(func(b *bench) {
			v := b.Version
			c := b.kept(v, "c", false)
			c.subscribe("a", 2)
			b.clean(v, "publisher").publish(b.msg("a", "x", 2))
			p := c.arrived(b.msg("a", "x", 2))
			c.lose()
			c = b.kept(v, "c", true)
			c.again(p)
			c.send(&codec.Pubrec{ID: p.ID})
			c.expect(&codec.Pubrel{ID: p.ID})
			for range 2 {
				c.lose()
				c = b.kept(v, "c", true)
				c.pubrelAgain(p.ID)
			}
			c.send(&codec.Pubcomp{ID: p.ID})
			c.ping()
			c.disconnect()
			b.kept(v, "c", true).ping()
		}),
	},
	{
		Name:    "resend/empty",
		About:   "Empty messages are sent again like others.",
		Clauses: cite("3.1.1 4.4.0-1; 5.0 4.4.0-1"),
		Func: on(func(b *bench) {
			v := b.Version
			c := b.kept(v, "c", false)
			c.subscribe("TopicA/#", 2)
			publisher := b.clean(v, "publisher")
			publisher.publish(b.msg("TopicA/B", "", 1), b.msg("TopicA/C", "", 2))
			one, two := c.arrived(b.msg("TopicA/B", "", 1)), c.arrived(b.msg("TopicA/C", "", 2))
			c.disconnect()
			c = b.kept(v, "c", true)
			c.again(one)
			c.again(two)
			c.finish(one)
			c.finish(two)
			c.ping()
		}),
	},
	{
		Name:    "qos2/once-over-connections",
		About:   "A QoS 2 message from a client is delivered once however often its client has to begin again.",
		Clauses: cite("3.1.1 4.3.3-2 4.1.0-1; 5.0 4.3.3-10 4.3.3-11"),
		Func: on(func(b *bench) {
			v := b.Version
			watcher := b.clean(v, "watcher")
			watcher.subscribe("a", 2)
			m := b.msg("a", "x", 2)
			m.ID = 7
			c := b.kept(v, "c", false)
			c.send(m)
			c.acknowledged(receive[*codec.Pubrec](c), 7)
			for range 2 {
				c.lose()
				c = b.kept(v, "c", true)
				c.send(dup(m))
				c.acknowledged(receive[*codec.Pubrec](c), 7)
			}
			c.send(&codec.Pubrel{ID: 7})
			c.expect(&codec.Pubcomp{ID: 7})
			c.lose()
			c = b.kept(v, "c", true)
			c.send(&codec.Pubrel{ID: 7})
			if comp := receive[*codec.Pubcomp](c); comp.ID != 7 {
				b.Fatalf(cAckID, "PUBCOMP of 7", "%v", comp)
			}
			watcher.take(m)
			watcher.ping()
			// The identifier is free for another message.
			m.Payload = []byte("y")
			c.send(m)
			c.acknowledged(receive[*codec.Pubrec](c), 7)
			c.send(&codec.Pubrel{ID: 7})
			c.expect(&codec.Pubcomp{ID: 7})
			watcher.take(m)
			watcher.ping()
		}),
	},
	{
		Name:    "qos2/another-session",
		About:   "A client that is lost after its PUBREC, and never comes with the PUBREL, has published all the same, or not: but a second message under the identifier, in a new session, is another one.",
		Clauses: cite("3.1.1 3.1.2-6; 5.0 3.1.2-4"),
		Func: on(func(b *bench) {
			v := b.Version
			watcher := b.clean(v, "watcher")
			watcher.subscribe("a", 0)
			m := b.msg("a", "first", 2)
			m.ID = 7
			c := b.clean(v, "c")
			c.send(m)
			c.acknowledged(receive[*codec.Pubrec](c), 7)
			c.lose()
			c = b.clean(v, "c")
			m.Payload = []byte("second")
			c.send(m)
			c.acknowledged(receive[*codec.Pubrec](c), 7)
			c.send(&codec.Pubrel{ID: 7})
			c.expect(&codec.Pubcomp{ID: 7})
			p := receive[*codec.Publish](watcher)
			if string(p.Payload) == "first" {
				p = receive[*codec.Publish](watcher)
			}
			if string(p.Payload) != "second" {
				b.Faultf(nil, "the second message", "%v", p)
			}
			watcher.ping()
		}),
	},
	{
		Name:    "resend/not-to-clean-session",
		About:   "A new session has nothing of what the old one did not finish.",
		Clauses: cite("3.1.1 3.1.2-6; 5.0 3.1.2-4"),
		Func: on(func(b *bench) {
			v := b.Version
			c := b.kept(v, "c", false)
			c.subscribe("a", 2)
			publisher := b.clean(v, "publisher")
			publisher.publish(b.msg("a", "1", 1), b.msg("a", "2", 2), b.msg("a", "3", 2))
			c.arrived(b.msg("a", "1", 1))
			c.arrived(b.msg("a", "2", 2))
			id := c.arrived(b.msg("a", "3", 2)).ID
			c.send(&codec.Pubrec{ID: id})
			c.expect(&codec.Pubrel{ID: id})
			c.lose()
			c = b.clean(v, "c")
			c.ping()
			c.subscribe("a", 1)
			publisher.publish(b.msg("a", "4", 1))
			c.take(b.msg("a", "4", 1))
			c.ping()
		}),
	},
	{
		Name:    "resend/not-on-connection",
		About:   "On one connection nothing is sent twice.",
		Clauses: cite("5.0 4.4.0-1"),
		Needs:   needs{Seconds: 2},
		Func: on(func(b *bench) {
			c := b.clean(b.Version, "c")
			c.subscribe("a", 2)
			b.clean(b.Version, "publisher").publish(b.msg("a", "1", 1), b.msg("a", "2", 2))
			c.arrived(b.msg("a", "1", 1))
			c.arrived(b.msg("a", "2", 2))
			if p, err := c.next(1500 * time.Millisecond); err == nil {
				b.Faultf(nil, "nothing more on the same connection", "%v", p)
			}
		}),
	},
	{
		Name:    "resend/not-when-refused",
		About:   "A message refused with 0x80 or above is finished: no PUBREL, and it does not come again.",
		Clauses: cite("5.0 4.4.0-2 4.3.3-4 E-4.3.3/1 E-4.4/1"),
		Func: on(func(b *bench) {
			c := b.kept(b.Version, "c", false)
			c.subscribe("a", 2)
			publisher := b.clean(b.Version, "publisher")
			publisher.publish(b.msg("a", "1", 2), b.msg("a", "2", 1), b.msg("a", "3", 2))
			for _, code := range []mqttwire.Reason{mqttwire.UnspecifiedError, mqttwire.QuotaExceeded} {
				c.send(&codec.Pubrec{ID: c.arrived(b.msg("a", "1", 2)).ID, Code: code})
				c.send(&codec.Puback{ID: c.arrived(b.msg("a", "2", 1)).ID, Code: code})
				c.take(b.msg("a", "3", 2))
				c.ping()
				c.disconnect()
				c = b.kept(b.Version, "c", true)
				c.ping()
				publisher.publish(b.msg("a", "1", 2), b.msg("a", "2", 1), b.msg("a", "3", 2))
			}
		}),
	},
	{
		Name:    "unsubscribe/in-flight",
		About:   "An UNSUBSCRIBE stops what has not begun, and lets finish what has.",
		Clauses: cite("3.1.1 3.10.4-2 3.10.4-3; 5.0 3.10.4-2 3.10.4-3"),
		Func: on(func(b *bench) {
			v := b.Version
			c := b.kept(v, "c", false)
			c.subscribe("a", 2)
			publisher := b.clean(v, "publisher")
			publisher.publish(b.msg("a", "1", 1), b.msg("a", "2", 2), b.msg("a", "3", 2))
			one, two, three := c.arrived(b.msg("a", "1", 1)), c.arrived(b.msg("a", "2", 2)), c.arrived(b.msg("a", "3", 2))
			c.send(&codec.Pubrec{ID: three.ID})
			c.expect(&codec.Pubrel{ID: three.ID})
			c.unsubscribe("a")
			publisher.publish(b.msg("a", "4", 1), b.msg("a", "5", 2))
			c.ping()
			c.lose()
			c = b.kept(v, "c", true)
			for left := []*codec.Publish{one, two}; ; { // and PUBREL, before, between or after them
				p := c.packet(nil, "what was on its way")
				if rel, ok := p.(*codec.Pubrel); ok && rel.ID == three.ID {
					for _, p := range left {
						c.again(p)
					}
					break
				}
				m, ok := p.(*codec.Publish)
				if !ok || len(left) == 0 || m.ID != left[0].ID || !same(m, left[0]) {
					b.Fatalf(nil, "what was on its way", "%v", p)
				}
				left = left[1:]
			}
			c.finish(one)
			c.finish(two)
			c.send(&codec.Pubcomp{ID: three.ID})
			c.ping()
		}),
	},
}
