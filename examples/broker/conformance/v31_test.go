package conformance

import (
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
)

// In 3.1 PUBREL, SUBSCRIBE and UNSUBSCRIBE may have DUP (3.1 §2.1, §3.6, §3.8,
// §3.10).
func TestDupOf31(t *testing.T) {
	t.Parallel()
	b := start(t)
	c := b.clean(mqttwire.V31, "c")
	c.write([]byte("\x8a\x06\x00\x01\x00\x01a\x02"))
	if ack := receive[*codec.Suback](c); ack.ID != 1 || ack.Codes.Len() != 1 || ack.Codes.At(0) != 2 {
		t.Fatalf("got %v", ack)
	}
	publisher := b.clean(mqttwire.V31, "publisher")
	m := msg("a", "x", 2)
	m.ID = 5
	publisher.send(m)
	publisher.acknowledged(receive[*codec.Pubrec](publisher), 5)
	for range 2 {
		publisher.write([]byte("\x6a\x02\x00\x05"))
		publisher.expect(&codec.Pubcomp{ID: 5})
	}
	c.take(msg("a", "x", 2))
	c.ping()
	c.write([]byte("\xaa\x05\x00\x02\x00\x01a"))
	c.expect(&codec.Unsuback{ID: 2})
	publisher.publish(msg("a", "x", 1))
	c.ping()
}

// CONNACK of 3.1 has no Session Present, and there is no failure in a SUBACK
// (3.1 §3.2, §3.9).
func TestConnackOf31(t *testing.T) {
	t.Parallel()
	b := start(t)
	p := keep(mqttwire.V31, "c")
	for range 3 {
		c := b.dial(mqttwire.V31)
		c.send(p)
		if ack := encode(t, c.in.Rules, receive[*codec.Connack](c)); ack != "\x20\x02\x00\x00" {
			t.Errorf("got % x", ack)
		}
		c.subscribe("a", 2)
		c.disconnect()
	}
}

// The flags that 3.1 gives no meaning do not matter (3.1 §2.1).
func TestUnusedFlagsOf31(t *testing.T) {
	t.Parallel()
	c := start(t).clean(mqttwire.V31, "c")
	c.write([]byte{0xc1, 0})
	c.expect(&codec.Pingresp{})
	c.ping()
}

// The bridges of some brokers set bit 7 of the Protocol Level.
func TestBridge(t *testing.T) {
	t.Parallel()
	b := start(t)
	for _, v := range versions[:2] {
		c := b.join(&codec.Connect{Version: v, Bridge: true, CleanStart: true, ClientID: []byte("bridge")})
		c.subscribe("a", 1)
		c.ping()
	}
}
