// Package binary is what the library needs of encoding/binary, which brings
// reflect into every program that imports it. Its use is the same.
package binary

// BigEndian is the byte order of MQTT (3.1.1 §1.5.2, 5.0 §1.5.2 and §1.5.3).
var BigEndian bigEndian

type bigEndian struct{}

// Uint16 returns the number in the first two bytes of b.
func (bigEndian) Uint16(b []byte) uint16 {
	_ = b[1] // one check of the bounds
	return uint16(b[0])<<8 | uint16(b[1])
}

// Uint32 returns the number in the first four bytes of b.
func (bigEndian) Uint32(b []byte) uint32 {
	_ = b[3]
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
}

// Uint64 returns the number in the first eight bytes of b.
func (bigEndian) Uint64(b []byte) uint64 {
	_ = b[7]
	return uint64(b[0])<<56 | uint64(b[1])<<48 | uint64(b[2])<<40 | uint64(b[3])<<32 |
		uint64(b[4])<<24 | uint64(b[5])<<16 | uint64(b[6])<<8 | uint64(b[7])
}

// PutUint16 writes v into the first two bytes of b.
func (bigEndian) PutUint16(b []byte, v uint16) {
	_ = b[1]
	b[0], b[1] = byte(v>>8), byte(v)
}

// PutUint32 writes v into the first four bytes of b.
func (bigEndian) PutUint32(b []byte, v uint32) {
	_ = b[3]
	b[0], b[1], b[2], b[3] = byte(v>>24), byte(v>>16), byte(v>>8), byte(v)
}

// AppendUint16 appends the two bytes of v to b.
func (bigEndian) AppendUint16(b []byte, v uint16) []byte { return append(b, byte(v>>8), byte(v)) }

// AppendUint32 appends the four bytes of v to b.
func (bigEndian) AppendUint32(b []byte, v uint32) []byte {
	return append(b, byte(v>>24), byte(v>>16), byte(v>>8), byte(v))
}

// AppendUint64 appends the eight bytes of v to b.
func (bigEndian) AppendUint64(b []byte, v uint64) []byte {
	return append(b, byte(v>>56), byte(v>>48), byte(v>>40), byte(v>>32), byte(v>>24), byte(v>>16), byte(v>>8), byte(v))
}
