package main

import (
	"fmt"
	"time"

	"github.com/mqttwire/mqttwire/codec"
)

// expiry is a Session Expiry Interval.
func expiry(seconds uint32) func(*codec.Connect) {
	return func(c *codec.Connect) {
		c.CleanStart = false
		c.Properties = codec.AppendSessionExpiryInterval(c.Properties, seconds)
	}
}

// What a broker has to do when a time is over, all of it at once.
var dueAttacks = []attack{
	{name: "sessions-expire", about: "2,000 sessions with 100 subscriptions each that end a second later", run: func(a *arena) {
		filters := numbered("x", 100)
		a.each(2000, func(i int) {
			p := a.join(a.name(i), expiry(1))
			p.subscribe(0, filters...)
			p.close()
		})
		a.hold()
	}},
	{name: "session-expiry-at-end", about: "sessions of a second that a DISCONNECT prolongs to 136 years, with a message of 60 KB each", run: func(a *arena) {
		a.each(2000, func(i int) {
			p := a.join(a.name(i), expiry(1))
			p.subscribe(1, a.name(i))
			a.mu.Lock()
			a.sessions[p.id] = true
			a.mu.Unlock()
			p.send(&codec.Disconnect{Properties: codec.AppendSessionExpiryInterval(codec.Properties{}, 1<<32-2)})
			p.close()
			q := a.join(a.name(i) + "p")
			q.offer(a.name(i), zeros[:60_000])
			q.close()
		})
		a.hold()
	}},
	{name: "wills-due", about: "2,000 wills of 10 KB for the victims' topic tree and an absent session, due in the same second", users: true, run: func(a *arena) {
		a.away(a.name(0), a.id+"w")
		a.each(2000, func(i int) {
			a.join(a.name(i), expiry(60), func(c *codec.Connect) {
				c.WillFlag, c.Will = true, codec.Will{Topic: []byte(a.id + "w"), Payload: zeros[:10_000], QoS: 1, Retain: true}
				c.Will.Properties = codec.AppendWillDelayInterval(c.Will.Properties, 2)
			}).close()
		})
		a.hold()
	}},
	{name: "queue-expires", about: "100,000 messages of an absent session that expire in the same second, and then its return", run: func(a *arena) {
		a.away(a.name(0), a.id+"t")
		p := a.join(a.id + "p")
		m := publish(a.id+"t", zeros[:8], 1, false)
		m.Properties = codec.AppendMessageExpiryInterval(m.Properties, 2)
		p.offers(100_000, m)
		a.pause(2 * time.Second)
		a.join(a.name(0), lasting).ping()
		a.hold()
	}},
	{name: "retained-expire", about: "200,000 retained messages that expire in a second, and a search", run: func(a *arena) {
		a.each(10, func(c int) {
			p := a.join(a.id + "keeper" + fmt.Sprint(c))
			for i := c; i < 200_000 && p.lives(); i += 10 {
				m := publish(fmt.Sprint(a.id, "/", i%1000, "/", i), zeros[:1], 0, true)
				m.Properties = codec.AppendMessageExpiryInterval(m.Properties, 1)
				p.send(m)
			}
			p.ping()
		})
		a.pause(time.Second)
		p := a.join(a.name(0))
		for p.lives() {
			p.subscribe(0, a.id+"/#")
		}
		a.hold()
	}},
	{name: "keep-alive-ends", about: "1,000 clients with a Keep Alive of 1 s that say nothing more, with wills, again and again", run: func(a *arena) {
		a.repeat(4, func(w int) {
			a.each(250, func(i int) {
				a.join(a.name(w*250+i), func(c *codec.Connect) {
					c.KeepAlive = 1
					c.WillFlag, c.Will = true, codec.Will{Topic: []byte(a.id + "w"), Payload: zeros[:1000]}
				})
			})
			a.pause(2 * time.Second)
		})
	}},
}
