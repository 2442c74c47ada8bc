package brokers

import (
	"fmt"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/conformance"
	"github.com/mqttwire/mqttwire/qos"
)

var sharedChecks = []conformance.Check{
	{
		Name:    "shared/one-copy",
		About:   "A message goes to one of those who share a subscription, and to everyone who has one of their own, or in another group.",
		Clauses: cite("5.0 4.5.0-1"),
		Func: on(func(b *bench) {
			filters := [][]string{
				{"x/#"},
				{"$share/one/x/y"},
				{"$share/one/x/y", "$share/two/x/y"},
				{"$share/two/x/y"},
				{"$share/one/x/y"},
				{"$share/one/+/y", "other"}, // the group is the name and the filter
			}
			var clients []*client
			for i, list := range filters {
				c := b.clean(b.Version, fmt.Sprint(i))
				for _, filter := range list {
					c.subscribe(filter, 2)
				}
				clients = append(clients, c)
			}
			publisher := b.clean(b.Version, "publisher")
			const n = 30
			got := map[string][]int{} // payload: how many each client has got
			for i := range n {
				level := qos.Level(i % 3)
				publisher.publish(b.msg("x/y", fmt.Sprint(i), level))
				counts := make([]int, len(clients))
				for k, c := range clients {
					came := c.gather()
					for _, p := range came {
						if want := b.msg("x/y", fmt.Sprint(i), level); show(p) != show(want) {
							b.Fault(nil, show(want), show(p))
						}
					}
					counts[k] = len(came)
				}
				got[fmt.Sprint(i)] = counts
				both := counts[1] + counts[2] + counts[3] + counts[4]
				if counts[0] != 1 || counts[5] != 1 || both != 2 || counts[1]+counts[4] > 1 || counts[3] > 1 {
					b.Faultf(nil, "one copy for each group and each subscription of its own", "message %d: copies %v", i, counts)
				}
			}
			publisher.publish(b.msg("other", "x", 1))
			clients[5].take(b.msg("other", "x", 1))
		}),
	},
	{
		Name:    "shared/out",
		About:   "A shared subscription is shared out: every member gets something.",
		Clauses: cite("5.0 4.5.0-1"),
		Level:   conformance.Should,
		Func: on(func(b *bench) {
			var clients []*client
			for i := range 3 {
				c := b.clean(b.Version, fmt.Sprint(i))
				c.subscribe("$share/g/a", 1)
				clients = append(clients, c)
			}
			publisher := b.clean(b.Version, "publisher")
			const n = 60
			for i := range n {
				publisher.publish(b.msg("a", fmt.Sprint(i), 1))
			}
			total := 0
			for i, c := range clients {
				before := -1
				came := c.gather()
				for _, p := range came { // each in order, whatever is between
					var k int
					fmt.Sscan(string(p.Payload), &k)
					if k <= before {
						b.Faultf(nil, "messages in their order", "client %d: message %d after %d", i, k, before)
					}
					before = k
				}
				if len(came) == 0 {
					b.Faultf(nil, "some messages for each member", "client %d has got none", i)
				}
				total += len(came)
			}
			if total != n {
				b.Faultf(cite("5.0 4.5.0-1"), fmt.Sprintf("one copy of each of %d messages", n), "%d", total)
			}
		}),
	},
	{
		Name:    "shared/left",
		About:   "Who leaves, or unsubscribes, gets nothing more; the others get all.",
		Clauses: cite("5.0 3.10.4-2 3.10.4-1"),
		Func: on(func(b *bench) {
			var clients []*client
			for i := range 3 {
				c := b.clean(b.Version, fmt.Sprint(i))
				c.subscribe("$share/g/a", 1)
				clients = append(clients, c)
			}
			clients[0].disconnect()
			if codes := clients[1].unsubscribe("a", "$share/h/a", "$share/g/a"); codes[0] != mqttwire.NoSubscriptionExisted || codes[1] != codes[0] || codes[2] != 0 {
				b.Faultf(nil, "No subscription existed for those that there are not, Success for the other", "codes %v", codes)
			}
			publisher := b.clean(b.Version, "publisher")
			for i := range 10 {
				publisher.publish(b.msg("a", fmt.Sprint(i), 1))
				clients[2].take(b.msg("a", fmt.Sprint(i), 1))
			}
			clients[1].ping()
			clients[2].unsubscribe("$share/g/a")
			publisher.publish(b.msg("a", "x", 1))
			clients[2].ping()
		}),
	},
	{
		Name:    "shared/and-own",
		About:   "A shared subscription and one's own are two subscriptions, and so are two that differ in name or filter.",
		Clauses: cite("5.0 4.5.0-1"),
		Func: on(func(b *bench) {
			c := b.clean(b.Version, "c")
			publisher := b.clean(b.Version, "publisher")
			expect := func(n int) {
				publisher.publish(b.msg("a", "x", 1))
				if came := c.gather(); len(came) != n {
					b.Faultf(nil, fmt.Sprintf("%d copies", n), "%d", len(came))
				}
			}
			c.subscribe("a", 1)
			c.subscribe("$share/g/a", 1)
			expect(2)
			c.subscribe("$share/h/a", 1)
			expect(3)
			c.unsubscribe("a")
			expect(2)
			c.unsubscribe("$share/g/a")
			expect(1)
			c.unsubscribe("$share/h/a")
			expect(0)
		}),
	},
	{
		Name:    "shared/qos",
		About:   "The QoS is that of the member that is chosen, and so is the Subscription Identifier.",
		Clauses: cite("5.0 4.8.2-3"),
		Func: on(func(b *bench) {
			var clients []*client
			for i := range 3 {
				c := b.clean(b.Version, fmt.Sprint(i))
				c.subscribeWith(identified(uint32(i+1)), b.sub("$share/g/a", codec.SubscriptionOptions(i)))
				clients = append(clients, c)
			}
			publisher := b.clean(b.Version, "publisher")
			const n = 30
			total := 0
			for range n {
				publisher.publish(b.msg("a", "x", 2))
				for i, c := range clients {
					for _, p := range c.gather() {
						if want := with(identified(uint32(i+1)), b.msg("a", "x", qos.Level(i))); show(p) != show(want) {
							b.judge(p, want)
						}
						total++
					}
				}
			}
			if total != n {
				b.Faultf(nil, fmt.Sprintf("one copy of each of %d messages", n), "%d", total)
			}
		}),
	},
	{
		Name:    "shared/retained",
		About:   "Retained messages do not come with a shared subscription.",
		Clauses: cite("5.0 3.3.1-9"),
		Needs:   needs{Retain: true},
		Func: on(func(b *bench) {
			publisher := b.clean(b.Version, "publisher")
			publisher.publish(retained(b.msg("a", "kept", 1)))
			c := b.clean(b.Version, "c")
			c.subscribe("$share/g/a", 1)
			c.ping()
			publisher.publish(retained(b.msg("a", "new", 1)))
			c.take(b.msg("a", "new", 1))
			c.subscribe("a", 1)
			c.take(retained(b.msg("a", "new", 1)))
			c.ping()
		}),
	},
	{
		Name:    "shared/qos2-resumed",
		About:   "A QoS 2 delivery that has begun is finished with the client it has begun with, when that comes back.",
		Clauses: cite("5.0 4.8.2-4"),
		Func: on(func(b *bench) {
			for _, received := range []bool{false, true} {
				b.apart(fmt.Sprintf("PUBREC sent: %v", received), func(b *bench) {
					chosen := b.kept(b.Version, "chosen", false)
					chosen.subscribe("$share/g/a", 2)
					b.clean(b.Version, "publisher").publish(b.msg("a", "x", 2))
					p := chosen.arrived(b.msg("a", "x", 2))
					other := b.clean(b.Version, "other")
					other.subscribe("$share/g/a", 2)
					if received {
						chosen.send(&codec.Pubrec{ID: p.ID})
						chosen.expect(&codec.Pubrel{ID: p.ID})
					}
					chosen.disconnect()
					other.ping()
					chosen = b.kept(b.Version, "chosen", true)
					if received {
						chosen.pubrelAgain(p.ID)
						chosen.send(&codec.Pubcomp{ID: p.ID})
					} else {
						chosen.again(p)
						chosen.finish(p)
					}
					chosen.ping()
					other.ping()
				})
			}
		}),
	},
	{
		Name:    "shared/session-ended",
		About:   "Where the session of the chosen client ends before its delivery does, nobody else gets a QoS 2 message. One of QoS 1 may go to another of the group, but to nobody outside.",
		Clauses: cite("5.0 4.8.2-5"),
		Func: on(func(b *bench) {
			chosen := b.clean(b.Version, "chosen")
			chosen.subscribe("$share/g/a", 2)
			own, another := b.clean(b.Version, "own"), b.clean(b.Version, "another group")
			own.subscribe("a", 2)
			another.subscribe("$share/h/a", 2)
			publisher := b.clean(b.Version, "publisher")
			publisher.publish(b.msg("a", "x", 2), b.msg("a", "y", 1))
			for _, c := range []*client{own, another} {
				c.take(b.msg("a", "x", 2), b.msg("a", "y", 1))
			}
			chosen.arrived(b.msg("a", "x", 2))
			chosen.arrived(b.msg("a", "y", 1))
			other := b.clean(b.Version, "other")
			other.subscribe("$share/g/a", 2)
			chosen.disconnect()
			b.clean(b.Version, "chosen").ping()
			for i, p := range other.gather() {
				if i > 0 || show(p) != show(b.msg("a", "y", 1)) {
					b.Fault(nil, "the message of QoS 1 at most", show(p))
				}
			}
			own.ping()
			another.ping()
			publisher.publish(b.msg("a", "z", 2))
			other.take(b.msg("a", "z", 2))
		}),
	},
	{
		Name:    "shared/refused",
		About:   "A message that the chosen client refuses goes to nobody else.",
		Clauses: cite("5.0 4.8.2-6 E-4.8.2/1"),
		Func: on(func(b *bench) {
			chosen := b.clean(b.Version, "chosen")
			chosen.subscribe("$share/g/a", 2)
			b.clean(b.Version, "publisher").publish(b.msg("a", "1", 1), b.msg("a", "2", 2))
			one, two := chosen.arrived(b.msg("a", "1", 1)), chosen.arrived(b.msg("a", "2", 2))
			other := b.clean(b.Version, "other")
			other.subscribe("$share/g/a", 2)
			chosen.send(&codec.Puback{ID: one.ID, Code: mqttwire.ImplementationSpecificError}, &codec.Pubrec{ID: two.ID, Code: mqttwire.QuotaExceeded})
			chosen.ping()
			other.ping()
		}),
	},
	{
		Name:    "shared/away",
		About:   "While all members are away, messages wait for one of them, each for one.",
		Clauses: cite("5.0 4.5.0-1"),
		Level:   conformance.Should,
		Func: on(func(b *bench) {
			for i := range 2 {
				c := b.kept(b.Version, fmt.Sprint(i), false)
				c.subscribe("$share/g/a", 1)
				c.disconnect()
			}
			publisher := b.clean(b.Version, "publisher")
			const n = 10
			for i := range n {
				publisher.publish(b.msg("a", fmt.Sprint(i), 1))
			}
			seen := map[string]int{}
			for i := range 2 {
				c := b.kept(b.Version, fmt.Sprint(i), true)
				for _, p := range c.gather() {
					seen[string(p.Payload)]++
				}
			}
			for i := range n {
				if seen[fmt.Sprint(i)] != 1 {
					b.Faultf(nil, "one copy", "message %d: %d copies", i, seen[fmt.Sprint(i)])
				}
			}
		}),
	},
	{
		Name:    "shared/no-local",
		About:   "No Local is not for shared subscriptions.",
		Clauses: cite("5.0 3.8.3-4 E-3.8.3.1/2"),
		Func: on(func(b *bench) {
			c := b.clean(b.Version, "c")
			c.write(noLocalShared)
			c.ended(nil, mqttwire.ProtocolError)
		}),
	},
	{
		Name:    "subscribe/dollar-share-before-5",
		About:   "A topic that begins with $share is an ordinary one of its subscribers before 5.0, or shared all the same: a SUBSCRIBE is granted.",
		Clauses: cite("3.1.1 3.8.4-1"),
		Func: on(func(b *bench) {
			for _, v := range []mqttwire.Version{b.Version} {
				c := b.clean(v, "c")
				c.subscribe("$share/g/#", 0)
				c.ping()
			}
		}),
	},
}

// noLocalShared is a SUBSCRIBE that a client must not send.
var noLocalShared = []byte("\x82\x10\x00\x01\x00\x00\x0a$share/g/a\x05")
