package conformance

import (
	"fmt"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
)

func receiveMaximum(id string, n uint16) *codec.Connect {
	p := keep(mqttwire.V50, id)
	p.Properties = codec.AppendReceiveMaximum(p.Properties, n)
	return p
}

// A client's Receive Maximum is how many messages of QoS 1 and 2 it has
// unfinished at most: PUBACK, PUBCOMP, or PUBREC with an error make room (5.0
// [MQTT-3.3.4-9], [MQTT-4.9.0-1], [MQTT-4.9.0-2]).
func TestReceiveMaximum(t *testing.T) {
	t.Parallel()
	b := start(t)
	publisher := b.clean(mqttwire.V50, "publisher")
	for _, n := range []int{1, 2, 5} {
		for level := qos.Level(1); level <= 2; level++ {
			t.Run(fmt.Sprintf("%d at %v", n, level), func(t *testing.T) {
				b := b.on(t)
				c := b.join(receiveMaximum(fmt.Sprint(n, level), uint16(n)))
				c.subscribe("a", 2)
				for i := range n + 3 {
					publisher.publish(msg("a", fmt.Sprint(i), level))
				}
				var open []*codec.Publish
				for i := range n {
					open = append(open, c.arrived(msg("a", fmt.Sprint(i), level)))
				}
				for i := n; i < n+3; i++ {
					c.ping() // and nothing else
					first := open[0]
					switch {
					case level == 1:
						c.send(&codec.Puback{ID: first.ID})
					case i == n+1:
						c.send(&codec.Pubrec{ID: first.ID, Code: mqttwire.UnspecifiedError})
					default:
						c.send(&codec.Pubrec{ID: first.ID})
						c.expect(&codec.Pubrel{ID: first.ID})
						c.ping() // that is no room yet
						c.send(&codec.Pubcomp{ID: first.ID})
					}
					open = append(open[1:], c.arrived(msg("a", fmt.Sprint(i), level)))
				}
				for _, p := range open {
					c.finish(p)
				}
				c.ping()
				c.unsubscribe("a")
			})
		}
	}
}

// QoS 0 and all other packets pass by those that wait for room (5.0
// [MQTT-3.3.4-10], [MQTT-4.9.0-3]).
func TestReceiveMaximumAndQoS0(t *testing.T) {
	t.Parallel()
	b := start(t)
	publisher := b.clean(mqttwire.V50, "publisher")
	c := b.join(receiveMaximum("c", 1))
	c.subscribe("+", 2)
	publisher.publish(msg("a", "1", 2), msg("a", "2", 2), msg("b", "3", 0), msg("b", "4", 0))
	first := c.arrived(msg("a", "1", 2))
	c.take(msg("b", "3", 0), msg("b", "4", 0))
	c.publish(msg("out/1", "5", 1), msg("out/2", "6", 2))
	c.subscribe("x/y", 1)
	c.unsubscribe("x/y")
	c.ping()
	c.finish(first)
	c.take(msg("a", "2", 2))
	c.ping()
}

// A client that comes back with less room is not sent more than that again
// (5.0 [MQTT-4.9.0-1], [MQTT-3.3.4-9]).
func TestReceiveMaximumOfNextConnection(t *testing.T) {
	t.Parallel()
	b := start(t)
	publisher := b.clean(mqttwire.V50, "publisher")
	c := b.join(receiveMaximum("c", 4))
	c.subscribe("a", 1)
	for i := range 6 {
		publisher.publish(msg("a", fmt.Sprint(i), 1))
	}
	for i := range 4 {
		c.arrived(msg("a", fmt.Sprint(i), 1))
	}
	c.disconnect()
	c = b.join(receiveMaximum("c", 2))
	for i := 0; i < 6; i += 2 {
		var open []*codec.Publish
		for k := i; k < i+2; k++ {
			p := receive[*codec.Publish](c).Clone()
			if string(p.Payload) != fmt.Sprint(k) || p.Dup != (k < 4) {
				t.Fatalf("got %v, want message %d", &p, k)
			}
			open = append(open, &p)
		}
		c.ping()
		for _, p := range open {
			c.finish(p)
		}
	}
	c.ping()
}

// A client that has more messages of QoS 1 and 2 unfinished than the broker
// allows is told so, and can read it although it goes on writing (5.0
// [MQTT-3.3.4-7], §3.3.4). As many as allowed are fine.
func TestReceiveMaximumOfBroker(t *testing.T) {
	t.Parallel()
	b := start(t)
	c := b.clean(mqttwire.V50, "c")
	announced, ok := c.connack.Properties.ReceiveMaximum()
	if !ok {
		announced = 65535
	}
	n := int(announced)
	batch := func(from, to int) {
		t.Helper()
		var packets []codec.Packet
		for i := from; i <= to; i++ {
			m := msg("a", "x", 2)
			m.ID = uint16(i)
			packets = append(packets, m)
		}
		c.send(packets...)
		for i := from; i <= to; i++ {
			c.acknowledged(receive[*codec.Pubrec](c), uint16(i))
		}
	}
	for i := 1; i <= n; i += 100 {
		batch(i, min(i+99, n))
	}
	c.ping()
	// One that is finished makes room for one.
	c.send(&codec.Pubrel{ID: 1})
	c.expect(&codec.Pubcomp{ID: 1})
	batch(1, 1)
	if n == 65535 {
		return // there is no identifier for more
	}
	m := msg("a", "one too many", 2)
	m.ID = uint16(n + 1)
	c.send(m)
	for i := range n {
		rel := &codec.Pubrel{ID: uint16(i + 1)}
		if c.tryWrite([]byte(encode(t, c.to, rel))) != nil {
			break
		}
	}
	if p := receive[*codec.Disconnect](c); p.Code != mqttwire.ReceiveMaximumExceeded {
		t.Errorf("got %v", p)
	}
}

// Before 5.0 there is no such limit to break: what is acknowledged may go on.
func TestManyUnreleased(t *testing.T) {
	t.Parallel()
	b := start(t)
	c := b.clean(mqttwire.V311, "c")
	for i := range 15 {
		m := msg("a", "x", 2)
		m.ID = uint16(i + 1)
		c.send(m)
		c.acknowledged(receive[*codec.Pubrec](c), m.ID)
	}
	for i := range 15 {
		c.send(&codec.Pubrel{ID: uint16(i + 1)})
		c.expect(&codec.Pubcomp{ID: uint16(i + 1)})
	}
}

// A client that does not read holds up nobody else.
func TestSlowReader(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		slow, quick := b.clean(v, "slow"), b.clean(v, "quick")
		slow.subscribe("a", 0)
		quick.subscribe("a", 0)
		publisher := b.clean(v, "publisher")
		payload := string(make([]byte, 100_000))
		for range 100 { // more than a socket holds
			publisher.publish(msg("a", payload, 0))
			quick.take(msg("a", payload, 0))
		}
		quick.ping()
	})
}
