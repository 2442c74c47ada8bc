package brokers

import (
	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/conformance"
	"github.com/mqttwire/mqttwire/qos"
)

var propertiesChecks = []conformance.Check{
	{
		Name:    "properties/forwarded",
		About:   "The properties of a message go with it as they came: to who is there, to who is away, and from the store; User Properties all, and in their order.",
		Clauses: cite("5.0 3.3.2-4 3.3.2-15 3.3.2-16 3.3.2-17 3.3.2-18 3.3.2-20"),
		Needs:   needs{Retain: true},
		Func: on(func(b *bench) {
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
			here, away := b.clean(b.Version, "here"), b.kept(b.Version, "away", false)
			here.subscribe("a", 2)
			away.subscribe("a", 2)
			away.disconnect()
			publisher := b.clean(b.Version, "publisher")
			var waiting []*codec.Publish
			for _, properties := range blocks {
				for level := range qos.Level(3) {
					m := with(properties, b.msg("a", "x", level))
					publisher.publish(m)
					here.take(m)
					publisher.publish(retained(m))
					here.take(m)
					later := b.clean(b.Version, "later")
					later.subscribe("a", 2)
					later.take(retained(m))
					later.disconnect()
					if level > 0 {
						waiting = append(waiting, m, m)
					}
				}
			}
			here.ping()
			away = b.kept(b.Version, "away", true)
			for _, p := range away.queued(len(waiting)) {
				if p.QoS == 0 {
					continue
				}
				if show(p) != show(waiting[0]) {
					b.Fatal(nil, show(waiting[0]), show(p))
				}
				waiting = waiting[1:]
			}
		}),
	},
	{
		Name:    "properties/request-response",
		About:   "A request carries the way of its answer.",
		Clauses: cite("5.0 3.3.2-15 3.3.2-16"),
		Func: on(func(b *bench) {
			asks, answers := b.clean(b.Version, "asks"), b.clean(b.Version, "answers")
			asks.subscribe("both", 2|codec.NoLocal)
			answers.subscribe("both", 2|codec.NoLocal)
			request := with(codec.AppendCorrelationData(codec.AppendResponseTopic(codec.Properties{}, "both"), "334"), b.msg("both", "request", 1))
			asks.publish(request)
			got := answers.arrived(request)
			answers.finish(got)
			to, _ := got.Properties.ResponseTopic()
			response := with(got.Properties, b.msg(string(to), "response", 1))
			answers.publish(response)
			asks.take(response)
			asks.ping()
			answers.ping()
		}),
	},
	{
		Name:    "properties/across-versions",
		About:   "A client of an earlier version gets the message without its properties, and what it publishes has none.",
		Clauses: cite("5.0 4.5.0-1"),
		Func: on(func(b *bench) {
			publisher := b.clean(b.Version, "publisher")
			for _, v := range b.spoken() {
				if v == mqttwire.V50 {
					continue
				}
				c := b.clean(v, "c")
				c.subscribe("a", 2)
				for level := range qos.Level(3) {
					publisher.publish(with(codec.AppendContentType(user("a", "b"), "x"), b.msg("a", "x", level)))
					c.take(b.msg("a", "x", level))
				}
				c.ping()
				c.unsubscribe("a")
				watcher := b.clean(b.Version, "watcher")
				watcher.subscribe("a", 2)
				for level := range qos.Level(3) {
					c.publish(b.msg("a", "x", level))
					watcher.take(b.msg("a", "x", level))
				}
			}
		}),
	},
}
