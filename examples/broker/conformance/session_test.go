package conformance

import (
	"fmt"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
)

// A session that is to be kept is there when its client comes back, with its
// subscriptions, and Session Present says so (3.1.1 [MQTT-3.1.2-4],
// [MQTT-3.2.2-2], [MQTT-3.2.2-3], [MQTT-4.1.0-1], 5.0 [MQTT-3.1.2-5],
// [MQTT-3.1.2-6], [MQTT-3.1.2-23], [MQTT-3.2.2-3]).
func TestSessionKept(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		publisher := b.clean(v, "publisher")
		c := b.kept(v, "c", false)
		c.subscribe("a", 2)
		c.subscribe("b", 1)
		c.unsubscribe("b")
		for _, end := range []func(){c.disconnect, c.lose} {
			end()
			c = b.kept(v, "c", true)
			c.ping()
			publisher.publish(msg("a", "x", 2), msg("b", "x", 1))
			c.take(msg("a", "x", 2))
			c.ping()
		}
	})
}

// A clean session begins with nothing and leaves nothing; what was kept before
// is gone with it (3.1.1 [MQTT-3.1.2-6], [MQTT-3.2.2-3], 5.0 [MQTT-3.1.2-4],
// [MQTT-4.1.0-2]).
func TestSessionClean(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		publisher := b.clean(v, "publisher")
		c := b.kept(v, "c", false)
		c.subscribe("a", 1)
		c.disconnect()
		publisher.publish(msg("a", "waits", 1))
		c = b.clean(v, "c")
		c.ping()
		publisher.publish(msg("a", "x", 1))
		c.ping()
		c.subscribe("b", 1)
		c.disconnect()
		publisher.publish(msg("a", "x", 1), msg("b", "x", 1))
		c = b.kept(v, "c", false)
		publisher.publish(msg("a", "x", 1), msg("b", "x", 1))
		c.ping()
	})
}

// Kept and clean sessions of one client follow each other in any order.
func TestSessionFlipFlop(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		publisher := b.clean(v, "publisher")
		for range 3 {
			for _, begin := range []func() *client{
				func() *client { return b.kept(v, "c", false) },
				func() *client { return b.clean(v, "c") },
			} {
				c := begin()
				c.subscribe("a", 1)
				publisher.publish(msg("a", "x", 1))
				c.take(msg("a", "x", 1))
				c.ping()
				c.lose()
			}
		}
	})
}

// A clean start is not the end of keeping (5.0 [MQTT-3.1.2-4],
// [MQTT-3.1.2-23]).
func TestCleanStartThenKept(t *testing.T) {
	t.Parallel()
	b := start(t)
	for range 2 {
		p := keep(mqttwire.V50, "c")
		p.CleanStart = true
		c := b.join(p)
		c.expectPresent(false)
		c.subscribe("a", 1)
		c.disconnect()
		b.clean(mqttwire.V50, "publisher").publish(msg("a", "x", 1))
		c = b.kept(mqttwire.V50, "c", true)
		c.take(msg("a", "x", 1))
		c.disconnect()
	}
}

// A session lasts as long as its connection at least, also a clean one (3.1.1
// [MQTT-4.1.0-2]).
func TestSessionLastsAsLongAsConnection(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		c := b.clean(v, "c")
		c.subscribe("a", 2)
		out := msg("out", "x", 2)
		out.ID = 1000
		c.send(out)
		c.acknowledged(receive[*codec.Pubrec](c), 1000)
		publisher := b.clean(v, "publisher")
		publisher.publish(msg("a", "x", 2))
		in := c.arrived(msg("a", "x", 2))
		c.send(&codec.Pubrec{ID: in.ID})
		c.expect(&codec.Pubrel{ID: in.ID})
		time.Sleep(1200 * time.Millisecond)
		b.clean(v, "another").disconnect()
		publisher.publish(msg("a", "y", 0))
		c.take(msg("a", "y", 0))
		c.send(&codec.Pubcomp{ID: in.ID}, &codec.Pubrel{ID: 1000})
		c.expect(&codec.Pubcomp{ID: 1000})
		c.ping()
	})
}

// The Client Identifier is the key of the session, as it is (3.1.1
// [MQTT-3.1.3-2], 5.0 [MQTT-3.1.3-2]).
func TestClientIDIsKey(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		ids := []string{"c", "C", "c ", "cc", "\u00e9", "e\u0301", "c/#"}
		for _, id := range ids {
			c := b.kept(v, id, false)
			c.subscribe(fmt.Sprintf("a/%x", id), 1)
			c.disconnect()
		}
		publisher := b.clean(v, "publisher")
		for _, id := range ids {
			publisher.publish(msg(fmt.Sprintf("a/%x", id), id, 1))
		}
		for _, id := range ids {
			c := b.kept(v, id, true)
			c.take(msg(fmt.Sprintf("a/%x", id), id, 1))
			c.ping()
		}
	})
}

// QoS 1 and 2 wait for a client that is away, in order. QoS 0 may (3.1.1
// [MQTT-3.1.2-5], [MQTT-4.5.0-1], [MQTT-4.6.0-6], 5.0 [MQTT-4.5.0-1],
// [MQTT-4.6.0-6]).
func TestOfflineQueue(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		c := b.kept(v, "c", false)
		c.subscribe("+/+", 2)
		c.subscribe("granted/1", 1)
		c.unsubscribe("granted/1")
		c.disconnect()
		publisher := b.clean(v, "publisher")
		const rounds = 10
		for i := range rounds {
			for level := range qos.Level(3) {
				publisher.publish(msg(fmt.Sprintf("TopicA/%d", level), fmt.Sprint(i), level))
			}
		}
		publisher.disconnect()
		c = b.kept(v, "c", true)
		next := [3]int{}
		for _, p := range c.queued(2 * rounds) {
			want := msg(fmt.Sprintf("TopicA/%d", p.QoS), fmt.Sprint(next[p.QoS]), p.QoS)
			if show(p) != show(want) {
				t.Fatalf("got  %s\nwant %s", show(p), show(want))
			}
			next[p.QoS]++
		}
		if next[0] != 0 && next[0] != rounds {
			t.Errorf("%d of %d messages of QoS 0 were kept", next[0], rounds)
		}
		c.disconnect()
		b.kept(v, "c", true).ping()
	})
}

// A session of 5.0 ends its Session Expiry Interval after its connection. What
// DISCONNECT says of it counts (5.0 [MQTT-3.1.2-23], [MQTT-4.1.0-2]).
func TestSessionExpiry(t *testing.T) {
	t.Parallel()
	const unset = 0xbeef
	for _, tt := range []struct {
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
	} {
		name := fmt.Sprintf("%#x, %#x", tt.connect, tt.disconnect)
		begin := func(b *broker) {
			p := &codec.Connect{Version: mqttwire.V50, CleanStart: true, ClientID: []byte("c")}
			if tt.connect != unset {
				p.Properties = codec.AppendSessionExpiryInterval(codec.Properties{}, tt.connect)
			}
			c := b.join(p)
			c.subscribe("a", 1)
			d := &codec.Disconnect{}
			if tt.disconnect != unset {
				d.Properties = codec.AppendSessionExpiryInterval(codec.Properties{}, tt.disconnect)
			}
			c.leave(d)
		}
		resumed := func(b *broker, present bool) {
			c := b.kept(mqttwire.V50, "c", present)
			b.clean(mqttwire.V50, "publisher").publish(msg("a", "x", 1))
			if present {
				c.take(msg("a", "x", 1))
			}
			c.ping()
		}
		t.Run(name+" at once", func(t *testing.T) {
			t.Parallel()
			b := start(t)
			begin(b)
			resumed(b, tt.soon)
		})
		t.Run(name+" later", func(t *testing.T) {
			t.Parallel()
			b := start(t)
			begin(b)
			time.Sleep(2 * time.Second)
			resumed(b, tt.later)
		})
	}
}

// The interval begins when the connection ends, each time anew, also when that
// is lost (5.0 §3.1.2.11.2, [MQTT-4.1.0-2]).
func TestSessionExpiryBeginsAnew(t *testing.T) {
	t.Parallel()
	b := start(t)
	p := &codec.Connect{Version: mqttwire.V50, ClientID: []byte("c"), Properties: codec.AppendSessionExpiryInterval(codec.Properties{}, 1)}
	c := b.join(p)
	c.subscribe("a", 1)
	time.Sleep(1200 * time.Millisecond)
	for range 3 {
		c.lose()
		c = b.join(p)
		c.expectPresent(true)
		time.Sleep(500 * time.Millisecond)
	}
	c.lose()
	time.Sleep(2 * time.Second)
	b.join(p).expectPresent(false)
}

// DISCONNECT cannot keep a session that CONNECT did not want kept (5.0
// §3.14.2.2.2).
func TestSessionExpiryRaised(t *testing.T) {
	t.Parallel()
	b := start(t)
	c := b.clean(mqttwire.V50, "c")
	c.send(&codec.Disconnect{Properties: codec.AppendSessionExpiryInterval(codec.Properties{}, 60)})
	c.ended(mqttwire.ProtocolError)
	b.kept(mqttwire.V50, "c", false).ping()
}

// A session is no less its client's when that speaks another version.
func TestSessionAcrossVersions(t *testing.T) {
	t.Parallel()
	for _, before := range versions {
		for _, after := range versions {
			t.Run(fmt.Sprintf("%v, then %v", before, after), func(t *testing.T) {
				t.Parallel()
				b := start(t)
				c := b.kept(before, "c", false)
				c.subscribe("a", 2)
				c.disconnect()
				b.clean(before, "publisher").publish(msg("a", "1", 2))
				c = b.kept(after, "c", true)
				c.take(msg("a", "1", 2))
				b.clean(after, "publisher").publish(msg("a", "2", 1))
				c.take(msg("a", "2", 1))
				c.ping()
			})
		}
	}
}
