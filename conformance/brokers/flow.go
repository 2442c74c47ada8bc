package brokers

import (
	"fmt"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/conformance"
	"github.com/mqttwire/mqttwire/qos"
)

var flowChecks = []conformance.Check{
	{
		Name:    "flow/receive-maximum",
		About:   "A client's Receive Maximum is how many messages of QoS 1 and 2 it has unfinished at most: PUBACK, PUBCOMP, or PUBREC with an error make room.",
		Clauses: cite("5.0 3.3.4-9 4.9.0-1 4.9.0-2 E-3.3.4/6"),
		Func: on(func(b *bench) {
			publisher := b.clean(b.Version, "publisher")
			for _, n := range []int{1, 2, 5} {
				for level := qos.Level(1); level <= 2; level++ {
					b.each(fmt.Sprintf("%d at %v", n, level), func(b *bench) {
						c := b.join(b.receiveMaximum(fmt.Sprint(n, level), uint16(n)))
						c.subscribe("a", 2)
						for i := range n + 3 {
							publisher.publish(b.msg("a", fmt.Sprint(i), level))
						}
						var open []*codec.Publish
						for i := range n {
							open = append(open, c.arrived(b.msg("a", fmt.Sprint(i), level)))
						}
						for i := n; i < n+3; i++ {
							c.ping() // and nothing else
							first := open[0]
							switch {
							case level == 1:
								c.send(&codec.Puback{ID: first.ID})
							case i == n+1:
								c.send(&codec.Pubrec{ID: first.ID, Code: mqttwire.UnspecifiedError})
							default:
								c.send(&codec.Pubrec{ID: first.ID})
								c.expect(&codec.Pubrel{ID: first.ID})
								c.ping() // that is no room yet
								c.send(&codec.Pubcomp{ID: first.ID})
							}
							open = append(open[1:], c.arrived(b.msg("a", fmt.Sprint(i), level)))
						}
						for _, p := range open {
							c.finish(p)
						}
						c.ping()
						c.unsubscribe("a")
					})
				}
			}
		}),
	},
	{
		Name:    "flow/others-pass",
		About:   "QoS 0 and all other packets pass by those that wait for room.",
		Clauses: cite("5.0 3.3.4-10 4.9.0-3"),
		Func: on(func(b *bench) {
			publisher := b.clean(b.Version, "publisher")
			c := b.join(b.receiveMaximum("c", 1))
			c.subscribe("+", 2)
			publisher.publish(b.msg("a", "1", 2), b.msg("a", "2", 2), b.msg("b", "3", 0), b.msg("b", "4", 0))
			first := c.arrived(b.msg("a", "1", 2))
			c.take(b.msg("b", "3", 0), b.msg("b", "4", 0))
			c.publish(b.msg("out/1", "5", 1), b.msg("out/2", "6", 2))
			c.subscribe("x/y", 1)
			c.unsubscribe("x/y")
			c.ping()
			c.finish(first)
			c.take(b.msg("a", "2", 2))
			c.ping()
		}),
	},
	{
		Name:    "flow/next-connection",
		About:   "A client that comes back with less room is not sent more than that again.",
		Clauses: cite("5.0 4.9.0-1 3.3.4-9"),
		Func: on(func(b *bench) {
			publisher := b.clean(b.Version, "publisher")
			c := b.join(b.receiveMaximum("c", 4))
			c.subscribe("a", 1)
			for i := range 6 {
				publisher.publish(b.msg("a", fmt.Sprint(i), 1))
			}
			for i := range 4 {
				c.arrived(b.msg("a", fmt.Sprint(i), 1))
			}
			c.disconnect()
			c = b.join(b.receiveMaximum("c", 2))
			for i := 0; i < 6; i += 2 {
				var open []*codec.Publish
				for k := i; k < i+2; k++ {
					p := receive[*codec.Publish](c).Clone()
					if string(p.Payload) != fmt.Sprint(k) || p.Dup != (k < 4) {
						b.Fatalf(nil, fmt.Sprintf("message %d", k), "%v", &p)
					}
					open = append(open, &p)
				}
				c.ping()
				for _, p := range open {
					c.finish(p)
				}
			}
			c.ping()
		}),
	},
	{
		Name:    "flow/of-broker",
		About:   "A client that has more messages of QoS 1 and 2 unfinished than the broker allows is told so, and can read it although it goes on writing. As many as allowed are fine.",
		Clauses: cite("5.0 E-3.3.4/5 3.3.4-7"),
		Func: on(func(b *bench) {
			c := b.clean(b.Version, "c")
			announced, ok := c.connack.Properties.ReceiveMaximum()
			if !ok {
				announced = 65535
			}
			n := int(announced)
			batch := func(from, to int) {
				var packets []codec.Packet
				for i := from; i <= to; i++ {
					m := b.msg("a", "x", 2)
					m.ID = uint16(i)
					packets = append(packets, m)
				}
				c.send(packets...)
				for i := from; i <= to; i++ {
					c.acknowledged(receive[*codec.Pubrec](c), uint16(i))
				}
			}
			for i := 1; i <= n; i += 100 {
				batch(i, min(i+99, n))
			}
			c.ping()
			// One that is finished makes room for one.
			c.send(&codec.Pubrel{ID: 1})
			c.expect(&codec.Pubcomp{ID: 1})
			batch(1, 1)
			if n == 65535 {
				return // there is no identifier for more
			}
			m := b.msg("a", "one too many", 2)
			m.ID = uint16(n + 1)
			c.send(m)
			for i := range n {
				rel := &codec.Pubrel{ID: uint16(i + 1)}
				if c.Write([]byte(encode(c.version(), rel))) != nil {
					break
				}
			}
			if p := receive[*codec.Disconnect](c); p.Code != mqttwire.ReceiveMaximumExceeded {
				b.T.Advise(nil, "DISCONNECT with Receive Maximum exceeded", fmt.Sprint(p))
			}
		}),
	},
	{
		Name:    "flow/many-unreleased",
		About:   "Before 5.0 there is no such limit to break: what is acknowledged may go on.",
		Clauses: cite("3.1.1 4.3.3-2"),
		Func: on(func(b *bench) {
			c := b.clean(b.Version, "c")
			for i := range 15 {
				m := b.msg("a", "x", 2)
				m.ID = uint16(i + 1)
				c.send(m)
				c.acknowledged(receive[*codec.Pubrec](c), m.ID)
			}
			for i := range 15 {
				c.send(&codec.Pubrel{ID: uint16(i + 1)})
				c.expect(&codec.Pubcomp{ID: uint16(i + 1)})
			}
		}),
	},
	{
		Name:    "flow/slow-reader",
		About:   "A client that does not read holds up nobody else.",
		Clauses: cite("3.1.1 4.5.0-1; 5.0 4.5.0-1"),
		Level:   conformance.Should,
		Func: on(func(b *bench) {
			v := b.Version
			slow, quick := b.clean(v, "slow"), b.clean(v, "quick")
			slow.subscribe("a", 0)
			quick.subscribe("a", 0)
			publisher := b.clean(v, "publisher")
			payload := string(make([]byte, 100_000))
			for range 100 { // more than a socket holds
				publisher.publish(b.msg("a", payload, 0))
				quick.take(b.msg("a", payload, 0))
			}
			quick.ping()
		}),
	},
}

func (b *bench) receiveMaximum(name string, n uint16) *codec.Connect {
	p := b.keep(mqttwire.V50, name)
	p.Properties = codec.AppendReceiveMaximum(p.Properties, n)
	return p
}
