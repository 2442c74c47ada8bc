package brokers

import (
	"fmt"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/conformance"
	"github.com/mqttwire/mqttwire/qos"
)

var retainedChecks = []conformance.Check{
	{
		Name:    "retained/kept",
		About:   "A retained message goes to who is there with RETAIN 0, and with RETAIN 1 to who subscribes later, at the lower of the two QoS.",
		Clauses: cite("3.1.1 3.3.1-5 3.3.1-6 3.3.1-8 3.3.1-9 3.8.4-6; 5.0 3.3.1-5 3.3.1-12 3.8.4-8 3.3.1-9"),
		Func: on(func(b *bench) {
			v := b.Version
			b.levels(func(b *bench, level qos.Level) {
				topic := fmt.Sprintf("a/%d", level)
				watcher := b.clean(v, "watcher")
				watcher.subscribe(topic, 2)
				m := b.msg(topic, "kept", level)
				b.clean(v, "publisher").publish(retained(m))
				watcher.take(m)
				watcher.ping()
				for granted := range qos.Level(3) {
					for _, filter := range []string{topic, "+/" + topic[2:], topic + "/#"} {
						c := b.clean(v, "c")
						c.subscribe(filter, codec.SubscriptionOptions(granted))
						c.take(retained(at(min(level, granted), m)))
						c.ping()
						c.disconnect()
					}
				}
			})
		}),
	},
	{
		Name:    "retained/many-topics",
		About:   "Retained messages of several topics all come, each with its QoS.",
		Clauses: cite("3.1.1 3.3.1-6; 5.0 3.3.1-9"),
		Func: on(func(b *bench) {
			v := b.Version
			c := b.clean(v, "c")
			all := []*codec.Publish{retained(b.msg("TopicA/B", "qos 0", 0)), retained(b.msg("Topic/C", "qos 1", 1)), retained(b.msg("TopicA/C", "qos 2", 2))}
			c.publish(all...)
			c.subscribe("+/+", 2)
			c.takeAny(all...)
			c.ping()
		}),
	},
	{
		Name:    "retained/replaced",
		About:   "A retained message takes the place of the one before, of whatever QoS, and only one with RETAIN does.",
		Clauses: cite("3.1.1 3.3.1-12 3.3.1-7; 5.0 3.3.1-8 3.3.1-5"),
		Func: on(func(b *bench) {
			v := b.Version
			publisher, c := b.clean(v, "publisher"), b.clean(v, "c")
			for before := range qos.Level(3) {
				for after := range qos.Level(3) {
					publisher.publish(retained(b.msg("a", "before", before)), retained(b.msg("a", "after", after)), b.msg("a", "live", before), b.msg("a", "", after))
					c.subscribe("a", 2)
					c.take(retained(b.msg("a", "after", after)))
					c.ping()
					c.unsubscribe("a")
				}
			}
		}),
	},
	{
		Name:    "retained/cleared",
		About:   "An empty message with RETAIN clears its topic. It is forwarded like any other, and not kept itself.",
		Clauses: cite("3.1.1 3.3.1-10 3.3.1-11; 5.0 3.3.1-6 3.3.1-7"),
		Func: on(func(b *bench) {
			v := b.Version
			b.levels(func(b *bench, level qos.Level) {
				topic := fmt.Sprintf("a/%d", level)
				publisher, watcher, c := b.clean(v, "publisher"), b.clean(v, "watcher"), b.clean(v, "c")
				publisher.publish(retained(b.msg(topic, "kept", level)))
				watcher.subscribe(topic, 2)
				watcher.take(retained(b.msg(topic, "kept", level)))
				for range 2 { // a topic that is clear can be cleared
					publisher.publish(retained(b.msg(topic, "", level)))
					watcher.take(b.msg(topic, "", level))
					watcher.ping()
					c.subscribe(topic, 2)
					c.ping()
					c.unsubscribe(topic)
				}
			})
		}),
	},
	{
		Name:    "retained/cleared-alone",
		About:   "Topics below and above one that is cleared keep their messages.",
		Clauses: cite("3.1.1 3.3.1-10; 5.0 3.3.1-6"),
		Func: on(func(b *bench) {
			v := b.Version
			publisher, c := b.clean(v, "publisher"), b.clean(v, "c")
			topics := []string{"1", "1/2/3/4", "1/2/3/4/5/6/7", "1/2/3/4/", "2"}
			for _, topic := range topics {
				publisher.publish(retained(b.msg(topic, "kept", 1)))
			}
			for _, cleared := range []string{"1/2/3", "1/2/3/4", "1/2/3/4/5/6/7", "1", "1/2/3/4/", "2"} {
				publisher.publish(retained(b.msg(cleared, "", 1)))
				var rest []string
				var want []*codec.Publish
				for _, topic := range topics {
					if topic != cleared {
						rest = append(rest, topic)
						want = append(want, retained(b.msg(topic, "kept", 1)))
					}
				}
				topics = rest
				c.subscribe("#", 1)
				c.takeAny(want...)
				c.ping()
				c.unsubscribe("#")
			}
		}),
	},
	{
		Name:    "retained/outlives-session",
		About:   "A retained message outlives the session of its publisher.",
		Clauses: cite("3.1.1 3.1.2-7; 5.0 3.3.1-5"),
		Func: on(func(b *bench) {
			v := b.Version
			publisher := b.clean(v, "publisher")
			publisher.publish(retained(b.msg("a", "kept", 1)))
			publisher.disconnect()
			b.clean(v, "publisher").disconnect()
			c := b.clean(v, "publisher")
			c.subscribe("a", 1)
			c.take(retained(b.msg("a", "kept", 1)))
		}),
	},
	{
		Name:    "retained/on-every-subscribe",
		About:   "Subscribing once more sends the retained messages once more, whether the subscription is there or was ended before.",
		Clauses: cite("3.1.1 3.8.4-3; 5.0 3.8.4-4"),
		Func: on(func(b *bench) {
			v := b.Version
			c := b.clean(v, "c")
			c.publish(retained(b.msg("a", "kept", 1)))
			for range 2 {
				for range 2 {
					c.subscribe("a", 1)
					c.take(retained(b.msg("a", "kept", 1)))
					c.ping()
				}
				c.unsubscribe("a")
				c.ping()
			}
		}),
	},
	{
		Name:    "retained/not-on-resumption",
		About:   "Coming back to a session is not subscribing.",
		Clauses: cite("3.1.1 3.3.1-6; 5.0 3.3.1-9"),
		Func: on(func(b *bench) {
			v := b.Version
			c := b.kept(v, "c", false)
			c.publish(retained(b.msg("a", "kept", 1)))
			c.subscribe("a", 1)
			c.take(retained(b.msg("a", "kept", 1)))
			c.disconnect()
			b.kept(v, "c", true).ping()
		}),
	},
	{
		Name:    "retained/queued",
		About:   "A retained message for a client that is away waits with RETAIN 0: it is no new subscription that brings it.",
		Clauses: cite("3.1.1 3.3.1-9; 5.0 3.3.1-12"),
		Func: on(func(b *bench) {
			v := b.Version
			c := b.kept(v, "c", false)
			c.subscribe("a", 1)
			c.disconnect()
			b.clean(v, "publisher").publish(retained(b.msg("a", "kept", 1)))
			c = b.kept(v, "c", true)
			c.take(b.msg("a", "kept", 1))
			c.ping()
		}),
	},
	{
		Name:    "retained/across-versions",
		About:   "Retained messages reach clients of other versions, without what these cannot be told.",
		Clauses: cite("5.0 3.3.1-5"),
		Func: on(func(b *bench) {
			for _, from := range b.spoken() {
				p := b.clean(from, "publisher")
				m := b.msg("a", from.String(), 1)
				if from == mqttwire.V50 {
					m.Properties = user("key", "value")
				}
				p.publish(retained(m))
				for _, to := range b.spoken() {
					c := b.clean(to, "c")
					c.subscribe("a", 1)
					want := retained(m)
					if to != mqttwire.V50 {
						want.Properties = codec.Properties{}
					}
					c.take(want)
					c.ping()
				}
			}
		}),
	},
	{
		Name:    "retained/handling",
		About:   "Retain Handling says when retained messages are sent: on every SUBSCRIBE, on a new one, never.",
		Clauses: cite("5.0 3.3.1-9 3.3.1-10 3.3.1-11"),
		Func: on(func(b *bench) {
			c := b.clean(b.Version, "c")
			all := []*codec.Publish{retained(b.msg("TopicA/B", "qos 0", 0)), retained(b.msg("Topic/C", "qos 1", 1)), retained(b.msg("TopicA/C", "qos 2", 2))}
			c.publish(all...)
			for _, tt := range []struct {
				handling          codec.SubscriptionOptions
				new, again, other bool // other: again, with another QoS
			}{
				{codec.SendRetained, true, true, true},
				{codec.SendRetainedIfNew, true, false, false},
				{codec.DoNotSendRetained, false, false, false},
			} {
				for range 2 {
					expect := func(sent bool) {
						if sent {
							c.takeAny(all...)
						}
						c.ping()
					}
					c.subscribe("+/+", 2|tt.handling)
					expect(tt.new)
					c.subscribe("+/+", 2|tt.handling)
					expect(tt.again)
					c.subscribe("+/+", 1|tt.handling)
					if tt.other {
						c.takeAny(all[0], all[1], at(1, all[2]))
					}
					c.ping()
					c.unsubscribe("+/+")
				}
			}
			// Each subscription has its own, and a session remembers that it is not new.
			c = b.kept(b.Version, "kept", false)
			c.subscribeWith(codec.Properties{}, b.sub("TopicA/B", codec.DoNotSendRetained), b.sub("Topic/C", 2|codec.SendRetainedIfNew))
			c.take(all[1])
			c.ping()
			c.disconnect()
			c = b.kept(b.Version, "kept", true)
			c.subscribeWith(codec.Properties{}, b.sub("Topic/C", 2|codec.SendRetainedIfNew), b.sub("TopicA/C", 2|codec.SendRetainedIfNew))
			c.take(all[2])
			c.ping()
		}),
	},
	{
		Name:    "retained/as-published",
		About:   "With Retain As Published a message has the RETAIN it was published with, without it none.",
		Clauses: cite("5.0 3.3.1-13 3.3.1-12"),
		Func: on(func(b *bench) {
			as, not, away := b.clean(b.Version, "as"), b.clean(b.Version, "not"), b.kept(b.Version, "away", false)
			as.subscribe("a", 2|codec.RetainAsPublished)
			not.subscribe("a", 2)
			away.subscribe("a", 2|codec.RetainAsPublished)
			away.disconnect()
			publisher := b.clean(b.Version, "publisher")
			var all []*codec.Publish
			for level := range qos.Level(3) {
				m := b.msg("a", "x", level)
				publisher.publish(m, retained(m))
				as.take(m, retained(m))
				not.take(m, m)
				if level > 0 {
					all = append(all, m, retained(m))
				}
			}
			away = b.kept(b.Version, "away", true)
			for _, p := range away.queued(len(all)) {
				if p.QoS > 0 && show(p) != show(all[0]) {
					b.Fatal(nil, show(all[0]), show(p))
				}
				if p.QoS > 0 {
					all = all[1:]
				}
			}
			// From the store a message has RETAIN 1 either way.
			for _, options := range []codec.SubscriptionOptions{0, codec.RetainAsPublished} {
				c := b.clean(b.Version, "later")
				c.subscribe("a", 2|options)
				c.take(retained(b.msg("a", "x", 2)))
				c.ping()
			}
		}),
	},
	{
		Name:    "retained/properties",
		About:   "A retained message keeps its properties.",
		Clauses: cite("5.0 3.3.2-4 3.3.2-17 3.3.2-18 3.3.2-20"),
		Func: on(func(b *bench) {
			var all []*codec.Publish
			for level := range qos.Level(3) {
				m := retained(b.msg(fmt.Sprintf("a/%d", level), "x", level))
				m.Properties = codec.AppendContentType(codec.AppendPayloadFormatIndicator(user("a", "2", "c", "3", "a", "1"), 1), "text/plain")
				all = append(all, m)
			}
			b.clean(b.Version, "publisher").publish(all...)
			c := b.clean(b.Version, "c")
			c.subscribe("a/+", 2)
			c.takeAny(all...)
			c.ping()
		}),
	},
}
