package brokers

import (
	"fmt"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/conformance"
	"github.com/mqttwire/mqttwire/qos"
)

var sessionChecks = []conformance.Check{
	{
		Name:    "session/kept",
		About:   "A session that is to be kept is there when its client comes back, with its subscriptions, and Session Present says so.",
		Clauses: cite("3.1.1 3.1.2-4 3.2.2-2 4.1.0-1; 5.0 3.1.2-5 3.1.2-23 3.2.2-3 4.1.0-1"),
		Func: on(func(b *bench) {
			v := b.Version
			publisher := b.clean(v, "publisher")
			c := b.kept(v, "c", false)
			c.subscribe("a", 2)
			c.subscribe("b", 1)
			c.unsubscribe("b")
			for _, end := range []func(){c.disconnect, c.lose} {
				end()
				c = b.kept(v, "c", true)
				c.ping()
				publisher.publish(b.msg("a", "x", 2), b.msg("b", "x", 1))
				c.take(b.msg("a", "x", 2))
				c.ping()
			}
		}),
	},
	{
		Name:    "session/clean",
		About:   "A clean session begins with nothing and leaves nothing; what was kept before is gone with it.",
		Clauses: cite("3.1.1 3.1.2-6 3.2.2-3; 5.0 3.1.2-4 3.1.2-6 4.1.0-2"),
		Func: on(func(b *bench) {
			v := b.Version
			publisher := b.clean(v, "publisher")
			c := b.kept(v, "c", false)
			c.subscribe("a", 1)
			c.disconnect()
			publisher.publish(b.msg("a", "waits", 1))
			c = b.clean(v, "c")
			c.ping()
			publisher.publish(b.msg("a", "x", 1))
			c.ping()
			c.subscribe("b", 1)
			c.disconnect()
			publisher.publish(b.msg("a", "x", 1), b.msg("b", "x", 1))
			c = b.kept(v, "c", false)
			publisher.publish(b.msg("a", "x", 1), b.msg("b", "x", 1))
			c.ping()
		}),
	},
	{
		Name:    "session/by-turns",
		About:   "Kept and clean sessions of one client follow each other in any order.",
		Clauses: cite("3.1.1 3.1.2-6; 5.0 3.1.2-4"),
		Func: on(func(b *bench) {
			v := b.Version
			publisher := b.clean(v, "publisher")
			for range 3 {
				for _, begin := range []func() *client{
					func() *client { return b.kept(v, "c", false) },
					func() *client { return b.clean(v, "c") },
				} {
					c := begin()
					c.subscribe("a", 1)
					publisher.publish(b.msg("a", "x", 1))
					c.take(b.msg("a", "x", 1))
					c.ping()
					c.lose()
				}
			}
		}),
	},
	{
		Name:    "session/clean-start-then-kept",
		About:   "A clean start is not the end of keeping.",
		Clauses: cite("5.0 3.1.2-23 3.1.2-4"),
		Func: on(func(b *bench) {
			for range 2 {
				p := b.keep(b.Version, "c")
				p.CleanStart = true
				c := b.join(p)
				c.expectPresent(false)
				c.subscribe("a", 1)
				c.disconnect()
				b.clean(b.Version, "publisher").publish(b.msg("a", "x", 1))
				c = b.kept(b.Version, "c", true)
				c.take(b.msg("a", "x", 1))
				c.disconnect()
			}
		}),
	},
	{
		Name:    "session/as-long-as-connection",
		About:   "A session lasts as long as its connection at least, also a clean one.",
		Clauses: cite("3.1.1 4.1.0-2; 5.0 4.1.0-1"),
		Needs:   needs{Seconds: 2},
		Func: on(func(b *bench) {
			v := b.Version
			c := b.clean(v, "c")
			c.subscribe("a", 2)
			out := b.msg("out", "x", 2)
			out.ID = 1000
			c.send(out)
			c.acknowledged(receive[*codec.Pubrec](c), 1000)
			publisher := b.clean(v, "publisher")
			publisher.publish(b.msg("a", "x", 2))
			in := c.arrived(b.msg("a", "x", 2))
			c.send(&codec.Pubrec{ID: in.ID})
			c.expect(&codec.Pubrel{ID: in.ID})
			b.Sleep(1200 * time.Millisecond)
			b.clean(v, "another").disconnect()
			publisher.publish(b.msg("a", "y", 0))
			c.take(b.msg("a", "y", 0))
			c.send(&codec.Pubcomp{ID: in.ID}, &codec.Pubrel{ID: 1000})
			c.expect(&codec.Pubcomp{ID: 1000})
			c.ping()
		}),
	},
	{
		Name:    "session/id-is-key",
		About:   "The Client Identifier is the key of the session, as it is.",
		Clauses: cite("3.1.1 3.1.3-2; 5.0 3.1.3-2"),
		Func: on(func(b *bench) {
			v := b.Version
			ids := []string{"c", "C", "c ", "cc", "\u00e9", "e\u0301", "c/#"}
			for _, id := range ids {
				c := b.kept(v, id, false)
				c.subscribe(fmt.Sprintf("a/%x", id), 1)
				c.disconnect()
			}
			publisher := b.clean(v, "publisher")
			for _, id := range ids {
				publisher.publish(b.msg(fmt.Sprintf("a/%x", id), id, 1))
			}
			for _, id := range ids {
				c := b.kept(v, id, true)
				c.take(b.msg(fmt.Sprintf("a/%x", id), id, 1))
				c.ping()
			}
		}),
	},
	{
		Name:    "session/offline-queue",
		About:   "QoS 1 and 2 wait for a client that is away, in order. QoS 0 may.",
		Clauses: cite("3.1.1 3.1.2-5 4.5.0-1; 5.0 4.5.0-1"),
		Func: on(func(b *bench) {
			v := b.Version
			c := b.kept(v, "c", false)
			c.subscribe("+/+", 2)
			c.subscribe("granted/1", 1)
			c.unsubscribe("granted/1")
			c.disconnect()
			publisher := b.clean(v, "publisher")
			const rounds = 10
			for i := range rounds {
				for level := range qos.Level(3) {
					publisher.publish(b.msg(fmt.Sprintf("TopicA/%d", level), fmt.Sprint(i), level))
				}
			}
			publisher.disconnect()
			c = b.kept(v, "c", true)
			next := [3]int{}
			for _, p := range c.queued(2 * rounds) {
				want := b.msg(fmt.Sprintf("TopicA/%d", p.QoS), fmt.Sprint(next[p.QoS]), p.QoS)
				if show(p) != show(want) {
					b.Fatal(nil, show(want), show(p))
				}
				next[p.QoS]++
			}
			if next[0] != 0 && next[0] != rounds {
				b.Advise(nil, "none or all of the messages of QoS 0 kept", fmt.Sprintf("%d of %d", next[0], rounds))
			}
			c.disconnect()
			b.kept(v, "c", true).ping()
		}),
	},
	{
		Name:    "session/expiry",
		About:   "A session of 5.0 ends its Session Expiry Interval after its connection. What DISCONNECT says of it counts.",
		Clauses: cite("5.0 4.1.0-2 3.1.2-23"),
		Needs:   needs{Seconds: 3},
		Func: on(func(b *bench) {
			const unset = 0xbeef
			tests := []struct {
				connect, disconnect uint32
				soon, later         bool // there at once, after 2 s
			}{
				{unset, unset, false, false},
				{0, unset, false, false},
				{1, unset, true, false},
				{60, unset, true, true},
				{0xfffffffe, unset, true, true},
				{0xffffffff, unset, true, true},
				{1, 60, true, true},
				{60, 1, true, false},
				{60, 0, false, false},
				{0xffffffff, 1, true, false},
				{1, 0xffffffff, true, true},
			}
			name := func(i int) string {
				when := "at once"
				if i%2 == 1 {
					when = "later"
				}
				said := func(n uint32) string {
					if n == unset {
						return "none"
					}
					return fmt.Sprint(n)
				}
				return fmt.Sprintf("%s, then %s, %s", said(tests[i/2].connect), said(tests[i/2].disconnect), when)
			}
			b.together(2*len(tests), name, func(b *bench, i int) {
				tt, later := tests[i/2], i%2 == 1
				b.forget(b.Version, b.id("c"))
				p := &codec.Connect{Version: b.Version, CleanStart: true, ClientID: []byte(b.id("c"))}
				if tt.connect != unset {
					p.Properties = codec.AppendSessionExpiryInterval(codec.Properties{}, tt.connect)
				}
				c := b.join(p)
				c.subscribe("a", 1)
				left := time.Now()
				d := &codec.Disconnect{}
				if tt.disconnect != unset {
					d.Properties = codec.AppendSessionExpiryInterval(codec.Properties{}, tt.disconnect)
				}
				c.leave(d)
				present := tt.soon
				if later {
					b.Sleep(2 * time.Second)
					present = tt.later
				}
				c = b.joinAs("c", b.keep(b.Version, "c"))
				if !later && time.Since(left) > 900*time.Millisecond {
					b.Note("this machine is too slow for %s", b.part)
					return
				}
				c.expectPresent(present)
				if c.connack.SessionPresent != present {
					return
				}
				b.clean(b.Version, "publisher").publish(b.msg("a", "x", 1))
				if present {
					c.take(b.msg("a", "x", 1))
				}
				c.ping()
			})
		}),
	},
	{
		Name:    "session/expiry-begins-anew",
		About:   "The interval begins when the connection ends, each time anew, also when that is lost.",
		Clauses: cite("5.0 4.1.0-2"),
		Needs:   needs{Seconds: 12},
		Func: on(func(b *bench) {
			p := &codec.Connect{Version: b.Version, ClientID: []byte(b.id("c")), Properties: codec.AppendSessionExpiryInterval(codec.Properties{}, 1)}
			b.Retry(func(late func()) {
				b.clean(b.Version, "c").disconnect()
				c := b.join(p)
				c.subscribe("a", 1)
				b.Sleep(1200 * time.Millisecond)
				for range 3 {
					lost := time.Now()
					c.lose()
					if c = b.join(p); time.Since(lost) > 900*time.Millisecond {
						late()
					}
					c.expectPresent(true)
					b.Sleep(500 * time.Millisecond)
				}
				c.lose()
			})
			b.Sleep(2 * time.Second)
			b.join(p).expectPresent(false)
		}),
	},
	{
		Name:    "session/expiry-raised",
		About:   "DISCONNECT cannot keep a session that CONNECT did not want kept.",
		Clauses: cite("5.0 E-3.14.2.2.2/2"),
		Func: on(func(b *bench) {
			c := b.clean(b.Version, "c")
			c.send(&codec.Disconnect{Properties: codec.AppendSessionExpiryInterval(codec.Properties{}, 60)})
			c.ended(nil, mqttwire.ProtocolError)
			if c = b.joinAs("c", b.keep(b.Version, "c")); c.connack.SessionPresent {
				b.Faultf(nil, "no session", "%v", &c.connack)
			}
			c.ping()
		}),
	},
	{
		Name:    "session/across-versions",
		About:   "A session is no less its client's when that speaks another version.",
		Clauses: cite("5.0 3.1.2-5"),
		Level:   conformance.Should,
		Func: on(func(b *bench) {
			for _, before := range b.spoken() {
				for _, after := range b.spoken() {
					b.apart(fmt.Sprintf("%v, then %v", before, after), func(b *bench) {
						c := b.kept(before, "c", false)
						c.subscribe("a", 2)
						c.disconnect()
						b.clean(before, "publisher").publish(b.msg("a", "1", 2))
						c = b.kept(after, "c", true)
						c.take(b.msg("a", "1", 2))
						b.clean(after, "publisher").publish(b.msg("a", "2", 1))
						c.take(b.msg("a", "2", 1))
						c.ping()
					})
				}
			}
		}),
	},
}
