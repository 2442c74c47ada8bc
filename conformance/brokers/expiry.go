package brokers

import (
	"fmt"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/conformance"
	"github.com/mqttwire/mqttwire/qos"
)

var expiryChecks = []conformance.Check{
	{
		Name:    "expiry/offline",
		About:   "A message whose time is up before it is on its way to a client does not go there. One that still has time goes with what is left.",
		Clauses: cite("5.0 3.3.2-5 3.3.2-6"),
		Needs:   needs{Seconds: 2},
		Func: on(func(b *bench) {
			c := b.kept(b.Version, "c", false)
			c.subscribe("a", 2)
			older := mqttwire.V311
			if !b.speaks(older) {
				older = mqttwire.V50
			}
			old := b.kept(older, "old", false)
			old.subscribe("a", 2)
			c.disconnect()
			old.disconnect()
			publisher := b.clean(b.Version, "publisher")
			for level := qos.Level(1); level <= 2; level++ {
				publisher.publish(
					expiring(1, b.msg("a", "expires", level)),
					expiring(60, with(user("key", "value"), b.msg("a", "does not", level))),
					b.msg("a", "never", level),
					expiring(0xffffffff, b.msg("a", "as good as never", level)),
				)
			}
			b.Sleep(2 * time.Second)
			// One after the other, with what has expired between them.
			p := b.keep(b.Version, "c")
			p.Properties = codec.AppendReceiveMaximum(p.Properties, 1)
			c = b.join(p)
			for level := qos.Level(1); level <= 2; level++ {
				c.left(with(user("key", "value"), b.msg("a", "does not", level)), 30, 59)
				c.take(b.msg("a", "never", level))
				c.left(b.msg("a", "as good as never", level), 0xffffffe0, 0xfffffffe)
			}
			c.ping()
			old = b.kept(older, "old", true)
			for level := qos.Level(1); level <= 2; level++ {
				old.take(b.msg("a", "does not", level), b.msg("a", "never", level), b.msg("a", "as good as never", level))
			}
			old.ping()
		}),
	},
	{
		Name:    "expiry/live",
		About:   "A message that does not wait keeps its interval, and one without gets none.",
		Clauses: cite("5.0 3.3.2-6"),
		Func: on(func(b *bench) {
			c := b.clean(b.Version, "c")
			c.subscribe("a", 2)
			publisher := b.clean(b.Version, "publisher")
			for level := range qos.Level(3) {
				for _, seconds := range []uint32{10, 60, 0xffffffff} {
					publisher.publish(expiring(seconds, b.msg("a", "x", level)))
					c.left(b.msg("a", "x", level), seconds-min(seconds, 8), seconds)
				}
				publisher.publish(b.msg("a", "x", level))
				c.take(b.msg("a", "x", level))
			}
			c.ping()
		}),
	},
	{
		Name:    "expiry/queue",
		About:   "A message that waits for room can expire while its client is there. One that is on its way can not.",
		Clauses: cite("5.0 3.3.2-5"),
		Needs:   needs{Seconds: 2},
		Func: on(func(b *bench) {
			c := b.join(b.receiveMaximum("c", 1))
			c.subscribe("a", 1)
			b.clean(b.Version, "publisher").publish(
				expiring(1, b.msg("a", "1", 1)),
				expiring(1, b.msg("a", "2", 1)),
				expiring(60, b.msg("a", "3", 1)),
			)
			first := receive[*codec.Publish](c).Clone()
			if string(first.Payload) != "1" {
				b.Fatalf(nil, "the first message", "%v", &first)
			}
			b.Sleep(2 * time.Second)
			c.ping()
			c.finish(&first)
			c.left(b.msg("a", "3", 1), 30, 59)
			c.ping()
		}),
	},
	{
		Name:    "expiry/on-its-way",
		About:   "A QoS 2 message that has been sent is finished, over connections and past its time.",
		Clauses: cite("5.0 4.3.3-7"),
		Needs:   needs{Seconds: 2},
		Func: on(func(b *bench) {
			c := b.kept(b.Version, "c", false)
			c.subscribe("a", 2)
			b.clean(b.Version, "publisher").publish(expiring(1, b.msg("a", "x", 2)))
			id := receive[*codec.Publish](c).ID
			c.disconnect()
			b.Sleep(2 * time.Second)
			c = b.kept(b.Version, "c", true)
			p := receive[*codec.Publish](c).Clone()
			if string(p.Payload) != "x" || p.QoS != 2 || p.ID != id || !p.Dup {
				b.Fatalf(nil, "the message again", "%v", &p)
			}
			c.finish(&p)
			c.ping()
		}),
	},
	{
		Name:    "expiry/before-pubrel",
		About:   "A QoS 2 message to the broker that expires before its PUBREL has it answered all the same.",
		Clauses: cite("5.0 4.3.3-13"),
		Needs:   needs{Seconds: 2},
		Func: on(func(b *bench) {
			c := b.clean(b.Version, "c")
			m := expiring(1, b.msg("a", "x", 2))
			m.ID = 7
			c.send(m)
			c.acknowledged(receive[*codec.Pubrec](c), 7)
			b.Sleep(1500 * time.Millisecond)
			c.send(&codec.Pubrel{ID: 7})
			c.expect(&codec.Pubcomp{ID: 7})
			c.ping()
		}),
	},
	{
		Name:    "expiry/retained",
		About:   "A retained message expires as well, and goes out with what is left.",
		Clauses: cite("5.0 3.3.2-5 3.3.2-6"),
		Needs:   needs{Retain: true, Seconds: 5},
		Func: on(func(b *bench) {
			b.clean(b.Version, "publisher").publish(
				expiring(4, retained(b.msg("a/1", "expires", 1))),
				expiring(60, retained(b.msg("a/2", "does not", 1))),
				retained(b.msg("a/3", "never", 1)),
			)
			c := b.clean(b.Version, "c")
			c.subscribe("a/1", 1)
			c.left(retained(b.msg("a/1", "expires", 1)), 0, 4)
			b.Sleep(5 * time.Second)
			later := b.clean(b.Version, "later")
			later.subscribe("a/1", 1)
			later.ping()
			later.subscribe("a/2", 1)
			later.left(retained(b.msg("a/2", "does not", 1)), 30, 59)
			later.subscribe("a/3", 1)
			later.take(retained(b.msg("a/3", "never", 1)))
			later.ping()
			if b.speaks(mqttwire.V311) {
				old := b.clean(mqttwire.V311, "old")
				old.subscribe("a/1", 1)
				old.ping()
			}
		}),
	},
}

func expiring(seconds uint32, p *codec.Publish) *codec.Publish {
	q := *p
	q.Properties = codec.AppendMessageExpiryInterval(p.Properties.Clone(), seconds)
	return &q
}

// left checks that a message is want, but for a Message Expiry Interval that
// is from least to most, and acknowledges it.
func (c *client) left(want *codec.Publish, least, most uint32) {
	p := receive[*codec.Publish](c).Clone()
	if !same(&p, want) {
		c.b.Fatal(nil, show(want), show(&p))
	}
	got, ok := p.Properties.MessageExpiryInterval()
	if !ok || got < least || got > most {
		c.b.Faultf(cExpiry, fmt.Sprintf("a Message Expiry Interval of %d to %d", least, most), "%v", &p)
	}
	var rest codec.Properties
	for x := range p.Properties.All() {
		if x.ID != codec.MessageExpiryInterval {
			rest = rest.Append(x)
		}
	}
	c.b.judge(with(rest, &p), want)
	c.finish(&p)
}
