package codec

import (
	"iter"
	"slices"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/internal/binary"
	"github.com/mqttwire/mqttwire/internal/text"
	"github.com/mqttwire/mqttwire/varint"
)

// Properties is a list of MQTT 5.0 properties (5.0 §2.2.2): its bytes in wire
// format, without the Property Length before them, and what is known of them.
// The zero value is an empty list. See Lists in the package comment.
//
// Build a list with Append, or with the functions that append one kind, such as
// [AppendUserProperty]. These and Decode judge each property as it goes by, so
// that appending a packet does not scan its strings again: do not change the
// bytes of a list in place. A list from [PropertiesOf] is judged where it is
// used. To have a list with some properties left out, or set, use [Edit].
type Properties struct {
	b     []byte
	known knowledge
}

// knowledge is what is known of a list. It is one word, so that a list travels
// in registers.
//
//	bits 0-47   seen: a propertySet
//	bits 48-55  bad: the first thing that is wrong with a property that was appended
//	bit 62      incomplete: bad is about one that could not be encoded
//	bit 63      raw: nobody has judged the bytes, seen and bad say nothing
type knowledge uint64

const (
	seenBits             = 1<<48 - 1
	badShift             = 48
	incomplete knowledge = 1 << 62
	raw        knowledge = 1 << 63
)

func (k knowledge) seen() propertySet   { return propertySet(k & seenBits) }
func (k knowledge) bad() mqttwire.Error { return mqttwire.Error(k >> badShift) }
func (k knowledge) isIncomplete() bool  { return k&incomplete != 0 }
func (k knowledge) isRaw() bool         { return k&raw != 0 }

// A Property is one property of a list.
type Property struct {
	// ID says which property it is.
	ID PropertyID
	// Number is the value of a Byte or integer property, else 0.
	Number uint32
	// Key is the name of a User Property, else nil. It aliases the list.
	Key []byte
	// Value is the value of a string, binary, or User Property, else nil. It
	// aliases the list.
	Value []byte
}

// PropertiesOf returns a list over bytes in wire format of any origin, which
// it aliases and does not judge: getters and walks stop at what they cannot
// parse and never panic; [Properties.Check] and Append of a packet say what is
// wrong.
func PropertiesOf(b []byte) Properties {
	if len(b) == 0 {
		return Properties{b: b}
	}
	return Properties{b, raw}
}

// Bytes returns the list in wire format, without its length. It aliases the
// list.
func (p Properties) Bytes() []byte { return p.b }

// Size returns the size of the list in bytes, without its length.
func (p Properties) Size() int { return len(p.b) }

// Len returns the number of properties. It walks the list.
func (p Properties) Len() int {
	n := 0
	for range p.All() {
		n++
	}
	return n
}

// Reset returns an empty list that reuses the memory of p, which the caller
// must own: not one that Decode gave. An error of building is forgotten.
func (p Properties) Reset() Properties { return Properties{b: p.b[:0]} }

// Clone returns a copy that shares no memory with p. It keeps an error of
// building.
func (p Properties) Clone() Properties {
	p.b = slices.Clone(p.b)
	return p
}

// All walks the properties in wire order. Their Keys and Values alias the list.
func (p Properties) All() iter.Seq[Property] {
	return func(yield func(Property) bool) {
		for b := p.b; len(b) > 0; {
			x, n := cutProperty(b)
			if n == 0 || !yield(x) {
				return
			}
			b = b[n:]
		}
	}
}

// Next returns the first property, whose Key and Value alias the list, and the
// list after it. Where the list is empty, or starts with what cannot be parsed,
// ok is false and the others are zero.
func (p Properties) Next() (x Property, rest Properties, ok bool) {
	x, n := cutProperty(p.b)
	if n == 0 {
		return Property{}, Properties{}, false
	}
	rest = PropertiesOf(p.b[n:])
	if p.known.isIncomplete() {
		rest = rest.fail(p.known.bad())
	}
	return x, rest, true
}

// cutProperty returns the first property of b and its size, 0 where there is
// none.
func cutProperty(b []byte) (x Property, n int) {
	if len(b) == 0 {
		return Property{}, 0
	}
	x.ID = PropertyID(b[0])
	v := b[1:]
	switch x.ID.Type() {
	case Byte:
		if len(v) >= 1 {
			x.Number = uint32(v[0])
			return x, 2
		}
	case TwoByteInteger:
		if len(v) >= 2 {
			x.Number = uint32(binary.BigEndian.Uint16(v))
			return x, 3
		}
	case FourByteInteger:
		if len(v) >= 4 {
			x.Number = binary.BigEndian.Uint32(v)
			return x, 5
		}
	case VariableByteInteger:
		if number, width, _ := varint.Consume(v); width > 0 {
			x.Number = number
			return x, 1 + width
		}
	case UTF8String, BinaryData:
		if value, rest, ok := cutField(v); ok {
			x.Value = value
			return x, len(b) - len(rest)
		}
	case UTF8StringPair:
		key, rest, ok := cutField(v)
		if !ok {
			break
		}
		if value, rest, ok := cutField(rest); ok {
			x.Key, x.Value = key, value
			return x, len(b) - len(rest)
		}
	}
	return Property{}, 0
}

// sizeProperty returns the size of the first property of b as cutProperty does,
// and only that.
func sizeProperty(b []byte) (n int) {
	if len(b) == 0 {
		return 0
	}
	switch PropertyID(b[0]).Type() {
	case Byte:
		n = 2
	case TwoByteInteger:
		n = 3
	case FourByteInteger:
		n = 5
	case VariableByteInteger:
		if _, width, _ := varint.Consume(b[1:]); width > 0 {
			n = 1 + width
		}
	case UTF8String, BinaryData:
		if len(b) >= 3 {
			n = 3 + int(binary.BigEndian.Uint16(b[1:]))
		}
	case UTF8StringPair:
		if len(b) < 3 {
			return 0
		}
		if n = 3 + int(binary.BigEndian.Uint16(b[1:])); len(b) < n+2 {
			return 0
		}
		n += 2 + int(binary.BigEndian.Uint16(b[n:]))
	}
	if len(b) < n {
		return 0
	}
	return n
}

// cutField cuts a field of two bytes length from the front of b. What it
// returns cannot be appended to in place.
func cutField(b []byte) (field, rest []byte, ok bool) {
	if len(b) < 2 {
		return nil, nil, false
	}
	n := 2 + (int(b[0])<<8 | int(b[1]))
	if len(b) < n {
		return nil, nil, false
	}
	return b[2:n:n], b[n:], true
}

// Check validates a list for packets of type in, or with [WillProperties]
// for a will: every property is known, belongs there, stands once unless it
// may repeat, and has a value the standard allows (5.0 §2.2.2.2 and the
// sections of each property). What depends on the rest of the packet is left
// to the packet. It returns nil or an error, one of [mqttwire.ErrTruncated],
// [mqttwire.ErrUTF8], [mqttwire.ErrNUL], [mqttwire.ErrFieldTooLong],
// [mqttwire.ErrVarintTooLong],
// [mqttwire.ErrVarintNotMin] and those that speak of properties and their
// values.
func (p Properties) Check(in mqttwire.PacketType) error {
	if _, e := p.check(in); e != 0 {
		return e
	}
	return nil
}

// isEmpty reports whether there is nothing to append, and nothing wrong.
func (p *Properties) isEmpty() bool { return len(p.b) == 0 && p.known.bad() == 0 }

// check is Check, and says which properties there are.
func (p *Properties) check(in mqttwire.PacketType) (propertySet, mqttwire.Error) {
	seen := p.known.seen()
	switch wrong := seen &^ allowedProperties[in&15]; {
	case p.known.bad() != 0:
		return seen, p.known.bad()
	case p.known.isRaw():
		return checkProperties(p.b, in)
	case wrong == severalSubscriptionIDs:
		return seen, mqttwire.ErrPropertyDuplicate // 5.0 §3.8.2.1.2
	case wrong != 0:
		return seen, mqttwire.ErrPropertyMisplaced // 5.0 §2.2.2.2
	}
	return seen, 0
}

// A propertySet has the bit of each property that a list contains, in 48 bits.
type propertySet uint64

// severalSubscriptionIDs is the bit of a second Subscription Identifier, which
// only PUBLISH may have: the propertyTable ends before this identifier.
const severalSubscriptionIDs propertySet = 1 << 47

func (s propertySet) has(id PropertyID) bool { return s>>(id&63)&1 != 0 }

// add adds a property that is allowed where it stands. ok is false where it
// may stand only once and is there.
func (s propertySet) add(id PropertyID) (_ propertySet, ok bool) {
	bit := propertySet(1) << (id & 63)
	if s&bit == 0 || id == UserProperty {
		return s | bit, true
	}
	return s | severalSubscriptionIDs, id == SubscriptionIdentifier
}

// allowedProperties is the propertyTable by place.
var allowedProperties = func() (sets [16]propertySet) {
	for id := range propertyTable {
		for in := range sets {
			if propertyTable[id].in>>in&1 != 0 {
				sets[in] |= 1 << id
			}
		}
	}
	sets[mqttwire.PUBLISH] |= severalSubscriptionIDs // 5.0 §3.3.2.3.8
	return sets
}()

// judgedProperties returns a list over bytes for packets of type in, and what is
// wrong with it.
func judgedProperties(b []byte, in mqttwire.PacketType) (Properties, mqttwire.Error) {
	seen, e := checkProperties(b, in)
	return Properties{b, knowledge(seen)}, e
}

// checkProperties validates a list of bytes.
func checkProperties(b []byte, in mqttwire.PacketType) (seen propertySet, e mqttwire.Error) {
	allowed := allowedProperties[in&15]
	for len(b) > 0 {
		id := PropertyID(b[0])
		if id >= PropertyID(len(propertyTable)) || !allowed.has(id) {
			return seen, badPropertyID(b)
		}
		var ok bool
		if seen, ok = seen.add(id); !ok || seen&^allowed != 0 {
			return seen, mqttwire.ErrPropertyDuplicate // "more than once" in the property's section
		}
		n, e := checkProperty(&propertyTable[id], b)
		if e != 0 {
			return seen, e
		}
		b = b[n:]
	}
	return seen, 0
}

// checkProperty validates the first property of b by its row, and returns its
// size.
func checkProperty(row *propertyRow, b []byte) (n int, e mqttwire.Error) {
	switch row.wire {
	case Byte:
		if len(b) < 2 {
			return 0, mqttwire.ErrTruncated
		}
		return 2, row.checkNumber(uint32(b[1]))
	case TwoByteInteger:
		if len(b) < 3 {
			return 0, mqttwire.ErrTruncated
		}
		return 3, row.checkNumber(uint32(binary.BigEndian.Uint16(b[1:])))
	case FourByteInteger:
		if len(b) < 5 {
			return 0, mqttwire.ErrTruncated
		}
		return 5, row.checkNumber(binary.BigEndian.Uint32(b[1:]))
	case VariableByteInteger:
		v, width, e := consumeVarint(b[1:])
		if e == 0 {
			e = row.checkNumber(v)
		}
		return 1 + width, e
	case UTF8StringPair:
		if len(b) < 3 {
			return 0, mqttwire.ErrTruncated
		}
		k := 3 + (int(b[1])<<8 | int(b[2]))
		if len(b) < k+2 {
			return 0, mqttwire.ErrTruncated
		}
		n = k + 2 + (int(b[k])<<8 | int(b[k+1]))
		if len(b) < n {
			return 0, mqttwire.ErrTruncated
		}
		if e := text.CheckString(b[3:k]); e != 0 {
			return 0, e // 5.0 [MQTT-1.5.7-1]
		}
		return n, text.CheckString(b[k+2 : n]) // 5.0 [MQTT-1.5.7-1]
	}
	if len(b) < 3 {
		return 0, mqttwire.ErrTruncated
	}
	if n = 3 + (int(b[1])<<8 | int(b[2])); len(b) < n {
		return 0, mqttwire.ErrTruncated
	}
	return n, checkField(row, b[3:n])
}

// checkNumber validates the value of a Byte or integer property.
func (row *propertyRow) checkNumber(v uint32) mqttwire.Error {
	if row.rule == boolean && v > 1 || row.rule == notZero && v == 0 {
		return row.bad // "other than 0 or 1", and "a value of 0"
	}
	return 0
}

// checkField validates the value of a string or binary property.
func checkField[T ~string | ~[]byte](row *propertyRow, v T) mqttwire.Error {
	switch {
	case row.wire == BinaryData:
		return 0
	case row.rule == responseTopic:
		return checkResponseTopic(v)
	}
	return text.CheckString(v) // 5.0 [MQTT-1.5.4-1], [MQTT-1.5.4-2]
}

func checkResponseTopic[T ~string | ~[]byte](b T) mqttwire.Error {
	e := text.CheckName(b)
	if e == mqttwire.ErrTopicWildcard {
		return mqttwire.ErrResponseTopic // 5.0 [MQTT-3.3.2-14]
	}
	return e // 5.0 [MQTT-3.3.2-13]
}

// badPropertyID says what is wrong with the identifier at the front of b,
// which is none that may stand there. Identifiers are Variable Byte Integers:
// one may be cut, too long, or written with more bytes than it needs.
func badPropertyID(b []byte) mqttwire.Error {
	v, _, e := consumeVarint(b)
	switch {
	case e != 0:
		return e
	case v < uint32(len(propertyTable)) && PropertyID(v).Defined():
		return mqttwire.ErrPropertyMisplaced // 5.0 §2.2.2.2
	}
	return mqttwire.ErrPropertyUnknown // 5.0 §2.2.2.2
}

// consumeVarint reads a Variable Byte Integer as 5.0 wants it.
func consumeVarint(b []byte) (v uint32, n int, e mqttwire.Error) {
	if len(b) > 0 && b[0] < 0x80 {
		return uint32(b[0]), 1, 0
	}
	v, n, err := varint.Consume(b)
	switch {
	case err != nil:
		return 0, 0, mqttwire.ErrVarintTooLong // 5.0 §1.5.5
	case n == 0:
		return 0, 0, mqttwire.ErrTruncated
	case n != varint.Size(v):
		return 0, 0, mqttwire.ErrVarintNotMin // 5.0 [MQTT-1.5.5-1]
	}
	return v, n, 0
}

// cutProperties cuts a Property Length and its block from the front of b and
// validates the list for packets of type in.
func cutProperties(b []byte, in mqttwire.PacketType) (p Properties, rest []byte, e mqttwire.Error) {
	length, n, e := consumeVarint(b)
	if e != 0 {
		return Properties{}, nil, e
	}
	b = b[n:]
	if int(length) > len(b) {
		return Properties{}, nil, mqttwire.ErrPropertyLength // 5.0 §2.2.2.1
	}
	if length == 0 {
		return Properties{}, b, 0
	}
	p, e = judgedProperties(b[:length:length], in)
	return p, b[length:], e
}
