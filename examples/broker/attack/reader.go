package main

import (
	"fmt"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
)

// maximumPacket is a Maximum Packet Size.
func maximumPacket(n uint32) func(*codec.Connect) {
	return func(c *codec.Connect) { c.Properties = codec.AppendMaximumPacketSize(c.Properties, n) }
}

// v31 connects in 3.1.
func v31(c *codec.Connect) {
	c.Version, c.KeepAlive, c.Properties = mqttwire.V31, 60, codec.Properties{}
}

// What a broker sends to who does not take it as others do.
var readerAttacks = []attack{
	{name: "receive-maximum-1", about: "200 subscribers with Receive Maximum 1 that acknowledge nothing, messages of 10 KB", run: func(a *arena) {
		a.each(200, func(i int) {
			p := a.join(a.name(i), lasting, window(1))
			p.subscribe(1, a.id+"t")
			p.drain()
		})
		a.enter(a.id+"p", old).flow(publish(a.id+"t", zeros[:10_000], 1, false))
		a.hold()
	}},
	{name: "maximum-packet-1", about: "200 subscribers that take packets of 1 byte, and so none, messages of 1 KB", run: func(a *arena) {
		a.each(200, func(i int) {
			p := a.join(a.name(i), lasting, maximumPacket(uint32(1+i%20)))
			p.send(subscription(1, a.id+"t"))
			p.drain()
		})
		a.enter(a.id+"p", old).flow(publish(a.id+"t", zeros[:1000], 1, false))
		a.hold()
	}},
	{name: "received-not-completed", about: "100 subscribers at QoS 2 that say PUBREC and never PUBCOMP, messages of 1 KB", run: func(a *arena) {
		a.each(100, func(i int) {
			p := a.join(a.name(i), lasting)
			p.subscribe(2, a.id+"t")
			a.working.Go(func() {
				for x := p.next(); x != nil; x = p.next() {
					if x.Type() == mqttwire.PUBLISH {
						p.answer(x)
					}
				}
			})
		})
		p := a.enter(a.id + "p")
		for p.lives() {
			p.offer(a.id+"t", zeros[:1000])
		}
		a.hold()
	}},
	{name: "refused-deliveries", about: "a subscriber that answers each message with an error (0x97), and a publisher that waits for nothing", run: func(a *arena) {
		s := a.join(a.name(0), lasting)
		s.subscribe(2, a.id+"t")
		a.working.Go(func() {
			for x := s.next(); x != nil; x = s.next() {
				if m, ok := x.(*codec.Publish); ok {
					if m.QoS == qos.ExactlyOnce {
						s.send(&codec.Pubrec{ID: m.ID, Code: mqttwire.QuotaExceeded})
					} else {
						s.send(&codec.Puback{ID: m.ID, Code: mqttwire.QuotaExceeded})
					}
				}
			}
		})
		a.enter(a.id+"p", old).flow(publish(a.id+"t", zeros[:100], 1, false))
		a.hold()
	}},
	{name: "a-byte-at-a-time", about: "50 subscribers to # that read a byte every millisecond, and a publisher of 10 KB at QoS 0", run: func(a *arena) {
		a.each(50, func(i int) {
			p := a.join(a.name(i))
			p.subscribe(0, "#")
			p.sip(1, time.Millisecond)
		})
		a.flood(1, asIs, publish(a.id+"t", zeros[:10_000], 0, false))
	}},
	{name: "slow-many", about: "50 subscribers to # at QoS 1 that take a message every 50 ms, and 4 publishers of 60 KB that wait for nothing", run: func(a *arena) {
		a.each(50, func(i int) {
			p := a.join(a.name(i), lasting, window(4))
			p.subscribe(1, "#")
			a.working.Go(func() {
				for x := p.next(); x != nil; x = p.next() {
					a.pause(50 * time.Millisecond)
					p.answer(x)
				}
			})
		})
		a.repeat(4, func(i int) {
			a.enter(a.id+"p"+fmt.Sprint(i), old).flow(publish(a.id+"t", zeros[:60_000], 1, false))
			a.pause(100 * time.Millisecond)
		})
	}},
	{name: "slow-many-full", about: "20 subscribers to # at QoS 1 with 60,000 messages waiting that take 64 KB of them every 100 ms, and nobody else who publishes", run: func(a *arena) {
		var slow []*peer
		for i := range 20 {
			p := a.join(a.name(i), lasting)
			p.subscribe(1, "#")
			slow = append(slow, p)
		}
		a.enter(a.id+"p").offers(60_000, publish(a.id+"t", zeros[:100], 1, false))
		a.repeat(len(slow), func(i int) {
			p := slow[i]
			for b := make([]byte, 64<<10); p.lives() && a.goes(); a.pause(100 * time.Millisecond) {
				p.conn.Read(b)
			}
			a.pause(100 * time.Millisecond)
		})
	}},
	{name: "fan-out-large", about: "300 subscribers at QoS 0 and 1 that read 64 KB every 20 ms, and messages of 1 MB", run: func(a *arena) {
		a.each(300, func(i int) {
			p := a.join(a.name(i))
			p.subscribe(qos.Level(i%2), a.id+"t")
			p.sip(64<<10, 20*time.Millisecond)
		})
		a.enter(a.id+"p", old).flow(publish(a.id+"t", zeros[:mega-100], 1, false))
		a.hold()
	}},
	{name: "share-stalled", about: "a group of 50 members at QoS 0, 1 and 2, only one of which reads, and a publisher of 1 KB", run: func(a *arena) {
		a.each(50, func(i int) {
			p := a.join(a.name(i), lasting, window(1))
			p.subscribe(qos.Level(i%3), "$share/g/"+a.id+"t")
			if i == 0 {
				p.drain()
			}
		})
		p := a.enter(a.id + "p")
		for p.lives() {
			p.offer(a.id+"t", zeros[:1000])
		}
		a.hold()
	}},
	{name: "share-churn", about: "50 clients that enter and leave the same 100 groups, and a publisher to them", run: func(a *arena) {
		filters := groups(a.id+"t", 100)
		s, u := &codec.Subscribe{ID: 1}, &codec.Unsubscribe{ID: 2}
		for i, f := range filters {
			s.Subscriptions = s.Subscriptions.Append(codec.Subscription{Filter: []byte(f), Options: codec.SubscriptionOptions(i % 3)})
			u.Filters = u.Filters.Append([]byte(f))
		}
		a.working.Go(func() { a.enter(a.id+"p", old).flow(publish(a.id+"t", zeros[:100], 1, false)) })
		a.flood(50, asIs, s, u)
	}},
	{name: "retained-again", about: "a retained message of 1 MB, and SUBSCRIBEs to it from a client that reads", run: func(a *arena) {
		k := a.join(a.id + "k")
		k.keep(publish(a.id+"r", zeros[:mega-100], 0, true))
		k.ping()
		a.flood(4, asIs, subscription(0, a.id+"r"))
	}},
	{name: "retained-again-unread", about: "the same, from 20 clients that do not", run: func(a *arena) {
		k := a.join(a.id + "k")
		k.keep(publish(a.id+"r", zeros[:mega-100], 1, true))
		k.ping()
		a.repeat(20, func(i int) {
			for p := a.join(a.name(i)); p.lives(); {
				p.send(subscription(1, a.id+"r"))
			}
			a.pause(100 * time.Millisecond)
		})
	}},
	{name: "retained-takeover", about: "16 connections that take a session from each other while it gets 20,000 retained messages", run: func(a *arena) {
		a.keepMany(20_000)
		a.repeat(16, func(int) {
			p := a.join(a.id, lasting)
			p.send(subscription(1, "#"))
			p.until(mqttwire.PUBLISH)
		})
	}},
	{name: "clean-start-full", about: "clean starts over a session with 10,000 messages and 1,000 subscriptions, again and again", run: func(a *arena) {
		a.repeat(4, func(i int) {
			a.away(a.name(i), append(numbered("x", 1000), a.name(i))...)
			p := a.join(a.name(i) + "p")
			p.offers(10_000, publish(a.name(i), zeros[:100], 1, false))
			p.close()
			a.join(a.name(i)).close()
		})
	}},
	{name: "sys", about: "500 subscribers to $SYS/# that do not read, and PUBLISHes to $SYS", run: func(a *arena) {
		a.each(500, func(i int) { a.join(a.name(i)).send(subscription(1, "$SYS/#"), subscription(1, "$SYS/#")) })
		a.flood(4, asIs, publish("$SYS/broker/version", zeros[:100], 0, true))
	}},
	{name: "old-refused", about: "SUBSCRIBEs and PUBLISHes of 3.1 and 3.1.1 that are refused, from 50 at a time", users: true, run: func(a *arena) {
		a.repeat(50, func(i int) {
			p := a.join(a.name(i), []func(*codec.Connect){old, v31}[i%2])
			for range 20 {
				p.send(subscription(1, "secret/"+fmt.Sprint(i)), publish("secret/t", zeros[:10], 2, true))
				p.next()
			}
			p.close()
		})
	}},
	{name: "old-pipelined", about: "a publisher of 3.1 that waits for nothing, to 20 subscribers of 3.1 that stop, and to an absent session", run: func(a *arena) {
		a.each(20, func(i int) { a.join(a.name(i), v31).subscribe(1, a.id+"t") })
		p := a.join(a.name(20), v31, func(c *codec.Connect) { c.CleanStart = false })
		p.subscribe(2, a.id+"t")
		p.close()
		q := a.join(a.id+"p", v31)
		q.flow(publish(a.id+"t", zeros[:1000], 1, false))
		a.hold()
	}},
}

// subscription returns a SUBSCRIBE to a Topic Filter.
func subscription(level qos.Level, filter string) *codec.Subscribe {
	s := &codec.Subscribe{ID: 1}
	s.Subscriptions = s.Subscriptions.Append(codec.Subscription{Filter: []byte(filter), Options: codec.SubscriptionOptions(level)})
	return s
}
