package keep

import (
	"encoding/binary"
	"hash/crc32"
)

// A Batch is some Records on their way to a log: what one Sync has made durable,
// or a part of that where it is more than a log takes at once.
//
// Its wire form is a byte for the version of the format, 1; a CRC-32C of all
// other bytes, big-endian; a byte that is 1 where another part follows, else 0;
// Node, Incarnation, First, Needs and Part as numbers; and Records. The first five bytes
// are those of every version to come.
type Batch struct {
	// Node is the number of the node that has written it, at most MaxNode.
	Node uint16
	// Incarnation tells the runs of a node apart.
	Incarnation uint64
	// First is the number of its first Record, of the first part: Records are
	// counted from 1 without a gap, from run to run too.
	First uint64
	// Needs is the number of the first Record that was needed when this was
	// written: a log that begins later has lost some.
	Needs uint64
	// Part counts the parts before this one, and More says that another follows.
	// The Records of a part that has no last one were never acknowledged.
	Part uint32
	More bool
	// Records is the wire form of the Records, one after the other. In a part it
	// may begin and end anywhere.
	Records []byte
}

const (
	batchVersion = 1
	batchSum     = 1 // where the checksum stands
	batchBody    = 5 // what it is of, besides the version
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func batchChecksum(b []byte) uint32 {
	return crc32.Update(crc32.Checksum(b[:batchSum], castagnoli), castagnoli, b[batchBody:])
}

// Append appends the wire form and returns the result.
func (b *Batch) Append(dst []byte) []byte {
	start := len(dst)
	dst = append(dst, batchVersion, 0, 0, 0, 0, flag(b.More, 1))
	dst = binary.AppendUvarint(dst, uint64(b.Node))
	dst = binary.AppendUvarint(dst, b.Incarnation)
	dst = binary.AppendUvarint(dst, b.First)
	dst = binary.AppendUvarint(dst, b.Needs)
	dst = binary.AppendUvarint(dst, uint64(b.Part))
	dst = append(dst, b.Records...)
	binary.BigEndian.PutUint32(dst[start+batchSum:], batchChecksum(dst[start:]))
	return dst
}

// Size returns how many bytes Append writes.
func (b *Batch) Size() int {
	return batchBody + 1 + sizeNumber(uint64(b.Node)) + sizeNumber(b.Incarnation) + sizeNumber(b.First) + sizeNumber(b.Needs) + sizeNumber(uint64(b.Part)) + len(b.Records)
}

// Decode reads the wire form, all of src, which Records goes on being part of.
// What it does not look at is Records: [Record.Consume] does. The error is
// [ErrDamaged] where these are not the bytes that were written, [ErrVersion]
// where they are of a later version, and [ErrMalformed] otherwise.
func (b *Batch) Decode(src []byte) error {
	switch {
	case len(src) < batchBody || batchChecksum(src) != binary.BigEndian.Uint32(src[batchSum:]):
		return ErrDamaged
	case src[0] > batchVersion:
		return ErrVersion
	case src[0] != batchVersion:
		return ErrMalformed
	}
	c := cursor{b: src[batchBody:]}
	more := c.byte()
	c.require(more <= 1)
	*b = Batch{More: more == 1, Node: uint16(c.upTo(MaxNode)), Incarnation: c.number(), First: c.number(), Needs: c.number(), Part: uint32(c.upTo(1<<32 - 1))}
	c.require(b.First != 0 && b.Needs <= b.First)
	if c.short || c.bad {
		*b = Batch{}
		return ErrMalformed
	}
	b.Records = c.b
	return nil
}
