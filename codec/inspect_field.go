package codec

import (
	"strconv"

	"github.com/mqttwire/mqttwire"
)

// A Field is a field of a packet as it stands on the wire.
//
// Name is what the standard of the version calls it. All versions:
//
//	MQTT Control Packet type, Flags (of PUBLISH: DUP, QoS, RETAIN), Remaining Length
//	CONNECT  Protocol Name, Protocol Version (3.1.1: Protocol Level), User Name Flag, Password Flag, Will Retain,
//	         Will QoS, Will Flag, Clean Start (before 5.0: Clean Session), Reserved, Keep Alive, Client Identifier,
//	         Will Topic, Will Payload (before 5.0: Will Message), User Name, Password; Bridge is a name of this
//	         package's, for bit 7 of the Protocol Level
//	CONNACK  Reserved, Session Present, Connect Reason Code (before 5.0: Connect Return code)
//	PUBLISH  Topic Name, Packet Identifier, Payload
//	PUBACK   Packet Identifier, and so PUBREC, PUBREL, PUBCOMP; 5.0: PUBACK Reason Code, PUBREC Reason Code ...
//	SUBSCRIBE    Packet Identifier; for each subscription Topic Filter, Reserved, Retain Handling, Retain As Published,
//	             No Local, Maximum QoS (before 5.0: Topic Filter, Reserved, Requested QoS)
//	SUBACK       Packet Identifier; for each Topic Filter Reason Code (3.1.1: Return Code, 3.1: Granted QoS)
//	UNSUBSCRIBE  Packet Identifier; Topic Filter
//	UNSUBACK     Packet Identifier; 5.0: Reason Code
//	DISCONNECT   5.0: Disconnect Reason Code
//	AUTH         Authenticate Reason Code
//
// and in 5.0 Property Length and the names of properties, as [PropertyID] has
// them. Properties of a will stand in the payload of CONNECT, its own in the
// variable header.
type Field struct {
	// Name is what the standard calls the field, or Unread.
	Name string
	// Part is where in the packet it stands.
	Part Part
	// Offset is where it begins, in bytes from the first of the packet, and
	// Size how many bytes it takes: its identifier where it is a property, and
	// its length where it has one, included.
	Offset, Size int
	// Mask has the bits that are the field's, where it shares a byte with
	// others, else it is 0.
	Mask uint8
	// Type is how the value is encoded. NoType: it is the bytes as they stand,
	// as in the Payload of a PUBLISH.
	Type WireType
	// Cut says that the end of the field is missing, because the packet or the
	// properties end before it does, or the rest has not come yet. Number is
	// then 0, Value as much as there is.
	Cut bool
	// Property says which property the field is, 0 if none.
	Property PropertyID
	// Number is the value of an integer or of bits, moved to the right, so that
	// a QoS is 0 to 3.
	Number uint32
	// Key is the name of a User Property, else nil. It aliases the bytes.
	Key []byte
	// Value is the value of text and binary fields, without its length, else
	// nil. It aliases the bytes.
	Value []byte
	// Meaning is what the standard calls a packet type or a code, else "".
	Meaning string
}

// Unread is the name of a field that holds what Inspect cannot take apart: what
// follows an unknown property, or the last field of the packet.
const Unread = "unread"

// Part is a part of a control packet (3.1.1 §2.1, 5.0 §2.1).
type Part uint8

// The parts.
const (
	FixedHeader Part = iota
	VariableHeader
	Payload
)

// String returns "fixed header", "variable header" or "payload".
func (p Part) String() string {
	return [...]string{"fixed header", "variable header", "payload"}[min(p, Payload)]
}

// IsSecret reports whether the field is a Password or Authentication Data, or
// Unread, which may hold one.
func (f Field) IsSecret() bool {
	return f.Name == passwordField || f.Name == Unread || f.Property == AuthenticationData
}

// String describes the field: name: value. Of a payload and of other binary
// data it shows the beginning, of what IsSecret only the size.
func (f Field) String() string {
	l := append(append(line(nil), f.Name...), ':')
	switch {
	case f.IsSecret():
		l = append(l, " ***, "...)
		l = strconv.AppendInt(l, int64(f.Size), 10)
		l = append(l, " bytes in all"...)
	case f.Cut && f.Value == nil:
	case f.Type == UTF8String:
		l = strconv.AppendQuote(append(l, ' '), string(f.Value))
	case f.Type == UTF8StringPair:
		l = strconv.AppendQuote(append(l, ' '), string(f.Key))
		l = strconv.AppendQuote(append(l, '='), string(f.Value))
	case f.Type == BinaryData || f.Type == NoType:
		l = append(l, ' ').bytes(f.Value)
	case f.Meaning != "":
		l = append(l, " 0x"...)
		l = append(l, hexDigits[f.Number>>4&15], hexDigits[f.Number&15], ' ')
		l = append(l, f.Meaning...)
	default:
		l = strconv.AppendUint(append(l, ' '), uint64(f.Number), 10)
	}
	if f.Cut {
		l = append(l, " (cut)"...)
	}
	return string(l)
}

// GoString is String, so that %#v shows no password either.
func (f Field) GoString() string { return f.String() }

// A Fault is one thing that is wrong with a packet.
type Fault struct {
	// Err says what is wrong, and with its Reason and Answer what to tell the
	// sender.
	Err mqttwire.Error
	// Offset is where, in bytes from the first of the packet: where the field
	// begins, or the character of a text that must not stand there, or where
	// something is missing.
	Offset int
	// Field is the name of the field.
	Field string
	// Clause is the rule that it breaks, as Err.Clause has it for the version of
	// the Inspection, or for that of the Rules where only they forbid it: the
	// header of a CONNECT that asks for another version.
	Clause string
}

// String describes the fault: offset, field, what is wrong, and the clause.
func (f Fault) String() string {
	l := strconv.AppendInt(line("offset "), int64(f.Offset), 10)
	l = append(l, ", "...)
	l = append(l, f.Field...)
	l = append(l, ": "...)
	l = append(l, f.Err.Error()...)
	if f.Clause != "" {
		l = append(l, " ["...)
		l = append(l, f.Clause...)
		l = append(l, ']')
	}
	return string(l)
}
