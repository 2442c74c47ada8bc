package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
)

const mega = 1_000_000

var zeros = make([]byte, mega)

// long returns a name of n bytes that i makes unlike others.
func long(n, i int) string {
	name := fmt.Sprintf("%d-", i)
	return name + strings.Repeat("x", n-len(name))
}

// deep returns a filter of n levels.
func deep(n, i int) string { return strings.Repeat("a/", n-1) + fmt.Sprint(i) }

// flow is a Receive Maximum.
func window(n uint16) func(*codec.Connect) {
	return func(c *codec.Connect) { c.Properties = codec.AppendReceiveMaximum(c.Properties, n) }
}

// userProperties are n bytes or so of properties.
func userProperties(n int) (p codec.Properties) {
	for p.Size() < n {
		p = codec.AppendUserProperty(p, "k", strings.Repeat("v", 1000))
	}
	return p
}

// manyProperties are n of the smallest.
func manyProperties(n int) (p codec.Properties) {
	for range n {
		p = codec.AppendUserProperty(p, "", "")
	}
	return p
}

// What a broker is made to keep.
var memoryAttacks = []attack{
	{name: "none", about: "nothing, to compare the others with", run: func(a *arena) { a.hold() }},
	{name: "absent-total", about: "33 absent sessions on one topic, 68 messages of 1 MB", run: func(a *arena) {
		a.each(33, func(i int) { a.away(a.name(i), a.id+"t") })
		p := a.join(a.id + "p")
		for range 68 {
			p.offer(a.id+"t", zeros[:mega-100])
		}
		a.hold()
	}},
	{name: "absent-many-small", about: "100 absent sessions, each with a topic of its own full of small messages", run: func(a *arena) {
		a.each(100, func(i int) {
			a.away(a.name(i), a.name(i))
			p := a.join(a.id + "p" + fmt.Sprint(i))
			p.drain()
			for n := 0; n < 20_000 && p.lives(); n++ {
				m := publish(a.name(i), zeros[:16], 1, false)
				m.ID = uint16(n%60_000) + 1
				p.send(m)
			}
			p.close()
		})
		a.hold()
	}},
	{name: "half-connect", about: "400 strangers, all but the last byte of a CONNECT of 60 KB each", run: func(a *arena) {
		a.each(400, func(i int) {
			a.dial().unfinished(&codec.Connect{Version: 5, ClientID: []byte(a.name(i)), UserNameFlag: true, UserName: []byte(long(60_000, i))}, 1)
		})
		a.hold()
	}},
	{name: "half-connect-large", about: "400 strangers, all but the last byte of a CONNECT of 1 MiB each", run: func(a *arena) {
		properties := userProperties(1_000_000)
		a.each(400, func(i int) {
			a.dial().unfinished(&codec.Connect{Version: 5, ClientID: []byte(a.name(i)), Properties: properties}, 1)
		})
		a.hold()
	}},
	{name: "half-publish", about: "300 clients, all but the last byte of a PUBLISH of 1 MB each", run: func(a *arena) {
		a.each(300, func(i int) { a.join(a.name(i)).unfinished(publish(a.id+"t", zeros[:mega-100], 0, false), 1) })
		a.hold()
	}},
	{name: "retained-large", about: "200 retained messages of 1 MB", run: func(a *arena) {
		p := a.join(a.id)
		for i := range 200 {
			p.keep(publish(a.name(i), zeros[:mega-100], 0, true))
		}
		p.ping()
		a.hold()
	}},
	{name: "retained-many", about: "300,000 retained messages of a byte", run: func(a *arena) {
		a.keepMany(300_000)
		a.hold()
	}},
	{name: "retained-long-topics", about: "2,000 retained messages with topics of 60 KB", run: func(a *arena) {
		p := a.join(a.id)
		for i := range 2000 {
			p.keep(publish(a.id+long(60_000, i), zeros[:1], 0, true))
		}
		p.ping()
		a.hold()
	}},
	{name: "retained-properties", about: "200 retained messages with 190,000 empty properties each", run: func(a *arena) {
		p, properties := a.join(a.id), manyProperties(190_000)
		for i := range 200 {
			m := publish(a.name(i), zeros[:1], 0, true)
			m.Properties = properties
			p.keep(m)
		}
		p.ping()
		a.hold()
	}},
	{name: "wills-large", about: "500 clients with wills of 60 KB", run: func(a *arena) {
		a.each(500, func(i int) {
			a.join(a.name(i), func(c *codec.Connect) {
				c.WillFlag, c.Will = true, codec.Will{Topic: []byte(a.id + "w"), Payload: zeros[:60_000]}
			})
		})
		a.hold()
	}},
	{name: "wills-delayed", about: "2,000 sessions left behind, each with a will of 60 KB that is due in an hour", run: func(a *arena) {
		a.each(2000, func(i int) {
			a.join(a.name(i), lasting, func(c *codec.Connect) {
				c.WillFlag, c.Will = true, codec.Will{Topic: []byte(a.id + "w"), Payload: zeros[:60_000]}
				c.Will.Properties = codec.AppendWillDelayInterval(c.Will.Properties, 3600)
			}).close()
		})
		a.hold()
	}},
	{name: "deep-subscriptions", about: "100,000 subscriptions of 100 levels", run: func(a *arena) {
		a.each(10, func(c int) {
			p := a.join(a.name(c))
			for i := 0; i < 10_000 && p.lives(); i += 250 {
				var filters []string
				for j := range 250 {
					filters = append(filters, fmt.Sprint(c, "/", i+j, "/")+deep(98, 0))
				}
				p.subscribe(0, filters...)
			}
		})
		a.hold()
	}},
	{name: "long-subscriptions", about: "1,000 subscriptions of 60 KB", run: func(a *arena) {
		p := a.join(a.id)
		for i := 0; i < 1000 && p.lives(); i++ {
			p.subscribe(0, long(60_000, i))
		}
		a.hold()
	}},
	{name: "many-subscriptions", about: "20 clients with 50,000 subscriptions each", run: func(a *arena) {
		a.each(20, func(c int) { a.join(a.name(c)).subscribe(0, numbered(a.name(c)+"/", 50_000)...) })
		a.hold()
	}},
	{name: "long-client-ids", about: "2,000 sessions left behind, with Client Identifiers of 60 KB", run: func(a *arena) {
		a.each(2000, func(i int) { a.join(a.id+long(60_000, i), lasting).close() })
		a.hold()
	}},
	{name: "many-sessions", about: "sessions left behind, as many as the time allows, each with a subscription", run: func(a *arena) {
		a.each(100_000, func(i int) { a.away(a.name(i), a.name(i)) })
	}},
	{name: "retained-unread", about: "200 clients that subscribe to # over 100,000 retained messages, and do not read", run: func(a *arena) {
		a.keepMany(100_000)
		a.each(200, func(i int) {
			s := codec.Subscribe{ID: 1}
			s.Subscriptions = s.Subscriptions.Append(codec.Subscription{Filter: []byte("#"), Options: 1})
			a.join(a.name(i)).send(&s)
		})
		a.hold()
	}},
	{name: "stopped-readers-qos0", about: "300 subscribers that do not read, 100 messages of 60 KB at QoS 0", run: func(a *arena) { a.stopped(0) }},
	{name: "stopped-readers-qos1", about: "the same at QoS 1", run: func(a *arena) { a.stopped(1) }},
	{name: "unacknowledged", about: "50 subscribers that read and do not acknowledge, with topics of their own: 20 MB each", run: func(a *arena) {
		a.each(50, func(i int) {
			p := a.join(a.name(i), lasting)
			p.subscribe(1, a.name(i))
			p.drain()
			q := a.join(a.name(i) + "p")
			for range 20 {
				q.offer(a.name(i), zeros[:mega-100])
			}
		})
		a.hold()
	}},
	{name: "unreleased", about: "200 clients that begin 1,000 QoS 2 handshakes and end none", run: func(a *arena) {
		a.each(200, func(i int) {
			p := a.join(a.name(i), lasting)
			p.drain()
			for n := range 1000 {
				m := publish(a.id+"t", zeros[:1000], 2, false)
				m.ID = uint16(n) + 1
				p.send(m)
			}
		})
		a.hold()
	}},
	{name: "topic-aliases", about: "100 clients with 32 aliases for topics of 60 KB", run: func(a *arena) {
		a.each(100, func(i int) {
			p := a.join(a.name(i))
			for n := range 32 {
				m := publish(long(60_000, n), nil, 0, false)
				m.Properties = codec.AppendTopicAlias(m.Properties, uint16(n)+1)
				p.send(m)
			}
			p.ping()
		})
		a.hold()
	}},
	{name: "aliases-replaced", about: "20 clients that give one alias to one topic of 60 KB after another", run: func(a *arena) {
		a.repeat(20, func(i int) {
			p := a.join(a.name(i))
			p.drain()
			for n := 0; p.lives(); n++ {
				m := publish(long(60_000, n), nil, 0, false)
				m.Properties = codec.AppendTopicAlias(m.Properties, 1)
				p.send(m)
			}
			a.pause(100 * time.Millisecond)
		})
	}},
	{name: "wills-properties", about: "500 clients with wills with 11,000 empty properties each", run: func(a *arena) {
		properties := manyProperties(11_000)
		a.each(500, func(i int) {
			a.join(a.name(i), func(c *codec.Connect) {
				c.WillFlag, c.Will = true, codec.Will{Topic: []byte(a.id + "w"), Payload: zeros[:1], Properties: properties}
			})
		})
		a.hold()
	}},
	{name: "queued-properties", about: "an absent session, and messages with a Response Topic of 60 KB, Correlation Data of 60 KB and 100,000 empty properties", run: func(a *arena) {
		a.away(a.name(0), a.id+"t")
		p := a.join(a.id + "p")
		m := publish(a.id+"t", zeros[:1], 1, false)
		m.Properties = codec.AppendResponseTopic(m.Properties, long(60_000, 0))
		m.Properties = codec.AppendCorrelationData(m.Properties, zeros[:60_000])
		for range 100_000 {
			m.Properties = codec.AppendUserProperty(m.Properties, "", "")
		}
		for n := 0; p.lives() && a.goes(); n++ {
			p.send(m)
			p.until(mqttwire.PUBACK)
		}
	}},
	{name: "expired", about: "an absent session filled with messages that expire in a second, again and again", run: func(a *arena) {
		a.away(a.name(0), a.id+"t")
		p := a.join(a.id + "p")
		for p.lives() {
			m := publish(a.id+"t", zeros[:60_000], 1, false)
			m.Properties = codec.AppendMessageExpiryInterval(m.Properties, 1)
			p.send(m)
			p.next()
		}
		a.hold()
	}},
	{name: "unread-answers", about: "100 clients that send PINGREQs and SUBSCRIBEs and read no answer", run: func(a *arena) {
		s := codec.Subscribe{ID: 1}
		for i := range 1000 {
			s.Subscriptions = s.Subscriptions.Append(codec.Subscription{Filter: []byte(fmt.Sprint(i))})
		}
		a.repeat(100, func(i int) {
			p := a.join(a.name(i))
			for p.lives() {
				p.send(&s, &codec.Pingreq{}, &codec.Pingreq{})
			}
			a.pause(100 * time.Millisecond)
		})
	}},
}

// numbered returns n names.
func numbered(prefix string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprint(prefix, i)
	}
	return all
}

// keepMany has n messages retained.
func (a *arena) keepMany(n int) {
	a.each(10, func(c int) {
		p := a.join(a.id + "keeper" + fmt.Sprint(c))
		for i := c; i < n && p.lives(); i += 10 {
			p.keep(publish(fmt.Sprint(a.id, "/", i%1000, "/", i), zeros[:1], 0, true))
		}
		p.ping()
		p.close()
	})
}

func (a *arena) stopped(level qos.Level) {
	a.each(300, func(i int) { a.join(a.name(i)).subscribe(level, a.id+"t") })
	p := a.join(a.id + "p")
	p.drain()
	for i := range 100 {
		m := publish(a.id+"t", zeros[:60_000], level, false)
		if level > 0 {
			m.ID = uint16(i) + 1
		}
		p.send(m)
	}
	a.hold()
}
