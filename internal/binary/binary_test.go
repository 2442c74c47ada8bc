package binary_test

import (
	"bytes"
	standard "encoding/binary"
	"testing"

	"github.com/mqttwire/mqttwire/internal/binary"
)

// TestBigEndian holds that every function does what that of encoding/binary
// does.
func TestBigEndian(t *testing.T) {
	for _, v := range []uint64{0, 1, 0x80, 0x0102, 0xfffe, 0x01020304, 0xfffefdfc, 0x0102030405060708, 0xfffefdfcfbfaf9f8} {
		x := []byte("x")
		for _, c := range []struct {
			name      string
			got, want []byte
		}{
			{"AppendUint16", binary.BigEndian.AppendUint16(x, uint16(v)), standard.BigEndian.AppendUint16(x, uint16(v))},
			{"AppendUint32", binary.BigEndian.AppendUint32(x, uint32(v)), standard.BigEndian.AppendUint32(x, uint32(v))},
			{"AppendUint64", binary.BigEndian.AppendUint64(x, v), standard.BigEndian.AppendUint64(x, v)},
			{"PutUint16", put(func(b []byte) { binary.BigEndian.PutUint16(b, uint16(v)) }), put(func(b []byte) { standard.BigEndian.PutUint16(b, uint16(v)) })},
			{"PutUint32", put(func(b []byte) { binary.BigEndian.PutUint32(b, uint32(v)) }), put(func(b []byte) { standard.BigEndian.PutUint32(b, uint32(v)) })},
		} {
			if !bytes.Equal(c.got, c.want) {
				t.Errorf("%s of %#x: %x, want %x", c.name, v, c.got, c.want)
			}
		}
		b := append(standard.BigEndian.AppendUint64(nil, v), 1)
		if binary.BigEndian.Uint16(b) != standard.BigEndian.Uint16(b) || binary.BigEndian.Uint32(b) != standard.BigEndian.Uint32(b) || binary.BigEndian.Uint64(b) != v {
			t.Errorf("%x is read as %#x, %#x, %#x", b, binary.BigEndian.Uint16(b), binary.BigEndian.Uint32(b), binary.BigEndian.Uint64(b))
		}
	}
}

func put(f func([]byte)) []byte {
	b := bytes.Repeat([]byte{0xaa}, 9)
	f(b)
	return b
}
