package codec

import (
	"math/bits"
	"unicode/utf8"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/fixedheader"
	"github.com/mqttwire/mqttwire/internal/binary"
	"github.com/mqttwire/mqttwire/internal/text"
	"github.com/mqttwire/mqttwire/varint"
)

// A walk is one pass of Inspect over a packet. What it reads it gives to
// onField, what is wrong to onFault.
type walk struct {
	r       Rules            // with the version to read by
	asked   mqttwire.Version // that of the caller's Rules, 0 for none
	h       fixedheader.Header
	b       []byte // the packet, or as much of it as there is
	total   int    // how many bytes the packet has, 0 while that is not known
	lost    bool   // the Remaining Length cannot be read
	onField func(Field) bool
	onFault func(Fault) bool

	part Part
	at   int // what is read next
	end  int // where what is being read ends: the packet, or a list of properties
	// over says that nothing more can be read up to end. What should follow is
	// then not missed.
	over bool
	// doubt says that something in the list of properties could not be read: what
	// has not been seen may be there.
	doubt   bool
	stopped bool // the caller wants no more
	looked  int  // how many bytes have been looked at, about
}

// avail returns how many bytes can be read.
func (w *walk) avail() int { return min(w.end, len(w.b)) - w.at }

// more reports whether there is something to read.
func (w *walk) more() bool { return !w.over && !w.stopped && w.avail() > 0 }

// ended reports whether the packet has been read to its end.
func (w *walk) ended() bool { return !w.over && w.at == w.total }

func (w *walk) field(f Field) {
	w.looked++
	if w.onField != nil && !w.stopped {
		f.Part = w.part
		w.stopped = !w.onField(f)
	}
}

func (w *walk) fault(e mqttwire.Error, at int, field string) {
	if e != 0 && w.onFault != nil && !w.stopped {
		clause, ok := e.Clause(w.r.Version)
		if !ok {
			clause, _ = e.Clause(w.asked)
		}
		w.stopped = !w.onFault(Fault{Err: e, Offset: at, Field: field, Clause: clause})
	}
}

// cut ends the reading at a field of n bytes that are not all there. It is a
// fault unless the rest may come.
func (w *walk) cut(f Field, n int) {
	if w.over {
		return
	}
	if n > w.end-w.at {
		w.fault(mqttwire.ErrTruncated, w.at, f.Name)
	}
	f.Cut, f.Offset, f.Size = true, w.at, w.avail()
	if f.Size > 0 {
		w.field(f)
	}
	w.at += f.Size
	w.over, w.doubt = true, true
}

// unread ends the reading: nobody knows what the rest is.
func (w *walk) unread() {
	if n := w.avail(); n > 0 {
		w.field(Field{Name: Unread, Offset: w.at, Size: n, Value: w.b[w.at : w.at+n : w.at+n]})
		w.at += n
	}
	w.over, w.doubt = true, true
}

// trailing ends the packet, of which nothing should be left.
func (w *walk) trailing() {
	if w.more() {
		w.fault(mqttwire.ErrTrailing, w.at, Unread)
		w.unread()
	}
}

// integer reads an integer of n bytes and returns where it is.
func (w *walk) integer(name string, t WireType, n int) (v uint32, at int, ok bool) {
	f := Field{Name: name, Type: t, Offset: w.at, Size: n}
	if w.over || w.avail() < n {
		w.cut(f, n)
		return 0, w.at, false
	}
	for _, b := range w.b[w.at : w.at+n] {
		f.Number = f.Number<<8 | uint32(b)
	}
	w.at += n
	w.field(f)
	return f.Number, f.Offset, true
}

// code reads a code. meaning says what it is.
func (w *walk) code(name string, meaning func(uint8) string) (c uint8, at int, ok bool) {
	if w.over || w.avail() < 1 {
		w.cut(Field{Name: name}, 1)
		return 0, w.at, false
	}
	c, at = w.b[w.at], w.at
	w.at++
	if w.onField != nil {
		w.field(Field{Name: name, Type: Byte, Offset: at, Size: 1, Number: uint32(c), Meaning: meaning(c)})
	}
	return c, at, true
}

// flags reads a byte that bit will take apart.
func (w *walk) flags(name string) (b uint8, at int, ok bool) {
	if w.over || w.avail() < 1 {
		w.cut(Field{Name: name}, 1)
		return 0, w.at, false
	}
	w.at++
	return w.b[w.at-1], w.at - 1, true
}

// bit gives the bits of a byte that was read.
func (w *walk) bit(name string, at int, mask uint8) {
	w.field(Field{Name: name, Type: Byte, Offset: at, Size: 1, Mask: mask,
		Number: uint32(w.b[at]&mask) >> bits.TrailingZeros8(mask)})
}

// varint reads a Variable Byte Integer of 5.0.
func (w *walk) varint(name string) (v uint32, at int, ok bool) {
	at = w.at
	if w.over {
		return 0, at, false
	}
	v, n, err := varint.Consume(w.b[at : at+w.avail()])
	switch {
	case err != nil:
		w.fault(mqttwire.ErrVarintTooLong, at, name) // 5.0 §1.5.5
		w.unread()
		return 0, at, false
	case n == 0:
		w.cut(Field{Name: name, Type: VariableByteInteger}, w.avail()+1)
		return 0, at, false
	case n != varint.Size(v):
		w.fault(mqttwire.ErrVarintNotMin, at, name) // 5.0 [MQTT-1.5.5-1]
	}
	w.at += n
	w.field(Field{Name: name, Type: VariableByteInteger, Offset: at, Size: n, Number: v})
	return v, at, true
}

// bytes reads a field with its length before it.
func (w *walk) bytes(name string, t WireType) (v []byte, at int, ok bool) {
	f := Field{Name: name, Type: t, Offset: w.at}
	if w.over || w.avail() < 2 {
		w.cut(f, 2)
		return nil, w.at, false
	}
	b := w.b[w.at : w.at+w.avail()]
	v, _, ok = cutField(b)
	if !ok {
		f.Value = b[2:len(b):len(b)]
		w.cut(f, 2+int(binary.BigEndian.Uint16(b)))
		return nil, w.at, false
	}
	f.Value, f.Size = v, 2+len(v)
	w.at += f.Size
	w.field(f)
	return v, f.Offset, true
}

// text judges a UTF-8 Encoded String that begins at at. What it returns is well
// formed and free of U+0000, for the rules that ask for more.
func (w *walk) text(name string, v []byte, at int) []byte {
	if text.CheckString(v) == 0 {
		w.looked += len(v)
		return v
	}
	var clean []byte
	var nul, bad bool
	for i := 0; i < len(v) && !w.stopped; w.looked++ {
		c, n := utf8.DecodeRune(v[i:])
		switch {
		case c == utf8.RuneError && n <= 1:
			if !bad {
				w.fault(mqttwire.ErrUTF8, at+i, name) // 3.1.1 [MQTT-1.5.3-1], 5.0 [MQTT-1.5.4-1]
			}
			bad = true
			clean = append(clean, '?')
		case c == 0:
			if !nul {
				w.fault(mqttwire.ErrNUL, at+i, name) // 3.1.1 [MQTT-1.5.3-2], 5.0 [MQTT-1.5.4-2]
			}
			nul = true
			clean = append(clean, '?')
		default:
			clean = append(clean, v[i:i+n]...)
		}
		i += n
	}
	return clean
}

// string reads a UTF-8 Encoded String and judges its characters.
func (w *walk) string(name string) (v []byte, at int, ok bool) {
	if v, at, ok = w.bytes(name, UTF8String); ok {
		v = w.text(name, v, at+2)
	}
	return v, at, ok
}

// topicName reads a Topic Name, which may be empty where the caller allows it.
func (w *walk) topicName(name string) (v []byte, at int, ok bool) {
	if v, at, ok = w.string(name); ok {
		w.fault(text.CheckName(v), at+2+firstWildcard(v), name) // [MQTT-3.3.2-2]
	}
	return v, at, ok
}

// firstWildcard returns where the first wildcard character is, or would be.
func firstWildcard(v []byte) int {
	for i, c := range v {
		if c == '+' || c == '#' {
			return i
		}
	}
	return 0
}

// topicFilter reads a Topic Filter.
func (w *walk) topicFilter() (v []byte, ok bool) {
	v, at, ok := w.string("Topic Filter")
	if ok {
		if e := checkFilter(w.r.Version, v); !w.r.Lenient.excusesFilter(e) {
			w.fault(e, at, "Topic Filter") // [MQTT-3.8.3-1], [MQTT-3.10.3-1]
		}
	}
	return v, ok
}

// properties reads the properties of a packet of type in, or of a will, after
// their length. sure is false where some may be there that have not been seen.
func (w *walk) properties(in mqttwire.PacketType) (seen propertySet, sure bool) {
	length, at, ok := w.varint("Property Length")
	if !ok {
		return 0, false
	}
	outer, end := w.end, w.at+int(length)
	past := end > outer
	if past {
		w.fault(mqttwire.ErrPropertyLength, at, "Property Length") // 5.0 §2.2.2.1
		end = outer
	}
	w.end, w.doubt = end, false
	for w.more() {
		seen = w.property(in, seen)
	}
	w.end = outer
	// After the list its length says where to go on, whatever was in it.
	w.over = past || len(w.b) < end
	return seen, !w.doubt && !w.over
}

// property reads a property and adds it to those seen.
func (w *walk) property(in mqttwire.PacketType, seen propertySet) propertySet {
	b := w.b[w.at : w.at+w.avail()]
	v, width, err := varint.Consume(b)
	switch {
	case err != nil:
		w.fault(mqttwire.ErrVarintTooLong, w.at, Unread) // 5.0 §1.5.5
		w.unread()
		return seen
	case width == 0:
		w.cut(Field{Name: Unread}, len(b)+1)
		return seen
	}
	id, name := PropertyID(v), Unread
	known := v < uint32(len(propertyTable)) && id.Defined()
	if known {
		name = id.String()
	}
	if width != varint.Size(v) {
		w.fault(mqttwire.ErrVarintNotMin, w.at, name) // 5.0 [MQTT-1.5.5-1]
	}
	if !known {
		w.fault(mqttwire.ErrPropertyUnknown, w.at, name) // 5.0 §2.2.2.2
		w.unread()
		return seen
	}
	if !id.AllowedIn(in) {
		w.fault(mqttwire.ErrPropertyMisplaced, w.at, name) // 5.0 §2.2.2.2
	} else {
		var ok bool
		if seen, ok = seen.add(id); !ok || seen&^allowedProperties[in&15] != 0 {
			w.fault(mqttwire.ErrPropertyDuplicate, w.at, name) // "more than once" in the property's section
			seen &= allowedProperties[in&15]
		}
	}
	w.judgeSender(in, id)
	w.propertyValue(id.row(), Field{Name: name, Property: id, Type: id.Type(), Offset: w.at}, b, width)
	return seen
}

// judgeSender judges a property that only one end may send.
func (w *walk) judgeSender(in mqttwire.PacketType, id PropertyID) {
	switch {
	case id == SubscriptionIdentifier && in == mqttwire.PUBLISH && w.r.From == mqttwire.Client:
		w.fault(mqttwire.ErrSubscriptionIDByClient, w.at, id.String()) // 5.0 [MQTT-3.3.4-6]
	case id == SessionExpiryInterval && in == mqttwire.DISCONNECT && w.r.From == mqttwire.Server:
		w.fault(mqttwire.ErrSessionExpiryFromServer, w.at, id.String()) // 5.0 [MQTT-3.14.2-2]
	}
}

// propertyValue reads the value at b[n] of the property at the front of b.
func (w *walk) propertyValue(row *propertyRow, f Field, b []byte, n int) {
	start := w.at
	size := n // of the property
	switch f.Type {
	case Byte:
		size += 1
	case TwoByteInteger:
		size += 2
	case FourByteInteger:
		size += 4
	case VariableByteInteger:
		v, width, err := varint.Consume(b[n:])
		switch {
		case err != nil:
			w.fault(mqttwire.ErrVarintTooLong, start+n, f.Name) // 5.0 §1.5.5
			w.unread()
			return
		case width == 0:
			size = len(b) + 1
		default:
			f.Number, size = v, n+width
		}
	case UTF8StringPair:
		f.Key, size = field(b, n)
		if size <= len(b) {
			f.Value, size = field(b, size)
		}
	default:
		f.Value, size = field(b, n)
	}
	if f.Size = size; size > len(b) {
		w.cut(f, size)
		return
	}
	if f.Type == Byte || f.Type == TwoByteInteger || f.Type == FourByteInteger {
		for _, c := range b[n:size] {
			f.Number = f.Number<<8 | uint32(c)
		}
	}
	w.at += size
	w.field(f)
	w.judgeProperty(row, f, b[n-1:size], start+n)
}

// field returns the field of two bytes length at b[n], as much as there is, and
// where it ends or should.
func field(b []byte, n int) (v []byte, end int) {
	if len(b) < n+2 {
		return nil, n + 2
	}
	end = n + 2 + int(binary.BigEndian.Uint16(b[n:]))
	to := min(end, len(b))
	return b[n+2 : to : to], end
}

// judgeProperty judges the value at at of a property that was read. b is the
// property, its identifier in one byte.
func (w *walk) judgeProperty(row *propertyRow, f Field, b []byte, at int) {
	switch f.Type {
	case UTF8StringPair: // 5.0 [MQTT-1.5.7-1]
		w.text(f.Name, f.Key, at+2)
		w.text(f.Name, f.Value, at+4+len(f.Key))
	case UTF8String:
		v := w.text(f.Name, f.Value, at+2) // 5.0 [MQTT-1.5.4-1], [MQTT-1.5.4-2]
		w.fault(checkField(row, v), at+2+firstWildcard(v), f.Name)
	case VariableByteInteger:
		_, e := checkProperty(row, b)
		w.fault(e, at, f.Name)
		if e != row.bad && f.Number == 0 && row.rule == notZero {
			w.fault(row.bad, at, f.Name)
		}
	default:
		_, e := checkProperty(row, b)
		if e == mqttwire.ErrMaximumQoSValue && f.Number == 2 && w.r.Lenient.Has(MaximumQoS2) {
			return
		}
		w.fault(e, at, f.Name)
	}
}
