package conformance

import (
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
)

// The properties of a message go with it as they came: to who is there, to who
// is away, and from the store; User Properties all, and in their order (5.0
// [MQTT-3.3.2-4], [MQTT-3.3.2-15], [MQTT-3.3.2-16], [MQTT-3.3.2-17],
// [MQTT-3.3.2-18], [MQTT-3.3.2-20]).
func TestProperties(t *testing.T) {
	t.Parallel()
	b := start(t)
	many := user("z", "1", "a", "2", "z", "1", "", "", "m", "3", "z", "0")
	blocks := []codec.Properties{
		{},
		codec.AppendPayloadFormatIndicator(codec.Properties{}, 0),
		codec.AppendPayloadFormatIndicator(codec.Properties{}, 1),
		codec.AppendContentType(codec.Properties{}, "My name"),
		codec.AppendContentType(codec.Properties{}, ""),
		codec.AppendResponseTopic(codec.Properties{}, "answer/to/me"),
		codec.AppendCorrelationData(codec.Properties{}, "\x00\xff\xfe"),
		codec.AppendCorrelationData(codec.Properties{}, ""),
		user("a", "2", "c", "3"),
		many,
		codec.AppendContentType(codec.AppendCorrelationData(codec.AppendResponseTopic(codec.AppendPayloadFormatIndicator(many.Clone(), 1), "r"), "id"), "text/plain"),
	}
	here, away := b.clean(mqttwire.V50, "here"), b.kept(mqttwire.V50, "away", false)
	here.subscribe("a", 2)
	away.subscribe("a", 2)
	away.disconnect()
	publisher := b.clean(mqttwire.V50, "publisher")
	var waiting []*codec.Publish
	for _, properties := range blocks {
		for level := range qos.Level(3) {
			m := with(properties, msg("a", "x", level))
			publisher.publish(m)
			here.take(m)
			publisher.publish(retained(m))
			here.take(m)
			later := b.clean(mqttwire.V50, "later")
			later.subscribe("a", 2)
			later.take(retained(m))
			later.disconnect()
			if level > 0 {
				waiting = append(waiting, m, m)
			}
		}
	}
	here.ping()
	away = b.kept(mqttwire.V50, "away", true)
	for _, p := range away.queued(len(waiting)) {
		if p.QoS == 0 {
			continue
		}
		if show(p) != show(waiting[0]) {
			t.Fatalf("got  %s\nwant %s", show(p), show(waiting[0]))
		}
		waiting = waiting[1:]
	}
}

// A request carries the way of its answer (5.0 §4.10, [MQTT-3.3.2-15],
// [MQTT-3.3.2-16]).
func TestRequestResponse(t *testing.T) {
	t.Parallel()
	b := start(t)
	asks, answers := b.clean(mqttwire.V50, "asks"), b.clean(mqttwire.V50, "answers")
	asks.subscribe("both", 2|codec.NoLocal)
	answers.subscribe("both", 2|codec.NoLocal)
	request := with(codec.AppendCorrelationData(codec.AppendResponseTopic(codec.Properties{}, "both"), "334"), msg("both", "request", 1))
	asks.publish(request)
	got := answers.arrived(request)
	answers.finish(got)
	to, _ := got.Properties.ResponseTopic()
	response := with(got.Properties, msg(string(to), "response", 1))
	answers.publish(response)
	asks.take(response)
	asks.ping()
	answers.ping()
}

// A client of an earlier version gets the message without its properties, and
// what it publishes has none.
func TestPropertiesAcrossVersions(t *testing.T) {
	t.Parallel()
	b := start(t)
	publisher := b.clean(mqttwire.V50, "publisher")
	for _, v := range versions[:2] {
		c := b.clean(v, "c")
		c.subscribe("a", 2)
		for level := range qos.Level(3) {
			publisher.publish(with(codec.AppendContentType(user("a", "b"), "x"), msg("a", "x", level)))
			c.take(msg("a", "x", level))
		}
		c.ping()
		c.unsubscribe("a")
		watcher := b.clean(mqttwire.V50, "watcher")
		watcher.subscribe("a", 2)
		for level := range qos.Level(3) {
			c.publish(msg("a", "x", level))
			watcher.take(msg("a", "x", level))
		}
	}
}
