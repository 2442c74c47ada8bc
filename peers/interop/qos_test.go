package interop

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// Every version of every library publishes to every other, at every QoS, and a
// message goes at the lower of its own QoS and that of the subscription.
func TestEveryVersionToEveryVersion(t *testing.T) {
	t.Parallel()
	everyVersionToEveryVersion(t, startBroker(t))
}

// The small reference broker takes the same clients.
func TestEveryVersionOnTiny(t *testing.T) {
	t.Parallel()
	everyVersionToEveryVersion(t, startTiny(t))
}

func everyVersionToEveryVersion(t *testing.T, b *broker) {
	all := here(t)
	var readers []*client
	for _, f := range all {
		for q := range byte(3) {
			readers = append(readers, newClient(t, f, b, options{id: fmt.Sprintf("%s-%d", f.name, q),
				subscribe: []subscription{{filter: "m/+/#", qos: q}}}))
		}
	}
	sent := map[string]byte{} // QoS by topic
	for _, f := range all {
		writer := newClient(t, f, b, options{id: "w-" + f.name})
		for q := range byte(3) {
			for _, topic := range []string{"m", fmt.Sprintf("m/%s/at/%d", f.name, q), "M/x"} {
				writer.pub(message{topic: topic, payload: "from " + f.name, qos: q})
				if strings.HasPrefix(topic, "m/") {
					sent[topic] = q
				}
			}
		}
	}
	last := newClient(t, flavors[0], b, options{id: "last"})
	for _, r := range readers {
		came := map[string]bool{}
		for range sent { // at QoS 0, those of different publishers are in any order
			m := r.next()
			q, ok := sent[m.topic]
			want := message{topic: m.topic, payload: "from " + strings.Split(m.topic, "/")[1], qos: min(q, r.options.subscribe[0].qos)}
			if !ok || came[m.topic] || !m.same(want) || m.dup {
				t.Errorf("%s: got %v, want %v, came before: %v", r.options.id, m, want, came[m.topic])
			}
			came[m.topic] = true
		}
	}
	end := message{topic: "m/end", payload: "of it"}
	last.pub(end)
	for _, r := range readers {
		r.expect(end)
	}
}

// Messages of one publisher come in their order, whatever its QoS.
func TestOrder(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	var readers []*client
	for _, f := range here(t) {
		readers = append(readers, newClient(t, f, b, options{id: f.name, subscribe: []subscription{{filter: "o/#", qos: 2}}}))
	}
	writer := newClient(t, flavors[2], b, options{id: "writer"})
	var want []message
	for i := range 300 {
		m := message{topic: fmt.Sprint("o/", i%7), payload: fmt.Sprint(i), qos: byte(i % 3)}
		writer.pub(m)
		want = append(want, m)
	}
	for _, r := range readers {
		got := make(map[byte][]message) // mosquitto and MQTT.js pass QoS 2 on when it is released
		for range want {
			m := r.next()
			got[m.qos] = append(got[m.qos], m)
		}
		for _, w := range want {
			if g := got[w.qos]; !g[0].same(w) || g[0].dup {
				t.Fatalf("%s: got %v, want %v", r.options.id, g[0], w)
			}
			got[w.qos] = got[w.qos][1:]
		}
	}
}

func TestEmptyAndLarge(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	large := strings.Repeat("0123456789", 100_000)
	var readers []*client
	for _, f := range here(t) {
		readers = append(readers, newClient(t, f, b, options{id: f.name, subscribe: []subscription{{filter: "size/#", qos: 1}}}))
	}
	for _, f := range here(t) {
		writer := newClient(t, f, b, options{id: "w-" + f.name})
		for q := range byte(3) {
			empty := message{topic: "size/none", qos: q}
			writer.pub(empty)
			empty.qos = min(q, 1)
			for _, r := range readers {
				r.expect(empty)
			}
		}
		writer.pub(message{topic: "size/large", payload: large, qos: 2})
		for _, r := range readers {
			r.expect(message{topic: "size/large", payload: large, qos: 1})
		}
	}
}

func TestUnsubscribe(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, f flavor) {
		b := startBroker(t)
		c := newClient(t, f, b, options{id: "c", subscribe: []subscription{{filter: "u/#", qos: 2}, {filter: "v", qos: 2}}})
		c.pub(message{topic: "u/1", payload: "1", qos: 2})
		c.expect(message{topic: "u/1", payload: "1", qos: 2})
		if err := c.unsubscribe("u/#"); errors.Is(err, errors.ErrUnsupported) {
			t.Skip(err)
		} else if err != nil {
			t.Fatal(err)
		}
		c.pub(message{topic: "u/1", payload: "2", qos: 2})
		c.pub(message{topic: "v", payload: "3", qos: 2})
		c.expect(message{topic: "v", payload: "3", qos: 2})
	})
}
