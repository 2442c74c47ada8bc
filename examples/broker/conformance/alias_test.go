package conformance

import (
	"fmt"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
)

func aliased(alias uint16, p *codec.Publish) *codec.Publish {
	q := *p
	q.Properties = codec.AppendTopicAlias(p.Properties.Clone(), alias)
	return &q
}

// taking returns how many Topic Aliases the broker takes, and skips the test
// where it takes none.
func taking(t *testing.T, c *client) uint16 {
	n, _ := c.connack.Properties.TopicAliasMaximum()
	if n == 0 {
		t.Skip("the broker takes no Topic Aliases")
	}
	return n
}

// A client may give a topic a number and use that instead, at any QoS, and give
// the number to another topic. Nobody else sees it (5.0 [MQTT-3.3.2-12],
// [MQTT-3.3.2-7]).
func TestTopicAlias(t *testing.T) {
	t.Parallel()
	b := start(t)
	c := b.clean(mqttwire.V50, "c")
	n := taking(t, c)
	watcher := b.clean(mqttwire.V50, "watcher")
	watcher.subscribe("#", 2)
	for _, alias := range []uint16{1, n} {
		for _, topic := range []string{"first", "second"} {
			c.publish(aliased(alias, msg(topic, "x", 1)))
			watcher.take(msg(topic, "x", 1))
			for level := range qos.Level(3) {
				c.publish(aliased(alias, msg("", "y", level)))
				watcher.take(msg(topic, "y", level))
			}
		}
	}
	// The message has its topic wherever it goes.
	c.publish(retained(aliased(1, msg("", "kept", 1))))
	watcher.take(msg("second", "kept", 1))
	later := b.clean(mqttwire.V50, "later")
	later.subscribe("second", 1)
	later.take(retained(msg("second", "kept", 1)))
	later.ping()
	watcher.ping()
}

// A number is not kept over the end of a connection, nor shared between two
// (5.0 [MQTT-3.3.2-7]).
func TestTopicAliasOfAnotherConnection(t *testing.T) {
	t.Parallel()
	b := start(t)
	c := b.kept(mqttwire.V50, "c", false)
	taking(t, c)
	c.publish(aliased(1, msg("a", "x", 1)))
	other := b.clean(mqttwire.V50, "other")
	other.send(aliased(1, msg("", "x", 0)))
	other.ended(mqttwire.ProtocolError, mqttwire.TopicAliasInvalid)
	c.publish(aliased(1, msg("", "x", 1)))
	c.disconnect()
	c = b.kept(mqttwire.V50, "c", true)
	c.publish(msg("a", "x", 1))
	c.send(aliased(1, msg("", "x", 0)))
	c.ended(mqttwire.ProtocolError, mqttwire.TopicAliasInvalid)
}

// A number that has no topic, is 0, or more than the broker takes ends the
// connection (5.0 [MQTT-3.3.2-8], [MQTT-3.3.2-9], §3.3.4).
func TestTopicAliasWrong(t *testing.T) {
	t.Parallel()
	b := start(t)
	n, _ := b.clean(mqttwire.V50, "c").connack.Properties.TopicAliasMaximum()
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
			t.Run(tt.name, func(t *testing.T) {
				c := b.on(t).clean(mqttwire.V50, "d")
				body := append([]byte{0, byte(len(tt.topic))}, tt.topic...)
				body = append(body, 3, 0x23, byte(tt.alias>>8), byte(tt.alias))
				c.write(append([]byte{0x30, byte(len(body))}, body...))
				c.ended(tt.codes...)
			})
		}
	}
}

// A broker uses no more numbers for a client than it takes: each stands for
// the topic that came with it (5.0 [MQTT-3.1.2-26], [MQTT-3.1.2-27],
// [MQTT-3.3.2-8], [MQTT-3.3.2-11]).
func TestTopicAliasOfBroker(t *testing.T) {
	t.Parallel()
	b := start(t)
	publisher := b.clean(mqttwire.V50, "publisher")
	for _, n := range []uint16{0, 1, 3, 65535} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			b := b.on(t)
			p := keep(mqttwire.V50, fmt.Sprint(n))
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
							want := msg(fmt.Sprint(topic), "x", level)
							publisher.publish(want)
							got := receive[*codec.Publish](c).Clone()
							if alias, ok := got.Properties.TopicAlias(); ok {
								if alias == 0 || alias > n {
									t.Fatalf("got %v, at most %d is allowed", &got, n)
								}
								if len(got.Topic) > 0 {
									topics[alias] = string(got.Topic)
								}
								got.Topic = []byte(topics[alias])
								got.Properties = codec.Properties{}
							}
							if show(&got) != show(want) {
								t.Fatalf("got  %s\nwant %s", show(&got), show(want))
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
}

// A number that a message was sent with means nothing when it is sent again on
// another connection (5.0 [MQTT-3.3.2-7]).
func TestTopicAliasResent(t *testing.T) {
	t.Parallel()
	b := start(t)
	publisher := b.clean(mqttwire.V50, "publisher")
	p := keep(mqttwire.V50, "c")
	p.Properties = codec.AppendTopicAliasMaximum(p.Properties, 5)
	c := b.join(p)
	c.subscribe("a", 1)
	publisher.publish(msg("a", "1", 0), msg("a", "2", 1), msg("a", "3", 1))
	for range 3 {
		receive[*codec.Publish](c)
	}
	c.lose()
	c = b.join(p)
	for i, payload := range []string{"2", "3"} {
		got := receive[*codec.Publish](c).Clone()
		if i == 0 && string(got.Topic) != "a" || string(got.Payload) != payload || !got.Dup {
			t.Errorf("got %v", &got)
		}
		c.finish(&got)
	}
	c.lose()
	c = b.kept(mqttwire.V50, "c", true) // takes none now
	publisher.publish(msg("a", "4", 1))
	c.take(msg("a", "4", 1))
	c.ping()
}
