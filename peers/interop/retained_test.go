package interop

import (
	"testing"
)

// A retained message is set, replaced and removed by each library, and found by
// each.
func TestRetained(t *testing.T) {
	t.Parallel()
	all := here(t)
	each(t, func(t *testing.T, f flavor) {
		b := startBroker(t)
		writer := newClient(t, f, b, options{id: "writer"})
		for _, m := range []message{
			{topic: "r/1", payload: "old"}, {topic: "r/1", payload: "kept"},
			{topic: "r/2", payload: "removed"}, {topic: "r/2"},
			{topic: "r/3", payload: "removed, and set again"}, {topic: "r/3"}, {topic: "r/3", payload: "kept too"},
		} {
			m.retain, m.qos = true, 1
			writer.pub(m)
		}
		var readers []*client
		for _, g := range all {
			r := newClient(t, g, b, options{id: g.name, subscribe: []subscription{{filter: "r/+", qos: 2}}})
			one, three := r.next(), r.next() // in any order
			if one.topic != "r/1" {
				one, three = three, one
			}
			if !one.same(message{topic: "r/1", payload: "kept", qos: 1, retain: true}) ||
				!three.same(message{topic: "r/3", payload: "kept too", qos: 1, retain: true}) {
				t.Errorf("%s got %v and %v", g.name, one, three)
			}
			readers = append(readers, r)
		}
		writer.pub(message{topic: "r/1", payload: "live", qos: 2, retain: true})
		writer.pub(message{topic: "r/1", qos: 2, retain: true})
		for _, r := range readers {
			r.expect(message{topic: "r/1", payload: "live", qos: 2}, message{topic: "r/1", qos: 2})
		}
		last := newClient(t, next(f, all), b, options{id: "last", subscribe: []subscription{{filter: "r/1"}}})
		last.expectLast(writer, "r/1")
	})
}

// Retain Handling and Retain As Published are the subscriber's choice in 5.0.
func TestRetainOptions(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"paho-5.0", "mqttjs-5.0"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := startBroker(t)
			c := newClient(t, find(t, name), b, options{id: "c"})
			set := func(payload string) message {
				m := message{topic: "x", payload: payload, qos: 1, retain: true}
				c.pub(m)
				return m
			}
			live := func(m message) message { m.retain = false; return m }
			set("1")
			c.sub(subscription{filter: "x", qos: 1, handling: 2}) // nothing
			c.expect(live(set("2")))
			c.sub(subscription{filter: "x", qos: 1, handling: 1}) // nothing: it is not new
			m := set("3")
			c.expect(live(m))
			c.sub(subscription{filter: "x", qos: 1, asPublished: true})
			c.expect(m, set("4"))
			if err := c.unsubscribe("x"); err != nil {
				t.Fatal(err)
			}
			c.sub(subscription{filter: "x", qos: 0, handling: 1, id: 5}) // new again
			m = message{topic: "x", payload: "4", retain: true, properties: properties{ids: []int{5}}}
			c.expect(m)
			c.sub(subscription{filter: "x", handling: 2})
			c.expectLast(c, "x")
		})
	}
}

func TestRetainAsPublished(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	var readers []*client
	for _, f := range here(t, v50) {
		readers = append(readers, newClient(t, f, b, options{id: f.name,
			subscribe: []subscription{{filter: "x", qos: 1, asPublished: true}}}))
	}
	for _, f := range here(t) {
		writer := newClient(t, f, b, options{id: "w"})
		for _, m := range []message{{topic: "x", payload: "1", qos: 1, retain: true}, {topic: "x", payload: "2", qos: 1}} {
			writer.pub(m)
			for _, r := range readers {
				r.expect(m)
			}
		}
		writer.quit()
	}
}

// A retained message is gone once it has expired.
func TestRetainedExpiry(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, f flavor) {
		b := startBroker(t)
		writer := newClient(t, f, b, options{id: "writer"})
		writer.pub(message{topic: "r/1", payload: "short", qos: 1, retain: true, properties: properties{expiry: 1}})
		writer.pub(message{topic: "r/2", payload: "long", qos: 1, retain: true, properties: properties{expiry: 1000}})
		elapse(t, b, 2)
		r := newClient(t, f, b, options{id: "reader", subscribe: []subscription{{filter: "r/#", qos: 1}}})
		m := r.next()
		if m.topic != "r/2" || m.expiry < 900 || m.expiry > 998 {
			t.Errorf("after 2 s: %v", m)
		}
		r.expectLast(writer, "r/3")
	}, v50)
}

// With No Local, a client does not get its own messages.
func TestNoLocal(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"paho-5.0", "mqttjs-5.0"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := startBroker(t)
			c := newClient(t, find(t, name), b, options{id: "c", subscribe: []subscription{{filter: "x", qos: 1, noLocal: true}}})
			c.pub(message{topic: "x", payload: "own", qos: 1})
			c.expectLast(newClient(t, flavors[0], b, options{id: "other"}), "x")
		})
	}
}
