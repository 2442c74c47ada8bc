// Package varint is the Variable Byte Integer of MQTT 5.0 (5.0 §1.5.5), which
// is also the Remaining Length of every version (3.1.1 §2.2.3): seven bits a
// byte, low group first, at most four bytes.
package varint

import (
	"math/bits"

	"github.com/mqttwire/mqttwire"
)

// Max is the largest value, 268,435,455.
const Max = 1<<28 - 1

// MaxSize is the most bytes a value takes.
const MaxSize = 4

// Size returns how many bytes Append writes for v: 1 to 4, or 0 where v is
// over Max.
func Size(v uint32) int {
	if v > Max {
		return 0
	}
	return (bits.Len32(v|1) + 6) / 7
}

// Append appends v in its shortest form to dst and returns the result. Where v
// is over Max it returns dst as it was and [mqttwire.ErrVarintTooLong].
func Append(dst []byte, v uint32) ([]byte, error) {
	switch {
	case v < 1<<7:
		return append(dst, byte(v)), nil
	case v < 1<<14:
		return append(dst, byte(v)|0x80, byte(v>>7)), nil
	case v < 1<<21:
		return append(dst, byte(v)|0x80, byte(v>>7)|0x80, byte(v>>14)), nil
	case v <= Max:
		return append(dst, byte(v)|0x80, byte(v>>7)|0x80, byte(v>>14)|0x80, byte(v>>21)), nil
	}
	return dst, mqttwire.ErrVarintTooLong
}

// Consume reads a value from the front of b and returns it with the number of
// bytes it took.
//
//   - n == 0 and err == nil: b ends inside the value; nothing is wrong yet.
//   - err is [mqttwire.ErrVarintTooLong]: the fourth byte asks for a fifth,
//     malformed in every version.
//
// A value that could be shorter is returned as it stands: 5.0 forbids it
// [MQTT-1.5.5-1], 3.1 and 3.1.1 do not. It is one where n > Size(v).
func Consume(b []byte) (v uint32, n int, err error) {
	if len(b) > 0 && b[0] < 0x80 {
		return uint32(b[0]), 1, nil
	}
	return consumeLong(b)
}

func consumeLong(b []byte) (v uint32, n int, err error) {
	for i := range min(len(b), MaxSize) {
		v |= uint32(b[i]&0x7f) << (7 * i)
		if b[i] < 0x80 {
			return v, i + 1, nil
		}
	}
	if len(b) >= MaxSize {
		return 0, 0, mqttwire.ErrVarintTooLong
	}
	return 0, 0, nil
}
