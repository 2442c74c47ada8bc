package conformance

import (
	"fmt"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
)

// A retained message goes to who is there with RETAIN 0, and with RETAIN 1 to
// who subscribes later, at the lower of the two QoS (3.1.1 [MQTT-3.3.1-5],
// [MQTT-3.3.1-6], [MQTT-3.3.1-8], [MQTT-3.3.1-9], 5.0 [MQTT-3.3.1-5],
// [MQTT-3.3.1-9], [MQTT-3.3.1-12]).
func TestRetained(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		levels(t, func(t *testing.T, level qos.Level) {
			b := b.on(t)
			topic := fmt.Sprintf("a/%d", level)
			watcher := b.clean(v, "watcher")
			watcher.subscribe(topic, 2)
			m := msg(topic, "kept", level)
			b.clean(v, "publisher").publish(retained(m))
			watcher.take(m)
			watcher.ping()
			for granted := range qos.Level(3) {
				for _, filter := range []string{topic, "+/" + topic[2:], topic + "/#"} {
					c := b.clean(v, "c")
					c.subscribe(filter, codec.SubscriptionOptions(granted))
					c.take(retained(at(min(level, granted), m)))
					c.ping()
					c.disconnect()
				}
			}
		})
	})
}

// Retained messages of several topics all come, each with its QoS.
func TestRetainedOfManyTopics(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		c := b.clean(v, "c")
		all := []*codec.Publish{retained(msg("TopicA/B", "qos 0", 0)), retained(msg("Topic/C", "qos 1", 1)), retained(msg("TopicA/C", "qos 2", 2))}
		c.publish(all...)
		c.subscribe("+/+", 2)
		c.takeAny(all...)
		c.ping()
	})
}

// A retained message takes the place of the one before, of whatever QoS, and
// only one with RETAIN does (3.1.1 [MQTT-3.3.1-5], [MQTT-3.3.1-7],
// [MQTT-3.3.1-12], 5.0 [MQTT-3.3.1-5], [MQTT-3.3.1-8]).
func TestRetainedReplaced(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		publisher, c := b.clean(v, "publisher"), b.clean(v, "c")
		for before := range qos.Level(3) {
			for after := range qos.Level(3) {
				publisher.publish(retained(msg("a", "before", before)), retained(msg("a", "after", after)), msg("a", "live", before), msg("a", "", after))
				c.subscribe("a", 2)
				c.take(retained(msg("a", "after", after)))
				c.ping()
				c.unsubscribe("a")
			}
		}
	})
}

// An empty message with RETAIN clears its topic. It is forwarded like any
// other, and not kept itself (3.1.1 [MQTT-3.3.1-10], [MQTT-3.3.1-11], 5.0
// [MQTT-3.3.1-6], [MQTT-3.3.1-7]).
func TestRetainedCleared(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		levels(t, func(t *testing.T, level qos.Level) {
			b := b.on(t)
			topic := fmt.Sprintf("a/%d", level)
			publisher, watcher, c := b.clean(v, "publisher"), b.clean(v, "watcher"), b.clean(v, "c")
			publisher.publish(retained(msg(topic, "kept", level)))
			watcher.subscribe(topic, 2)
			watcher.take(retained(msg(topic, "kept", level)))
			for range 2 { // a topic that is clear can be cleared
				publisher.publish(retained(msg(topic, "", level)))
				watcher.take(msg(topic, "", level))
				watcher.ping()
				c.subscribe(topic, 2)
				c.ping()
				c.unsubscribe(topic)
			}
		})
	})
}

// Topics below and above one that is cleared keep their messages.
func TestRetainedClearedOneByOne(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		publisher, c := b.clean(v, "publisher"), b.clean(v, "c")
		topics := []string{"1", "1/2/3/4", "1/2/3/4/5/6/7", "1/2/3/4/", "2"}
		for _, topic := range topics {
			publisher.publish(retained(msg(topic, "kept", 1)))
		}
		for _, cleared := range []string{"1/2/3", "1/2/3/4", "1/2/3/4/5/6/7", "1", "1/2/3/4/", "2"} {
			publisher.publish(retained(msg(cleared, "", 1)))
			var rest []string
			var want []*codec.Publish
			for _, topic := range topics {
				if topic != cleared {
					rest = append(rest, topic)
					want = append(want, retained(msg(topic, "kept", 1)))
				}
			}
			topics = rest
			c.subscribe("#", 1)
			c.takeAny(want...)
			c.ping()
			c.unsubscribe("#")
		}
	})
}

// A retained message outlives the session of its publisher (3.1.1
// [MQTT-3.1.2-7]).
func TestRetainedOutlivesSession(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		publisher := b.clean(v, "publisher")
		publisher.publish(retained(msg("a", "kept", 1)))
		publisher.disconnect()
		b.clean(v, "publisher").disconnect()
		c := b.clean(v, "publisher")
		c.subscribe("a", 1)
		c.take(retained(msg("a", "kept", 1)))
	})
}

// Subscribing once more sends the retained messages once more, whether the
// subscription is there or was ended before (3.1.1 [MQTT-3.8.4-3], 5.0
// [MQTT-3.8.4-4]).
func TestRetainedOnEverySubscribe(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		c := b.clean(v, "c")
		c.publish(retained(msg("a", "kept", 1)))
		for range 2 {
			for range 2 {
				c.subscribe("a", 1)
				c.take(retained(msg("a", "kept", 1)))
				c.ping()
			}
			c.unsubscribe("a")
			c.ping()
		}
	})
}

// Coming back to a session is not subscribing.
func TestRetainedNotOnResumption(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		c := b.kept(v, "c", false)
		c.publish(retained(msg("a", "kept", 1)))
		c.subscribe("a", 1)
		c.take(retained(msg("a", "kept", 1)))
		c.disconnect()
		b.kept(v, "c", true).ping()
	})
}

// A retained message for a client that is away waits with RETAIN 0: it is no
// new subscription that brings it (3.1.1 [MQTT-3.3.1-9], 5.0
// [MQTT-3.3.1-12]).
func TestRetainedQueued(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		c := b.kept(v, "c", false)
		c.subscribe("a", 1)
		c.disconnect()
		b.clean(v, "publisher").publish(retained(msg("a", "kept", 1)))
		c = b.kept(v, "c", true)
		c.take(msg("a", "kept", 1))
		c.ping()
	})
}

// Retained messages reach clients of other versions, without what these
// cannot be told.
func TestRetainedAcrossVersions(t *testing.T) {
	t.Parallel()
	b := start(t)
	for _, from := range versions {
		p := b.clean(from, "publisher")
		m := msg("a", from.String(), 1)
		if from == mqttwire.V50 {
			m.Properties = user("key", "value")
		}
		p.publish(retained(m))
		for _, to := range versions {
			c := b.clean(to, "c")
			c.subscribe("a", 1)
			want := retained(m)
			if to != mqttwire.V50 {
				want.Properties = codec.Properties{}
			}
			c.take(want)
			c.ping()
		}
	}
}

// Retain Handling says when retained messages are sent: on every SUBSCRIBE, on
// a new one, never (5.0 [MQTT-3.3.1-9], [MQTT-3.3.1-10], [MQTT-3.3.1-11]).
func TestRetainHandling(t *testing.T) {
	t.Parallel()
	b := start(t)
	c := b.clean(mqttwire.V50, "c")
	all := []*codec.Publish{retained(msg("TopicA/B", "qos 0", 0)), retained(msg("Topic/C", "qos 1", 1)), retained(msg("TopicA/C", "qos 2", 2))}
	c.publish(all...)
	for _, tt := range []struct {
		handling          codec.SubscriptionOptions
		new, again, other bool // other: again, with another QoS
	}{
		{codec.SendRetained, true, true, true},
		{codec.SendRetainedIfNew, true, false, false},
		{codec.DoNotSendRetained, false, false, false},
	} {
		for range 2 {
			expect := func(sent bool) {
				t.Helper()
				if sent {
					c.takeAny(all...)
				}
				c.ping()
			}
			c.subscribe("+/+", 2|tt.handling)
			expect(tt.new)
			c.subscribe("+/+", 2|tt.handling)
			expect(tt.again)
			c.subscribe("+/+", 1|tt.handling)
			if tt.other {
				c.takeAny(all[0], all[1], at(1, all[2]))
			}
			c.ping()
			c.unsubscribe("+/+")
		}
	}
	// Each subscription has its own, and a session remembers that it is not new.
	c = b.kept(mqttwire.V50, "kept", false)
	c.subscribeWith(codec.Properties{}, sub("TopicA/B", codec.DoNotSendRetained), sub("Topic/C", 2|codec.SendRetainedIfNew))
	c.take(all[1])
	c.ping()
	c.disconnect()
	c = b.kept(mqttwire.V50, "kept", true)
	c.subscribeWith(codec.Properties{}, sub("Topic/C", 2|codec.SendRetainedIfNew), sub("TopicA/C", 2|codec.SendRetainedIfNew))
	c.take(all[2])
	c.ping()
}

// With Retain As Published a message has the RETAIN it was published with,
// without it none (5.0 [MQTT-3.3.1-12], [MQTT-3.3.1-13]).
func TestRetainAsPublished(t *testing.T) {
	t.Parallel()
	b := start(t)
	as, not, away := b.clean(mqttwire.V50, "as"), b.clean(mqttwire.V50, "not"), b.kept(mqttwire.V50, "away", false)
	as.subscribe("a", 2|codec.RetainAsPublished)
	not.subscribe("a", 2)
	away.subscribe("a", 2|codec.RetainAsPublished)
	away.disconnect()
	publisher := b.clean(mqttwire.V50, "publisher")
	var all []*codec.Publish
	for level := range qos.Level(3) {
		m := msg("a", "x", level)
		publisher.publish(m, retained(m))
		as.take(m, retained(m))
		not.take(m, m)
		if level > 0 {
			all = append(all, m, retained(m))
		}
	}
	away = b.kept(mqttwire.V50, "away", true)
	for _, p := range away.queued(len(all)) {
		if p.QoS > 0 && show(p) != show(all[0]) {
			t.Fatalf("got  %s\nwant %s", show(p), show(all[0]))
		}
		if p.QoS > 0 {
			all = all[1:]
		}
	}
	// From the store a message has RETAIN 1 either way.
	for _, options := range []codec.SubscriptionOptions{0, codec.RetainAsPublished} {
		c := b.clean(mqttwire.V50, "later")
		c.subscribe("a", 2|options)
		c.take(retained(msg("a", "x", 2)))
		c.ping()
	}
}

// A retained message keeps its properties.
func TestRetainedProperties(t *testing.T) {
	t.Parallel()
	b := start(t)
	var all []*codec.Publish
	for level := range qos.Level(3) {
		m := retained(msg(fmt.Sprintf("a/%d", level), "x", level))
		m.Properties = codec.AppendContentType(codec.AppendPayloadFormatIndicator(user("a", "2", "c", "3", "a", "1"), 1), "text/plain")
		all = append(all, m)
	}
	b.clean(mqttwire.V50, "publisher").publish(all...)
	c := b.clean(mqttwire.V50, "c")
	c.subscribe("a/+", 2)
	c.takeAny(all...)
	c.ping()
}
