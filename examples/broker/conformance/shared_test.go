package conformance

import (
	"fmt"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
)

// A message goes to one of those who share a subscription, and to everyone who
// has one of their own, or in another group (5.0 §4.8.2).
func TestShared(t *testing.T) {
	t.Parallel()
	b := start(t)
	filters := [][]string{
		{"x/#"},
		{"$share/one/x/y"},
		{"$share/one/x/y", "$share/two/x/y"},
		{"$share/two/x/y"},
		{"$share/one/x/y"},
		{"$share/one/+/y", "other"}, // the group is the name and the filter
	}
	var clients []*client
	for i, list := range filters {
		c := b.clean(mqttwire.V50, fmt.Sprint(i))
		for _, filter := range list {
			c.subscribe(filter, 2)
		}
		clients = append(clients, c)
	}
	publisher := b.clean(mqttwire.V50, "publisher")
	const n = 30
	got := map[string][]int{} // payload: how many each client has got
	for i := range n {
		level := qos.Level(i % 3)
		publisher.publish(msg("x/y", fmt.Sprint(i), level))
		counts := make([]int, len(clients))
		for k, c := range clients {
			came := c.gather()
			for _, p := range came {
				if want := msg("x/y", fmt.Sprint(i), level); show(p) != show(want) {
					t.Errorf("got  %s\nwant %s", show(p), show(want))
				}
			}
			counts[k] = len(came)
		}
		got[fmt.Sprint(i)] = counts
		both := counts[1] + counts[2] + counts[3] + counts[4]
		if counts[0] != 1 || counts[5] != 1 || both != 2 || counts[1]+counts[4] > 1 || counts[3] > 1 {
			t.Errorf("message %d: copies %v", i, counts)
		}
	}
	publisher.publish(msg("other", "x", 1))
	clients[5].take(msg("other", "x", 1))
	if t.Failed() {
		t.Log(got)
	}
}

// A shared subscription is shared out: every member gets something.
func TestSharedOut(t *testing.T) {
	t.Parallel()
	b := start(t)
	var clients []*client
	for i := range 3 {
		c := b.clean(mqttwire.V50, fmt.Sprint(i))
		c.subscribe("$share/g/a", 1)
		clients = append(clients, c)
	}
	publisher := b.clean(mqttwire.V50, "publisher")
	const n = 60
	for i := range n {
		publisher.publish(msg("a", fmt.Sprint(i), 1))
	}
	total := 0
	for i, c := range clients {
		before := -1
		came := c.gather()
		for _, p := range came { // each in order, whatever is between
			var k int
			fmt.Sscan(string(p.Payload), &k)
			if k <= before {
				t.Errorf("client %d: message %d after %d", i, k, before)
			}
			before = k
		}
		if len(came) == 0 {
			t.Errorf("client %d has got none", i)
		}
		total += len(came)
	}
	if total != n {
		t.Errorf("%d copies of %d messages", total, n)
	}
}

// Who leaves, or unsubscribes, gets nothing more; the others get all.
func TestSharedLeft(t *testing.T) {
	t.Parallel()
	b := start(t)
	var clients []*client
	for i := range 3 {
		c := b.clean(mqttwire.V50, fmt.Sprint(i))
		c.subscribe("$share/g/a", 1)
		clients = append(clients, c)
	}
	clients[0].disconnect()
	if codes := clients[1].unsubscribe("a", "$share/h/a", "$share/g/a"); codes[0] != mqttwire.NoSubscriptionExisted || codes[1] != codes[0] || codes[2] != 0 {
		t.Errorf("got codes %v", codes)
	}
	publisher := b.clean(mqttwire.V50, "publisher")
	for i := range 10 {
		publisher.publish(msg("a", fmt.Sprint(i), 1))
		clients[2].take(msg("a", fmt.Sprint(i), 1))
	}
	clients[1].ping()
	clients[2].unsubscribe("$share/g/a")
	publisher.publish(msg("a", "x", 1))
	clients[2].ping()
}

// A shared subscription and one's own are two subscriptions, and so are two
// that differ in name or filter (5.0 §4.8.2).
func TestSharedAndOwn(t *testing.T) {
	t.Parallel()
	b := start(t)
	c := b.clean(mqttwire.V50, "c")
	publisher := b.clean(mqttwire.V50, "publisher")
	expect := func(n int) {
		t.Helper()
		publisher.publish(msg("a", "x", 1))
		if came := c.gather(); len(came) != n {
			t.Errorf("%d copies, want %d", len(came), n)
		}
	}
	c.subscribe("a", 1)
	c.subscribe("$share/g/a", 1)
	expect(2)
	c.subscribe("$share/h/a", 1)
	expect(3)
	c.unsubscribe("a")
	expect(2)
	c.unsubscribe("$share/g/a")
	expect(1)
	c.unsubscribe("$share/h/a")
	expect(0)
}

// The QoS is that of the member that is chosen (5.0 [MQTT-4.8.2-3]), and so is
// the Subscription Identifier.
func TestSharedQoS(t *testing.T) {
	t.Parallel()
	b := start(t)
	var clients []*client
	for i := range 3 {
		c := b.clean(mqttwire.V50, fmt.Sprint(i))
		c.subscribeWith(identified(uint32(i+1)), sub("$share/g/a", codec.SubscriptionOptions(i)))
		clients = append(clients, c)
	}
	publisher := b.clean(mqttwire.V50, "publisher")
	const n = 30
	total := 0
	for range n {
		publisher.publish(msg("a", "x", 2))
		for i, c := range clients {
			for _, p := range c.gather() {
				if want := with(identified(uint32(i+1)), msg("a", "x", qos.Level(i))); show(p) != show(want) {
					t.Errorf("got  %s\nwant %s", show(p), show(want))
				}
				total++
			}
		}
	}
	if total != n {
		t.Errorf("%d copies of %d messages", total, n)
	}
}

// Retained messages do not come with a shared subscription (5.0 §4.8.2).
func TestSharedRetained(t *testing.T) {
	t.Parallel()
	b := start(t)
	publisher := b.clean(mqttwire.V50, "publisher")
	publisher.publish(retained(msg("a", "kept", 1)))
	c := b.clean(mqttwire.V50, "c")
	c.subscribe("$share/g/a", 1)
	c.ping()
	publisher.publish(retained(msg("a", "new", 1)))
	c.take(msg("a", "new", 1))
	c.subscribe("a", 1)
	c.take(retained(msg("a", "new", 1)))
	c.ping()
}

// A QoS 2 delivery that has begun is finished with the client it has begun
// with, when that comes back (5.0 [MQTT-4.8.2-4]).
func TestSharedQoS2Resumed(t *testing.T) {
	t.Parallel()
	for _, received := range []bool{false, true} {
		t.Run(fmt.Sprintf("PUBREC sent: %v", received), func(t *testing.T) {
			t.Parallel()
			b := start(t)
			chosen := b.kept(mqttwire.V50, "chosen", false)
			chosen.subscribe("$share/g/a", 2)
			b.clean(mqttwire.V50, "publisher").publish(msg("a", "x", 2))
			p := chosen.arrived(msg("a", "x", 2))
			other := b.clean(mqttwire.V50, "other")
			other.subscribe("$share/g/a", 2)
			if received {
				chosen.send(&codec.Pubrec{ID: p.ID})
				chosen.expect(&codec.Pubrel{ID: p.ID})
			}
			chosen.disconnect()
			other.ping()
			chosen = b.kept(mqttwire.V50, "chosen", true)
			if received {
				chosen.pubrelAgain(p.ID)
				chosen.send(&codec.Pubcomp{ID: p.ID})
			} else {
				chosen.again(p)
				chosen.finish(p)
			}
			chosen.ping()
			other.ping()
		})
	}
}

// Where the session of the chosen client ends before its delivery does, nobody
// else gets a QoS 2 message (5.0 [MQTT-4.8.2-5]). One of QoS 1 may go to another
// of the group, but to nobody outside.
func TestSharedSessionEnded(t *testing.T) {
	t.Parallel()
	b := start(t)
	chosen := b.clean(mqttwire.V50, "chosen")
	chosen.subscribe("$share/g/a", 2)
	own, another := b.clean(mqttwire.V50, "own"), b.clean(mqttwire.V50, "another group")
	own.subscribe("a", 2)
	another.subscribe("$share/h/a", 2)
	publisher := b.clean(mqttwire.V50, "publisher")
	publisher.publish(msg("a", "x", 2), msg("a", "y", 1))
	for _, c := range []*client{own, another} {
		c.take(msg("a", "x", 2), msg("a", "y", 1))
	}
	chosen.arrived(msg("a", "x", 2))
	chosen.arrived(msg("a", "y", 1))
	other := b.clean(mqttwire.V50, "other")
	other.subscribe("$share/g/a", 2)
	chosen.disconnect()
	b.clean(mqttwire.V50, "chosen").ping()
	for i, p := range other.gather() {
		if i > 0 || show(p) != show(msg("a", "y", 1)) {
			t.Errorf("got %s", show(p))
		}
	}
	own.ping()
	another.ping()
	publisher.publish(msg("a", "z", 2))
	other.take(msg("a", "z", 2))
}

// A message that the chosen client refuses goes to nobody else (5.0
// [MQTT-4.8.2-6], E-4.8.2/1).
func TestSharedRefused(t *testing.T) {
	t.Parallel()
	b := start(t)
	chosen := b.clean(mqttwire.V50, "chosen")
	chosen.subscribe("$share/g/a", 2)
	b.clean(mqttwire.V50, "publisher").publish(msg("a", "1", 1), msg("a", "2", 2))
	one, two := chosen.arrived(msg("a", "1", 1)), chosen.arrived(msg("a", "2", 2))
	other := b.clean(mqttwire.V50, "other")
	other.subscribe("$share/g/a", 2)
	chosen.send(&codec.Puback{ID: one.ID, Code: mqttwire.ImplementationSpecificError}, &codec.Pubrec{ID: two.ID, Code: mqttwire.QuotaExceeded})
	chosen.ping()
	other.ping()
}

// While all members are away, messages wait for one of them, each for one.
func TestSharedAway(t *testing.T) {
	t.Parallel()
	b := start(t)
	for i := range 2 {
		c := b.kept(mqttwire.V50, fmt.Sprint(i), false)
		c.subscribe("$share/g/a", 1)
		c.disconnect()
	}
	publisher := b.clean(mqttwire.V50, "publisher")
	const n = 10
	for i := range n {
		publisher.publish(msg("a", fmt.Sprint(i), 1))
	}
	seen := map[string]int{}
	for i := range 2 {
		c := b.kept(mqttwire.V50, fmt.Sprint(i), true)
		for _, p := range c.gather() {
			seen[string(p.Payload)]++
		}
	}
	for i := range n {
		if seen[fmt.Sprint(i)] != 1 {
			t.Errorf("message %d: %d copies", i, seen[fmt.Sprint(i)])
		}
	}
}

// No Local is not for shared subscriptions (5.0 [MQTT-3.8.3-4]).
func TestSharedNoLocal(t *testing.T) {
	t.Parallel()
	c := start(t).clean(mqttwire.V50, "c")
	c.write([]byte("\x82\x10\x00\x01\x00\x00\x0a$share/g/a\x05"))
	c.ended(mqttwire.ProtocolError)
}

// A topic that begins with $share is an ordinary one of its subscribers before
// 5.0, or shared all the same: a SUBSCRIBE is granted.
func TestSharedBefore5(t *testing.T) {
	t.Parallel()
	for _, v := range versions[:2] {
		c := start(t).clean(v, "c")
		c.subscribe("$share/g/#", 0)
		c.ping()
	}
}
