package brokers

import (
	"fmt"
	"strings"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/conformance"
	"github.com/mqttwire/mqttwire/qos"
)

var sizeChecks = []conformance.Check{
	{
		Name:    "size/dropped",
		About:   "A message too large for a client is dropped for it, as though delivered: what comes after it comes, also when there is room for one at a time.",
		Clauses: cite("5.0 3.1.2-25 3.1.2-24 E-3.1.2.11.4/2"),
		Func: on(func(b *bench) {
			publisher := b.clean(b.Version, "publisher")
			other := b.clean(b.Version, "other")
			other.subscribe("TopicA", 2)
			for level := range qos.Level(3) {
				p := b.maximumPacketSize(fmt.Sprint(level), 64)
				p.Properties = codec.AppendReceiveMaximum(p.Properties, 1)
				c := b.join(p)
				c.subscribe("TopicA", 2)
				size := 64 - b.msg("TopicA", "", level).Size(mqttwire.V50) // the largest payload that fits
				fits, large := b.msg("TopicA", strings.Repeat(".", size), level), b.msg("TopicA", strings.Repeat(".", size+1), level)
				for _, m := range []*codec.Publish{fits, large, b.msg("TopicA", strings.Repeat("x", 5000), level), fits, large, large, fits} {
					publisher.publish(m)
					other.take(m)
					if m == fits {
						c.take(m)
					}
					c.ping()
				}
				// The same while it is away.
				c.disconnect()
				n := 0
				for _, m := range []*codec.Publish{large, fits, large, fits} {
					publisher.publish(m)
					other.take(m)
					if m == fits && level > 0 {
						n++
					}
				}
				c = b.join(p)
				for _, got := range c.queued(n) {
					if show(got) != show(fits) {
						b.Fault(nil, show(fits), show(got))
					}
				}
				// With room for it the client does not get what it missed.
				c.disconnect()
				b.kept(b.Version, fmt.Sprint(level), true).ping()
			}
		}),
	},
	{
		Name:    "size/retained",
		About:   "A retained message too large for a client is not sent to it.",
		Clauses: cite("5.0 3.1.2-24"),
		Needs:   needs{Retain: true},
		Func: on(func(b *bench) {
			b.clean(b.Version, "publisher").publish(retained(b.msg("a/1", strings.Repeat("x", 100), 1)), retained(b.msg("a/2", "x", 1)))
			c := b.join(b.maximumPacketSize("c", 64))
			c.subscribe("a/+", 1)
			c.take(retained(b.msg("a/2", "x", 1)))
			c.ping()
		}),
	},
	{
		Name:    "size/identifiers",
		About:   "The properties that a broker adds count as well.",
		Clauses: cite("5.0 3.1.2-24"),
		Needs:   needs{SubscriptionIdentifiers: true},
		Func: on(func(b *bench) {
			c := b.join(b.maximumPacketSize("c", 64))
			c.subscribeWith(identified(268435455), b.sub("a", 1))
			publisher := b.clean(b.Version, "publisher")
			m := with(identified(268435455), b.msg("a", "", 1))
			size := 64 - m.Size(mqttwire.V50)
			publisher.publish(b.msg("a", strings.Repeat("x", size+1), 1), b.msg("a", strings.Repeat("y", size), 1))
			m.Payload = []byte(strings.Repeat("y", size))
			c.take(m)
			c.ping()
		}),
	},
	{
		Name:    "size/answers",
		About:   "No answer is larger than the client takes, whatever it could say besides the code.",
		Clauses: cite("5.0 3.1.2-24 3.2.2-19 3.2.2-20 3.4.2-2 3.4.2-3 3.5.2-2 3.5.2-3 3.6.2-2 3.6.2-3 3.7.2-2 3.7.2-3 3.9.2-1 3.9.2-2 3.11.2-1 3.11.2-2 3.14.2-3 3.14.2-4"),
		Func: on(func(b *bench) {
			for _, n := range []uint32{64, 100} {
				c := b.join(b.maximumPacketSize("c", n)) // and this fails where more comes
				c.publish(b.msg("nobody", "x", 1), b.msg("nobody", "x", 2))
				c.subscribe("a", 2)
				c.publish(b.msg("a", "", 2))
				c.take(b.msg("a", "", 2))
				c.send(&codec.Pubrel{ID: 77})
				receive[*codec.Pubcomp](c)
				c.unsubscribe(strings.Repeat("a", 50), "none")
				c.write([]byte{0x90, 0})
				c.ended(cDisconnects, mqttwire.ProtocolError, mqttwire.MalformedPacket)
			}
		}),
	},
	{
		Name:    "size/of-broker",
		About:   "A packet larger than the broker announces ends the connection, as soon as its length is known.",
		Clauses: cite("5.0 E-3.2.2.3.6/2 3.2.2-15"),
		Func: on(func(b *bench) {
			c := b.clean(b.Version, "c")
			n, ok := c.connack.Properties.MaximumPacketSize()
			if !ok {
				b.Skip("the broker announces no limit")
			}
			rest := n // of a packet that is one byte too long
			for 1+uint32(len(length(rest-1)))+rest-1 > n {
				rest--
			}
			c.write(append([]byte{0x30}, length(rest)...))
			c.ended(nil, mqttwire.PacketTooLarge)
			if n < 1<<24 {
				m := b.msg("a", "", 0)
				m.Payload = make([]byte, int(n)-m.Size(mqttwire.V50)-len(length(n))+1)
				b.clean(b.Version, "d").publish(m)
			}
			b.clean(b.Version, "c").ping()
		}),
	},
}

func (b *bench) maximumPacketSize(name string, n uint32) *codec.Connect {
	p := b.keep(mqttwire.V50, name)
	p.Properties = codec.AppendMaximumPacketSize(p.Properties, n)
	return p
}

// length encodes a Remaining Length.
func length(n uint32) []byte {
	var b []byte
	for ; n >= 128; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return append(b, byte(n))
}
