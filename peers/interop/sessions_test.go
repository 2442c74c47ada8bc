package interop

import (
	"fmt"
	"slices"
	"testing"

	"github.com/mqttwire/mqttwire"
)

// numbered returns messages on a topic, of QoS 1 and 2 in turn or, with zero, of
// all three.
func numbered(topic string, n int, zero bool) (all []message) {
	for i := range n {
		q := byte(i%2 + 1)
		if zero {
			q = byte(i % 3)
		}
		all = append(all, message{topic: topic, payload: fmt.Sprint(i), qos: q})
	}
	return all
}

// sorted returns messages by QoS and then as they were: some libraries pass a
// message of QoS 2 on when it is released, so that later ones overtake it.
func sorted(all []message) []message {
	return slices.SortedStableFunc(slices.Values(all), func(a, b message) int { return int(a.qos) - int(b.qos) })
}

// expectAll receives messages, those of each QoS in order, and each with this
// DUP.
func (c *client) expectAll(want []message, dup bool) {
	c.t.Helper()
	var got []message
	for range want {
		got = append(got, c.next())
	}
	got, want = sorted(got), sorted(want)
	for i, w := range want {
		if !got[i].same(w) || got[i].dup != dup {
			c.t.Fatalf("%s as %q:\ngot  %v\nwant %v with DUP %v", c.flavor.name, c.options.id, got[i], w, dup)
		}
	}
}

// What comes while a client is away waits for it: of QoS 1 and 2.
func TestOffline(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, f flavor) {
		b := startBroker(t)
		o := options{id: "away", resume: true, subscribe: []subscription{{filter: "q/#", qos: 2}}}
		c := newClient(t, f, b, o)
		c.wantPresent(false)
		c.quit()
		writer := newClient(t, flavors[0], b, options{id: "writer"})
		var kept []message
		for _, m := range numbered("q/1", 30, true) {
			writer.pub(m)
			if m.qos > 0 {
				kept = append(kept, m)
			}
		}
		c = newClient(t, f, b, o)
		c.wantPresent(true)
		c.expectAll(kept, false)
		c.expectLast(writer, "q/2")
		c.quit()

		writer.pub(message{topic: "q/3", payload: "forgotten with the session", qos: 1})
		o.resume = false
		c = newClient(t, f, b, o)
		c.wantPresent(false)
		c.expectLast(writer, "q/4")
		c.quit()
		o.resume = true
		c = newClient(t, f, b, o)
		c.wantPresent(false) // that session has ended with its connection
	})
}

// What a lost client has not acknowledged comes again: to a client of the same
// library, and then to one of another library and version that resumes the
// session.
func TestInFlight(t *testing.T) {
	t.Parallel()
	all := here(t)
	each(t, func(t *testing.T, f flavor) {
		b := startBroker(t)
		writer := newClient(t, flavors[0], b, options{id: "writer"})
		want := numbered("f", 10, false)
		o := options{id: "lost", resume: true, subscribe: []subscription{{filter: "f", qos: 2}}}
		var first []packet
		for round, g := range []flavor{f, f, next(f, all)} {
			o.through = startLink(t, b.address, func(p *packet) verdict {
				if p.from == mqttwire.Client && (p.Type == mqttwire.PUBACK || p.Type == mqttwire.PUBREC) {
					return swallow
				}
				return pass
			})
			o.through.single()
			c := newClient(t, g, b, o)
			c.wantPresent(round > 0)
			if round == 0 {
				for _, m := range want {
					writer.pub(m)
				}
			}
			published := of(mqttwire.PUBLISH, mqttwire.Server)
			c.link.waitFor(len(want), "PUBLISH", published)
			c.crash()
			sent := c.link.seen(published)
			if round == 0 {
				first = sent
			}
			if len(sent) != len(want) {
				t.Fatalf("%d messages were sent in round %d", len(sent), round)
			}
			for i := range sent {
				if p := &sent[i]; p.id() != first[i].id() || p.dup() != (round > 0) || p.qos() != want[i].qos {
					t.Errorf("round %d, message %d: id %d for %d, DUP %v, QoS %d", round, i, p.id(), first[i].id(), p.dup(), p.qos())
				}
			}
		}
		o.through = nil
		c := newClient(t, f, b, o)
		c.expectAll(want, true)
		c.expectLast(writer, "f")
	})
}

// A message of QoS 2 that the client has received is not sent again, only
// released: whichever library resumes the session.
func TestReleased(t *testing.T) {
	t.Parallel()
	all := here(t)
	each(t, func(t *testing.T, f flavor) {
		b := startBroker(t)
		writer := newClient(t, flavors[0], b, options{id: "writer"})
		o := options{id: "lost", resume: true, subscribe: []subscription{{filter: "f", qos: 2}}}
		o.through = startLink(t, b.address, func(p *packet) verdict {
			if p.is(mqttwire.PUBREL, mqttwire.Server) {
				return swallow
			}
			return pass
		})
		o.through.single()
		c := newClient(t, f, b, o)
		for i := range 5 {
			writer.pub(message{topic: "f", payload: fmt.Sprint(i), qos: 2})
		}
		released := of(mqttwire.PUBREL, mqttwire.Server)
		c.link.waitFor(5, "PUBREL", released)
		c.crash()
		first := c.link.seen(released)

		o.through = nil
		g := next(f, all)
		if g.name == "mqttjs-3.1" { // it refuses a PUBREL with DUP, as 3.1 §2.1 has it
			g = next(g, all)
		}
		c = newClient(t, g, b, o)
		c.wantPresent(true)
		c.link.waitFor(5, "PUBCOMP", of(mqttwire.PUBCOMP, mqttwire.Client))
		for i, p := range c.link.seen(released) {
			if p.id() != first[i].id() {
				t.Errorf("released as %d, and then as %d", first[i].id(), p.id())
			}
		}
		writer.pub(message{topic: "f", payload: "new", qos: 2})
		// MQTT.js delivers what is released, and here has nothing to deliver.
		c.expect(message{topic: "f", payload: "new", qos: 2})
		if n := len(c.link.seen(of(mqttwire.PUBLISH, mqttwire.Server))); n != 1 {
			t.Errorf("%d messages were sent", n)
		}
	})
}

// A client takes over from one of each library in turn. The session goes along,
// and 5.0 is told.
func TestTakeover(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	writer := newClient(t, flavors[0], b, options{id: "writer"})
	subscribe := []subscription{{filter: "t", qos: 2}}
	all := here(t)
	old := newClient(t, all[len(all)-1], b, options{id: "one", resume: true, subscribe: subscribe})
	for i, f := range slices.Concat(all, all) {
		c := newClient(t, f, b, options{id: "one", resume: true, subscribe: subscribe})
		c.wantPresent(true)
		old.link.waitOver()
		if old.flavor.version == v50 {
			if code := receive(t, old.ended, "DISCONNECT"); code != 0x8E {
				t.Errorf("%s is told 0x%02x", old.flavor.name, code)
			}
		}
		old.stop()
		m := message{topic: "t", payload: fmt.Sprint(i), qos: 2}
		writer.pub(m)
		c.expect(m)
		// Else the next one gets it again, as it must.
		waitFor(t, func() bool { return len(c.link.seen(of(mqttwire.PUBCOMP, mqttwire.Client))) > 0 })
		old = c
	}
}

// Sessions of 5.0 end when their time is over, not before.
func TestSessionExpiry(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, f flavor) {
		b := startBroker(t)
		short := options{id: "short", resume: true, expiry: 1, subscribe: []subscription{{filter: "short", qos: 1}}}
		long := options{id: "long", resume: true, expiry: 1000, subscribe: []subscription{{filter: "long", qos: 1}}}
		newClient(t, f, b, short).crash()
		newClient(t, f, b, long).crash()
		elapse(t, b, 2)
		if subscribers(t, b, "short") {
			t.Error("there is a session after its Session Expiry Interval")
		}
		if !subscribers(t, b, "long") {
			t.Error("there is no session before its Session Expiry Interval is over")
		}
		newClient(t, f, b, short).wantPresent(false)
		c := newClient(t, f, b, long)
		c.wantPresent(true)
		c.expect(message{topic: "long", payload: "is anybody there?", qos: 1})
	}, v50)
}

// A client of 5.0 that leaves can have its session end at once.
func TestSessionExpiryAtDisconnect(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"paho-5.0", "mqttjs-5.0"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := startBroker(t)
			c := newClient(t, find(t, name), b, options{id: "c", resume: true, subscribe: []subscription{{filter: "x", qos: 1}}})
			if err := c.driver.(leaver).leave(0, new(uint32)); err != nil {
				t.Fatal(err)
			}
			c.link.waitOver()
			if subscribers(t, b, "x") {
				t.Error("there is a session")
			}
		})
	}
}
