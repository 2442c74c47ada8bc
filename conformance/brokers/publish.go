package brokers

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/conformance"
	"github.com/mqttwire/mqttwire/qos"
)

var publishChecks = []conformance.Check{
	{
		Name:    "publish/qos",
		About:   "A message is delivered at the lower of the QoS it is published with and that of the subscription, and acknowledged accordingly.",
		Clauses: cite("3.1.1 3.8.4-6; 5.0 3.8.4-8"),
		Func: on(func(b *bench) {
			v := b.Version
			publisher := b.clean(v, "publisher")
			for granted := range qos.Level(3) {
				c := b.clean(v, fmt.Sprint("subscriber", uint8(granted)))
				c.subscribe("a", codec.SubscriptionOptions(granted))
				for level := range qos.Level(3) {
					publisher.publish(b.msg("a", "x", level))
					c.take(b.msg("a", "x", min(level, granted)))
				}
				c.ping()
				c.disconnect()
			}
		}),
	},
	{
		Name:    "publish/to-itself",
		About:   "A client gets what it publishes itself.",
		Clauses: cite("3.1.1 4.5.0-1; 5.0 4.5.0-1"),
		Func: on(func(b *bench) {
			v := b.Version
			c := b.clean(v, "c")
			c.subscribe("TopicA", 2)
			sent := []*codec.Publish{b.msg("TopicA", "qos 0", 0), b.msg("TopicA", "qos 1", 1), b.msg("TopicA", "qos 2", 2)}
			want := map[string]bool{}
			for _, m := range sent {
				want[show(m)] = true
			}
			for _, m := range c.converse(3, sent...) {
				if !want[show(m)] {
					b.Fault(nil, "messages as they were published", show(m))
				}
				delete(want, show(m))
			}
		}),
	},
	{
		Name:    "publish/everyone",
		About:   "A message goes to everyone who has subscribed to it, near and far, of every version.",
		Clauses: cite("3.1.1 4.5.0-1; 5.0 4.5.0-1"),
		Func: on(func(b *bench) {
			v := b.Version
			away := b.kept(v, "away", false)
			away.subscribe("a/#", 2)
			away.disconnect()
			var here []*client
			for _, other := range b.spoken() {
				for i, filter := range []string{"a/b", "+/b", "a/#", "#"} {
					c := b.clean(other, fmt.Sprint(other, i))
					c.subscribe(filter, 2)
					here = append(here, c)
				}
			}
			bystander := b.clean(v, "bystander")
			bystander.subscribe("a/c", 2)
			messages := []*codec.Publish{b.msg("a/b", "1", 1), b.msg("a/b", "2", 2)}
			b.clean(v, "publisher").publish(messages...)
			for _, c := range here {
				c.take(messages...)
				c.ping()
			}
			bystander.ping()
			away = b.kept(v, "away", true)
			away.take(messages...)
			away.ping()
		}),
	},
	{
		Name:    "publish/payloads",
		About:   "A message may be of any content, also of none.",
		Clauses: cite("3.1.1 4.5.0-1; 5.0 4.5.0-1"),
		Func: on(func(b *bench) {
			v := b.Version
			large := make([]byte, 300_000)
			for i := range large {
				large[i] = byte(rand.Uint32())
			}
			c := b.clean(v, "c")
			c.subscribe("a", 2)
			publisher := b.clean(v, "publisher")
			for _, payload := range []string{"", "\x00", "\xff\xfe\xc0\x80", strings.Repeat("x", 127), strings.Repeat("x", 128), strings.Repeat("x", 16384), string(large)} {
				for level := range qos.Level(3) {
					m := b.msg("a", payload, level)
					publisher.publish(m)
					c.take(m)
				}
			}
			c.ping()
		}),
	},
	{
		Name:    "topics/longest",
		About:   "A topic may be as long as a string can be.",
		Clauses: cite("3.1.1 4.7.3-3; 5.0 4.7.3-3"),
		Func: on(func(b *bench) {
			v := b.Version
			topic := strings.Repeat("x", 65535-len(b.topic("")))
			c, d := b.clean(v, "c"), b.clean(v, "d")
			c.subscribe(topic, 1)
			d.subscribe("+", 1)
			b.clean(v, "publisher").publish(b.msg(topic, "1", 1), b.msg(topic[1:], "2", 1))
			c.take(b.msg(topic, "1", 1))
			c.ping()
			d.take(b.msg(topic, "1", 1), b.msg(topic[1:], "2", 1))
			d.ping()
		}),
	},
	{
		Name:    "topics/deep-filter",
		About:   "A filter of tens of thousands of levels is granted or refused, and the broker survives it.",
		Clauses: cite("3.1.1 3.8.4-1; 5.0 3.8.4-1"),
		Func: on(func(b *bench) {
			v := b.Version
			for _, level := range []string{"/", "+/"} {
				filter := strings.Repeat(level, 65535)[:65535-len(b.topic(""))]
				list := codec.Subscriptions{}.Append(b.sub(filter, 0))
				c := b.clean(v, "c")
				c.send(&codec.Subscribe{ID: 1, Subscriptions: list})
				switch p, err := c.next(b.Patience()); p := p.(type) {
				case *codec.Suback:
					c.ping()
				case *codec.Disconnect, nil:
					if conformance.IsTimeout(err) {
						b.Fault(nil, "SUBACK, or the end of the connection", "nothing")
					}
				default:
					b.Faultf(nil, "SUBACK", "%v", p)
				}
			}
			b.clean(v, "other").ping()
		}),
	},
	{
		Name:    "publish/dup-not-forwarded",
		About:   "DUP of an outgoing message is not that of the incoming one.",
		Clauses: cite("3.1.1 3.3.1-3; 5.0 3.3.1-3"),
		Func: on(func(b *bench) {
			v := b.Version
			c := b.clean(v, "c")
			c.subscribe("a", 2)
			publisher := b.clean(v, "publisher")
			for level := qos.Level(1); level <= 2; level++ {
				publisher.publish(dup(b.msg("a", "x", level)))
				c.take(b.msg("a", "x", level))
			}
		}),
	},
	{
		Name:    "qos2/once",
		About:   "A QoS 2 message that is sent again before its PUBREL is acknowledged again and delivered once. After PUBCOMP the identifier is free.",
		Clauses: cite("3.1 V31-10; 3.1.1 4.3.3-2; 5.0 4.3.3-10 4.3.3-12"),
		Func: on(func(b *bench) {
			v := b.Version
			c := b.clean(v, "c")
			c.subscribe("a", 2)
			publisher := b.clean(v, "publisher")
			for _, payload := range []string{"first", "second"} {
				m := b.msg("a", payload, 2)
				m.ID = 7
				publisher.send(m)
				publisher.acknowledged(receive[*codec.Pubrec](publisher), 7)
				for range 3 {
					publisher.send(dup(m))
					publisher.acknowledged(receive[*codec.Pubrec](publisher), 7)
				}
				publisher.send(&codec.Pubrel{ID: 7})
				publisher.expect(&codec.Pubcomp{ID: 7})
				c.take(b.msg("a", payload, 2))
				c.ping()
			}
		}),
	},
	{
		Name:    "qos1/again",
		About:   "A QoS 1 message that comes again after its PUBACK is another one, whatever its DUP says.",
		Clauses: cite("3.1.1 4.3.2-2; 5.0 4.3.2-5 4.3.2-4"),
		Func: on(func(b *bench) {
			v := b.Version
			c := b.clean(v, "c")
			c.subscribe("a", 1)
			publisher := b.clean(v, "publisher")
			m := b.msg("a", "x", 1)
			m.ID = 7
			for _, p := range []*codec.Publish{m, m, dup(m)} {
				publisher.send(p)
				publisher.acknowledged(receive[*codec.Puback](publisher), 7)
				c.take(m)
				c.ping()
			}
		}),
	},
	{
		Name:    "qos2/pubrel-of-nothing",
		About:   "A PUBREL of an identifier that means nothing is answered all the same.",
		Clauses: cite("3.1.1 4.3.3-2; 5.0 4.3.3-11"),
		Func: on(func(b *bench) {
			v := b.Version
			c := b.clean(v, "c")
			c.send(&codec.Pubrel{ID: 7})
			if p := receive[*codec.Pubcomp](c); p.ID != 7 || p.Code != 0 && p.Code != mqttwire.PacketIdentifierNotFound {
				b.Faultf(nil, "PUBCOMP of 7 with Success or Packet Identifier not found", "%v", p)
			}
			c.ping()
		}),
	},
	{
		Name:    "publish/identifiers-of-both-ends",
		About:   "The two directions have identifiers of their own.",
		Clauses: cite("3.1.1 2.3.1-6; 5.0 2.2.1-5"),
		Func: on(func(b *bench) {
			v := b.Version
			c := b.clean(v, "c")
			c.subscribe("in", 2)
			publisher := b.clean(v, "publisher")
			publisher.publish(b.msg("in", "1", 2))
			in := c.arrived(b.msg("in", "1", 2))
			out := b.msg("out", "2", 2)
			out.ID = in.ID
			c.send(out)
			c.acknowledged(receive[*codec.Pubrec](c), in.ID)
			c.send(&codec.Pubrec{ID: in.ID})
			c.expect(&codec.Pubrel{ID: in.ID})
			c.send(&codec.Pubrel{ID: in.ID})
			c.expect(&codec.Pubcomp{ID: in.ID})
			c.send(&codec.Pubcomp{ID: in.ID})
			c.ping()
		}),
	},
	{
		Name:    "publish/identifiers",
		About:   "Many messages at once, each with an identifier of its own while it is unfinished.",
		Clauses: cite("3.1 V31-9; 3.1.1 2.3.1-4 4.3.2-1; 5.0 2.2.1-4 4.3.2-1 4.3.2-2 4.3.3-1 4.3.3-2"),
		Func: on(func(b *bench) {
			v := b.Version
			const n = 20
			c := b.clean(v, "c")
			c.subscribe("a", 2)
			publisher := b.clean(v, "publisher")
			for i := range n {
				publisher.publish(b.msg("a", fmt.Sprint(i), 1+qos.Level(i%2)))
			}
			seen := map[uint16]bool{}
			var came []*codec.Publish
			for i := range n {
				p := c.arrived(b.msg("a", fmt.Sprint(i), 1+qos.Level(i%2)))
				if p.ID == 0 || seen[p.ID] {
					b.Faultf(nil, "an identifier that is not in use", "%d", p.ID)
				}
				seen[p.ID] = true
				came = append(came, p)
			}
			for _, p := range came { // in the order of the messages (3.1.1 [MQTT-4.6.0-2], 5.0 [MQTT-4.6.0-2])
				c.finish(p)
			}
			c.ping()
		}),
	},
	{
		Name:    "publish/answers-in-order",
		About:   "PUBACK, PUBREC and PUBREL leave in the order of what they answer.",
		Level:   conformance.Should,
		Clauses: cite("3.1.1 4.6.0-2 4.6.0-3 4.6.0-4; 5.0 4.6.0-2 4.6.0-3 4.6.0-4"),
		Func: on(func(b *bench) {
			const n = 10
			c, publisher := b.clean(b.Version, "c"), b.clean(b.Version, "publisher")
			c.subscribe("a", 2)
			var packets []codec.Packet
			for i := range uint16(n) {
				packets = append(packets, withID(i+1, b.msg("a", fmt.Sprint(i), 2)), withID(i+101, b.msg("b", "x", 1)))
			}
			publisher.send(packets...)
			for recs, acks := uint16(0), uint16(100); recs < n || acks < n+100; {
				switch p := publisher.packet(cAnswered, "PUBREC and PUBACK").(type) {
				case *codec.Pubrec:
					if recs++; p.ID != recs {
						b.Faultf(nil, fmt.Sprintf("PUBREC of %d", recs), "%v", p)
					}
				case *codec.Puback:
					if acks++; p.ID != acks {
						b.Faultf(nil, fmt.Sprintf("PUBACK of %d", acks), "%v", p)
					}
				default:
					b.Fatal(cAnswered, "PUBREC and PUBACK", fmt.Sprint(p))
				}
			}
			for i := range uint16(n) {
				publisher.send(&codec.Pubrel{ID: i + 1})
			}
			var came []*codec.Publish
			for i := range n {
				came = append(came, c.arrived(b.msg("a", fmt.Sprint(i), 2)))
			}
			for _, p := range came {
				c.send(&codec.Pubrec{ID: p.ID})
			}
			for _, p := range came {
				if rel := receive[*codec.Pubrel](c); rel.ID != p.ID {
					b.Faultf(nil, fmt.Sprintf("PUBREL of %d", p.ID), "%v", rel)
				}
			}
			for _, p := range came {
				c.send(&codec.Pubcomp{ID: p.ID})
			}
		}),
	},
	{
		Name:    "publish/acknowledgement-forms",
		About:   "An acknowledgement of 5.0 has more than one form.",
		Clauses: cite("5.0 3.4.2-1 3.5.2-1 3.6.2-1 3.7.2-1"),
		Func: on(func(b *bench) {
			c := b.clean(b.Version, "c")
			c.subscribe("a", 2)
			publisher := b.clean(b.Version, "publisher")
			for _, rest := range []string{"", "\x00", "\x00\x00", "\x00\x0a\x26\x00\x03key\x00\x02is", "\x00\x06\x1f\x00\x03why"} {
				ack := func(c *client, first byte, id uint16) {
					c.write(append([]byte{first, byte(2 + len(rest)), byte(id >> 8), byte(id)}, rest...))
				}
				publisher.publish(b.msg("a", "1", 1))
				ack(c, 0x40, c.arrived(b.msg("a", "1", 1)).ID)
				m := b.msg("a", "2", 2)
				m.ID = publisher.id()
				publisher.send(m)
				publisher.acknowledged(receive[*codec.Pubrec](publisher), m.ID)
				ack(publisher, 0x62, m.ID)
				publisher.expect(&codec.Pubcomp{ID: m.ID})
				p := c.arrived(b.msg("a", "2", 2))
				ack(c, 0x50, p.ID)
				c.expect(&codec.Pubrel{ID: p.ID})
				ack(c, 0x70, p.ID)
				c.ping()
				publisher.ping()
			}
		}),
	},
	{
		Name:    "publish/wrong-acknowledgement",
		About:   "An acknowledgement of the wrong kind ends the connection. A PUBCOMP may be late rather than wrong, and be passed over.",
		Clauses: cite("3.1.1 4.3.2-1; 5.0 4.3.2-3 4.3.3-3"),
		Func: on(func(b *bench) {
			v := b.Version
			publisher := b.clean(v, "publisher")
			for _, tt := range []struct {
				name   string
				level  qos.Level
				answer func(c *client, id uint16)
				may    bool // it may be passed over
			}{
				{"PUBREC for QoS 1", 1, func(c *client, id uint16) { c.send(&codec.Pubrec{ID: id}) }, false},
				{"PUBCOMP for QoS 1", 1, func(c *client, id uint16) { c.send(&codec.Pubcomp{ID: id}) }, true},
				{"PUBACK for QoS 2", 2, func(c *client, id uint16) { c.send(&codec.Puback{ID: id}) }, false},
				{"PUBCOMP before PUBREC", 2, func(c *client, id uint16) { c.send(&codec.Pubcomp{ID: id}) }, true},
				{"PUBACK for PUBREL", 2, func(c *client, id uint16) {
					c.send(&codec.Pubrec{ID: id})
					c.expect(&codec.Pubrel{ID: id})
					c.send(&codec.Puback{ID: id})
				}, false},
			} {
				b.each(tt.name, func(b *bench) {
					c := b.kept(v, "c", false)
					c.subscribe("a", 2)
					publisher.publish(b.msg("a", "x", tt.level))
					m := c.arrived(b.msg("a", "x", tt.level))
					tt.answer(c, m.ID)
					if !tt.may {
						c.ended(nil, mqttwire.ProtocolError)
					} else {
						c.Write([]byte(encode(c.version(), &codec.Pingreq{})))
						switch p, err := c.next(b.Patience()); p := p.(type) {
						case *codec.Pingresp:
						case *codec.Disconnect:
							if p.Code != mqttwire.ProtocolError {
								b.Faultf(cDisconnects, "DISCONNECT with Protocol Error", "%v", p)
							}
						default:
							if err == nil || conformance.IsTimeout(err) {
								b.Faultf(nil, "PINGRESP, or the end of the connection", "%v, %v", p, err)
							}
						}
						// Either way the message is not acknowledged.
						c.lose()
						b.kept(v, "c", true).again(m)
					}
					b.clean(v, "c").disconnect()
				})
			}
		}),
	},
	{
		Name:    "qos2/pubrec-again",
		About:   "A PUBREC that comes twice has its PUBREL twice.",
		Clauses: cite("3.1.1 4.3.3-1; 5.0 4.3.3-4"),
		Func: on(func(b *bench) {
			v := b.Version
			c := b.clean(v, "c")
			c.subscribe("a", 2)
			b.clean(v, "publisher").publish(b.msg("a", "x", 2))
			id := c.arrived(b.msg("a", "x", 2)).ID
			for range 2 {
				c.send(&codec.Pubrec{ID: id})
				c.expect(&codec.Pubrel{ID: id})
			}
			c.send(&codec.Pubcomp{ID: id})
			c.ping()
		}),
	},
	{
		Name:    "publish/order",
		About:   "Messages of a topic arrive in the order in which their publisher sent them, QoS by QoS, with several publishers at work.",
		Clauses: cite("3.1.1 4.6.0-6 4.6.0-5; 5.0 4.6.0-5 4.6.0-6"),
		Func: on(func(b *bench) {
			v := b.Version
			const publishers, each = 3, 60
			c := b.clean(v, "c")
			c.subscribe("a/+", 2)
			var all []*client
			for i := range publishers {
				p := b.clean(v, fmt.Sprint("publisher", i))
				all = append(all, p)
			}
			for i := range each { // unread acknowledgements wait in the sockets
				for k, p := range all {
					m := b.msg("a/b", fmt.Sprintf("%d %d", k, i), qos.Level(i%3))
					if m.QoS > 0 {
						m.ID = uint16(i + 1)
					}
					p.send(m)
					if m.QoS == 2 {
						p.send(&codec.Pubrel{ID: m.ID})
					}
				}
			}
			last := map[string]int{}
			for _, p := range c.converse(publishers * each) {
				var from, i int
				if _, err := fmt.Sscanf(string(p.Payload), "%d %d", &from, &i); err != nil {
					b.Fatal(nil, "a payload that was sent", string(p.Payload))
				}
				key := fmt.Sprintf("publisher %d at %v", from, p.QoS)
				if before, ok := last[key]; i%3 != int(p.QoS) || ok && i != before+3 || !ok && i != int(p.QoS) {
					b.Fatalf(nil, "the order of the publisher", "%s: message %d after %d", key, i, before)
				}
				last[key] = i
			}
		}),
	},
	{
		Name:    "topics/matching",
		About:   "Which names a filter matches, for live messages and retained ones.",
		Clauses: cite("3.1.1 4.7.1-2 4.7.1-3 3.3.2-3; 5.0 4.7.1-1 4.7.1-2 3.3.2-3"),
		Func: on(func(b *bench) {
			v := b.Version
			names := []string{"foo", "foo/", "/foo", "foo/bar", "foo//bar", "foo/bar/", "foo/bar/baz", "foo//bar///baz", "/", "//", "////foo///bar", "bar", "Foo/bar"}
			tests := map[string]string{ // filter: names, space between
				"#":           "foo foo/ /foo foo/bar foo//bar foo/bar/ foo/bar/baz foo//bar///baz / // ////foo///bar bar Foo/bar",
				"+":           "foo bar",
				"+/+":         "foo/ /foo foo/bar / Foo/bar",
				"+/+/+":       "foo//bar foo/bar/ foo/bar/baz //",
				"/#":          "/foo / // ////foo///bar",
				"/+":          "/foo /",
				"+/":          "foo/ /",
				"+/#":         "foo foo/ /foo foo/bar foo//bar foo/bar/ foo/bar/baz foo//bar///baz / // ////foo///bar bar Foo/bar",
				"foo/#":       "foo foo/ foo/bar foo//bar foo/bar/ foo/bar/baz foo//bar///baz",
				"foo/+":       "foo/ foo/bar",
				"foo/+/baz":   "foo/bar/baz",
				"foo/+/baz/#": "foo/bar/baz",
				"foo//#":      "foo/ foo//bar foo//bar///baz",
				"foo//+":      "foo//bar",
				"+/bar/#":     "foo/bar foo/bar/ foo/bar/baz Foo/bar",
				"foo/bar":     "foo/bar",
				"//":          "//",
				"baz":         "",
			}
			publisher := b.clean(v, "publisher")
			for _, name := range names {
				publisher.publish(retained(b.msg(name, "old", 0)))
			}
			for filter, matched := range tests {
				b.each(strings.ReplaceAll(filter, "/", "|"), func(b *bench) {
					c := b.clean(v, "c")
					c.subscribe(filter, 0)
					// One broker may send retained messages after SUBACK, another in
					// any order.
					var old, live []*codec.Publish
					for _, name := range strings.Fields(matched) {
						old = append(old, retained(b.msg(name, "old", 0)))
						live = append(live, b.msg(name, "live", 0))
					}
					c.takeAny(old...)
					for _, name := range names {
						publisher.publish(b.msg(name, "live", 0))
					}
					c.takeAny(live...)
					c.ping()
					c.unsubscribe(filter)
					publisher.publish(b.msg("foo", "live", 0))
					c.ping()
					c.disconnect()
				})
			}
		}),
	},
	{
		Name:    "topics/not-normalised",
		About:   "Topics are compared as they are: case, spaces, and characters that look the same all differ.",
		Clauses: cite("3.1.1 4.7.3-4; 5.0 4.7.3-4"),
		Func: on(func(b *bench) {
			v := b.Version
			names := []string{"Accounts", "ACCOUNTS", "accounts", "accounts ", " accounts", "e\u0301", "\u00e9", "\u212b", "\u00c5", "A\u030a", "ﬁ", "fi", "\ufeffaccounts", "a%2Fb", "a/b", "a/./b", "a//b", "a\\b", "ß", "ss"}
			var clients []*client
			for i, name := range names {
				c := b.clean(v, fmt.Sprint(i))
				c.subscribe(name, 0)
				clients = append(clients, c)
			}
			publisher := b.clean(v, "publisher")
			for _, name := range names {
				publisher.publish(retained(b.msg(name, name, 0)))
			}
			for i, name := range names {
				clients[i].take(b.msg(name, name, 0))
				clients[i].ping()
				clients[i].subscribe(name, 0)
				clients[i].take(retained(b.msg(name, name, 0)))
				clients[i].ping()
			}
		}),
	},
	{
		Name:    "connect/slow-publisher",
		About:   "A message in the making does not hold up those of others.",
		Clauses: cite("3.1.1 7.1.1-1; 5.0 4.2.0-1"),
		Level:   conformance.Should,
		Func: on(func(b *bench) {
			v := b.Version
			c := b.clean(v, "c")
			c.subscribe("a", 0)
			slow := b.clean(v, "slow")
			m := b.msg("a", strings.Repeat("x", 1000), 0)
			whole := []byte(encode(slow.version(), m))
			slow.write(whole[:500])
			b.clean(v, "quick").publish(b.msg("a", "1", 0))
			c.take(b.msg("a", "1", 0))
			c.ping()
			slow.write(whole[500:])
			c.take(m)
		}),
	},
	{
		Name:    "connect/cut-publish",
		About:   "A connection that breaks in the middle of a message delivers nothing of it.",
		Clauses: cite("3.1.1 7.1.1-1; 5.0 4.2.0-1"),
		Func: on(func(b *bench) {
			v := b.Version
			c := b.clean(v, "c")
			c.subscribe("#", 0)
			cut := b.clean(v, "cut")
			whole := []byte(encode(cut.version(), b.msg("a", strings.Repeat("x", 1000), 0)))
			cut.write(bytes.Clone(whole[:500]))
			cut.lose()
			b.clean(v, "cut").publish(b.msg("a", "1", 0))
			c.take(b.msg("a", "1", 0))
			c.ping()
		}),
	},
}
