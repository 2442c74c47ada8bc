// Package fixedheader is the start of every control packet: type, flags and
// Remaining Length (3.1.1 §2.2, 5.0 §2.1).
package fixedheader

import (
	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/varint"
)

// MaxSize is the most bytes a fixed header takes.
const MaxSize = 1 + varint.MaxSize

// Header is a fixed header.
type Header struct {
	// Type is the control packet type, 0 to 15 as read.
	Type mqttwire.PacketType
	// Flags are bits 3-0 of the first byte.
	Flags uint8
	// Width is how many bytes the Remaining Length took as read, 1 to 4, so
	// that Append writes what was read, and that a CONNECT can be judged by
	// [MQTT-1.5.5-1] once it has said that it is 5.0. 0, or less than Length
	// needs: the shortest form.
	Width uint8
	// Length is the Remaining Length: the bytes that follow the header, 0 to
	// varint.Max.
	Length uint32
}

// Flag bits of PUBLISH (3.1.1 §3.3.1, 5.0 §3.3.1).
const (
	FlagRetain = 1 << 0
	FlagQoS    = 3 << 1
	FlagDup    = 1 << 3

	shiftQoS = 1
)

// QoS returns bits 2-1 of the flags: the QoS of a PUBLISH, 0 to 3. 3 is
// malformed.
func (h Header) QoS() uint8 { return h.Flags & FlagQoS >> shiftQoS }

// Dup reports bit 3 of the flags: the DUP flag of a PUBLISH.
func (h Header) Dup() bool { return h.Flags&FlagDup != 0 }

// Retain reports bit 0 of the flags: the RETAIN flag of a PUBLISH.
func (h Header) Retain() bool { return h.Flags&FlagRetain != 0 }

// Size returns how many bytes Append writes: 2 to 5, and for a header that
// Append refuses some number.
func (h Header) Size() int { return 1 + max(varint.Size(h.Length), int(h.Width)) }

// Append appends the header to dst and returns the result: for what [Consume]
// returned the same bytes. The Remaining Length takes Width bytes, or as few as
// it can where Width is less, so that a header made from nothing has the
// shortest form, which 5.0 demands [MQTT-1.5.5-1]. To get that of a header that
// was read, set Width to 0.
//
// Where Length is over varint.Max or Width over varint.MaxSize, Append returns
// dst as it was and [mqttwire.ErrVarintTooLong]. It judges nothing else: see
// CheckFirst.
func (h Header) Append(dst []byte) ([]byte, error) {
	if h.Length > varint.Max || h.Width > varint.MaxSize {
		return dst, mqttwire.ErrVarintTooLong // 3.1.1 §2.2.3, 5.0 §1.5.5
	}
	dst = append(dst, byte(h.Type)<<4|h.Flags&0x0f)
	rest := h.Length
	for n := h.Size() - 1; n > 1; n-- {
		dst = append(dst, 0x80|byte(rest))
		rest >>= 7
	}
	return append(dst, byte(rest)), nil
}

// Consume reads a header from the front of b and returns it with the number of
// bytes it took. n == 0 and err == nil: b ends inside it, nothing is wrong yet.
// The only error is [mqttwire.ErrVarintTooLong]; type and flags are as they
// stand, see CheckFirst.
func Consume(b []byte) (h Header, n int, err error) {
	if len(b) < 2 {
		return Header{}, 0, nil
	}
	length, width, err := varint.Consume(b[1:])
	if width == 0 {
		return Header{}, 0, err
	}
	return Header{Type: mqttwire.PacketType(b[0] >> 4), Flags: b[0] & 0x0f, Width: uint8(width), Length: length}, 1 + width, nil
}

// CheckFirst validates what the first byte of a packet says: that version v
// has the type, that role from may send it, and that the flags are what the
// standard requires. With Either it does not judge the sender.
//
// The zero Version is that of a connection whose CONNECT has not come: from a
// client everything except CONNECT is [mqttwire.ErrConnectFirst]. From another sender it
// refuses only what no version allows. The flags of a CONNECT are judged by
// [github.com/mqttwire/mqttwire/codec.Connect.Decode], which reads its version.
//
// The errors are ErrConnectFirst, [mqttwire.ErrPacketType],
// [mqttwire.ErrDirection], [mqttwire.ErrQoS], [mqttwire.ErrDupQoS0],
// [mqttwire.ErrFlags], and those of the flags of one packet type, such as
// [mqttwire.ErrPubrelFlags].
//
// In 3.1 the flags that 3.1.1 reserves are "not used": they are ignored, except
// bits 2-1 of PUBREL, SUBSCRIBE and UNSUBSCRIBE: they are a QoS there, which is
// 1 (3.1 §3.6, §3.8, §3.10).
func (h Header) CheckFirst(v mqttwire.Version, from mqttwire.Role) error {
	if v == 0 {
		if from == mqttwire.Client && h.Type != mqttwire.CONNECT {
			return mqttwire.ErrConnectFirst // [MQTT-3.1.0-1]
		}
		// 3.1 allows what 3.1.1 does and more.
		if h.CheckFirst(mqttwire.V31, from) == nil {
			return nil
		}
		v = mqttwire.V50
	}
	if h.Type == mqttwire.PUBLISH {
		switch {
		case h.Flags&FlagQoS == FlagQoS:
			return mqttwire.ErrQoS // [MQTT-3.3.1-4]
		case h.Flags&(FlagDup|FlagQoS) == FlagDup && v != mqttwire.V31:
			return mqttwire.ErrDupQoS0 // [MQTT-3.3.1-2]
		}
		return nil
	}
	switch {
	case !h.Type.ExistsIn(v):
		return mqttwire.ErrPacketType // 3.1.1 §2.2.1, 5.0 §2.1.2
	case !h.Type.SentBy(from, v):
		return mqttwire.ErrDirection // 3.1.1 §2.2.1, 5.0 §2.1.2
	case h.Flags&flagMask(h.Type, v) != ReservedFlags(h.Type):
		return flagsError(h.Type)
	}
	return nil
}

// ReservedFlags returns the flags that packets of type t carry in 3.1.1 and
// 5.0 (3.1.1 §2.2.2, 5.0 §2.1.3), and that 3.1 sends unless it sets DUP. For
// PUBLISH, whose flags are its own, it returns 0.
func ReservedFlags(t mqttwire.PacketType) uint8 {
	switch t {
	case mqttwire.PUBREL, mqttwire.SUBSCRIBE, mqttwire.UNSUBSCRIBE:
		return 1 << shiftQoS
	}
	return 0
}

// flagMask returns which flags of a packet that is not PUBLISH are judged.
func flagMask(t mqttwire.PacketType, v mqttwire.Version) uint8 {
	switch {
	case v != mqttwire.V31:
		return 0x0f
	case ReservedFlags(t) != 0:
		return FlagQoS
	}
	return 0
}

func flagsError(t mqttwire.PacketType) mqttwire.Error {
	switch t {
	case mqttwire.PUBREL:
		return mqttwire.ErrPubrelFlags // [MQTT-3.6.1-1]
	case mqttwire.SUBSCRIBE:
		return mqttwire.ErrSubscribeFlags // [MQTT-3.8.1-1]
	case mqttwire.UNSUBSCRIBE:
		return mqttwire.ErrUnsubscribeFlags // [MQTT-3.10.1-1]
	case mqttwire.DISCONNECT:
		return mqttwire.ErrDisconnectFlags // [MQTT-3.14.1-1]
	case mqttwire.AUTH:
		return mqttwire.ErrAuthFlags // 5.0 [MQTT-3.15.1-1]
	}
	return mqttwire.ErrFlags // 3.1.1 [MQTT-2.2.2-2], 5.0 [MQTT-2.1.3-1]
}
