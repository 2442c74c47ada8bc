package brokers

import (
	"fmt"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/conformance"
	"github.com/mqttwire/mqttwire/qos"
)

var aliasChecks = []conformance.Check{
	{
		Name:    "alias/taken",
		About:   "A client may give a topic a number and use that instead, at any QoS, and give the number to another topic. Nobody else sees it.",
		Clauses: cite("5.0 3.3.2-12 3.3.2-7"),
		Needs:   needs{Aliases: true},
		Func: on(func(b *bench) {
			c := b.clean(b.Version, "c")
			n, _ := c.connack.Properties.TopicAliasMaximum()
			watcher := b.clean(b.Version, "watcher")
			watcher.subscribe("#", 2)
			for _, alias := range []uint16{1, n} {
				for _, topic := range []string{"first", "second"} {
					c.publish(aliased(alias, b.msg(topic, "x", 1)))
					watcher.take(b.msg(topic, "x", 1))
					for level := range qos.Level(3) {
						c.publish(aliased(alias, bare("y", level)))
						watcher.take(b.msg(topic, "y", level))
					}
				}
			}
			// The message has its topic wherever it goes.
			c.publish(retained(aliased(1, bare("kept", 1))))
			watcher.take(b.msg("second", "kept", 1))
			later := b.clean(b.Version, "later")
			later.subscribe("second", 1)
			later.take(retained(b.msg("second", "kept", 1)))
			later.ping()
			watcher.ping()
		}),
	},
	{
		Name:    "alias/per-connection",
		About:   "A number is not kept over the end of a connection, nor shared between two.",
		Clauses: cite("5.0 3.3.2-7"),
		Needs:   needs{Aliases: true},
		Func: on(func(b *bench) {
			c := b.kept(b.Version, "c", false)
			c.publish(aliased(1, b.msg("a", "x", 1)))
			other := b.clean(b.Version, "other")
			other.send(aliased(1, bare("x", 0)))
			other.ended(nil, mqttwire.ProtocolError, mqttwire.TopicAliasInvalid)
			c.publish(aliased(1, bare("x", 1)))
			c.disconnect()
			c = b.kept(b.Version, "c", true)
			c.publish(b.msg("a", "x", 1))
			c.send(aliased(1, bare("x", 0)))
			c.ended(nil, mqttwire.ProtocolError, mqttwire.TopicAliasInvalid)
		}),
	},
	{
		Name:    "alias/wrong",
		About:   "A number that has no topic, is 0, or more than the broker takes ends the connection.",
		Clauses: cite("5.0 3.3.2-8 3.3.2-9 E-3.3.4/3 E-3.3.4/4"),
		Func: on(func(b *bench) {
			n, _ := b.clean(b.Version, "c").connack.Properties.TopicAliasMaximum()
			for _, tt := range []struct {
				name  string
				topic string
				alias uint16
				codes []mqttwire.Reason
				runs  bool
			}{
				{"unknown", "", 1, []mqttwire.Reason{mqttwire.ProtocolError}, n > 0},
				{"zero", "a", 0, []mqttwire.Reason{mqttwire.TopicAliasInvalid}, true},
				{"zero without topic", "", 0, []mqttwire.Reason{mqttwire.TopicAliasInvalid, mqttwire.ProtocolError}, true},
				{"one too many", "a", n + 1, []mqttwire.Reason{mqttwire.TopicAliasInvalid}, n < 65535},
				{"too many", "a", 65535, []mqttwire.Reason{mqttwire.TopicAliasInvalid}, n < 65535},
			} {
				if tt.runs {
					b.each(tt.name, func(b *bench) {
						c := b.clean(b.Version, "d")
						body := append([]byte{0, byte(len(tt.topic))}, tt.topic...)
						body = append(body, 3, 0x23, byte(tt.alias>>8), byte(tt.alias))
						c.write(append([]byte{0x30, byte(len(body))}, body...))
						c.ended(nil, tt.codes...)
					})
				}
			}
		}),
	},
	{
		Name:    "alias/of-broker",
		About:   "A broker uses no more numbers for a client than it takes: each stands for the topic that came with it.",
		Clauses: cite("5.0 3.3.2-11 3.1.2-26 3.1.2-27"),
		Func: on(func(b *bench) {
			publisher := b.clean(b.Version, "publisher")
			for _, n := range []uint16{0, 1, 3, 65535} {
				b.each(fmt.Sprint(n), func(b *bench) {
					p := b.keep(b.Version, fmt.Sprint(n))
					if n > 0 {
						p.Properties = codec.AppendTopicAliasMaximum(p.Properties, n)
					}
					c := b.join(p)
					c.subscribe("+", 2)
					for range 2 { // connections
						topics := map[uint16]string{}
						for range 3 {
							for topic := range 6 {
								for level := range qos.Level(3) {
									want := b.msg(fmt.Sprint(topic), "x", level)
									publisher.publish(want)
									got := receive[*codec.Publish](c).Clone()
									if alias, ok := got.Properties.TopicAlias(); ok {
										if alias == 0 {
											b.Fatalf(cAliasLimit, "a Topic Alias above 0", "%v", &got)
										}
										if len(got.Topic) > 0 {
											topics[alias] = string(got.Topic)
										}
										got.Topic = []byte(topics[alias])
										got.Properties = codec.Properties{}
									}
									if show(&got) != show(want) {
										b.Fatal(nil, show(want), show(&got))
									}
									c.finish(&got)
								}
							}
						}
						c.disconnect()
						c = b.join(p)
						c.expectPresent(true)
					}
				})
			}
		}),
	},
	{
		Name:    "alias/resent",
		About:   "A number that a message was sent with means nothing when it is sent again on another connection.",
		Clauses: cite("5.0 3.3.2-7"),
		Func: on(func(b *bench) {
			publisher := b.clean(b.Version, "publisher")
			p := b.keep(b.Version, "c")
			p.Properties = codec.AppendTopicAliasMaximum(p.Properties, 5)
			c := b.join(p)
			c.subscribe("a", 1)
			publisher.publish(b.msg("a", "1", 0), b.msg("a", "2", 1), b.msg("a", "3", 1))
			for range 3 {
				receive[*codec.Publish](c)
			}
			c.lose()
			c = b.join(p)
			for i, payload := range []string{"2", "3"} {
				got := receive[*codec.Publish](c).Clone()
				if i == 0 && string(got.Topic) != b.topic("a") || string(got.Payload) != payload || !got.Dup {
					b.Faultf(nil, "the message again, with DUP", "%v", &got)
				}
				c.finish(&got)
			}
			c.lose()
			c = b.kept(b.Version, "c", true) // takes none now
			publisher.publish(b.msg("a", "4", 1))
			c.take(b.msg("a", "4", 1))
			c.ping()
		}),
	},
}

func aliased(alias uint16, p *codec.Publish) *codec.Publish {
	q := *p
	q.Properties = codec.AppendTopicAlias(p.Properties.Clone(), alias)
	return &q
}

// bare is a message whose topic a Topic Alias stands for.
func bare(payload string, level qos.Level) *codec.Publish {
	return &codec.Publish{Payload: []byte(payload), QoS: level}
}
