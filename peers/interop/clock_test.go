package interop

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/mqttwire/mqttwire"
)

var elapses atomic.Int64

// elapse returns when so many seconds have passed for the broker: it has a will
// published after that time.
func elapse(t *testing.T, b *broker, seconds uint32) {
	t.Helper()
	five := find(t, "paho-5.0")
	name := fmt.Sprint("clock/", elapses.Add(1))
	hand := newClient(t, five, b, options{id: name + "/hand", subscribe: []subscription{{filter: name}}})
	chime := message{topic: name, payload: "chime"}
	newClient(t, five, b, options{id: name, expiry: 10 * seconds, will: &chime, willDelay: seconds}).crash()
	hand.expect(chime)
	hand.quit()
}

// subscribers reports whether a message on a topic would reach a session, be
// its client there or not.
func subscribers(t *testing.T, b *broker, topic string) bool {
	t.Helper()
	c := newClient(t, find(t, "paho-5.0"), b, options{})
	defer c.quit()
	return c.pub(message{topic: topic, payload: "is anybody there?", qos: 1}) != byte(mqttwire.NoMatchingSubscribers)
}
