package interop

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// What 5.0 has brought to a message goes from each library to each, and earlier
// versions get the rest.
func TestProperties(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	given := properties{format: 1, expiry: 3600, contentType: "text/plain; ü", responseTopic: "r/1", correlation: "abc\x01",
		user: []pair{{"k", "1"}, {"k", "2"}, {"k", "1"}, {"l", ""}}}
	var readers []*client
	for i, f := range here(t) {
		s := subscription{filter: "p/#", qos: 2}
		if f.version == v50 {
			s.id = 300 + i
		}
		readers = append(readers, newClient(t, f, b, options{id: f.name, subscribe: []subscription{s}}))
	}
	for _, f := range here(t) {
		writer := newClient(t, f, b, options{id: "writer"})
		for q := range byte(3) {
			m := message{topic: "p/" + f.name, payload: "1", qos: q, properties: given}
			writer.pub(m)
			for _, r := range readers {
				want := m
				if f.version != v50 || r.flavor.version != v50 {
					want.properties = properties{}
				}
				if r.flavor.version == v50 {
					want.ids = []int{r.options.subscribe[0].id}
				}
				got := r.next()
				if got.expiry < given.expiry && got.expiry > given.expiry-100 {
					got.expiry = given.expiry // it has waited
				}
				if !got.same(want) {
					t.Errorf("%s to %s:\ngot  %v\nwant %v", f.name, r.flavor.name, got, want)
				}
			}
		}
		writer.quit()
	}
}

// User Properties keep their order, those of different names too: MQTT.js has
// none between these.
func TestUserPropertyOrder(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	names := []string{"paho-5.0", "mosquitto-5.0"}
	var readers []*client
	for _, name := range names {
		readers = append(readers, newClient(t, find(t, name), b, options{id: name, subscribe: []subscription{{filter: "p", qos: 1}}}))
	}
	m := message{topic: "p", payload: "1", qos: 1}
	for i := range 20 {
		m.user = append(m.user, pair{string(rune('a' + i*7%10)), fmt.Sprint(i)})
	}
	for _, name := range names {
		newClient(t, find(t, name), b, options{id: "w"}).pub(m)
		for _, r := range readers {
			r.expect(m)
		}
	}
}

// A message that waits longer than its Message Expiry Interval is not delivered,
// and another says how long it still has.
func TestMessageExpiry(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, f flavor) {
		b := startBroker(t)
		o := options{id: "away", resume: true, subscribe: []subscription{{filter: "p", qos: 1}}}
		newClient(t, f, b, o).quit()
		writer := newClient(t, f, b, options{id: "writer"})
		for _, expiry := range []uint32{1, 1000, 0} {
			writer.pub(message{topic: "p", payload: fmt.Sprint(expiry), qos: 1, properties: properties{expiry: expiry}})
		}
		elapse(t, b, 2)
		c := newClient(t, f, b, o)
		if m := c.next(); m.payload != "1000" || m.expiry < 900 || m.expiry > 998 {
			t.Errorf("after 2 s: %v", m)
		}
		c.expect(message{topic: "p", payload: "0", qos: 1})
		c.expectLast(writer, "p")
	}, v50)
}

// A message that matches several subscriptions of a client comes once, with the
// highest QoS and all Subscription Identifiers.
func TestSubscriptionIdentifiers(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, f flavor) {
		b := startBroker(t)
		c := newClient(t, f, b, options{id: "c"})
		if strings.HasPrefix(f.name, "mosquitto") {
			t.Skip("mosquitto_sub has one identifier for all")
		}
		c.sub(subscription{filter: "i/1", qos: 0, id: 268_435_455})
		c.sub(subscription{filter: "i/+", qos: 2, id: 7})
		c.sub(subscription{filter: "i/#", qos: 1})
		c.pub(message{topic: "i/1", payload: "1", qos: 2})
		want := message{topic: "i/1", payload: "1", qos: 2}
		m := c.next()
		slices.Sort(m.ids)
		want.ids = []int{7, 268_435_455}
		if f.name == "paho-5.0" && len(m.ids) == 1 { // it keeps the last
			want.ids = m.ids
		}
		if !m.same(want) {
			t.Errorf("got %v, want %v", m, want)
		}
		c.pub(message{topic: "i", payload: "2", qos: 2})
		c.expect(message{topic: "i", payload: "2", qos: 1})
		c.sub(subscription{filter: "i/1", qos: 1, id: 9}) // in place of the first
		c.sub(subscription{filter: "i/+", qos: 1})        // without one
		c.pub(message{topic: "i/1", payload: "3", qos: 2})
		c.expect(message{topic: "i/1", payload: "3", qos: 1, properties: properties{ids: []int{9}}})
	}, v50)
}

// respond answers a request. Before 5.0, the topic is agreed upon.
func respond(c *client) error {
	request := <-c.messages
	answer := message{topic: "answers", payload: "to " + request.payload, qos: 1}
	if c.flavor.version == v50 {
		answer.topic, answer.correlation = request.responseTopic, request.correlation
	}
	_, err := c.driver.publish(answer)
	return err
}

// Requests are answered by each library: those of mosquitto_rr, in the version
// of the library, and those of the libraries of 5.0.
func TestRequestResponse(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, f flavor) {
		b := startBroker(t)
		c := newClient(t, f, b, options{id: "responder", subscribe: []subscription{{filter: "requests", qos: 1}}})
		ask := func(by string, request func() (string, error)) {
			answered := make(chan error, 1)
			go func() { answered <- respond(c) }()
			if answer, err := request(); err != nil || answer != "to me" {
				t.Errorf("%s got %q, %v", by, answer, err)
			}
			if err := receive(t, answered, "request"); err != nil {
				t.Error(err)
			}
		}
		if missingMosquitto() == nil {
			ask("mosquitto_rr", func() (string, error) {
				ctx, cancel := inTime()
				defer cancel()
				out, err := mosquitto(ctx, "mosquitto_rr", b.address, f.version, "-q", "1", "-t", "requests", "-e", "answers", "-m", "me").CombinedOutput()
				return strings.TrimSpace(string(out)), err
			})
		}
		if f.version != v50 {
			return
		}
		for _, g := range here(t, v50) {
			asker := newClient(t, g, b, options{id: "asker", subscribe: []subscription{{filter: "for/me", qos: 1}}})
			ask(g.name, func() (string, error) {
				asker.pub(message{topic: "requests", payload: "me", qos: 1, properties: properties{responseTopic: "for/me", correlation: "number 7"}})
				answer := asker.next()
				if answer.correlation != "number 7" {
					t.Errorf("%s got %v", g.name, answer)
				}
				return answer.payload, nil
			})
			asker.quit()
		}
	})
}
