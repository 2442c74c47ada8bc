package brokers

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/conformance"
	"github.com/mqttwire/mqttwire/qos"
)

var subscribeChecks = []conformance.Check{
	{
		Name:    "subscribe/many",
		About:   "A SUBSCRIBE of many filters is handled like many SUBSCRIBEs, with one answer.",
		Clauses: cite("3.1.1 3.8.4-4 3.8.4-5 3.9.3-1 3.8.4-2 2.3.1-7; 5.0 3.8.4-5 3.8.4-6 3.8.4-7 3.9.3-1 3.8.4-2 2.2.1-6"),
		Func: on(func(b *bench) {
			v := b.Version
			c := b.clean(v, "c")
			var subs []codec.Subscription
			for i := range 100 {
				subs = append(subs, b.sub(fmt.Sprint("a/", i), codec.SubscriptionOptions(i%3)))
			}
			c.subscribeWith(codec.Properties{}, append(subs, b.sub("a/+/b", 1), b.sub("$x/y", 0))...)
			publisher := b.clean(v, "publisher")
			for i := range 100 {
				publisher.publish(b.msg(fmt.Sprint("a/", i), "x", 2))
				c.take(b.msg(fmt.Sprint("a/", i), "x", qos.Level(i%3)))
			}
			publisher.publish(b.msg("a/7/b", "x", 2))
			c.take(b.msg("a/7/b", "x", 1))
			c.ping()
		}),
	},
	{
		Name:    "subscribe/twice-at-once",
		About:   "The same filter twice in one SUBSCRIBE: the second takes the place of the first.",
		Clauses: cite("3.1.1 3.8.4-4; 5.0 3.8.4-5"),
		Func: on(func(b *bench) {
			v := b.Version
			c := b.clean(v, "c")
			c.subscribeWith(codec.Properties{}, b.sub("a", 2), b.sub("a", 0))
			b.clean(v, "publisher").publish(b.msg("a", "x", 2))
			c.take(b.msg("a", "x", 0))
			c.ping()
		}),
	},
	{
		Name:    "subscribe/again",
		About:   "A subscription to a filter that is subscribed to takes the other's place: with its QoS, and so that no message is lost or comes twice.",
		Clauses: cite("3.1.1 3.8.4-3; 5.0 3.8.4-3 3.8.4-4"),
		Func: on(func(b *bench) {
			v := b.Version
			c := b.clean(v, "c")
			publisher := b.clean(v, "publisher")
			for _, level := range []qos.Level{0, 2, 1, 1, 0, 2} {
				c.subscribe("a/+", codec.SubscriptionOptions(level))
				publisher.publish(b.msg("a/b", "x", 2))
				c.take(b.msg("a/b", "x", level))
				c.ping()
			}
			c.unsubscribe("a/+") // which ends it, however often it was made
			publisher.publish(b.msg("a/b", "x", 2))
			c.ping()
			// With messages on their way.
			const n = 200
			done := make(chan struct{})
			writer := b.clean(v, "writer")
			c.subscribe("a", 1)
			go func() {
				defer close(done)
				var all []byte
				for i := range n {
					m := b.msg("a", fmt.Sprint(i), 0)
					all, _ = m.Append(all, writer.To)
				}
				for len(all) > 0 {
					k := min(50, len(all))
					if writer.Write(all[:k]) != nil {
						return
					}
					all = all[k:]
				}
			}()
			list := codec.Subscriptions{}.Append(b.sub("a", 1))
			for range 20 {
				c.send(&codec.Subscribe{ID: c.id(), Subscriptions: list})
			}
			<-done
			for i, acks := 0, 0; i < n || acks < 20; {
				switch p := c.packet(nil, "messages and SUBACKs").(type) {
				case *codec.Suback:
					acks++
				case *codec.Publish:
					if string(p.Payload) != fmt.Sprint(i) {
						b.Fatalf(nil, fmt.Sprintf("message %d", i), "%v", p)
					}
					i++
				default:
					b.Fatalf(nil, "messages and SUBACKs", "%v", p)
				}
			}
			c.ping()
		}),
	},
	{
		Name:    "subscribe/overlapping",
		About:   "Where several subscriptions of a client match, it gets the message at the highest QoS of them at least: once, or once for each.",
		Clauses: cite("3.1.1 3.3.5-1; 5.0 3.3.4-2"),
		Func: on(func(b *bench) {
			v := b.Version
			publisher := b.clean(v, "publisher")
			for i, filters := range [][]codec.Subscription{
				{b.sub("TopicA/#", 2), b.sub("TopicA/+", 1)},
				{b.sub("TopicA/+", 1), b.sub("TopicA/#", 2)},
				{b.sub("TopicA/C", 0), b.sub("#", 0), b.sub("+/C", 2), b.sub("TopicA/#", 1)},
				{b.sub("+/+", 1), b.sub("TopicA/C", 1)},
			} {
				for level := range qos.Level(3) {
					id := fmt.Sprint(i, level)
					c := b.clean(v, id)
					var want []qos.Level
					var subscribed []string
					for _, s := range filters {
						c.subscribeWith(codec.Properties{}, s)
						subscribed = append(subscribed, fmt.Sprintf("%s at %v", s.Filter, s.Options.QoS()))
						want = append(want, min(level, s.Options.QoS()))
					}
					slices.Sort(want)
					highest := want[len(want)-1:]
					publisher.publish(b.msg("TopicA/C", id, level))
					var got []qos.Level
					for _, p := range c.gather() {
						if !same(p, b.msg("TopicA/C", id, level)) {
							b.Fault(nil, "the message", show(p))
						}
						got = append(got, p.QoS)
					}
					slices.Sort(got)
					switch {
					case slices.Equal(got, highest):
						b.Choose("overlapping subscriptions in "+v.String(), "one copy")
					case slices.Equal(got, want):
						b.Choose("overlapping subscriptions in "+v.String(), "a copy for each")
					default:
						b.Faultf(nil, fmt.Sprintf("published at %v, subscribed %v: the message once at the highest QoS, or once for each", level, subscribed), "it at %v", got)
					}
					c.disconnect()
				}
			}
		}),
	},
	{
		Name:    "subid/with-message",
		About:   "A message carries the Subscription Identifier of the subscription that it comes by, as it is at the time.",
		Clauses: cite("5.0 3.3.4-3 3.8.4-3"),
		Needs:   needs{SubscriptionIdentifiers: true},
		Func: on(func(b *bench) {
			c := b.clean(b.Version, "c")
			publisher := b.clean(b.Version, "publisher")
			expect := func(ids map[string]uint32) {
				for topic, id := range ids {
					for level := range qos.Level(3) {
						publisher.publish(b.msg(topic, "x", level))
						want := b.msg(topic, "x", level)
						if id != 0 {
							want.Properties = identified(id)
						}
						c.take(want)
					}
				}
				c.ping()
			}
			c.subscribeWith(identified(1), b.sub("id1", 2), b.sub("+/id2", 2))
			c.subscribeWith(identified(268435455), b.sub("id3", 2))
			c.subscribe("none", 2)
			expect(map[string]uint32{"id1": 1, "test/id2": 1, "id3": 268435455, "none": 0})
			// Made anew, a subscription has what it is given then.
			c.subscribe("id1", 2)
			c.subscribeWith(identified(19), b.sub("+/id2", 2))
			c.subscribeWith(identified(21), b.sub("none", 2))
			expect(map[string]uint32{"id1": 0, "test/id2": 19, "id3": 268435455, "none": 21})
			// The publisher's other subscriptions are not the client's.
			publisher.subscribeWith(identified(5), b.sub("other", 2))
			expect(map[string]uint32{"test/id2": 19})
		}),
	},
	{
		Name:    "subid/kept",
		About:   "Subscription Identifiers stay with a session, and come with retained messages and those that have waited.",
		Clauses: cite("5.0 3.3.4-3"),
		Needs:   needs{SubscriptionIdentifiers: true, Retain: true},
		Func: on(func(b *bench) {
			publisher := b.clean(b.Version, "publisher")
			publisher.publish(retained(b.msg("a", "kept", 1)))
			c := b.kept(b.Version, "c", false)
			c.subscribeWith(identified(7), b.sub("a", 1))
			c.take(with(identified(7), retained(b.msg("a", "kept", 1))))
			c.disconnect()
			publisher.publish(b.msg("a", "waits", 1))
			c = b.kept(b.Version, "c", true)
			p := c.arrived(with(identified(7), b.msg("a", "waits", 1)))
			publisher.publish(b.msg("a", "live", 1))
			c.take(with(identified(7), b.msg("a", "live", 1)))
			c.lose()
			c = b.kept(b.Version, "c", true)
			c.send(&codec.Puback{ID: c.arrived(with(identified(7), dup(p))).ID})
		}),
	},
	{
		Name:    "subid/overlapping",
		About:   "One copy for several subscriptions has the identifiers of all of them; where there is a copy for each, each has its own.",
		Clauses: cite("5.0 3.3.4-4 3.3.4-5 3.3.4-3"),
		Needs:   needs{SubscriptionIdentifiers: true},
		Func: on(func(b *bench) {
			c := b.clean(b.Version, "c")
			c.subscribeWith(identified(2), b.sub("TopicA", 2))
			c.subscribeWith(identified(3), b.sub("TopicA/#", 1))
			c.subscribe("+", 0)
			b.clean(b.Version, "publisher").publish(b.msg("TopicA", "x", 1))
			var ids []uint32
			bare := 0
			came := c.gather()
			for _, p := range came {
				n := len(ids)
				ids = slices.AppendSeq(ids, p.Properties.SubscriptionIdentifiers())
				if len(ids) == n {
					bare++
				}
			}
			slices.Sort(ids)
			if !slices.Equal(ids, []uint32{2, 3}) || len(came) == 3 && bare != 1 || len(came) < 3 && bare != 0 {
				b.Fault(nil, "the Subscription Identifiers 2 and 3", shows(came))
			}
		}),
	},
	{
		Name:    "subscribe/no-local",
		About:   "With No Local a client does not get what it publishes itself, by that subscription; others do.",
		Clauses: cite("5.0 3.8.3-3"),
		Func: on(func(b *bench) {
			one, other := b.clean(b.Version, "one"), b.clean(b.Version, "other")
			for level := range qos.Level(3) {
				one.subscribe("a", 2|codec.NoLocal)
				other.subscribe("a", 2|codec.NoLocal)
				one.publish(b.msg("a", "x", level))
				one.ping()
				other.take(b.msg("a", "x", level))
				other.publish(b.msg("a", "y", level))
				other.ping()
				one.take(b.msg("a", "y", level))
				one.ping()
			}
		}),
	},
	{
		Name:    "subscribe/no-local-made-anew",
		About:   "A subscription that is made anew without No Local brings a client its own messages.",
		Clauses: cite("5.0 3.8.4-3"),
		Func: on(func(b *bench) {
			c := b.clean(b.Version, "c")
			c.subscribe("a", 2|codec.NoLocal)
			c.subscribe("a", 2)
			for level := range qos.Level(3) {
				if came := c.converse(1, b.msg("a", "z", level)); len(came) != 1 {
					b.Fault(nil, "one copy", shows(came))
				}
			}
		}),
	},
	{
		Name:    "subscribe/no-local-and-another",
		About:   "A subscription without No Local brings a client its own message, though another of its subscriptions has No Local.",
		Clauses: cite("5.0 4.5.0-1"),
		Func: on(func(b *bench) {
			c := b.clean(b.Version, "c")
			c.subscribe("a", 2|codec.NoLocal)
			c.subscribe("+", 1)
			for level := range qos.Level(3) {
				for i, p := range c.converse(1, b.msg("a", "z", level)) {
					if i > 0 || p.QoS != min(level, 1) {
						b.Fault(nil, "one copy, by the subscription without No Local", show(p))
					}
				}
			}
		}),
	},
	{
		Name:    "subscribe/no-local-of-session",
		About:   "No Local goes by the Client Identifier, not by the connection: a will and what waits are the client's own, too.",
		Clauses: cite("5.0 3.8.3-3"),
		Func: on(func(b *bench) {
			c := b.kept(b.Version, "c", false)
			c.subscribe("a", 1|codec.NoLocal)
			c.publish(b.msg("a", "own", 1))
			c.disconnect()
			b.clean(b.Version, "other").publish(b.msg("a", "other's", 1))
			c = b.kept(b.Version, "c", true)
			c.take(b.msg("a", "other's", 1))
			c.publish(b.msg("a", "own", 1))
			c.ping()
		}),
	},
	{
		Name:    "unsubscribe/exact",
		About:   "UNSUBSCRIBE ends what it names, character by character, and nothing else.",
		Clauses: cite("3.1.1 3.10.4-1 3.10.4-2 3.10.4-4 3.10.4-5 3.10.4-6; 5.0 3.10.4-1 3.10.4-2 3.10.4-4 3.10.4-5 3.10.4-6 3.11.3-1"),
		Func: on(func(b *bench) {
			v := b.Version
			c := b.clean(v, "c")
			for _, filter := range []string{"TopicA", "TopicA/B", "Topic/C", "x/+", "y/#"} {
				c.subscribe(filter, 2)
			}
			codes := c.unsubscribe("TopicA", "none", "x/1", "x/#", "topica", "y/+", "y")
			if v == mqttwire.V50 {
				want := slices.Repeat([]mqttwire.Reason{mqttwire.NoSubscriptionExisted}, 7)
				want[0] = mqttwire.Success
				if !slices.Equal(codes, want) {
					b.Faultf(cUnsubList, fmt.Sprintf("codes %v", want), "%v", codes)
				}
			}
			publisher := b.clean(v, "publisher")
			publisher.publish(b.msg("TopicA", "", 1), b.msg("TopicA/B", "", 1), b.msg("Topic/C", "", 1), b.msg("x/1", "", 2), b.msg("y", "", 2))
			c.take(b.msg("TopicA/B", "", 1), b.msg("Topic/C", "", 1), b.msg("x/1", "", 2), b.msg("y", "", 2))
			c.ping()
			codes = c.unsubscribe("TopicA/B", "Topic/C", "x/+", "y/#", "TopicA")
			if v == mqttwire.V50 && !slices.Equal(codes, []mqttwire.Reason{0, 0, 0, 0, mqttwire.NoSubscriptionExisted}) {
				b.Faultf(cUnsubList, "Success four times, No subscription existed", "%v", codes)
			}
			publisher.publish(b.msg("TopicA", "", 1), b.msg("TopicA/B", "", 1), b.msg("Topic/C", "", 1), b.msg("x/1", "", 2), b.msg("y", "", 2))
			c.ping()
		}),
	},
	{
		Name:    "unsubscribe/of-another",
		About:   "The subscriptions of one client are not those of another.",
		Clauses: cite("3.1.1 3.10.4-1; 5.0 3.10.4-1"),
		Func: on(func(b *bench) {
			v := b.Version
			one, other := b.clean(v, "one"), b.clean(v, "other")
			one.subscribe("a", 1)
			other.subscribe("a", 1)
			one.unsubscribe("a")
			b.clean(v, "publisher").publish(b.msg("a", "x", 1))
			other.take(b.msg("a", "x", 1))
			one.ping()
		}),
	},
	{
		Name:    "topics/dollar",
		About:   "Wildcards at the beginning of a filter do not match a topic that begins with $, live or retained; a filter that spells it out does. A client may be kept from publishing there, so there are the broker's own topics, too, if it has any.",
		Clauses: cite("3.1.1 4.7.2-1; 5.0 4.7.2-1"),
		Needs:   needs{Seconds: 2, Alone: true},
		Func: on(func(b *bench) {
			v := b.Version
			wild := []string{"#", "+/#", "+/B", "+/+", "+", "+/broker/#", "+/broker/+"}
			exact := []string{"$TopicA/B", "$TopicA/+", "$TopicA/#"}
			// What others have published, and what the broker has kept, is not meant.
			foreign := func(p *codec.Publish) bool { return len(p.Topic) == 0 || p.Topic[0] != '$' }
			atRoot := func(name, filter string) *client {
				c := b.clean(v, name)
				c.foreign = foreign
				c.subscribeWith(codec.Properties{}, codec.Subscription{Filter: []byte(filter), Options: 1})
				return c
			}
			unmatched := func() {
				for _, filter := range wild {
					c := atRoot("unmatched", filter)
					c.ping()
					c.disconnect()
				}
			}
			var wilds, exacts []*client
			for _, filter := range wild {
				wilds = append(wilds, atRoot(filter, filter))
			}
			for _, filter := range exact {
				c := b.clean(v, filter)
				c.subscribe(filter, 1)
				exacts = append(exacts, c)
			}
			publisher := b.clean(v, "publisher")
			publisher.publishAnyhow(b.msg("$TopicA/B", "live", 1))
			publisher.publishAnyhow(retained(b.msg("$TopicA/B", "kept", 1)))
			allowed := 0
			for _, c := range exacts {
				allowed += len(c.gather())
			}
			switch allowed {
			case 0:
				b.Choose("publishing to topics that begin with $", "acknowledged, and not delivered")
			case 2 * len(exact):
				b.Choose("publishing to topics that begin with $", "delivered")
			default:
				b.Faultf(nil, fmt.Sprintf("one copy for each of %d subscriptions", len(exact)), "%d", allowed)
			}
			unmatched()
			if allowed > 0 {
				for _, filter := range exact {
					c := b.clean(v, "later")
					c.subscribe(filter, 1)
					c.take(retained(b.msg("$TopicA/B", "kept", 1)))
					c.ping()
				}
			}
			c := b.clean(v, "sys")
			c.subscribe("$SYS/#", 0)
			p, err := c.next(1500 * time.Millisecond)
			if m, ok := p.(*codec.Publish); ok && !strings.HasPrefix(string(m.Topic), "$SYS/") {
				b.Faultf(nil, "topics below $SYS", "%v", m)
			}
			if allowed == 0 && err != nil {
				b.Note("the broker has no topic that begins with $")
			}
			unmatched()
			for _, c := range wilds {
				c.ping()
			}
			// Only the first character counts.
			c = b.clean(v, "c")
			c.subscribe("a/+/#", 1)
			publisher.publish(b.msg("a/$b/c", "x", 1))
			c.take(b.msg("a/$b/c", "x", 1))
		}),
	},
}

func identified(id uint32) codec.Properties {
	return codec.AppendSubscriptionIdentifier(codec.Properties{}, id)
}
