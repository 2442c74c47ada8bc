package brokers

import (
	"fmt"
	"slices"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/conformance"
	"github.com/mqttwire/mqttwire/qos"
)

// baseChecks are what all others rest on, one step after the other.
var baseChecks = []conformance.Check{
	{
		Name:    "connect/accepted",
		About:   "A good CONNECT is answered with a CONNACK that accepts it.",
		Clauses: cite("3.1 V31-1; 3.1.1 3.1.4-4 3.2.0-1; 5.0 3.1.4-5 3.2.0-1"),
		Func:    on(func(b *bench) { b.clean(b.Version, "c") }),
	},
	{
		Name:    "ping/answered",
		About:   "PINGREQ is answered with PINGRESP.",
		Clauses: cite("3.1.1 3.12.4-1; 5.0 3.12.4-1"),
		Func: on(func(b *bench) {
			c := b.clean(b.Version, "c")
			c.ping()
			c.ping()
		}),
	},
	{
		Name:    "subscribe/granted",
		About:   "SUBSCRIBE is answered with SUBACK, with its identifier and a code.",
		Clauses: cite("3.1.1 3.8.4-1; 5.0 3.8.4-1"),
		Func: on(func(b *bench) {
			c := b.clean(b.Version, "c")
			for level := range qos.Level(3) {
				c.subscribe(fmt.Sprint(level), codec.SubscriptionOptions(level))
			}
		}),
	},
	deliveredCheck(0), deliveredCheck(1), deliveredCheck(2),
	{
		Name:    "session/resumed",
		About:   "A session that is to be kept is there when its client comes back, with its subscription and what came meanwhile.",
		Clauses: cite("3.1.1 3.1.2-4 3.1.2-5; 5.0 3.1.2-5"),
		Func: on(func(b *bench) {
			c := b.kept(b.Version, "c", false)
			c.subscribe("a", 1)
			c.disconnect()
			b.clean(b.Version, "publisher").publish(b.msg("a", "x", 1))
			c = b.kept(b.Version, "c", true)
			c.some(b.msg("a", "x", 1))
		}),
	},
	{
		Name:    "retained/sent",
		About:   "A message that was published with RETAIN is sent to who subscribes later.",
		Clauses: cite("3.1.1 3.3.1-5 3.3.1-6; 5.0 3.3.1-5"),
		Needs:   needs{Retain: true},
		Func: on(func(b *bench) {
			b.clean(b.Version, "publisher").publish(retained(b.msg("a", "x", 1)))
			c := b.clean(b.Version, "c")
			c.subscribe("a", 1)
			c.some(b.msg("a", "x", 1))
		}),
	},
	{
		Name:    "will/sent",
		About:   "The will of a client that is lost is published.",
		Clauses: cite("3.1.1 3.1.2-8; 5.0 3.1.2-8"),
		Func: on(func(b *bench) {
			watcher := b.mourner(b.Version)
			b.join(b.mortal(b.Version, "c", "gone")).lose()
			watcher.some(b.msg("will", "gone", 0))
		}),
	},
	{
		Name:    "shared/delivered",
		About:   "A message goes to the only one who has a shared subscription to it.",
		Clauses: cite("5.0 4.5.0-1"),
		Needs:   needs{Shared: true},
		Func: on(func(b *bench) {
			c := b.clean(b.Version, "c")
			c.subscribe("$share/g/a", 1)
			b.clean(b.Version, "publisher").publish(b.msg("a", "x", 1))
			c.some(b.msg("a", "x", 1))
		}),
	},
}

// deliveredCheck is about nothing but that a message of a QoS comes, and is
// acknowledged.
func deliveredCheck(level qos.Level) conformance.Check {
	return conformance.Check{
		Name:    fmt.Sprintf("publish/qos-%d", level),
		About:   fmt.Sprintf("A message of QoS %d is acknowledged as that, and reaches who has subscribed to it.", level),
		Clauses: cite("3.1.1 3.3.4-1 4.5.0-1 2.3.1-6; 5.0 3.3.4-1 4.5.0-1 2.2.1-5 4.3.3-8"),
		Needs:   needs{QoS: uint8(level)},
		Func: on(func(b *bench) {
			c := b.clean(b.Version, "c")
			c.subscribe("a", codec.SubscriptionOptions(level))
			b.clean(b.Version, "publisher").publish(b.msg("a", "x", level))
			c.some(b.msg("a", "x", level))
		}),
	}
}

// some receives a message whatever its attributes are, and acknowledges it as
// what it came as.
func (c *client) some(want *codec.Publish) {
	p := receive[*codec.Publish](c).Clone()
	if !same(&p, want) {
		c.b.Fatal(nil, show(want), show(&p))
	}
	c.finish(&p)
}

// levels runs a part at every QoS that the broker has.
func (b *bench) levels(f func(b *bench, level qos.Level)) {
	for level := range qos.Level(3) {
		if uint8(level) <= b.Facts().MaximumQoS {
			b.each(level.String(), func(b *bench) { f(b, level) })
		}
	}
}

func (b *bench) speaks(v mqttwire.Version) bool { return slices.Contains(b.spoken(), v) }
