package interop

import (
	"testing"
	"time"
)

// will returns a will of a client, and the message that it is for others.
func will(id string, retain bool) (left *message, seen message) {
	m := message{topic: "will/" + id, payload: id + " is gone", qos: 1}
	seen = m
	m.retain = retain
	return &m, seen
}

func watcher(t *testing.T, b *broker) *client {
	t.Helper()
	return newClient(t, find(t, "paho-5.0"), b, options{id: "watcher", subscribe: []subscription{{filter: "will/#", qos: 1}}})
}

// A will is published when its client is lost, not when it says goodbye, and
// retained if it is to be.
func TestWill(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, f flavor) {
		b := startBroker(t)
		w := watcher(t, b)
		left, seen := will("polite", false)
		newClient(t, f, b, options{id: "polite", will: left}).quit()
		if f.name == "mosquitto-5.0" { // it leaves with 0x04, "Disconnect with Will Message"
			w.expect(seen)
		}
		left, seen = will("lost", true)
		newClient(t, f, b, options{id: "lost", will: left}).crash()
		w.expect(seen)
		seen.retain = true
		newClient(t, f, b, options{id: "later", subscribe: []subscription{{filter: "will/#", qos: 1}}}).expect(seen)
		w.expectLast(w, "will/last")
	})
}

// A will is published when its client is taken over.
func TestWillAtTakeover(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, f flavor) {
		b := startBroker(t)
		w := watcher(t, b)
		left, seen := will("one", false)
		c := newClient(t, f, b, options{id: "one", will: left})
		newClient(t, flavors[0], b, options{id: "one"})
		w.expect(seen)
		c.link.waitOver()
		c.stop()
		w.expectLast(w, "will/last")
	})
}

// A client that falls silent is lost. The server may ask for a shorter Keep
// Alive than the client wants, in 5.0.
func TestWillOfTheSilent(t *testing.T) {
	t.Parallel()
	b := startBroker(t, withShortKeepAlive)
	w := watcher(t, b)
	f := find(t, "mosquitto-5.0")
	left, seen := will("frozen", false)
	c := newClient(t, f, b, options{id: "frozen", will: left})
	if err := c.driver.(*mosquittoClient).freeze(); err != nil {
		t.Fatal(err)
	}
	w.expect(seen)
}

// A will waits for the Will Delay Interval.
func TestWillDelay(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, f flavor) {
		b := startBroker(t)
		w := watcher(t, b)
		left, seen := will("late", false)
		c := newClient(t, f, b, options{id: "late", expiry: 100, will: left, willDelay: 1})
		start := time.Now()
		c.crash()
		w.pub(message{topic: "will/before", payload: "1", qos: 1})
		w.expect(message{topic: "will/before", payload: "1", qos: 1}, seen)
		if d := time.Since(start); d < time.Second {
			t.Errorf("the will came after %v", d)
		}
	}, v50)
}

// A will that waits is published at the latest when the session ends.
func TestWillAtSessionEnd(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, f flavor) {
		b := startBroker(t)
		w := watcher(t, b)
		left, seen := will("expires", false)
		newClient(t, f, b, options{id: "expires", expiry: 1, will: left, willDelay: 1000}).crash()
		w.expect(seen)
		left, seen = will("replaced", false)
		newClient(t, f, b, options{id: "replaced", expiry: 100, will: left, willDelay: 1000}).crash()
		newClient(t, f, b, options{id: "replaced"}).quit() // its Clean Start ends the session
		if f.name == "mosquitto-5.0" {                     // which connects only with something to subscribe to
			newClient(t, f, b, options{id: "replaced", subscribe: []subscription{{filter: "x"}}}).quit()
		}
		w.expect(seen)
	}, v50)
}

// A client that comes back in time has no will published, not even when the
// session ends.
func TestWillCancelled(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, f flavor) {
		b := startBroker(t)
		w := watcher(t, b)
		left, _ := will("back", false)
		subscribe := []subscription{{filter: "x"}}
		newClient(t, f, b, options{id: "back", expiry: 100, will: left, willDelay: 50, subscribe: subscribe}).crash()
		c := newClient(t, f, b, options{id: "back", resume: true, expiry: 100, subscribe: subscribe})
		c.wantPresent(true)
		c.crash()
		newClient(t, f, b, options{id: "back", subscribe: subscribe}).quit()
		w.expectLast(w, "will/last")
	}, v50)
}

// A client of 5.0 can have its will published though it says goodbye.
func TestWillAtDisconnect(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"paho-5.0", "mqttjs-5.0"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := startBroker(t)
			w := watcher(t, b)
			left, seen := will("asks", false)
			c := newClient(t, find(t, name), b, options{id: "asks", will: left})
			if err := c.driver.(leaver).leave(0x04, nil); err != nil {
				t.Fatal(err)
			}
			w.expect(seen)
		})
	}
}

// A will carries what the client has given it.
func TestWillProperties(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	w := watcher(t, b)
	given := properties{format: 1, expiry: 3600, contentType: "text/plain", responseTopic: "r/1", correlation: "abc",
		user: []pair{{"k", "1"}, {"k", "2"}, {"l", "3"}}}
	for _, f := range here(t, v50) {
		left, seen := will(f.name, false)
		left.properties = given
		seen.properties = given
		if f.name == "paho-5.0" { // it sends no others
			seen.properties = properties{user: given.user}
		}
		newClient(t, f, b, options{id: f.name, will: left}).crash()
		w.expect(seen)
	}
}
