package conformance

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
)

func maximumPacketSize(id string, n uint32) *codec.Connect {
	p := keep(mqttwire.V50, id)
	p.Properties = codec.AppendMaximumPacketSize(p.Properties, n)
	return p
}

// A message too large for a client is dropped for it, as though delivered:
// what comes after it comes, also when there is room for one at a time (5.0
// [MQTT-3.1.2-24], [MQTT-3.1.2-25]).
func TestMaximumPacketSize(t *testing.T) {
	t.Parallel()
	b := start(t)
	publisher := b.clean(mqttwire.V50, "publisher")
	other := b.clean(mqttwire.V50, "other")
	other.subscribe("TopicA", 2)
	for level := range qos.Level(3) {
		p := maximumPacketSize(fmt.Sprint(level), 64)
		p.Properties = codec.AppendReceiveMaximum(p.Properties, 1)
		c := b.join(p)
		c.subscribe("TopicA", 2)
		size := 64 - msg("TopicA", "", level).Size(mqttwire.V50) // the largest payload that fits
		fits, large := msg("TopicA", strings.Repeat(".", size), level), msg("TopicA", strings.Repeat(".", size+1), level)
		for _, m := range []*codec.Publish{fits, large, msg("TopicA", strings.Repeat("x", 5000), level), fits, large, large, fits} {
			publisher.publish(m)
			other.take(m)
			if m == fits {
				c.take(m)
			}
			c.ping()
		}
		// The same while it is away.
		c.disconnect()
		n := 0
		for _, m := range []*codec.Publish{large, fits, large, fits} {
			publisher.publish(m)
			other.take(m)
			if m == fits && level > 0 {
				n++
			}
		}
		c = b.join(p)
		for _, got := range c.queued(n) {
			if show(got) != show(fits) {
				t.Errorf("got %s", show(got))
			}
		}
		// With room for it the client does not get what it missed.
		c.disconnect()
		b.kept(mqttwire.V50, fmt.Sprint(level), true).ping()
	}
}

// A retained message too large for a client is not sent to it.
func TestMaximumPacketSizeAndRetained(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.clean(mqttwire.V50, "publisher").publish(retained(msg("a/1", strings.Repeat("x", 100), 1)), retained(msg("a/2", "x", 1)))
	c := b.join(maximumPacketSize("c", 64))
	c.subscribe("a/+", 1)
	c.take(retained(msg("a/2", "x", 1)))
	c.ping()
}

// The properties that a broker adds count as well.
func TestMaximumPacketSizeAndIdentifiers(t *testing.T) {
	t.Parallel()
	b := start(t)
	c := b.join(maximumPacketSize("c", 64))
	c.subscribeWith(identified(268435455), sub("a", 1))
	publisher := b.clean(mqttwire.V50, "publisher")
	m := with(identified(268435455), msg("a", "", 1))
	size := 64 - m.Size(mqttwire.V50)
	publisher.publish(msg("a", strings.Repeat("x", size+1), 1), msg("a", strings.Repeat("y", size), 1))
	m.Payload = []byte(strings.Repeat("y", size))
	c.take(m)
	c.ping()
}

// No answer is larger than the client takes, whatever it could say besides the
// code (5.0 [MQTT-3.1.2-24], [MQTT-3.4.2-2], [MQTT-3.5.2-2], [MQTT-3.7.2-2],
// [MQTT-3.9.2-1], [MQTT-3.11.2-1], [MQTT-3.14.2-3]).
func TestMaximumPacketSizeAndAnswers(t *testing.T) {
	t.Parallel()
	b := start(t)
	for _, n := range []uint32{64, 100} {
		c := b.join(maximumPacketSize("c", n)) // and this fails where more comes
		c.publish(msg("nobody", "x", 1), msg("nobody", "x", 2))
		c.send(&codec.Pubrel{ID: 77})
		receive[*codec.Pubcomp](c)
		c.unsubscribe(strings.Repeat("a", 50), "none")
		c.write([]byte("\x82\x10\x00\x01\x00\x00\x0a$share/g/a\x05"))
		c.ended(mqttwire.ProtocolError)
	}
}

// A packet larger than the broker announces ends the connection, as soon as
// its length is known (5.0 [MQTT-3.2.2-15], §3.2.2.3.6).
func TestMaximumPacketSizeOfBroker(t *testing.T) {
	t.Parallel()
	b := start(t)
	c := b.clean(mqttwire.V50, "c")
	n, ok := c.connack.Properties.MaximumPacketSize()
	if !ok {
		t.Skip("the broker announces no limit")
	}
	rest := n // of a packet that is one byte too long
	for 1+uint32(len(length(rest-1)))+rest-1 > n {
		rest--
	}
	c.write(append([]byte{0x30}, length(rest)...))
	c.ended(mqttwire.PacketTooLarge)
	if n < 1<<24 {
		m := msg("a", "", 0)
		m.Payload = make([]byte, int(n)-m.Size(mqttwire.V50)-len(length(n))+1)
		b.clean(mqttwire.V50, "d").publish(m)
	}
	b.clean(mqttwire.V50, "c").ping()
}

// length encodes a Remaining Length.
func length(n uint32) []byte {
	var b []byte
	for ; n >= 128; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return append(b, byte(n))
}
