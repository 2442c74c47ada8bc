package codec_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/fixedheader"
)

func TestDecoder(t *testing.T) {
	var d codec.Decoder
	first := map[mqttwire.PacketType]codec.Packet{}
	for range 2 {
		for _, want := range everyPacket(t) {
			h, body := split(t, encode(t, want, v50), v50)
			p, err := d.Decode(v50, h, body)
			if err != nil {
				t.Fatalf("%v: %v", want.Type(), err)
			}
			if p.Type() != want.Type() {
				t.Fatalf("%v decoded as %v", want.Type(), p.Type())
			}
			if diff := cmp.Diff(fields(h, want), fields(h, p)); diff != "" {
				t.Errorf("%v (-want +got):\n%s", want.Type(), diff)
			}
			if first[p.Type()] == nil {
				first[p.Type()] = p
			}
			if first[p.Type()] != p {
				t.Errorf("%v: another packet the second time", p.Type())
			}
		}
	}
	if len(first) != 15 {
		t.Errorf("%d packets", len(first))
	}
}

func TestDecoderOfNoType(t *testing.T) {
	var d codec.Decoder
	for _, n := range []mqttwire.PacketType{0, 16, 255} {
		if p, err := d.Decode(v50, fixedheader.Header{Type: n}, nil); p != nil || err != mqttwire.ErrPacketType {
			t.Errorf("type %d: %v, %v", n, p, err)
		}
	}
	if p, err := d.Decode(v311, fixedheader.Header{Type: mqttwire.AUTH}, nil); p == nil || err != mqttwire.ErrPacketType {
		t.Errorf("AUTH in 3.1.1: %v, %v", p, err)
	}
}

// TestDecodeLeavesNothingBehind holds that after an error a packet is zero, but
// for what a Connect must know to be answered, and that nothing of the packet
// before shows in the next.
func TestDecodeLeavesNothingBehind(t *testing.T) {
	var d codec.Decoder
	for _, full := range everyPacket(t) {
		wire := encode(t, full, v50)
		h, body := split(t, wire, v50)
		zero := new(codec.Decoder)
		for n := range body {
			if _, err := d.Decode(v50, h, body); err != nil {
				t.Fatal(err)
			}
			h := h
			h.Length = uint32(n)
			p, err := d.Decode(v50, h, body[:n])
			if q, errOfZero := zero.Decode(v50, h, body[:n]); err != errOfZero {
				t.Errorf("%v cut at %d: %v, and %v in a new one", full.Type(), n, err, errOfZero)
			} else if diff := cmp.Diff(fields(h, q), fields(h, p)); diff != "" {
				t.Errorf("%v cut at %d: (-new +used):\n%s", full.Type(), n, diff)
			}
			if err == nil {
				continue // a short form
			}
			if c, ok := p.(*codec.Connect); ok {
				if known := n >= 7; known != (c.Version == mqttwire.V50) {
					t.Errorf("CONNECT cut at %d: version %v", n, c.Version)
				}
				c.Version = 0
			}
			empty, _ := new(codec.Decoder).Decode(codec.Rules{}, h, nil)
			if diff := cmp.Diff(fields(h, empty), fields(h, p)); diff != "" {
				t.Errorf("%v cut at %d: not zero (-want +got):\n%s", full.Type(), n, diff)
			}
		}
	}
}

// TestDecodeWantsItsOwnHeader holds that a body is not read under the header of
// another type or length.
func TestDecodeWantsItsOwnHeader(t *testing.T) {
	for _, p := range everyPacket(t) {
		h, body := split(t, encode(t, p, v50), v50)
		other := h
		other.Type = mqttwire.PUBACK
		if p.Type() == mqttwire.PUBACK {
			other.Type = mqttwire.PUBREC
		}
		if err := p.Decode(v50, other, body); err != mqttwire.ErrWrongPacket {
			t.Errorf("%v under a header of %v: %v", p.Type(), other.Type, err)
		}
		longer, shorter := h, h
		longer.Length++
		if err := p.Decode(v50, longer, body); err != mqttwire.ErrTruncated {
			t.Errorf("%v with a byte missing: %v", p.Type(), err)
		}
		if h.Length == 0 {
			continue
		}
		shorter.Length--
		if err := p.Decode(v50, shorter, body); err != mqttwire.ErrTrailing {
			t.Errorf("%v with a byte too many: %v", p.Type(), err)
		}
	}
}

func TestDecoderShowsNothing(t *testing.T) {
	var d codec.Decoder
	secret := codec.Connect{PasswordFlag: true, Password: []byte("hunter2")}
	h, body := split(t, encode(t, &secret, v50), v50)
	if _, err := d.Decode(v50, h, body); err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{fmt.Sprint(d), fmt.Sprintf("%+v %#v", d, d), fmt.Sprintf("%v %+v %#v", &d, &d, &d)} {
		if !strings.HasPrefix(s, "Decoder") || showsSecret(s, "hunter2") {
			t.Errorf("printed as %s", s)
		}
	}
}
