package codec_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
)

// clone clones a packet of any type that can borrow.
func clone(p codec.Packet) codec.Packet {
	switch p := p.(type) {
	case *codec.Connect:
		c := p.Clone()
		return &c
	case *codec.Connack:
		c := p.Clone()
		return &c
	case *codec.Publish:
		c := p.Clone()
		return &c
	case *codec.Puback:
		c := p.Clone()
		return &c
	case *codec.Pubrec:
		c := p.Clone()
		return &c
	case *codec.Pubrel:
		c := p.Clone()
		return &c
	case *codec.Pubcomp:
		c := p.Clone()
		return &c
	case *codec.Subscribe:
		c := p.Clone()
		return &c
	case *codec.Suback:
		c := p.Clone()
		return &c
	case *codec.Unsubscribe:
		c := p.Clone()
		return &c
	case *codec.Unsuback:
		c := p.Clone()
		return &c
	case *codec.Disconnect:
		c := p.Clone()
		return &c
	case *codec.Auth:
		c := p.Clone()
		return &c
	}
	return p // PINGREQ and PINGRESP hold nothing
}

// TestClone holds that a clone outlives the bytes that its origin was decoded
// from, in all its fields: every valid vector is decoded, cloned, overwritten.
func TestClone(t *testing.T) {
	types := map[mqttwire.PacketType]bool{}
	for _, x := range allReceived(t) {
		if !x.valid {
			continue
		}
		p, h, err := decode(x.rules, x.wire)
		if err != nil {
			t.Fatalf("%s: %v", x.v.Name, err)
		}
		types[h.Type] = true
		want := fields(h, p)
		bytesBefore := encode(t, p, x.rules)
		c := clone(p)
		for i := range x.wire {
			x.wire[i] = ^x.wire[i]
		}
		if diff := cmp.Diff(want, fields(h, c)); diff != "" {
			t.Errorf("%s %s: (-before +after):\n%s", x.v.Version, x.v.Name, diff)
		}
		if after := encode(t, c, x.rules); !bytes.Equal(after, bytesBefore) {
			t.Errorf("%s %s: appended as %.200x, want %.200x", x.v.Version, x.v.Name, after, bytesBefore)
		}
	}
	if len(types) != 15 {
		t.Errorf("only %d packet types", len(types))
	}
}

// TestCloneKeepsNil holds that a clone of nothing is nothing.
func TestCloneKeepsNil(t *testing.T) {
	c := (&codec.Connect{}).Clone()
	p := (&codec.Publish{}).Clone()
	if c.ClientID != nil || c.Password != nil || c.Will.Payload != nil || p.Topic != nil || p.Payload != nil || p.Properties.Bytes() != nil {
		t.Errorf("a clone of an empty packet has fields: %#v, %#v", c, p)
	}
}
