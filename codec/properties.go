package codec

import (
	"encoding/binary"
	"iter"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/internal/utf8string"
	"github.com/mqttwire/mqttwire/varint"
)

// Properties is a block of MQTT 5.0 properties in wire format, without the
// Property Length before it (5.0 §2.2.2). Empty is none.
//
// What Decode gives is validated, aliases the decoded bytes and lives as long
// as they do. Build a block with the Append functions, such as
// [AppendUserProperty]. The getters and All accept bytes of any origin: they
// stop at what they cannot parse and never panic; Check says what is wrong.
type Properties []byte

// A Property is one property of a block.
type Property struct {
	ID PropertyID
	// Number is the value of a Byte or integer property, else 0.
	Number uint32
	// Key is the name of a User Property, else nil. It aliases the block.
	Key []byte
	// Value is the value of a string, binary, or User Property, else nil. It
	// aliases the block.
	Value []byte
}

// All walks the properties in wire order. It does not allocate when ranged
// over directly.
func (p Properties) All() iter.Seq[Property] {
	return func(yield func(Property) bool) {
		for x, rest, ok := p.Next(); ok; x, rest, ok = rest.Next() {
			if !yield(x) {
				return
			}
		}
	}
}

// Next returns the first property and the block after it: a cursor for callers
// that cannot range over All. ok is false where the block is empty or starts
// with something that cannot be parsed.
func (p Properties) Next() (x Property, rest Properties, ok bool) {
	if len(p) == 0 {
		return Property{}, nil, false
	}
	x.ID = PropertyID(p[0])
	b := p[1:]
	switch x.ID.Type() {
	case Byte:
		if len(b) < 1 {
			return Property{}, nil, false
		}
		x.Number = uint32(b[0])
		return x, b[1:], true
	case TwoByteInteger:
		if len(b) < 2 {
			return Property{}, nil, false
		}
		x.Number = uint32(binary.BigEndian.Uint16(b))
		return x, b[2:], true
	case FourByteInteger:
		if len(b) < 4 {
			return Property{}, nil, false
		}
		x.Number = binary.BigEndian.Uint32(b)
		return x, b[4:], true
	case VariableByteInteger:
		v, n, _ := varint.Consume(b)
		x.Number = v
		return x, b[n:], n > 0
	case UTF8String, BinaryData:
		x.Value, b, ok = cutField(b)
		return x, b, ok
	case UTF8StringPair:
		if x.Key, b, ok = cutField(b); !ok {
			return Property{}, nil, false
		}
		x.Value, b, ok = cutField(b)
		return x, b, ok
	}
	return Property{}, nil, false
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

// Check validates a block for packets of type in, or with [WillProperties]
// for a will: every property is known, belongs there, stands once unless it
// may repeat, and has a value the standard allows (5.0 §2.2.2.2 and the
// sections of each property). What depends on the rest of the packet is left
// to the packet. It returns nil or the first error, one of
// [mqttwire.ErrTruncated], [mqttwire.ErrUTF8], [mqttwire.ErrNUL],
// [mqttwire.ErrTopicEmpty], [mqttwire.ErrVarintTooLong],
// [mqttwire.ErrVarintNotMin] and those that speak of properties and their
// values.
func (p Properties) Check(in mqttwire.PacketType) error {
	if _, e := checkProperties(p, in); e != 0 {
		return e
	}
	return nil
}

// A propertySet has the bit of each property that a block contains.
type propertySet uint64

func (s propertySet) has(id PropertyID) bool { return s>>(id&63)&1 != 0 }

func checkProperties(b []byte, in mqttwire.PacketType) (seen propertySet, e mqttwire.Error) {
	for len(b) > 0 {
		id := b[0]
		if id >= byte(len(propertyTable)) {
			return seen, badPropertyID(b)
		}
		row := &propertyTable[id]
		if row.in>>(in&15)&1 == 0 {
			return seen, badPropertyID(b)
		}
		bit := propertySet(1) << (id & 63)
		if seen&bit != 0 && !PropertyID(id).RepeatsIn(in) {
			return seen, mqttwire.ErrPropertyDuplicate // "more than once" in the property's section
		}
		seen |= bit
		n := 0
		switch row.wire {
		case Byte:
			if n = 2; len(b) < n {
				return seen, mqttwire.ErrTruncated
			}
			if b[1] > 1 {
				return seen, row.bad // "other than 0 or 1"
			}
		case TwoByteInteger:
			if n = 3; len(b) < n {
				return seen, mqttwire.ErrTruncated
			}
			if row.rule == notZero && b[1]|b[2] == 0 {
				return seen, row.bad
			}
		case FourByteInteger:
			if n = 5; len(b) < n {
				return seen, mqttwire.ErrTruncated
			}
			if row.rule == notZero && b[1]|b[2]|b[3]|b[4] == 0 {
				return seen, row.bad
			}
		case VariableByteInteger:
			v, width, err := consumeVarint(b[1:])
			if err != 0 {
				return seen, err
			}
			if v == 0 {
				return seen, row.bad
			}
			n = 1 + width
		case UTF8StringPair:
			if len(b) < 3 {
				return seen, mqttwire.ErrTruncated
			}
			k := 3 + (int(b[1])<<8 | int(b[2]))
			if len(b) < k+2 {
				return seen, mqttwire.ErrTruncated
			}
			n = k + 2 + (int(b[k])<<8 | int(b[k+1]))
			if len(b) < n {
				return seen, mqttwire.ErrTruncated
			}
			if e := utf8string.Check(b[3:k]); e != 0 {
				return seen, e // 5.0 [MQTT-1.5.7-1]
			}
			if e := utf8string.Check(b[k+2 : n]); e != 0 {
				return seen, e // 5.0 [MQTT-1.5.7-1]
			}
		default: // UTF8String, BinaryData
			if len(b) < 3 {
				return seen, mqttwire.ErrTruncated
			}
			if n = 3 + (int(b[1])<<8 | int(b[2])); len(b) < n {
				return seen, mqttwire.ErrTruncated
			}
			if row.wire == BinaryData {
				break
			}
			if row.rule == isTopicName {
				if e := checkResponseTopic(b[3:n]); e != 0 {
					return seen, e
				}
			} else if e := utf8string.Check(b[3:n]); e != 0 {
				return seen, e // 5.0 [MQTT-1.5.4-1], [MQTT-1.5.4-2]
			}
		}
		b = b[n:]
	}
	return seen, 0
}

func checkResponseTopic(b []byte) mqttwire.Error {
	if len(b) == 0 {
		return mqttwire.ErrTopicEmpty // 5.0 [MQTT-4.7.3-1]
	}
	e := utf8string.CheckNoWildcard(b)
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
// validates the block for packets of type in.
func cutProperties(b []byte, in mqttwire.PacketType) (p Properties, rest []byte, seen propertySet, e mqttwire.Error) {
	length, n, e := consumeVarint(b)
	if e != 0 {
		return nil, nil, 0, e
	}
	b = b[n:]
	if int(length) > len(b) {
		return nil, nil, 0, mqttwire.ErrPropertyLength // 5.0 §2.2.2.1
	}
	p, rest = Properties(b[:length:length]), b[length:]
	seen, e = checkProperties(p, in)
	return p, rest, seen, e
}
