package brokers

import (
	"fmt"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/conformance"
)

var v31Checks = []conformance.Check{
	{
		Name:    "v31/dup",
		About:   "In 3.1 PUBREL, SUBSCRIBE and UNSUBSCRIBE may have DUP.",
		Clauses: cite("3.1 V31-3"),
		Func: on(func(b *bench) {
			c := b.clean(mqttwire.V31, "c")
			subscribe := []byte(encode(mqttwire.V31, &codec.Subscribe{ID: 1, Subscriptions: codec.Subscriptions{}.Append(b.sub("a", 2))}))
			subscribe[0] |= 8
			c.write(subscribe)
			p := c.fresh(nil, "SUBACK of 1 with QoS 2")
			if ack, ok := p.(*codec.Suback); !ok || ack.ID != 1 || ack.Codes.Len() != 1 || ack.Codes.At(0) != 2 {
				b.Fatalf(nil, "SUBACK of 1 with QoS 2", "%v", p)
			}
			publisher := b.clean(mqttwire.V31, "publisher")
			m := b.msg("a", "x", 2)
			m.ID = 5
			publisher.send(m)
			publisher.acknowledged(receive[*codec.Pubrec](publisher), 5)
			for range 2 {
				publisher.write([]byte("\x6a\x02\x00\x05"))
				p := publisher.fresh(nil, "PUBCOMP of 5")
				if ack, ok := p.(*codec.Pubcomp); !ok || ack.ID != 5 {
					b.Fatalf(nil, "PUBCOMP of 5", "%v", p)
				}
			}
			c.take(b.msg("a", "x", 2))
			c.ping()
			unsubscribe := []byte(encode(mqttwire.V31, &codec.Unsubscribe{ID: 2, Filters: codec.Filters{}.Append([]byte(b.topic("a")))}))
			unsubscribe[0] |= 8
			c.write(unsubscribe)
			p = c.fresh(nil, "UNSUBACK of 2")
			if ack, ok := p.(*codec.Unsuback); !ok || ack.ID != 2 {
				b.Fatalf(nil, "UNSUBACK of 2", "%v", p)
			}
			publisher.publish(b.msg("a", "x", 1))
			c.ping()
		}),
	},
	{
		Name:    "v31/connack",
		About:   "CONNACK of 3.1 has no Session Present, and there is no failure in a SUBACK.",
		Clauses: cite("3.1 V31-5 V31-6"),
		Func: on(func(b *bench) {
			p := b.keep(mqttwire.V31, "c")
			for range 3 {
				c := b.dial(mqttwire.V31)
				c.send(p)
				if ack := string(raw(c, receive[*codec.Connack](c))); ack != "\x20\x02\x00\x00" {
					b.Faultf(nil, "20 02 00 00", "% x", ack)
				}
				c.subscribe("a", 2)
				c.disconnect()
			}
		}),
	},
	{
		Name:    "v31/unused-flags",
		About:   "The flags that 3.1 gives no meaning do not matter.",
		Clauses: cite("3.1 V31-4"),
		Func: on(func(b *bench) {
			c := b.clean(mqttwire.V31, "c")
			c.write([]byte{0xc1, 0})
			if p := c.fresh(nil, "PINGRESP"); p.Type() != mqttwire.PINGRESP {
				b.Fatalf(nil, "PINGRESP", "%v", p)
			}
			c.ping()
		}),
	},
	{
		Name:    "v31/loose-connect",
		About:   "A user name and a password may be missing although their flags are set; Will QoS and Will Retain do not matter without a will.",
		Clauses: cite("3.1 V31-7 V31-8"),
		Level:   conformance.Should,
		Needs:   needs{Anonymous: true},
		Func: on(func(b *bench) {
			for _, flags := range []byte{0x82, 0xc2, 0x2a} {
				p := []byte(encode(mqttwire.V31, &codec.Connect{Version: mqttwire.V31, CleanStart: true, ClientID: []byte(b.id("c"))}))
				p[11] = flags
				c := b.dial(mqttwire.V31)
				c.write(p)
				switch p, err := c.next(b.Patience()); p := p.(type) {
				case *codec.Connack:
					if p.Code == 0 {
						continue
					}
					b.Faultf(nil, fmt.Sprintf("CONNACK that accepts Connect Flags %#x", flags), "%v", p)
				default:
					b.Faultf(nil, fmt.Sprintf("CONNACK that accepts Connect Flags %#x", flags), "%v, %v", p, err)
				}
			}
		}),
	},
	{
		Name:    "connect/bridge",
		About:   "The bridges of some brokers set bit 7 of the Protocol Level.",
		Clauses: cite("3.1.1 3.1.2-2"),
		Level:   conformance.May,
		Func: on(func(b *bench) {
			{
				c := b.join(&codec.Connect{Version: b.Version, Bridge: true, CleanStart: true, ClientID: []byte(b.id("bridge"))})
				c.subscribe("a", 1)
				c.ping()
			}
		}),
	},
}

// raw is a packet as the broker sends it.
func raw(c *client, p codec.Packet) []byte {
	b, _ := p.Append(nil, c.Rules())
	return b
}
