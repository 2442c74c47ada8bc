package conformance

import (
	"fmt"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
)

// A client that connects while it is connected takes its own place: the old
// connection ends, in 5.0 with a reason (3.1.1 [MQTT-3.1.4-2], 5.0
// [MQTT-3.1.4-3]).
func TestTakeover(t *testing.T) {
	t.Parallel()
	for _, before := range versions {
		for _, after := range versions {
			t.Run(fmt.Sprintf("%v, then %v", before, after), func(t *testing.T) {
				t.Parallel()
				b := start(t)
				old := b.clean(before, "c")
				old.subscribe("a", 1)
				c := b.clean(after, "c")
				old.ended(mqttwire.SessionTakenOver)
				c.ping()
				// The subscriptions were the old one's.
				b.clean(after, "publisher").publish(msg("a", "x", 1))
				c.ping()
			})
		}
	}
}

// The session goes on, with what was on its way (3.1.1 [MQTT-3.1.4-2],
// [MQTT-3.1.2-4], 5.0 [MQTT-3.1.4-3], [MQTT-3.1.2-5]).
func TestTakeoverOfSession(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		publisher := b.clean(v, "publisher")
		old := b.kept(v, "c", false)
		old.subscribe("a", 2)
		publisher.publish(msg("a", "1", 1), msg("a", "2", 2))
		one, two := old.arrived(msg("a", "1", 1)), old.arrived(msg("a", "2", 2))
		for range 3 {
			c := b.kept(v, "c", true)
			old.ended(mqttwire.SessionTakenOver)
			c.again(one)
			c.again(two)
			old = c
		}
		publisher.publish(msg("a", "3", 1))
		three := old.arrived(msg("a", "3", 1))
		old.finish(one)
		old.finish(two)
		old.finish(three)
		old.ping()
		// A clean one puts an end to it.
		c := b.clean(v, "c")
		old.ended(mqttwire.SessionTakenOver)
		publisher.publish(msg("a", "4", 1))
		c.ping()
	})
}

// Of many that come at once one remains, and it works.
func TestTakeovers(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		const n = 30
		type result struct {
			c   *client
			err error
		}
		results := make(chan result)
		for range n {
			c := b.dial(v)
			connect := encode(t, c.to, &codec.Connect{Version: v, CleanStart: true, ClientID: []byte("c")})
			go func() {
				err := c.tryWrite([]byte(connect))
				for err == nil {
					var p codec.Packet
					p, err = c.next(patience / 2)
					if _, ok := p.(*codec.Connack); err == nil && !ok {
						break // DISCONNECT
					}
				}
				results <- result{c, err}
			}()
		}
		var left []*client
		for range n {
			if r := <-results; isTimeout(r.err) {
				left = append(left, r.c)
			}
		}
		if len(left) != 1 {
			t.Fatalf("%d connections are left", len(left))
		}
		left[0].ping()
		left[0].subscribe("a", 0)
		b.clean(v, "publisher").publish(msg("a", "x", 0))
		left[0].take(msg("a", "x", 0))
	})
}
