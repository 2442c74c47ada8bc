package conformance

import (
	"fmt"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
)

// again receives p once more, with DUP and the same identifier.
func (c *client) again(p *codec.Publish) {
	c.t.Helper()
	if q := c.arrived(dup(p)); q.ID != p.ID {
		c.t.Fatalf("got %v, want identifier %d", q, p.ID)
	}
}

// pubrelAgain receives the PUBREL of p once more. In 3.1 it has DUP then.
func (c *client) pubrelAgain(id uint16) {
	c.t.Helper()
	if rel := receive[*codec.Pubrel](c); rel.ID != id {
		c.t.Fatalf("got %v, want PUBREL of %d", rel, id)
	}
}

// What is not acknowledged is sent again to a client that comes back, with DUP,
// under the same identifier, in the order it had, and before what is new
// (3.1.1 [MQTT-4.4.0-1], [MQTT-3.3.1-1], [MQTT-3.3.1-3], 5.0 [MQTT-4.4.0-1],
// [MQTT-3.3.1-1], [MQTT-3.3.1-3], [MQTT-4.3.2-3]).
func TestResend(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		c := b.kept(v, "c", false)
		c.subscribe("a", 2)
		publisher := b.clean(v, "publisher")
		var all []*codec.Publish
		for i, level := range []qos.Level{1, 2, 2, 1, 1} {
			publisher.publish(msg("a", fmt.Sprint(i), level))
			all = append(all, c.arrived(msg("a", fmt.Sprint(i), level)))
		}
		c.finish(all[0])
		c.finish(all[1])
		all = all[2:]
		c.ping() // the broker has read that
		c.disconnect()
		publisher.publish(msg("a", "new", 1))
		for _, end := range []func(){func() { c.lose() }, func() { c.disconnect() }} {
			c = b.kept(v, "c", true)
			for _, p := range all {
				c.again(p)
			}
			// What was on its way may have DUP by now.
			if p := receive[*codec.Publish](c); string(p.Payload) != "new" {
				t.Fatalf("got %v", p)
			}
			end()
		}
		c = b.kept(v, "c", true)
		for _, p := range all {
			c.again(p)
		}
		p := receive[*codec.Publish](c).Clone()
		for _, q := range append(all, &p) {
			c.finish(q)
		}
		c.ping()
		c.disconnect()
		b.kept(v, "c", true).ping()
	})
}

// A QoS 2 delivery to a client goes on where it was: at PUBLISH until PUBREC,
// at PUBREL from then on (3.1.1 [MQTT-4.4.0-1], [MQTT-4.3.3-1], 5.0
// [MQTT-4.4.0-1], [MQTT-4.3.3-3], [MQTT-4.3.3-5], [MQTT-4.3.3-6]).
func TestResendQoS2(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		c := b.kept(v, "c", false)
		c.subscribe("a", 2)
		b.clean(v, "publisher").publish(msg("a", "x", 2))
		p := c.arrived(msg("a", "x", 2))
		c.lose()
		c = b.kept(v, "c", true)
		c.again(p)
		c.send(&codec.Pubrec{ID: p.ID})
		c.expect(&codec.Pubrel{ID: p.ID})
		for range 2 {
			c.lose()
			c = b.kept(v, "c", true)
			c.pubrelAgain(p.ID)
		}
		c.send(&codec.Pubcomp{ID: p.ID})
		c.ping()
		c.disconnect()
		b.kept(v, "c", true).ping()
	})
}

// Empty messages are sent again like others.
func TestResendEmpty(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		c := b.kept(v, "c", false)
		c.subscribe("TopicA/#", 2)
		publisher := b.clean(v, "publisher")
		publisher.publish(msg("TopicA/B", "", 1), msg("TopicA/C", "", 2))
		one, two := c.arrived(msg("TopicA/B", "", 1)), c.arrived(msg("TopicA/C", "", 2))
		c.disconnect()
		c = b.kept(v, "c", true)
		c.again(one)
		c.again(two)
		c.finish(one)
		c.finish(two)
		c.ping()
	})
}

// A QoS 2 message from a client is delivered once however often its client has
// to begin again (3.1.1 [MQTT-4.3.3-2], [MQTT-4.1.0-1], 5.0 [MQTT-4.3.3-10],
// [MQTT-4.3.3-11]).
func TestResendToBroker(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		watcher := b.clean(v, "watcher")
		watcher.subscribe("a", 2)
		m := msg("a", "x", 2)
		m.ID = 7
		c := b.kept(v, "c", false)
		c.send(m)
		c.acknowledged(receive[*codec.Pubrec](c), 7)
		for range 2 {
			c.lose()
			c = b.kept(v, "c", true)
			c.send(dup(m))
			c.acknowledged(receive[*codec.Pubrec](c), 7)
		}
		c.send(&codec.Pubrel{ID: 7})
		c.expect(&codec.Pubcomp{ID: 7})
		c.lose()
		c = b.kept(v, "c", true)
		c.send(&codec.Pubrel{ID: 7})
		if comp := receive[*codec.Pubcomp](c); comp.ID != 7 {
			t.Fatalf("got %v", comp)
		}
		watcher.take(m)
		watcher.ping()
		// The identifier is free for another message.
		m.Payload = []byte("y")
		c.send(m)
		c.acknowledged(receive[*codec.Pubrec](c), 7)
		c.send(&codec.Pubrel{ID: 7})
		c.expect(&codec.Pubcomp{ID: 7})
		watcher.take(m)
		watcher.ping()
	})
}

// A client that is lost after its PUBREC, and never comes with the PUBREL, has
// published all the same (3.1.1 §4.3.3, 5.0 §4.3.3), or not: but a second
// message under the identifier, in a new session, is another one.
func TestQoS2OfAnotherSession(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		watcher := b.clean(v, "watcher")
		watcher.subscribe("a", 0)
		m := msg("a", "first", 2)
		m.ID = 7
		c := b.clean(v, "c")
		c.send(m)
		c.acknowledged(receive[*codec.Pubrec](c), 7)
		c.lose()
		c = b.clean(v, "c")
		m.Payload = []byte("second")
		c.send(m)
		c.acknowledged(receive[*codec.Pubrec](c), 7)
		c.send(&codec.Pubrel{ID: 7})
		c.expect(&codec.Pubcomp{ID: 7})
		p := receive[*codec.Publish](watcher)
		if string(p.Payload) == "first" {
			p = receive[*codec.Publish](watcher)
		}
		if string(p.Payload) != "second" {
			t.Errorf("got %v", p)
		}
		watcher.ping()
	})
}

// A new session has nothing of what the old one did not finish (3.1.1
// [MQTT-3.1.2-6], 5.0 [MQTT-3.1.2-4]).
func TestNoResendToCleanSession(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		c := b.kept(v, "c", false)
		c.subscribe("a", 2)
		publisher := b.clean(v, "publisher")
		publisher.publish(msg("a", "1", 1), msg("a", "2", 2), msg("a", "3", 2))
		c.arrived(msg("a", "1", 1))
		c.arrived(msg("a", "2", 2))
		id := c.arrived(msg("a", "3", 2)).ID
		c.send(&codec.Pubrec{ID: id})
		c.expect(&codec.Pubrel{ID: id})
		c.lose()
		c = b.clean(v, "c")
		c.ping()
		c.subscribe("a", 1)
		publisher.publish(msg("a", "4", 1))
		c.take(msg("a", "4", 1))
		c.ping()
	})
}

// On one connection nothing is sent twice (3.1.1 [MQTT-4.4.0-1], 5.0
// [MQTT-4.4.0-1]).
func TestNoResendOnConnection(t *testing.T) {
	t.Parallel()
	b := start(t)
	c := b.clean(mqttwire.V50, "c")
	c.subscribe("a", 2)
	b.clean(mqttwire.V50, "publisher").publish(msg("a", "1", 1), msg("a", "2", 2))
	c.arrived(msg("a", "1", 1))
	c.arrived(msg("a", "2", 2))
	if p, err := c.next(waitABit); err == nil {
		t.Errorf("got %v", p)
	}
}

// A message refused with 0x80 or above is finished: no PUBREL, and it does not
// come again (5.0 [MQTT-4.3.3-4], [MQTT-4.4.0-2]).
func TestRefusedMessage(t *testing.T) {
	t.Parallel()
	b := start(t)
	c := b.kept(mqttwire.V50, "c", false)
	c.subscribe("a", 2)
	publisher := b.clean(mqttwire.V50, "publisher")
	publisher.publish(msg("a", "1", 2), msg("a", "2", 1), msg("a", "3", 2))
	for _, code := range []mqttwire.Reason{mqttwire.UnspecifiedError, mqttwire.QuotaExceeded} {
		c.send(&codec.Pubrec{ID: c.arrived(msg("a", "1", 2)).ID, Code: code})
		c.send(&codec.Puback{ID: c.arrived(msg("a", "2", 1)).ID, Code: code})
		c.take(msg("a", "3", 2))
		c.ping()
		c.disconnect()
		c = b.kept(mqttwire.V50, "c", true)
		c.ping()
		publisher.publish(msg("a", "1", 2), msg("a", "2", 1), msg("a", "3", 2))
	}
}

// An UNSUBSCRIBE stops what has not begun, and lets finish what has (3.1.1
// [MQTT-3.10.4-2], [MQTT-3.10.4-3], 5.0 [MQTT-3.10.4-2], [MQTT-3.10.4-3]).
func TestUnsubscribeInFlight(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		c := b.kept(v, "c", false)
		c.subscribe("a", 2)
		publisher := b.clean(v, "publisher")
		publisher.publish(msg("a", "1", 1), msg("a", "2", 2), msg("a", "3", 2))
		one, two, three := c.arrived(msg("a", "1", 1)), c.arrived(msg("a", "2", 2)), c.arrived(msg("a", "3", 2))
		c.send(&codec.Pubrec{ID: three.ID})
		c.expect(&codec.Pubrel{ID: three.ID})
		c.unsubscribe("a")
		publisher.publish(msg("a", "4", 1), msg("a", "5", 2))
		c.ping()
		c.lose()
		c = b.kept(v, "c", true)
		for left := []*codec.Publish{one, two}; ; { // and PUBREL, before, between or after them
			p := c.packet()
			if rel, ok := p.(*codec.Pubrel); ok && rel.ID == three.ID {
				for _, p := range left {
					c.again(p)
				}
				break
			}
			m, ok := p.(*codec.Publish)
			if !ok || len(left) == 0 || m.ID != left[0].ID || show(m) != show(dup(left[0])) {
				t.Fatalf("got %v", p)
			}
			left = left[1:]
		}
		c.finish(one)
		c.finish(two)
		c.send(&codec.Pubcomp{ID: three.ID})
		c.ping()
	})
}
