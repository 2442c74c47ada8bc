package conformance

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
)

// A message is delivered at the lower of the QoS it is published with and that
// of the subscription, and acknowledged accordingly (3.1.1 [MQTT-3.8.4-6],
// [MQTT-3.3.4-1], 5.0 [MQTT-3.8.4-8], [MQTT-3.3.4-1]).
func TestQoS(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		publisher := b.clean(v, "publisher")
		for granted := range qos.Level(3) {
			c := b.clean(v, fmt.Sprint("subscriber", uint8(granted)))
			c.subscribe("a", codec.SubscriptionOptions(granted))
			for level := range qos.Level(3) {
				publisher.publish(msg("a", "x", level))
				c.take(msg("a", "x", min(level, granted)))
			}
			c.ping()
			c.disconnect()
		}
	})
}

// A client gets what it publishes itself.
func TestPublishToItself(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		c := b.clean(v, "c")
		c.subscribe("TopicA", 2)
		sent := []*codec.Publish{msg("TopicA", "qos 0", 0), msg("TopicA", "qos 1", 1), msg("TopicA", "qos 2", 2)}
		want := map[string]bool{}
		for _, m := range sent {
			want[show(m)] = true
		}
		for _, m := range c.converse(3, sent...) {
			if !want[show(m)] {
				t.Errorf("got %s", show(m))
			}
			delete(want, show(m))
		}
	})
}

// A message goes to everyone who has subscribed to it, near and far, of every
// version (3.1.1 [MQTT-4.5.0-1], 5.0 [MQTT-4.5.0-1]).
func TestEveryone(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		away := b.kept(v, "away", false)
		away.subscribe("a/#", 2)
		away.disconnect()
		var here []*client
		for _, other := range versions {
			for i, filter := range []string{"a/b", "+/b", "a/#", "#"} {
				c := b.clean(other, fmt.Sprint(other, i))
				c.subscribe(filter, 2)
				here = append(here, c)
			}
		}
		bystander := b.clean(v, "bystander")
		bystander.subscribe("a/c", 2)
		messages := []*codec.Publish{msg("a/b", "1", 1), msg("a/b", "2", 2)}
		b.clean(v, "publisher").publish(messages...)
		for _, c := range here {
			c.take(messages...)
			c.ping()
		}
		bystander.ping()
		away = b.kept(v, "away", true)
		away.take(messages...)
		away.ping()
	})
}

// A message may be of any content, also of none.
func TestPayloads(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		large := make([]byte, 300_000)
		for i := range large {
			large[i] = byte(rand.Uint32())
		}
		c := b.clean(v, "c")
		c.subscribe("a", 2)
		publisher := b.clean(v, "publisher")
		for _, payload := range []string{"", "\x00", "\xff\xfe\xc0\x80", strings.Repeat("x", 127), strings.Repeat("x", 128), strings.Repeat("x", 16384), string(large)} {
			for level := range qos.Level(3) {
				m := msg("a", payload, level)
				publisher.publish(m)
				c.take(m)
			}
		}
		c.ping()
	})
}

// A topic may be as long as a string can be.
func TestLongTopic(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		topic := strings.Repeat("x", 65535)
		c, d := b.clean(v, "c"), b.clean(v, "d")
		c.subscribe(topic, 1)
		d.subscribe("+", 1)
		b.clean(v, "publisher").publish(msg(topic, "1", 1), msg(topic[1:], "2", 1))
		c.take(msg(topic, "1", 1))
		c.ping()
		d.take(msg(topic, "1", 1), msg(topic[1:], "2", 1))
		d.ping()
	})
}

// A filter of tens of thousands of levels is granted or refused, and the broker
// survives it.
func TestDeepFilter(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		for _, level := range []string{"/", "+/"} {
			filter := strings.Repeat(level, 65535)[:65535]
			list := codec.Subscriptions{}.Append(sub(filter, 0))
			c := b.clean(v, "c")
			c.send(&codec.Subscribe{ID: 1, Subscriptions: list})
			switch p, err := c.next(patience); p := p.(type) {
			case *codec.Suback:
				c.ping()
			case *codec.Disconnect, nil:
				if isTimeout(err) {
					t.Error("no answer")
				}
			default:
				t.Errorf("got %v", p)
			}
		}
		b.clean(v, "other").ping()
	})
}

// DUP of an outgoing message is not that of the incoming one (3.1.1
// [MQTT-3.3.1-3], 5.0 [MQTT-3.3.1-3]).
func TestDupIsNotForwarded(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		c := b.clean(v, "c")
		c.subscribe("a", 2)
		publisher := b.clean(v, "publisher")
		for level := qos.Level(1); level <= 2; level++ {
			publisher.publish(dup(msg("a", "x", level)))
			c.take(msg("a", "x", level))
		}
	})
}

// A QoS 2 message that is sent again before its PUBREL is acknowledged again
// and delivered once. After PUBCOMP the identifier is free (3.1.1
// [MQTT-4.3.3-2], 5.0 [MQTT-4.3.3-10], [MQTT-4.3.3-12]).
func TestQoS2Once(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		c := b.clean(v, "c")
		c.subscribe("a", 2)
		publisher := b.clean(v, "publisher")
		for _, payload := range []string{"first", "second"} {
			m := msg("a", payload, 2)
			m.ID = 7
			publisher.send(m)
			publisher.acknowledged(receive[*codec.Pubrec](publisher), 7)
			for range 3 {
				publisher.send(dup(m))
				publisher.acknowledged(receive[*codec.Pubrec](publisher), 7)
			}
			publisher.send(&codec.Pubrel{ID: 7})
			publisher.expect(&codec.Pubcomp{ID: 7})
			c.take(msg("a", payload, 2))
			c.ping()
		}
	})
}

// A QoS 1 message that comes again after its PUBACK is another one, whatever
// its DUP says (3.1.1 [MQTT-4.3.2-2], 5.0 [MQTT-4.3.2-4], [MQTT-4.3.2-5]).
func TestQoS1Again(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		c := b.clean(v, "c")
		c.subscribe("a", 1)
		publisher := b.clean(v, "publisher")
		m := msg("a", "x", 1)
		m.ID = 7
		for _, p := range []*codec.Publish{m, m, dup(m)} {
			publisher.send(p)
			publisher.acknowledged(receive[*codec.Puback](publisher), 7)
			c.take(m)
			c.ping()
		}
	})
}

// A PUBREL of an identifier that means nothing is answered all the same (3.1.1
// [MQTT-4.3.3-2], 5.0 [MQTT-4.3.3-11]).
func TestPubrelOfNothing(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		c := b.clean(v, "c")
		c.send(&codec.Pubrel{ID: 7})
		if p := receive[*codec.Pubcomp](c); p.ID != 7 || p.Code != 0 && p.Code != mqttwire.PacketIdentifierNotFound {
			t.Errorf("got %v", p)
		}
		c.ping()
	})
}

// The two directions have identifiers of their own (3.1.1 §2.3.1, 5.0 §2.2.1).
func TestIdentifiersOfBothEnds(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		c := b.clean(v, "c")
		c.subscribe("in", 2)
		publisher := b.clean(v, "publisher")
		publisher.publish(msg("in", "1", 2))
		in := c.arrived(msg("in", "1", 2))
		out := msg("out", "2", 2)
		out.ID = in.ID
		c.send(out)
		c.acknowledged(receive[*codec.Pubrec](c), in.ID)
		c.send(&codec.Pubrec{ID: in.ID})
		c.expect(&codec.Pubrel{ID: in.ID})
		c.send(&codec.Pubrel{ID: in.ID})
		c.expect(&codec.Pubcomp{ID: in.ID})
		c.send(&codec.Pubcomp{ID: in.ID})
		c.ping()
	})
}

// Many messages at once, each with an identifier of its own while it is
// unfinished (3.1.1 [MQTT-2.3.1-4], 5.0 [MQTT-2.2.1-4]).
func TestManyInFlight(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		const n = 20
		c := b.clean(v, "c")
		c.subscribe("a", 2)
		publisher := b.clean(v, "publisher")
		for i := range n {
			publisher.publish(msg("a", fmt.Sprint(i), 1+qos.Level(i%2)))
		}
		seen := map[uint16]bool{}
		var came []*codec.Publish
		for i := range n {
			p := c.arrived(msg("a", fmt.Sprint(i), 1+qos.Level(i%2)))
			if p.ID == 0 || seen[p.ID] {
				t.Errorf("identifier %d", p.ID)
			}
			seen[p.ID] = true
			came = append(came, p)
		}
		for _, p := range came { // in the order of the messages (3.1.1 [MQTT-4.6.0-2], 5.0 [MQTT-4.6.0-2])
			c.finish(p)
		}
		c.ping()
	})
}

// An acknowledgement of 5.0 has more than one form (5.0 §3.4.2.1, §3.5.2.1,
// §3.6.2.1, §3.7.2.1).
func TestAcknowledgementForms(t *testing.T) {
	t.Parallel()
	b := start(t)
	c := b.clean(mqttwire.V50, "c")
	c.subscribe("a", 2)
	publisher := b.clean(mqttwire.V50, "publisher")
	for _, rest := range []string{"", "\x00", "\x00\x00", "\x00\x0a\x26\x00\x03key\x00\x02is", "\x00\x06\x1f\x00\x03why"} {
		ack := func(c *client, first byte, id uint16) {
			c.write(append([]byte{first, byte(2 + len(rest)), byte(id >> 8), byte(id)}, rest...))
		}
		publisher.publish(msg("a", "1", 1))
		ack(c, 0x40, c.arrived(msg("a", "1", 1)).ID)
		m := msg("a", "2", 2)
		m.ID = publisher.id()
		publisher.send(m)
		publisher.acknowledged(receive[*codec.Pubrec](publisher), m.ID)
		ack(publisher, 0x62, m.ID)
		publisher.expect(&codec.Pubcomp{ID: m.ID})
		p := c.arrived(msg("a", "2", 2))
		ack(c, 0x50, p.ID)
		c.expect(&codec.Pubrel{ID: p.ID})
		ack(c, 0x70, p.ID)
		c.ping()
		publisher.ping()
	}
}

// An acknowledgement of the wrong kind ends the connection. A PUBCOMP may be
// late rather than wrong, and be passed over.
func TestWrongAcknowledgement(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
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
			t.Run(tt.name, func(t *testing.T) {
				b := b.on(t)
				c := b.kept(v, "c", false)
				c.subscribe("a", 2)
				publisher.publish(msg("a", "x", tt.level))
				m := c.arrived(msg("a", "x", tt.level))
				tt.answer(c, m.ID)
				if !tt.may {
					c.ended(mqttwire.ProtocolError)
				} else {
					c.tryWrite([]byte(encode(t, c.to, &codec.Pingreq{})))
					switch p, err := c.next(patience); p := p.(type) {
					case *codec.Pingresp:
					case *codec.Disconnect:
						if p.Code != mqttwire.ProtocolError {
							t.Errorf("got %v", p)
						}
					default:
						if err == nil || isTimeout(err) {
							t.Errorf("got %v, %v", p, err)
						}
					}
					// Either way the message is not acknowledged.
					c.lose()
					b.kept(v, "c", true).again(m)
				}
				b.clean(v, "c").disconnect()
			})
		}
	})
}

// A PUBREC that comes twice has its PUBREL twice.
func TestPubrecAgain(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		c := b.clean(v, "c")
		c.subscribe("a", 2)
		b.clean(v, "publisher").publish(msg("a", "x", 2))
		id := c.arrived(msg("a", "x", 2)).ID
		for range 2 {
			c.send(&codec.Pubrec{ID: id})
			c.expect(&codec.Pubrel{ID: id})
		}
		c.send(&codec.Pubcomp{ID: id})
		c.ping()
	})
}

// Messages of a topic arrive in the order in which their publisher sent them,
// QoS by QoS, with several publishers at work (3.1.1 [MQTT-4.6.0-5],
// [MQTT-4.6.0-6], 5.0 [MQTT-4.6.0-5], [MQTT-4.6.0-6]).
func TestOrder(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
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
				m := msg("a/b", fmt.Sprintf("%d %d", k, i), qos.Level(i%3))
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
				t.Fatal(err)
			}
			key := fmt.Sprintf("publisher %d at %v", from, p.QoS)
			if before, ok := last[key]; i%3 != int(p.QoS) || ok && i != before+3 || !ok && i != int(p.QoS) {
				t.Fatalf("%s: message %d comes after %d", key, i, before)
			}
			last[key] = i
		}
	})
}

// Which names a filter matches (3.1.1 [MQTT-4.7.1-2], [MQTT-4.7.1-3], 5.0
// [MQTT-4.7.1-1], [MQTT-4.7.1-2]), for live messages and retained ones.
func TestMatching(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
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
			publisher.publish(retained(msg(name, "old", 0)))
		}
		for filter, matched := range tests {
			t.Run(strings.ReplaceAll(filter, "/", "|"), func(t *testing.T) {
				c := b.on(t).clean(v, "c")
				c.subscribe(filter, 0)
				// One broker may send retained messages after SUBACK, another in
				// any order.
				var old, live []*codec.Publish
				for _, name := range strings.Fields(matched) {
					old = append(old, retained(msg(name, "old", 0)))
					live = append(live, msg(name, "live", 0))
				}
				c.takeAny(old...)
				for _, name := range names {
					publisher.publish(msg(name, "live", 0))
				}
				c.takeAny(live...)
				c.ping()
				c.unsubscribe(filter)
				publisher.publish(msg("foo", "live", 0))
				c.ping()
				c.disconnect()
			})
		}
	})
}

// Topics are compared as they are: case, spaces, and characters that look the
// same all differ (3.1.1 [MQTT-4.7.3-4], 5.0 [MQTT-4.7.3-4]).
func TestTopicsAreNotNormalised(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		names := []string{"Accounts", "ACCOUNTS", "accounts", "accounts ", " accounts", "e\u0301", "\u00e9", "\u212b", "\u00c5", "A\u030a", "ﬁ", "fi", "\ufeffaccounts", "a%2Fb", "a/b", "a/./b", "a//b", "a\\b", "ß", "ss"}
		var clients []*client
		for i, name := range names {
			c := b.clean(v, fmt.Sprint(i))
			c.subscribe(name, 0)
			clients = append(clients, c)
		}
		publisher := b.clean(v, "publisher")
		for _, name := range names {
			publisher.publish(retained(msg(name, name, 0)))
		}
		for i, name := range names {
			clients[i].take(msg(name, name, 0))
			clients[i].ping()
			clients[i].subscribe(name, 0)
			clients[i].take(retained(msg(name, name, 0)))
			clients[i].ping()
		}
	})
}

// A message in the making does not hold up those of others.
func TestSlowPublisher(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		c := b.clean(v, "c")
		c.subscribe("a", 0)
		slow := b.clean(v, "slow")
		m := msg("a", strings.Repeat("x", 1000), 0)
		whole := []byte(encode(t, slow.to, m))
		slow.write(whole[:500])
		b.clean(v, "quick").publish(msg("a", "1", 0))
		c.take(msg("a", "1", 0))
		c.ping()
		slow.write(whole[500:])
		c.take(m)
	})
}

// A connection that breaks in the middle of a message delivers nothing of it.
func TestCutPublish(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		c := b.clean(v, "c")
		c.subscribe("#", 0)
		cut := b.clean(v, "cut")
		whole := []byte(encode(t, cut.to, msg("a", strings.Repeat("x", 1000), 0)))
		cut.write(bytes.Clone(whole[:500]))
		cut.lose()
		b.clean(v, "cut").publish(msg("a", "1", 0))
		c.take(msg("a", "1", 0))
		c.ping()
	})
}
