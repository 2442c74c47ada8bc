package varint_test

import (
	"bytes"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/varint"
)

// The boundaries of 3.1.1 Table 2.4 and 5.0 Table 1-1.
var boundaries = []struct {
	v    uint32
	wire []byte
}{
	{0, []byte{0x00}},
	{127, []byte{0x7f}},
	{128, []byte{0x80, 0x01}},
	{16383, []byte{0xff, 0x7f}},
	{16384, []byte{0x80, 0x80, 0x01}},
	{2097151, []byte{0xff, 0xff, 0x7f}},
	{2097152, []byte{0x80, 0x80, 0x80, 0x01}},
	{268435455, []byte{0xff, 0xff, 0xff, 0x7f}},
}

func TestBoundaries(t *testing.T) {
	for _, c := range boundaries {
		b, err := varint.Append([]byte("x"), c.v)
		if err != nil || !bytes.Equal(b[1:], c.wire) || b[0] != 'x' {
			t.Errorf("Append(%d) = %x, %v, want %x", c.v, b, err, c.wire)
		}
		if n := varint.Size(c.v); n != len(c.wire) {
			t.Errorf("Size(%d) = %d, want %d", c.v, n, len(c.wire))
		}
		if v, n, err := varint.Consume(append(c.wire, 0xff)); v != c.v || n != len(c.wire) || err != nil {
			t.Errorf("Consume(%x) = %d, %d, %v, want %d", c.wire, v, n, err, c.v)
		}
		for i := range c.wire {
			if v, n, err := varint.Consume(c.wire[:i]); v != 0 || n != 0 || err != nil {
				t.Errorf("Consume(%x) = %d, %d, %v, want incomplete", c.wire[:i], v, n, err)
			}
		}
	}
}

func TestTooLarge(t *testing.T) {
	dst := []byte("before")
	b, err := varint.Append(dst, varint.Max+1)
	if err != mqttwire.ErrVarintTooLong || string(b) != "before" || varint.Size(varint.Max+1) != 0 {
		t.Errorf("Append(Max+1) = %x, %v; Size = %d", b, err, varint.Size(varint.Max+1))
	}
}

func TestConsumeTooLong(t *testing.T) {
	for _, n := range []int{4, 5, 100_000} {
		if v, size, err := varint.Consume(bytes.Repeat([]byte{0x80}, n)); v != 0 || size != 0 || err != mqttwire.ErrVarintTooLong {
			t.Errorf("%d continuation bytes: %d, %d, %v", n, v, size, err)
		}
	}
}

// TestConsumeNotMinimal holds that the size tells a form that could be shorter
// [MQTT-1.5.5-1].
func TestConsumeNotMinimal(t *testing.T) {
	for _, wire := range [][]byte{{0x80, 0x00}, {0xff, 0x80, 0x00}, {0x81, 0x80, 0x80, 0x00}} {
		v, n, err := varint.Consume(wire)
		if err != nil || n != len(wire) || n <= varint.Size(v) {
			t.Errorf("Consume(%x) = %d, %d, %v; Size = %d", wire, v, n, err, varint.Size(v))
		}
	}
}

func TestNoAllocs(t *testing.T) {
	dst := make([]byte, 0, 8)
	if n := testing.AllocsPerRun(100, func() {
		for _, c := range boundaries {
			_, _ = varint.Append(dst, c.v)
			_, _, _ = varint.Consume(c.wire)
			_, _, _ = varint.Consume([]byte{0x80, 0x80, 0x80, 0x80})
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
