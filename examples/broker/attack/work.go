package main

import (
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
)

// groups returns n Shared Subscriptions to one topic, a group each.
func groups(topic string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("$share/g%d/%s", i, topic)
	}
	return all
}

// flood sends packets as fast as they are taken, from n clients that read.
func (a *arena) flood(n int, change func(*codec.Connect), packets ...codec.Packet) {
	a.repeat(n, func(i int) {
		p := a.join(a.name(i), change)
		p.drain()
		var b []byte
		for _, x := range packets {
			var err error
			if b, err = x.Append(b, p.rules); err != nil {
				p.fail(err)
				return
			}
		}
		for len(b) < 16<<10 {
			b = append(b, b...)
		}
		for p.lives() {
			p.write(b)
		}
		a.pause(100 * time.Millisecond)
	})
}

func asIs(*codec.Connect) {}

// What a broker is made to do.
var workAttacks = []attack{
	{name: "groups-away", about: "an absent session in 16,000 groups of one topic; messages of a byte", run: func(a *arena) {
		a.away(a.name(0), groups(a.id+"t", 16_000)...)
		p := a.enter(a.id + "p")
		for p.lives() {
			p.offer(a.id+"t", zeros[:1])
		}
		a.hold()
	}},
	{name: "groups-away-retain", about: "the same, retained", run: func(a *arena) {
		a.away(a.name(0), groups(a.id+"t", 16_000)...)
		p := a.enter(a.id + "p")
		for p.lives() {
			p.keep(publish(a.id+"t", zeros[:1], 0, true))
			p.ping()
		}
		a.hold()
	}},
	{name: "copies", about: "a client in 50,000 groups of one topic, which reads; messages of a byte at QoS 0", run: func(a *arena) {
		p := a.join(a.name(0))
		p.subscribe(0, groups(a.id+"t", 50_000)...)
		p.drain()
		q := a.join(a.id + "p")
		for q.lives() {
			q.send(publish(a.id+"t", zeros[:1], 0, false))
			q.ping()
		}
		a.hold()
	}},
	{name: "identifiers", about: "4,096 subscriptions with identifiers that all match one topic", run: func(a *arena) {
		p := a.join(a.name(0))
		for i := 0; i < 4096 && p.lives(); i++ {
			s := codec.Subscribe{ID: 1, Properties: codec.AppendSubscriptionIdentifier(codec.Properties{}, uint32(1<<27+i))}
			s.Subscriptions = s.Subscriptions.Append(codec.Subscription{Filter: []byte(mask(12, i))})
			p.send(&s)
			p.until(mqttwire.SUBACK)
		}
		p.drain()
		q := a.join(a.id + "p")
		for q.lives() {
			q.send(publish(mask(12, 0), zeros[:1], 0, false))
			q.ping()
		}
		a.hold()
	}},
	{name: "wildcards", about: "65,536 subscriptions of 16 levels that all match one topic, which is published to", run: func(a *arena) {
		var filters []string
		for i := range 1 << 16 {
			filters = append(filters, mask(16, i))
		}
		p := a.join(a.name(0))
		p.subscribe(0, filters...)
		q := a.join(a.id + "p")
		for q.lives() {
			q.send(publish(mask(16, 0), zeros[:1], 0, false))
			q.ping()
		}
		a.hold()
	}},
	{name: "deep-topics", about: "messages with topics of 30,000 levels, over subscriptions of a few", run: func(a *arena) {
		p := a.join(a.name(0))
		p.subscribe(0, "+/+/+/#", "a/+/a/+/#")
		a.flood(4, asIs, publish(strings.Repeat("a/", 30_000), nil, 0, false))
	}},
	{name: "clean-start", about: "clean starts over 100,000 subscriptions, again and again", run: func(a *arena) {
		filters := numbered(a.id, 100_000)
		for a.goes() {
			p := a.join(a.name(0))
			p.subscribe(0, filters...)
			p.close()
		}
	}},
	{name: "denied-filters", users: true, about: "SUBSCRIBEs of 74,892 filters that 501 rules deny", run: func(a *arena) {
		s := codec.Subscribe{ID: 1}
		for i := range 74_892 {
			s.Subscriptions = s.Subscriptions.Append(codec.Subscription{Filter: []byte(fmt.Sprint("secret/", i))})
		}
		a.repeat(2, func(i int) {
			for p := a.join(a.name(i)); p.lives(); p.until(mqttwire.SUBACK) {
				p.send(&s)
			}
			a.pause(100 * time.Millisecond)
		})
	}},
	{name: "denied-publish", users: true, about: "PUBLISHes that 501 rules deny", run: func(a *arena) {
		a.flood(2, asIs, publish("secret/t", nil, 0, false))
	}},
	{name: "subscribe-churn", about: "SUBSCRIBE and UNSUBSCRIBE of 1,000 filters, again and again", run: func(a *arena) {
		s, u := &codec.Subscribe{ID: 1}, &codec.Unsubscribe{ID: 2}
		for _, f := range numbered(a.id, 1000) {
			s.Subscriptions = s.Subscriptions.Append(codec.Subscription{Filter: []byte(f)})
			u.Filters = u.Filters.Append([]byte(f))
		}
		a.flood(4, asIs, s, u)
	}},
	{name: "unsubscribe-nothing", about: "UNSUBSCRIBEs of 70,000 filters that nobody has", run: func(a *arena) {
		u := &codec.Unsubscribe{ID: 2}
		for _, f := range numbered(a.id, 70_000) {
			u.Filters = u.Filters.Append([]byte(f))
		}
		a.flood(2, asIs, u)
	}},
	{name: "retained-search", about: "SUBSCRIBEs to +/+/none over 100,000 retained messages", run: func(a *arena) {
		a.keepMany(100_000)
		s := &codec.Subscribe{ID: 1}
		s.Subscriptions = s.Subscriptions.Append(codec.Subscription{Filter: []byte("+/+/none")}, codec.Subscription{Filter: []byte("#")})
		a.flood(4, asIs, s)
	}},
	{name: "retained-churn", about: "a topic retained and cleared, again and again, in 16 clients", run: func(a *arena) {
		a.flood(16, asIs, publish(a.id+"t", zeros[:1], 0, true), publish(a.id+"t", nil, 0, true))
	}},
	{name: "same-filters", about: "50 clients that subscribe to the same 100 filters, the victims' too, and unsubscribe, again and again", run: func(a *arena) {
		s, u := &codec.Subscribe{ID: 1}, &codec.Unsubscribe{ID: 2}
		for _, f := range append(numbered(a.id, 98), a.victim+"t", "#") {
			s.Subscriptions = s.Subscriptions.Append(codec.Subscription{Filter: []byte(f)})
			u.Filters = u.Filters.Append([]byte(f))
		}
		a.flood(50, asIs, s, u)
	}},
	{name: "subscribe-properties", about: "SUBSCRIBEs with 190,000 empty properties each, from 4 clients", run: func(a *arena) {
		s := subscription(0, a.id)
		s.Properties = manyProperties(190_000)
		a.flood(4, asIs, s)
	}},
	{name: "connect-properties", about: "CONNECTs with 11,000 empty properties each, from 50 at a time", run: func(a *arena) {
		properties := manyProperties(11_000)
		a.repeat(50, func(i int) {
			a.join(a.name(i), func(c *codec.Connect) { c.Properties = properties }).bye()
		})
	}},
	{name: "fan-out", about: "500 subscribers at QoS 1 that read and acknowledge, and a publisher of 10 bytes that waits for nothing", run: func(a *arena) {
		a.each(500, func(i int) {
			p := a.join(a.name(i))
			p.subscribe(1, a.id+"t")
			a.working.Go(func() {
				for x := p.next(); x != nil; x = p.next() {
					p.answer(x)
				}
			})
		})
		a.enter(a.id+"p", old).flow(publish(a.id+"t", zeros[:10], 1, false))
	}},
	{name: "ping-flood", about: "PINGREQs from 50 clients", run: func(a *arena) { a.flood(50, asIs, &codec.Pingreq{}) }},
	{name: "publish-flood", about: "PUBLISHes to nobody from 50 clients", run: func(a *arena) {
		a.flood(50, asIs, publish(a.id+"t", zeros[:100], 0, false))
	}},
	{name: "stray-acks", about: "acknowledgements of nothing from 20 clients", run: func(a *arena) {
		a.flood(20, asIs, &codec.Puback{ID: 1}, &codec.Pubrec{ID: 2}, &codec.Pubrel{ID: 3}, &codec.Pubcomp{ID: 4})
	}},
	{name: "repeated-qos2", about: "one PUBLISH of QoS 2, again and again, from 20 clients", run: func(a *arena) {
		m := publish(a.id+"t", zeros[:100], 2, false)
		m.Dup = true
		a.flood(20, asIs, m)
	}},
	{name: "connect-flood", about: "CONNECT and DISCONNECT, from 50 at a time", run: func(a *arena) {
		a.repeat(50, func(i int) { a.join(a.name(i)).bye() })
	}},
	{name: "connect-flood-addresses", about: "the same, each connection from one of 250 addresses", run: func(a *arena) {
		a.repeat(50, func(i int) {
			a.dialFrom(net.IPv4(127, 9, byte(i), byte(1+a.dialed.Load()%250))).join(a.name(i)).bye()
		})
	}},
	{name: "connect-long-ids", about: "CONNECT and DISCONNECT with Client Identifiers and user names of 250 bytes, and a Reason String of 60 KB, from 50 at a time", run: func(a *arena) {
		a.repeat(50, func(i int) {
			p := a.join(a.id+long(250, int(a.dialed.Load())), func(c *codec.Connect) { c.UserName = []byte(long(250, i)) })
			p.send(&codec.Disconnect{Code: mqttwire.UnspecifiedError, Properties: codec.AppendReasonString(codec.Properties{}, long(60_000, i))})
			p.close()
		})
	}},
	{name: "connect-and-close", about: "connections that are closed at once, with a byte, and with a CONNECT that nobody waits for the answer of", run: func(a *arena) {
		b, _ := (&codec.Connect{Version: 5, ClientID: []byte(a.id)}).Append(nil, codec.Rules{Version: 5})
		a.repeat(50, func(i int) {
			p := a.dial()
			p.write(b[:[]int{0, 1, len(b)}[i%3]])
			p.close()
		})
	}},
	{name: "auth", about: "CONNECTs with Authentication Methods that are not known, and AUTH without one, from 50 at a time", run: func(a *arena) {
		a.repeat(50, func(i int) {
			var method codec.Properties
			if i%2 == 0 {
				method = codec.AppendAuthenticationMethod(method, long(1000, i))
			}
			p := a.join(a.name(i), func(c *codec.Connect) { c.Properties = method })
			for range 10 {
				p.send(&codec.Auth{Code: mqttwire.ReAuthenticate, Properties: method})
			}
			p.next()
			p.close()
		})
	}},
	{name: "takeover", about: "16 connections that take one session from each other", run: func(a *arena) {
		a.repeat(16, func(int) { a.join(a.id, lasting).subscribe(1, numbered(a.id, 100)...) })
	}},
	{name: "will-storm", about: "wills to 100 absent sessions, from connections that break", run: func(a *arena) {
		a.each(100, func(i int) { a.away(a.name(i), a.id+"w") })
		a.repeat(16, func(i int) {
			a.join(a.id+"w"+fmt.Sprint(i), func(c *codec.Connect) {
				c.WillFlag, c.Will = true, codec.Will{Topic: []byte(a.id + "w"), Payload: zeros[:10_000], QoS: 1, Retain: true}
			}).close()
		})
	}},
	{name: "echo-qos0", about: "16 clients that publish to themselves and do not read", run: func(a *arena) { a.echo(0, 1) }},
	{name: "echo-qos1", about: "the same at QoS 1", run: func(a *arena) { a.echo(1, 1) }},
	{name: "echo-pairs", about: "16 clients that publish to each other at QoS 2 and do not read", run: func(a *arena) { a.echo(2, 2) }},
}

// mask returns a filter of n levels, with a + where i has a bit.
func mask(n, i int) string {
	levels := make([]string, n)
	for k := range levels {
		if levels[k] = "a"; i>>k&1 == 1 {
			levels[k] = "+"
		}
	}
	return strings.Join(levels, "/")
}

// echo has 16 clients publish to a topic that one of so many of them has
// subscribed to, without reading.
func (a *arena) echo(level qos.Level, apart int) {
	a.repeat(16, func(i int) {
		p := a.join(a.name(i))
		p.subscribe(level, a.name(i)+"t")
		for n := 0; p.lives(); n++ {
			m := publish(a.name(i^(apart-1))+"t", zeros[:10_000], level, false)
			if level > 0 {
				m.ID = uint16(n%1000) + 1
			}
			p.send(m)
		}
		a.pause(100 * time.Millisecond)
	})
}
