package codec

import (
	"slices"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/fixedheader"
	"github.com/mqttwire/mqttwire/varint"
)

// Rules are those by which packets are read and written.
type Rules struct {
	// Version is the connection's. It is 0 until CONNECT has said which: until
	// then only CONNECT can be decoded, and a client may send nothing else
	// [MQTT-3.1.0-1].
	Version mqttwire.Version
	// From is who sends the packets. Some rules bind only clients or only
	// servers; with mqttwire.Either these are not applied.
	From mqttwire.Role
	// Unchecked lets Append write what the standard forbids, for testers of
	// conformance and for fuzzers. What cannot be encoded at all is still an
	// error. Decode ignores it.
	Unchecked bool
	// Lenient are the deviations that Split and Decode take, none by default.
	// Append ignores it.
	Lenient Leniencies
}

// A Packet is a control packet: a pointer to one of the packet types of this
// package.
type Packet interface {
	// Type returns which control packet it is.
	Type() mqttwire.PacketType
	// PropertyList returns the packet's own list of properties, its field
	// Properties, to be read or set. For PINGREQ and PINGRESP, which have none,
	// it returns nil.
	PropertyList() *Properties
	// Decode fills the packet from a body of exactly h.Length bytes, which it
	// borrows. See the package comment.
	Decode(r Rules, h fixedheader.Header, body []byte) error
	// Append appends the packet, fixed header included, to dst.
	Append(dst []byte, r Rules) ([]byte, error)
	// Size returns how many bytes Append writes in version v, fixed header
	// included. For a packet that Append refuses it is some number.
	Size(v mqttwire.Version) int
	// Downgrade removes what version v cannot say, in place. What v cannot do
	// without is an error, ErrVersion where v is not valid, and leaves the
	// packet alone.
	Downgrade(v mqttwire.Version) error
	// String describes the packet in a line. It shows no password and no
	// authentication data, and of a payload only its beginning.
	String() string
}

var _ = [...]Packet{
	(*Connect)(nil), (*Connack)(nil), (*Publish)(nil), (*Puback)(nil), (*Pubrec)(nil), (*Pubrel)(nil), (*Pubcomp)(nil),
	(*Subscribe)(nil), (*Suback)(nil), (*Unsubscribe)(nil), (*Unsuback)(nil), (*Pingreq)(nil), (*Pingresp)(nil),
	(*Disconnect)(nil), (*Auth)(nil),
}

// maxField is the most bytes a string or binary field may take
// (3.1.1 §1.5.3, 5.0 §1.5.4 and §1.5.6).
const maxField = 65535

// isUsual reports whether checkHeader has nothing to say, which is quick to tell
// of most packets.
func (r Rules) isUsual(t mqttwire.PacketType, h fixedheader.Header, body []byte) bool {
	return h.Type == t && int(h.Length) == len(body) && h.Width <= 1 && r.expects(firstByte(h))
}

// checkHeader validates the header of a packet of type t with its body, on
// behalf of Decode.
func (r Rules) checkHeader(t mqttwire.PacketType, h fixedheader.Header, body []byte) error {
	if h.Type != t {
		return mqttwire.ErrWrongPacket
	}
	if !r.Version.Valid() {
		return mqttwire.ErrVersion
	}
	if !r.expects(firstByte(h)) {
		if err := r.checkFirst(h); err != nil {
			return err
		}
	}
	if e := r.checkLength(h, len(body)); e != 0 {
		return e
	}
	return nil
}

// checkLength validates the form of the Remaining Length, and that n bytes
// are what it promises.
func (r Rules) checkLength(h fixedheader.Header, n int) mqttwire.Error {
	switch {
	case h.Width > 1 && r.Version == mqttwire.V50 && int(h.Width) != varint.Size(h.Length):
		return mqttwire.ErrVarintNotMin // 5.0 [MQTT-1.5.5-1]
	case n < int(h.Length):
		return mqttwire.ErrTruncated
	case n > int(h.Length):
		return mqttwire.ErrTrailing
	}
	return 0
}

// checkAppend validates the Rules for a packet of type t on behalf of Append.
func (r Rules) checkAppend(t mqttwire.PacketType) mqttwire.Error {
	switch {
	case !r.Version.Valid():
		return mqttwire.ErrVersion
	case r.Unchecked:
		return 0
	case !t.ExistsIn(r.Version):
		return mqttwire.ErrPacketType // AUTH before 5.0
	case !t.SentBy(r.From, r.Version):
		return mqttwire.ErrDirection // 3.1.1 §2.2.1, 5.0 §2.1.2
	}
	return 0
}

// checkAppendProperties validates the properties of a packet of type in on
// behalf of Append: none before 5.0.
func (r Rules) checkAppendProperties(p *Properties, in mqttwire.PacketType) (propertySet, mqttwire.Error) {
	switch {
	case p.known.isIncomplete():
		return 0, p.known.bad()
	case len(p.b) == 0:
		return 0, 0
	case r.Version != mqttwire.V50:
		return 0, mqttwire.ErrNotInVersion // 5.0 §2.2.2
	case r.Unchecked:
		return 0, 0
	}
	return p.check(in)
}

// appendHeader makes room for a packet of type t with a body of length bytes
// and appends its fixed header.
func appendHeader(dst []byte, t mqttwire.PacketType, length int) ([]byte, mqttwire.Error) {
	if uint(length) > varint.Max { // less than 0 where it is more than an int
		return dst, mqttwire.ErrVarintTooLong // 3.1.1 §2.2.3, 5.0 §1.5.5
	}
	dst = slices.Grow(dst, packetSize(length))
	dst = append(dst, byte(t)<<4|fixedheader.ReservedFlags(t))
	return appendVarint(dst, length), 0
}

// appendVarint appends a length that is known to fit.
func appendVarint(dst []byte, length int) []byte {
	if length < 0x80 {
		return append(dst, byte(length))
	}
	dst, _ = varint.Append(dst, uint32(length))
	return dst
}

// appendField appends a field of at most maxField bytes after its length.
func appendField[D ~[]byte, T ~string | ~[]byte](dst D, v T) D {
	return append(append(dst, byte(len(v)>>8), byte(len(v))), v...)
}

// packetSize returns the size of a packet with a body of length bytes.
func packetSize(length int) int {
	if uint(length) < 0x80 {
		return 2 + length
	}
	return 1 + varint.Size(uint32(min(length, varint.Max))) + length
}

// fieldSize returns the size of a field with its length before it.
func fieldSize(v []byte) int { return 2 + len(v) }

// propertiesSize returns the size of properties with their length before them
// in version v: 0 where v has none.
func propertiesSize(p *Properties, v mqttwire.Version) int {
	if v != mqttwire.V50 {
		return 0
	}
	if len(p.b) < 0x80 {
		return 1 + len(p.b)
	}
	return varint.Size(uint32(min(len(p.b), varint.Max))) + len(p.b)
}

// appendProperties appends properties after their length, nothing where v has
// none.
func appendProperties(dst []byte, p *Properties, v mqttwire.Version) []byte {
	if v != mqttwire.V50 {
		return dst
	}
	return append(appendVarint(dst, len(p.b)), p.b...)
}
