package codec

import (
	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/fixedheader"
	"github.com/mqttwire/mqttwire/varint"
)

// MaxPacketSize is the size of the largest packet there can be, fixed header
// included: 268,435,460 bytes (3.1.1 §2.2.3, 5.0 §2.1.4).
const MaxPacketSize = fixedheader.MaxSize + varint.Max

// Split cuts the first packet from the front of b and returns its fixed
// header, its body, which aliases b, and the number of bytes of both. maxSize
// is the most bytes a packet may take, fixed header included (5.0 §2.1.4), 0
// for no limit.
//
// n == 0 and err == nil: the packet is not all there; nothing is wrong with
// what is. An error is reported as soon as the bytes that prove it are there:
// a first byte that r does not allow at once, a Remaining Length over the
// limit before any of the body. While r has no Version, all that a client may
// send is a CONNECT: of anything else one byte is [mqttwire.ErrConnectFirst].
//
// The errors are those of [fixedheader.Header.CheckFirst],
// [mqttwire.ErrVarintTooLong], [mqttwire.ErrVarintNotMin] in 5.0, and
// [mqttwire.ErrPacketTooLarge]. On an error h holds what is known of the
// header, at least its type, so that the caller can look up what to answer.
func Split(r Rules, b []byte, maxSize int) (h fixedheader.Header, body []byte, n int, err error) {
	// Most packets, without a call: a first byte that is right, and a Remaining
	// Length of one byte or of two that it needs.
	if len(b) >= 2 && r.expects(b[0]) {
		length, start := uint32(b[1]), 2
		if length >= 0x80 {
			if len(b) < 3 || b[2]-1 >= 0x7f {
				return splitAny(r, b, maxSize)
			}
			length, start = length&0x7f|uint32(b[2])<<7, 3
		}
		if end := start + int(length); end <= len(b) && (end <= maxSize || maxSize <= 0) {
			h = fixedheader.Header{Type: mqttwire.PacketType(b[0] >> 4), Flags: b[0] & 0x0f, Width: uint8(start - 1), Length: length}
			return h, b[start:end:end], end, nil
		}
	}
	return splitAny(r, b, maxSize)
}

// expects reports whether first is right for the first byte of a packet. It says
// no to some that are: those that no rules expect of most packets.
func (r Rules) expects(first byte) bool {
	return r.Version <= mqttwire.V50 && r.From <= mqttwire.Server && expected[first]>>(uint8(r.Version)<<2|uint8(r.From))&1 != 0
}

// firstByte is the first byte of a packet with header h.
func firstByte(h fixedheader.Header) byte { return byte(h.Type)<<4 | h.Flags&0x0f }

// expected has by first byte the bit of each version and sender, those as
// expects counts them, with which [fixedheader.Header.CheckFirst] takes it;
// none for version 0.
var expected = func() (sets [256]uint32) {
	for first := range sets {
		h := fixedheader.Header{Type: mqttwire.PacketType(first >> 4), Flags: uint8(first & 0x0f)}
		for _, v := range [...]mqttwire.Version{mqttwire.V31, mqttwire.V311, mqttwire.V50} {
			for from := mqttwire.Either; from <= mqttwire.Server; from++ {
				if h.CheckFirst(v, from) == nil {
					sets[first] |= 1 << (uint8(v)<<2 | uint8(from))
				}
			}
		}
	}
	return sets
}()

func splitAny(r Rules, b []byte, maxSize int) (h fixedheader.Header, body []byte, n int, err error) {
	h, n, err = SplitHeader(r, b, maxSize)
	if n == 0 || err != nil {
		return h, nil, 0, err
	}
	end := n + int(h.Length)
	if end > len(b) {
		return h, nil, 0, nil
	}
	return h, b[n:end:end], end, nil
}

// SplitHeader is Split without the body: it returns the fixed header and its
// size as soon as they are there, for callers that stream a body they do not
// want to hold.
func SplitHeader(r Rules, b []byte, maxSize int) (h fixedheader.Header, n int, err error) {
	if len(b) == 0 {
		return h, 0, nil
	}
	first := fixedheader.Header{Type: mqttwire.PacketType(b[0] >> 4), Flags: b[0] & 0x0f}
	if err := r.checkFirst(first); err != nil {
		return first, 0, err
	}
	if h, n, err = fixedheader.Consume(b); n == 0 {
		return first, 0, err
	}
	if maxSize > 0 && n+int(h.Length) > maxSize {
		return h, 0, mqttwire.ErrPacketTooLarge // 5.0 §3.1.2.11.4, §3.2.2.3.6
	}
	if h.Width > 1 && r.Version == mqttwire.V50 && int(h.Width) != varint.Size(h.Length) {
		return h, 0, mqttwire.ErrVarintNotMin // 5.0 [MQTT-1.5.5-1]
	}
	return h, n, nil
}
