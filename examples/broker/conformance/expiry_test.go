package conformance

import (
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
)

func expiring(seconds uint32, p *codec.Publish) *codec.Publish {
	q := *p
	q.Properties = codec.AppendMessageExpiryInterval(p.Properties.Clone(), seconds)
	return &q
}

// left checks that a message is want, but for a Message Expiry Interval that
// is from least to most, and acknowledges it.
func (c *client) left(want *codec.Publish, least, most uint32) {
	c.t.Helper()
	p := receive[*codec.Publish](c).Clone()
	got, ok := p.Properties.MessageExpiryInterval()
	if !ok || got < least || got > most {
		c.t.Errorf("got %v, want a Message Expiry Interval of %d to %d", &p, least, most)
	}
	var rest codec.Properties
	for x := range p.Properties.All() {
		if x.ID != codec.MessageExpiryInterval {
			rest = rest.Append(x)
		}
	}
	if q := with(rest, &p); show(q) != show(want) {
		c.t.Fatalf("got  %s\nwant %s", show(q), show(want))
	}
	c.finish(&p)
}

// A message whose time is up before it is on its way to a client does not go
// there. One that still has time goes with what is left (5.0 [MQTT-3.3.2-5],
// [MQTT-3.3.2-6]).
func TestMessageExpiry(t *testing.T) {
	t.Parallel()
	b := start(t)
	c := b.kept(mqttwire.V50, "c", false)
	c.subscribe("a", 2)
	old := b.kept(mqttwire.V311, "old", false)
	old.subscribe("a", 2)
	c.disconnect()
	old.disconnect()
	publisher := b.clean(mqttwire.V50, "publisher")
	for level := qos.Level(1); level <= 2; level++ {
		publisher.publish(
			expiring(1, msg("a", "expires", level)),
			expiring(60, with(user("key", "value"), msg("a", "does not", level))),
			msg("a", "never", level),
			expiring(0xffffffff, msg("a", "as good as never", level)),
		)
	}
	time.Sleep(2 * time.Second)
	// One after the other, with what has expired between them.
	p := keep(mqttwire.V50, "c")
	p.Properties = codec.AppendReceiveMaximum(p.Properties, 1)
	c = b.join(p)
	for level := qos.Level(1); level <= 2; level++ {
		c.left(with(user("key", "value"), msg("a", "does not", level)), 50, 59)
		c.take(msg("a", "never", level))
		c.left(msg("a", "as good as never", level), 0xfffffff0, 0xfffffffe)
	}
	c.ping()
	old = b.kept(mqttwire.V311, "old", true)
	for level := qos.Level(1); level <= 2; level++ {
		old.take(msg("a", "does not", level), msg("a", "never", level), msg("a", "as good as never", level))
	}
	old.ping()
}

// A message that does not wait keeps its interval, and one without gets none
// (5.0 [MQTT-3.3.2-6]).
func TestMessageExpiryOfLiveMessage(t *testing.T) {
	t.Parallel()
	b := start(t)
	c := b.clean(mqttwire.V50, "c")
	c.subscribe("a", 2)
	publisher := b.clean(mqttwire.V50, "publisher")
	for level := range qos.Level(3) {
		for _, seconds := range []uint32{3, 10, 0xffffffff} {
			publisher.publish(expiring(seconds, msg("a", "x", level)))
			c.left(msg("a", "x", level), seconds-2, seconds)
		}
		publisher.publish(msg("a", "x", level))
		c.take(msg("a", "x", level))
	}
	c.ping()
}

// A message that waits for room can expire while its client is there (5.0
// [MQTT-3.3.2-5]). One that is on its way can not.
func TestMessageExpiryInQueue(t *testing.T) {
	t.Parallel()
	b := start(t)
	c := b.join(receiveMaximum("c", 1))
	c.subscribe("a", 1)
	b.clean(mqttwire.V50, "publisher").publish(
		expiring(1, msg("a", "1", 1)),
		expiring(1, msg("a", "2", 1)),
		expiring(60, msg("a", "3", 1)),
	)
	first := receive[*codec.Publish](c).Clone()
	if string(first.Payload) != "1" {
		t.Fatalf("got %v", &first)
	}
	time.Sleep(2 * time.Second)
	c.ping()
	c.finish(&first)
	c.left(msg("a", "3", 1), 50, 59)
	c.ping()
}

// A QoS 2 message that has been sent is finished, over connections and past its
// time (5.0 [MQTT-4.3.3-7]).
func TestMessageExpiryOnItsWay(t *testing.T) {
	t.Parallel()
	b := start(t)
	c := b.kept(mqttwire.V50, "c", false)
	c.subscribe("a", 2)
	b.clean(mqttwire.V50, "publisher").publish(expiring(1, msg("a", "x", 2)))
	id := receive[*codec.Publish](c).ID
	c.disconnect()
	time.Sleep(2 * time.Second)
	c = b.kept(mqttwire.V50, "c", true)
	p := receive[*codec.Publish](c).Clone()
	if string(p.Payload) != "x" || p.QoS != 2 || p.ID != id || !p.Dup {
		t.Fatalf("got %v", &p)
	}
	c.finish(&p)
	c.ping()
}

// A QoS 2 message to the broker that expires before its PUBREL has it answered
// all the same (5.0 [MQTT-4.3.3-13]).
func TestMessageExpiryBeforePubrel(t *testing.T) {
	t.Parallel()
	c := start(t).clean(mqttwire.V50, "c")
	m := expiring(1, msg("a", "x", 2))
	m.ID = 7
	c.send(m)
	c.acknowledged(receive[*codec.Pubrec](c), 7)
	time.Sleep(1500 * time.Millisecond)
	c.send(&codec.Pubrel{ID: 7})
	c.expect(&codec.Pubcomp{ID: 7})
	c.ping()
}

// A retained message expires as well, and goes out with what is left (5.0
// [MQTT-3.3.2-5], [MQTT-3.3.2-6], §3.3.1.3).
func TestRetainedExpiry(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.clean(mqttwire.V50, "publisher").publish(
		expiring(2, retained(msg("a/1", "expires", 1))),
		expiring(60, retained(msg("a/2", "does not", 1))),
		retained(msg("a/3", "never", 1)),
	)
	c := b.clean(mqttwire.V50, "c")
	c.subscribe("a/1", 1)
	c.left(retained(msg("a/1", "expires", 1)), 0, 2)
	time.Sleep(3 * time.Second)
	later := b.clean(mqttwire.V50, "later")
	later.subscribe("a/1", 1)
	later.ping()
	later.subscribe("a/2", 1)
	later.left(retained(msg("a/2", "does not", 1)), 50, 59)
	later.subscribe("a/3", 1)
	later.take(retained(msg("a/3", "never", 1)))
	later.ping()
	old := b.clean(mqttwire.V311, "old")
	old.subscribe("a/1", 1)
	old.ping()
}
