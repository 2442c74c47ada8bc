package fixedheader_test

import (
	"bytes"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/fixedheader"
	"github.com/mqttwire/mqttwire/varint"
)

func TestConsume(t *testing.T) {
	for _, c := range []struct {
		name string
		wire []byte
		want fixedheader.Header
		n    int
		err  error
	}{
		{"nothing", nil, fixedheader.Header{}, 0, nil},
		{"first byte", []byte{0x30}, fixedheader.Header{}, 0, nil},
		{"cut length", []byte{0x30, 0x80}, fixedheader.Header{}, 0, nil},
		{"PINGREQ", []byte{0xc0, 0, 1}, fixedheader.Header{Type: mqttwire.PINGREQ, Width: 1}, 2, nil},
		{"PUBLISH", []byte{0x3d, 0x80, 0x01}, fixedheader.Header{Type: mqttwire.PUBLISH, Flags: 13, Width: 2, Length: 128}, 3, nil},
		{"not minimal", []byte{0x62, 0x82, 0x80, 0x00}, fixedheader.Header{Type: mqttwire.PUBREL, Flags: 2, Width: 3, Length: 2}, 4, nil},
		{"largest", []byte{0xf0, 0xff, 0xff, 0xff, 0x7f}, fixedheader.Header{Type: mqttwire.AUTH, Width: 4, Length: varint.Max}, 5, nil},
		{"five bytes", []byte{0x30, 0x80, 0x80, 0x80, 0x80}, fixedheader.Header{}, 0, mqttwire.ErrVarintTooLong},
	} {
		if h, n, err := fixedheader.Consume(c.wire); h != c.want || n != c.n || err != c.err {
			t.Errorf("%s: %+v, %d, %v, want %+v, %d, %v", c.name, h, n, err, c.want, c.n, c.err)
		}
	}
}

func TestAppend(t *testing.T) {
	for length := uint32(0); length <= varint.Max; length = length*3 + 1 {
		h := fixedheader.Header{Type: mqttwire.PUBLISH, Flags: 0x0b, Length: length}
		b, err := h.Append([]byte("x"))
		if err != nil || len(b) != 1+h.Size() {
			t.Fatalf("Append(%d) = %x, %v; Size = %d", length, b, err, h.Size())
		}
		h.Width = uint8(h.Size() - 1)
		if got, n, err := fixedheader.Consume(b[1:]); got != h || n != h.Size() || err != nil {
			t.Errorf("Consume(%x) = %+v, %d, %v, want %+v", b[1:], got, n, err, h)
		}
	}
	h := fixedheader.Header{Type: mqttwire.PUBLISH, Length: varint.Max + 1}
	if b, err := h.Append([]byte("x")); !bytes.Equal(b, []byte("x")) || err != mqttwire.ErrVarintTooLong {
		t.Errorf("Append of a length over the maximum: %x, %v", b, err)
	}
}

// TestAppendAgain holds that a header that was read is appended byte for byte,
// long forms of the Remaining Length included, and in the shortest form where
// its Width is taken away.
func TestAppendAgain(t *testing.T) {
	for length := uint32(0); length <= varint.Max; length = length*3 + 1 {
		for first := range 256 {
			short, err := varint.Append([]byte{byte(first)}, length)
			if err != nil {
				t.Fatal(err)
			}
			for wire := short; len(wire) <= fixedheader.MaxSize; {
				h, n, err := fixedheader.Consume(wire)
				if n != len(wire) || err != nil || h.Length != length {
					t.Fatalf("Consume(%x) = %+v, %d, %v", wire, h, n, err)
				}
				if got, err := h.Append(nil); !bytes.Equal(got, wire) || err != nil || h.Size() != len(wire) {
					t.Fatalf("%x appended again: %x, %v; Size = %d", wire, got, err, h.Size())
				}
				h.Width = 0
				if got, err := h.Append(nil); !bytes.Equal(got, short) || err != nil || h.Size() != len(short) {
					t.Fatalf("%x without Width: %x, %v; Size = %d, want %x", wire, got, err, h.Size(), short)
				}
				wire = append(bytes.Clone(wire), 0)
				wire[len(wire)-2] |= 0x80
			}
		}
	}
	// What has grown since it was read needs more bytes than it had.
	h := fixedheader.Header{Type: mqttwire.PUBLISH, Width: 1, Length: 128}
	if got, err := h.Append(nil); !bytes.Equal(got, []byte{0x30, 0x80, 0x01}) || err != nil || h.Size() != 3 {
		t.Errorf("too narrow: %x, %v; Size = %d", got, err, h.Size())
	}
	h.Width = 5
	if got, err := h.Append([]byte("x")); string(got) != "x" || err != mqttwire.ErrVarintTooLong {
		t.Errorf("too wide: %x, %v", got, err)
	}
}

func TestPublishFlags(t *testing.T) {
	for flags := range uint8(16) {
		h := fixedheader.Header{Type: mqttwire.PUBLISH, Flags: flags}
		if h.Dup() != (flags >= 8) || h.QoS() != flags/2%4 || h.Retain() != (flags%2 == 1) {
			t.Errorf("flags %04b: DUP %v, QoS %d, RETAIN %v", flags, h.Dup(), h.QoS(), h.Retain())
		}
	}
}

// TestCheckFirst walks every first byte in every version: 3.1.1 Table 2.2,
// 5.0 Table 2-2, and what 3.1 leaves open.
func TestCheckFirst(t *testing.T) {
	withQoS1 := map[mqttwire.PacketType]bool{mqttwire.PUBREL: true, mqttwire.SUBSCRIBE: true, mqttwire.UNSUBSCRIBE: true}
	for _, v := range []mqttwire.Version{mqttwire.V31, mqttwire.V311, mqttwire.V50} {
		for first := range 256 {
			h := fixedheader.Header{Type: mqttwire.PacketType(first >> 4), Flags: uint8(first & 15)}
			ok := false
			switch {
			case h.Type == 0 || h.Type == mqttwire.AUTH && v != mqttwire.V50:
			case h.Type == mqttwire.PUBLISH:
				ok = h.QoS() != 3 && (h.QoS() != 0 || !h.Dup() || v == mqttwire.V31)
			case withQoS1[h.Type]:
				ok = h.Flags == 2 || v == mqttwire.V31 && h.QoS() == 1
			default:
				ok = h.Flags == 0 || v == mqttwire.V31
			}
			if err := h.CheckFirst(v, mqttwire.Either); (err == nil) != ok {
				t.Errorf("%v: first byte %#02x: %v, want allowed %v", v, first, err, ok)
			}
			for _, from := range []mqttwire.Role{mqttwire.Client, mqttwire.Server} {
				if err := h.CheckFirst(v, from); (err == nil) != (ok && h.Type.SentBy(from, v)) {
					t.Errorf("%v: first byte %#02x from a %v: %v", v, first, from, err)
				}
			}
		}
	}
}

// TestCheckFirstUnknownVersion holds that before the version is known a client
// sends nothing but CONNECT [MQTT-3.1.0-1], whose flags are judged later, and
// that from another sender a first byte passes that some version allows.
func TestCheckFirstUnknownVersion(t *testing.T) {
	for first := range 256 {
		h := fixedheader.Header{Type: mqttwire.PacketType(first >> 4), Flags: uint8(first & 15)}
		for _, from := range []mqttwire.Role{mqttwire.Either, mqttwire.Client, mqttwire.Server} {
			err := h.CheckFirst(0, from)
			if from == mqttwire.Client {
				var want error
				if h.Type != mqttwire.CONNECT {
					want = mqttwire.ErrConnectFirst
				}
				if err != want {
					t.Errorf("first byte %#02x from %v: %v, want %v", first, from, err, want)
				}
				continue
			}
			ok := false
			for _, v := range []mqttwire.Version{mqttwire.V31, mqttwire.V311, mqttwire.V50} {
				ok = ok || h.CheckFirst(v, from) == nil
			}
			if (err == nil) != ok {
				t.Errorf("first byte %#02x from %v: %v, want allowed %v", first, from, err, ok)
			}
		}
	}
}

func TestNoAllocs(t *testing.T) {
	dst := make([]byte, 0, 8)
	if n := testing.AllocsPerRun(100, func() {
		for first := range 256 {
			h := fixedheader.Header{Type: mqttwire.PacketType(first >> 4), Flags: uint8(first & 15), Length: 300}
			_ = h.CheckFirst(mqttwire.V50, mqttwire.Client)
			b, _ := h.Append(dst)
			_, _, _ = fixedheader.Consume(b)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
