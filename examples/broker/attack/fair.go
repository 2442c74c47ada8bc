package main

import (
	"fmt"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
)

// What others have to wait for, or are punished for.
var fairAttacks = []attack{
	{name: "bad-passwords", users: true, about: "60 connections with bad passwords in a loop", run: func(a *arena) {
		a.repeat(60, func(i int) {
			a.join(a.name(i), func(c *codec.Connect) { c.Password = []byte("wrong") }).close()
		})
	}},
	{name: "bad-passwords-unknown", users: true, about: "the same with user names that are not known, a new one each time", run: func(a *arena) {
		a.repeat(60, func(i int) {
			a.join(a.name(i), func(c *codec.Connect) { c.UserName = fmt.Append(nil, time.Now().UnixNano()) }).close()
		})
	}},
	{name: "bad-passwords-victim", users: true, about: "the same with the name and the Client Identifiers of the victim", run: func(a *arena) {
		a.repeat(60, func(i int) {
			a.join("innocent-1", func(c *codec.Connect) { c.UserName, c.Password = []byte("innocent"), []byte("wrong") }).close()
		})
	}},
	{name: "good-passwords", users: true, about: "60 connections with the right password in a loop", run: func(a *arena) {
		a.repeat(60, func(i int) { a.join(a.name(i)).close() })
	}},
	{name: "silent", about: "1,000 connections that say nothing", run: func(a *arena) {
		a.each(1000, func(int) { a.dial() })
		a.hold()
	}},
	{name: "idle", about: "1,000 clients of 3.1.1 with Keep Alive 0 that do nothing", run: func(a *arena) {
		a.each(1000, func(i int) { a.join(a.name(i), old) })
		a.hold()
	}},
	{name: "slow-connect", about: "500 CONNECTs, a byte every 100 ms", run: func(a *arena) {
		b, _ := (&codec.Connect{Version: 5, ClientID: []byte(a.id)}).Append(nil, codec.Rules{Version: 5})
		var all []*peer
		for range 500 {
			all = append(all, a.dial())
		}
		for i := 0; i < len(b) && a.goes(); i++ {
			for _, p := range all {
				p.write(b[i : i+1])
			}
			a.pause(100 * time.Millisecond)
		}
		a.hold()
	}},
	{name: "slow-publish", about: "200 PUBLISHes of 100 KB, 100 bytes every 10 ms", run: func(a *arena) {
		b, _ := publish(a.id+"t", zeros[:100_000], 0, false).Append(nil, codec.Rules{Version: 5, From: mqttwire.Client})
		a.repeat(200, func(i int) {
			p := a.join(a.name(i))
			for n := 0; n+100 <= len(b) && p.lives() && a.goes(); n += 100 {
				p.write(b[n : n+100])
				a.pause(10 * time.Millisecond)
			}
		})
	}},
	{name: "malformed", about: "malformed packets, with the Client Identifier of the victim too", run: func(a *arena) {
		a.repeat(16, func(i int) {
			p := a.join(a.name(i))
			p.write([]byte{0xF0 | 0x0F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF})
			p.next()
			p.close()
			p = a.dial()
			p.write([]byte{0x10, 0x02, 0, 4})
			p.next()
			p.close()
		})
	}},
	{name: "absent-all", about: "an absent session that has subscribed to #, made full", run: func(a *arena) { a.full("#") }},
	{name: "absent-victim", about: "an absent session that has subscribed to innocent/#, made full with small messages", run: func(a *arena) {
		a.away(a.name(0), "innocent/#", a.id+"t")
		a.repeat(4, func(i int) {
			p := a.join(a.id + "p" + fmt.Sprint(i))
			p.drain()
			for n := 0; p.lives(); n++ {
				m := publish(a.id+"t", zeros[:8], 1, false)
				m.ID = uint16(n%60_000) + 1
				p.send(m)
			}
			a.pause(100 * time.Millisecond)
		})
	}},
	{name: "slow-all", about: "a subscriber to # at QoS 1 that reads a packet every 100 ms, and a publisher of 60 KB", run: func(a *arena) {
		s := a.join(a.name(0), window(1))
		s.subscribe(1, "#")
		a.working.Go(func() {
			for s.lives() {
				if x := s.next(); x != nil {
					a.pause(100 * time.Millisecond)
					s.answer(x)
				}
			}
		})
		p := a.join(a.id + "p")
		for p.lives() {
			p.offer(a.id+"t", zeros[:60_000])
		}
		a.hold()
	}},
	{name: "stopped-all", about: "20 subscribers to # at QoS 1 that stop reading, and a publisher of 60 KB", run: func(a *arena) {
		a.each(20, func(i int) { a.join(a.name(i)).subscribe(1, "#") })
		p := a.join(a.id + "p")
		for p.lives() {
			p.offer(a.id+"t", zeros[:60_000])
		}
		a.hold()
	}},
	{name: "pipelined", about: "a publisher of 3.1.1 that waits for nothing, and a subscriber that reads all: what is told as done is", run: func(a *arena) {
		s := a.join(a.name(0), old)
		s.subscribe(1, a.id+"t")
		a.working.Go(func() {
			for x := s.next(); x != nil; x = s.next() {
				if x.Type() == mqttwire.PUBLISH {
					a.owed.Add(-1)
				}
				s.answer(x)
			}
		})
		p := a.join(a.id+"p", old)
		a.working.Go(func() {
			for x := p.next(); x != nil; x = p.next() {
				if x.Type() == mqttwire.PUBACK {
					a.owed.Add(1)
				}
			}
		})
		half := time.Now()
		if end, ok := a.ctx.Deadline(); ok { // the rest of the time is for what waits
			half = half.Add(time.Until(end) / 2)
		}
		for n := 0; p.lives() && time.Now().Before(half); n++ {
			m := publish(a.id+"t", zeros[:16], 1, false)
			m.ID = uint16(n%60_000) + 1
			p.send(m)
		}
		a.hold()
	}},
	{name: "steal", users: true, about: "another user takes the Client Identifiers of the victim", run: func(a *arena) {
		a.repeat(4, func(i int) {
			for _, who := range []string{"reader", "writer", "away"} {
				a.join(a.victim+who, lasting).close()
			}
			a.pause(50 * time.Millisecond)
		})
	}},
	{name: "clear-retained", users: true, about: "another user clears what the victim has retained", run: func(a *arena) {
		a.flood(2, asIs, publish(a.victim+"kept", nil, 0, true))
	}},
	{name: "half-closed", about: "1,000 clients that close their end and read nothing", run: func(a *arena) {
		a.each(1000, func(i int) {
			a.join(a.name(i)).closeWrite()
		})
		a.hold()
	}},
	{name: "expiry-zero", about: "sessions with a subscription each that end at once, 16 at a time", run: func(a *arena) {
		a.repeat(16, func(i int) {
			p := a.join(a.name(i))
			p.subscribe(1, numbered(a.id, 1000)...)
			p.close()
		})
	}},
}

// full fills the queue of an absent session.
func (a *arena) full(filter string) {
	a.away(a.name(0), filter)
	p := a.join(a.id + "p")
	for range 80 {
		p.offer(a.id+"t", zeros[:mega-100])
	}
	a.hold()
}
