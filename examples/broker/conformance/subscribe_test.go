package conformance

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
)

// A SUBSCRIBE of many filters is handled like many SUBSCRIBEs, with one answer
// (3.1.1 [MQTT-2.3.1-7], [MQTT-3.8.4-1], [MQTT-3.8.4-2], [MQTT-3.8.4-4],
// [MQTT-3.8.4-5], [MQTT-3.9.3-1], 5.0 [MQTT-2.2.1-6], [MQTT-3.8.4-1],
// [MQTT-3.8.4-2], [MQTT-3.8.4-5], [MQTT-3.8.4-6], [MQTT-3.8.4-7],
// [MQTT-3.9.3-1]).
func TestSubscribeMany(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		c := b.clean(v, "c")
		var subs []codec.Subscription
		for i := range 100 {
			subs = append(subs, sub(fmt.Sprint("a/", i), codec.SubscriptionOptions(i%3)))
		}
		c.subscribeWith(codec.Properties{}, append(subs, sub("a/+/b", 1), sub("$x/y", 0))...)
		publisher := b.clean(v, "publisher")
		for i := range 100 {
			publisher.publish(msg(fmt.Sprint("a/", i), "x", 2))
			c.take(msg(fmt.Sprint("a/", i), "x", qos.Level(i%3)))
		}
		publisher.publish(msg("a/7/b", "x", 2))
		c.take(msg("a/7/b", "x", 1))
		c.ping()
	})
}

// The same filter twice in one SUBSCRIBE: the second takes the place of the
// first (3.1.1 [MQTT-3.8.4-4], 5.0 [MQTT-3.8.4-5]).
func TestSubscribeTwiceAtOnce(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		c := b.clean(v, "c")
		c.subscribeWith(codec.Properties{}, sub("a", 2), sub("a", 0))
		b.clean(v, "publisher").publish(msg("a", "x", 2))
		c.take(msg("a", "x", 0))
		c.ping()
	})
}

// A subscription to a filter that is subscribed to takes the other's place:
// with its QoS, and so that no message is lost or comes twice (3.1.1
// [MQTT-3.8.4-3], 5.0 [MQTT-3.8.4-3], [MQTT-3.8.4-4]).
func TestSubscribeAgain(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		c := b.clean(v, "c")
		publisher := b.clean(v, "publisher")
		for _, level := range []qos.Level{0, 2, 1, 1, 0, 2} {
			c.subscribe("a/+", codec.SubscriptionOptions(level))
			publisher.publish(msg("a/b", "x", 2))
			c.take(msg("a/b", "x", level))
			c.ping()
		}
		c.unsubscribe("a/+") // which ends it, however often it was made
		publisher.publish(msg("a/b", "x", 2))
		c.ping()
		// With messages on their way.
		const n = 200
		done := make(chan struct{})
		writer := b.clean(v, "writer")
		c.subscribe("a", 1)
		go func() {
			defer close(done)
			var all []byte
			for i := range n {
				m := msg("a", fmt.Sprint(i), 0)
				all, _ = m.Append(all, writer.to)
			}
			for len(all) > 0 {
				k := min(50, len(all))
				if writer.tryWrite(all[:k]) != nil {
					return
				}
				all = all[k:]
			}
		}()
		list := codec.Subscriptions{}.Append(sub("a", 1))
		for range 20 {
			c.send(&codec.Subscribe{ID: c.id(), Subscriptions: list})
		}
		<-done
		for i, acks := 0, 0; i < n || acks < 20; {
			switch p := c.packet().(type) {
			case *codec.Suback:
				acks++
			case *codec.Publish:
				if string(p.Payload) != fmt.Sprint(i) {
					t.Fatalf("got %v, want message %d", p, i)
				}
				i++
			default:
				t.Fatalf("got %v", p)
			}
		}
		c.ping()
	})
}

// Where several subscriptions of a client match, it gets the message at the
// highest QoS of them at least: once, or once for each (3.1.1 [MQTT-3.3.5-1],
// 5.0 [MQTT-3.3.4-2]).
func TestOverlapping(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		publisher := b.clean(v, "publisher")
		for i, filters := range [][]codec.Subscription{
			{sub("TopicA/#", 2), sub("TopicA/+", 1)},
			{sub("TopicA/+", 1), sub("TopicA/#", 2)},
			{sub("TopicA/C", 0), sub("#", 0), sub("+/C", 2), sub("TopicA/#", 1)},
			{sub("+/+", 1), sub("TopicA/C", 1)},
		} {
			for level := range qos.Level(3) {
				id := fmt.Sprint(i, level)
				c := b.clean(v, id)
				var want, highest, subscribed []string
				top := qos.Level(0)
				for _, s := range filters {
					c.subscribe(string(s.Filter), s.Options)
					subscribed = append(subscribed, fmt.Sprintf("%s at %v", s.Filter, s.Options.QoS()))
					got := min(level, s.Options.QoS())
					top = max(top, got)
					want = append(want, show(msg("TopicA/C", id, got)))
				}
				highest = []string{show(msg("TopicA/C", id, top))}
				publisher.publish(msg("TopicA/C", id, level))
				var got []string
				for _, p := range c.gather() {
					got = append(got, show(p))
				}
				slices.Sort(got)
				slices.Sort(want)
				if !slices.Equal(got, highest) && !slices.Equal(got, want) {
					t.Errorf("published at %v, subscribed %v: got\n%s", level, subscribed, strings.Join(got, "\n"))
				}
				c.disconnect()
			}
		}
	})
}

// gather receives and acknowledges what there is.
func (c *client) gather() []*codec.Publish {
	c.t.Helper()
	c.send(&codec.Pingreq{})
	var came []*codec.Publish
	for {
		switch p := c.packet().(type) {
		case *codec.Publish:
			q := p.Clone()
			came = append(came, &q)
		case *codec.Pingresp:
			for _, p := range came {
				c.finish(p)
			}
			return came
		default:
			c.t.Fatalf("got %v", p)
		}
	}
}

func identified(id uint32) codec.Properties {
	return codec.AppendSubscriptionIdentifier(codec.Properties{}, id)
}

// A message carries the Subscription Identifier of the subscription that it
// comes by, as it is at the time (5.0 [MQTT-3.3.4-3], [MQTT-3.8.4-3]).
func TestSubscriptionIdentifier(t *testing.T) {
	t.Parallel()
	b := start(t)
	c := b.clean(mqttwire.V50, "c")
	publisher := b.clean(mqttwire.V50, "publisher")
	expect := func(ids map[string]uint32) {
		t.Helper()
		for topic, id := range ids {
			for level := range qos.Level(3) {
				publisher.publish(msg(topic, "x", level))
				want := msg(topic, "x", level)
				if id != 0 {
					want.Properties = identified(id)
				}
				c.take(want)
			}
		}
		c.ping()
	}
	c.subscribeWith(identified(1), sub("id1", 2), sub("+/id2", 2))
	c.subscribeWith(identified(268435455), sub("id3", 2))
	c.subscribe("none", 2)
	expect(map[string]uint32{"id1": 1, "test/id2": 1, "id3": 268435455, "none": 0})
	// Made anew, a subscription has what it is given then.
	c.subscribe("id1", 2)
	c.subscribeWith(identified(19), sub("+/id2", 2))
	c.subscribeWith(identified(21), sub("none", 2))
	expect(map[string]uint32{"id1": 0, "test/id2": 19, "id3": 268435455, "none": 21})
	// The publisher's other subscriptions are not the client's.
	publisher.subscribeWith(identified(5), sub("other", 2))
	expect(map[string]uint32{"test/id2": 19})
}

// Subscription Identifiers stay with a session, and come with retained
// messages and those that have waited (5.0 [MQTT-3.3.4-3]).
func TestSubscriptionIdentifierKept(t *testing.T) {
	t.Parallel()
	b := start(t)
	publisher := b.clean(mqttwire.V50, "publisher")
	publisher.publish(retained(msg("a", "kept", 1)))
	c := b.kept(mqttwire.V50, "c", false)
	c.subscribeWith(identified(7), sub("a", 1))
	c.take(with(identified(7), retained(msg("a", "kept", 1))))
	c.disconnect()
	publisher.publish(msg("a", "waits", 1))
	c = b.kept(mqttwire.V50, "c", true)
	p := c.arrived(with(identified(7), msg("a", "waits", 1)))
	publisher.publish(msg("a", "live", 1))
	c.take(with(identified(7), msg("a", "live", 1)))
	c.lose()
	c = b.kept(mqttwire.V50, "c", true)
	c.send(&codec.Puback{ID: c.arrived(with(identified(7), dup(p))).ID})
}

// One copy for several subscriptions has the identifiers of all of them;
// where there is a copy for each, each has its own (5.0 [MQTT-3.3.4-3],
// [MQTT-3.3.4-4], [MQTT-3.3.4-5]).
func TestSubscriptionIdentifiersOverlapping(t *testing.T) {
	t.Parallel()
	b := start(t)
	c := b.clean(mqttwire.V50, "c")
	c.subscribeWith(identified(2), sub("TopicA", 2))
	c.subscribeWith(identified(3), sub("TopicA/#", 1))
	c.subscribe("+", 0)
	b.clean(mqttwire.V50, "publisher").publish(msg("TopicA", "x", 1))
	var ids []uint32
	bare := 0
	came := c.gather()
	for _, p := range came {
		n := len(ids)
		ids = slices.AppendSeq(ids, p.Properties.SubscriptionIdentifiers())
		if len(ids) == n {
			bare++
		}
	}
	slices.Sort(ids)
	if !slices.Equal(ids, []uint32{2, 3}) || len(came) == 3 && bare != 1 || len(came) < 3 && bare != 0 {
		t.Errorf("got\n%s", shows(came))
	}
}

// With No Local a client does not get what it publishes itself, by that
// subscription; others do (5.0 [MQTT-3.8.3-3]).
func TestNoLocal(t *testing.T) {
	t.Parallel()
	b := start(t)
	one, other := b.clean(mqttwire.V50, "one"), b.clean(mqttwire.V50, "other")
	for level := range qos.Level(3) {
		one.subscribe("a", 2|codec.NoLocal)
		other.subscribe("a", 2|codec.NoLocal)
		one.publish(msg("a", "x", level))
		one.ping()
		other.take(msg("a", "x", level))
		other.publish(msg("a", "y", level))
		other.ping()
		one.take(msg("a", "y", level))
		one.ping()
		// Another subscription of the client does not have the option.
		one.subscribe("+", 1)
		for i, p := range one.converse(1, msg("a", "z", level)) {
			if i > 0 || p.QoS != min(level, 1) {
				t.Errorf("got %s", show(p))
			}
		}
		one.unsubscribe("+")
		other.take(msg("a", "z", level))
		// Made anew, the subscription does not have it either.
		one.subscribe("a", 2)
		if came := one.converse(1, msg("a", "z", level)); len(came) != 1 {
			t.Errorf("got\n%s", shows(came))
		}
		other.take(msg("a", "z", level))
	}
}

// No Local goes by the Client Identifier, not by the connection: a will and
// what waits are the client's own, too (5.0 [MQTT-3.8.3-3]).
func TestNoLocalOfSession(t *testing.T) {
	t.Parallel()
	b := start(t)
	c := b.kept(mqttwire.V50, "c", false)
	c.subscribe("a", 1|codec.NoLocal)
	c.publish(msg("a", "own", 1))
	c.disconnect()
	b.clean(mqttwire.V50, "other").publish(msg("a", "other's", 1))
	c = b.kept(mqttwire.V50, "c", true)
	c.take(msg("a", "other's", 1))
	c.publish(msg("a", "own", 1))
	c.ping()
}

// UNSUBSCRIBE ends what it names, character by character, and nothing else
// (3.1.1 [MQTT-3.10.4-1], [MQTT-3.10.4-2], [MQTT-3.10.4-4], [MQTT-3.10.4-5],
// [MQTT-3.10.4-6], 5.0 [MQTT-3.10.4-1], [MQTT-3.10.4-2], [MQTT-3.10.4-4],
// [MQTT-3.10.4-5], [MQTT-3.10.4-6], [MQTT-3.11.3-1]).
func TestUnsubscribe(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		c := b.clean(v, "c")
		for _, filter := range []string{"TopicA", "TopicA/B", "Topic/C", "x/+", "y/#"} {
			c.subscribe(filter, 2)
		}
		codes := c.unsubscribe("TopicA", "none", "x/1", "x/#", "topica", "y/+", "y")
		if v == mqttwire.V50 {
			want := slices.Repeat([]mqttwire.Reason{mqttwire.NoSubscriptionExisted}, 7)
			want[0] = mqttwire.Success
			if !slices.Equal(codes, want) {
				t.Errorf("got codes %v, want %v", codes, want)
			}
		}
		publisher := b.clean(v, "publisher")
		publisher.publish(msg("TopicA", "", 1), msg("TopicA/B", "", 1), msg("Topic/C", "", 1), msg("x/1", "", 2), msg("y", "", 2))
		c.take(msg("TopicA/B", "", 1), msg("Topic/C", "", 1), msg("x/1", "", 2), msg("y", "", 2))
		c.ping()
		codes = c.unsubscribe("TopicA/B", "Topic/C", "x/+", "y/#", "TopicA")
		if v == mqttwire.V50 && !slices.Equal(codes, []mqttwire.Reason{0, 0, 0, 0, mqttwire.NoSubscriptionExisted}) {
			t.Errorf("got codes %v", codes)
		}
		publisher.publish(msg("TopicA", "", 1), msg("TopicA/B", "", 1), msg("Topic/C", "", 1), msg("x/1", "", 2), msg("y", "", 2))
		c.ping()
	})
}

// The subscriptions of one client are not those of another.
func TestUnsubscribeOfAnother(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		one, other := b.clean(v, "one"), b.clean(v, "other")
		one.subscribe("a", 1)
		other.subscribe("a", 1)
		one.unsubscribe("a")
		b.clean(v, "publisher").publish(msg("a", "x", 1))
		other.take(msg("a", "x", 1))
		one.ping()
	})
}

// Wildcards at the beginning of a filter do not match a topic that begins with
// $, live or retained; a filter that spells it out does (3.1.1 [MQTT-4.7.2-1],
// 5.0 [MQTT-4.7.2-1]). A client may be kept from publishing there (3.1.1
// §4.7.2, 5.0 §4.7.2), so there are the broker's own topics, too, if it has
// any.
func TestDollar(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		wild := []string{"#", "+/#", "+/B", "+/+", "+", "+/broker/#", "+/broker/+"}
		exact := []string{"$TopicA/B", "$TopicA/+", "$TopicA/#"}
		unmatched := func() {
			t.Helper()
			for _, filter := range wild {
				c := b.clean(v, "unmatched")
				c.subscribe(filter, 1)
				c.ping()
				c.disconnect()
			}
		}
		var wilds, exacts []*client
		for _, filter := range wild {
			c := b.clean(v, filter)
			c.subscribe(filter, 1)
			wilds = append(wilds, c)
		}
		for _, filter := range exact {
			c := b.clean(v, filter)
			c.subscribe(filter, 1)
			exacts = append(exacts, c)
		}
		publisher := b.clean(v, "publisher")
		publisher.publishAnyhow(msg("$TopicA/B", "live", 1))
		publisher.publishAnyhow(retained(msg("$TopicA/B", "kept", 1)))
		allowed := 0
		for _, c := range exacts {
			allowed += len(c.gather())
		}
		if allowed != 0 && allowed != 2*len(exact) {
			t.Errorf("%d copies for %d subscriptions", allowed, len(exact))
		}
		unmatched()
		if allowed > 0 {
			for _, filter := range exact {
				c := b.clean(v, "later")
				c.subscribe(filter, 1)
				c.take(retained(msg("$TopicA/B", "kept", 1)))
				c.ping()
			}
		}
		c := b.clean(v, "sys")
		c.subscribe("$SYS/#", 0)
		p, err := c.next(waitABit)
		if m, ok := p.(*codec.Publish); ok && !strings.HasPrefix(string(m.Topic), "$SYS/") {
			t.Errorf("got %v", m)
		}
		if allowed == 0 && err != nil {
			t.Log("the broker has no topic that begins with $")
		}
		unmatched()
		for _, c := range wilds {
			c.ping()
		}
		// Only the first character counts.
		c = b.clean(v, "c")
		c.subscribe("a/+/#", 1)
		publisher.publish(msg("a/$b/c", "x", 1))
		c.take(msg("a/$b/c", "x", 1))
	})
}

// publishAnyhow is publish of a QoS 1 message that may be refused, but must be
// acknowledged.
func (c *client) publishAnyhow(m *codec.Publish) {
	c.t.Helper()
	p := *m
	p.ID = c.id()
	c.send(&p)
	if ack := receive[*codec.Puback](c); ack.ID != p.ID {
		c.t.Fatalf("got %v", ack)
	}
}
