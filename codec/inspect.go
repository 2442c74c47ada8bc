package codec

import (
	"iter"
	"strconv"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/fixedheader"
)

// An Inspection is what Inspect makes of the first packet of some bytes. It
// borrows the bytes: what Fields gives aliases them and is valid until the
// caller reuses them.
type Inspection struct {
	// Header is what is known of the fixed header: all of it where Total is not
	// 0, else Type and Flags as soon as there is a byte.
	Header fixedheader.Header
	// Version is the one by which the packet was read: that of a CONNECT, else
	// that of the Rules, else a guess.
	Version mqttwire.Version
	// Guessed says that nothing told the version: neither the Rules nor the
	// packet.
	Guessed bool
	// Clean has the versions in which nothing is wrong with what is there, of
	// those that were tried: all where the version was unknown, else Version
	// alone. It narrows a guess from packet to packet; see the example.
	Clean VersionSet
	// Size is how many bytes the packet takes, fixed header included, where it
	// is all there: the next packet begins after them, whatever is wrong with
	// this one. 0: more bytes are needed, unless Lost.
	Size int
	// Lost says that the Remaining Length cannot be read: nobody knows where
	// the next packet begins. See Resync.
	Lost bool

	r Rules  // as they were given
	b []byte // the bytes of the packet that are there
}

// Inspect reads the first packet of b, whatever is wrong with it, as far as it
// can be read: for sniffers and proxies, which look on and do not refuse. It
// says where the next packet begins, and walks over the fields and the faults.
// Of a packet that is not all there it reads what is.
//
// Decode stops at the first thing that is wrong. Inspect names it and goes on:
// past a field with a forbidden value to the next field, past a property that
// is not known to what follows the Property Length, past a CONNECT for another
// version by the version that it asks for. Where it cannot know what the rest
// is, the rest is a field with the name [Unread].
//
// A packet that Decode takes under r, its Lenient included, has no fault, and any
// other has at least the one that Decode returns; but a zero Version means here that the version
// is not known, not that CONNECT has not come, so [mqttwire.ErrConnectFirst] is
// no fault. Then Inspect tries 5.0, 3.1.1 and 3.1, and takes the first with the
// fewest faults. r.Unchecked counts for nothing.
//
// Inspect never panics. It holds nothing that grows with b, and it and each walk
// read each byte a small number of times. It has no limit of size: a caller that
// waits for the rest of a packet looks at Total first.
func Inspect(r Rules, b []byte) Inspection {
	in := Inspection{r: r}
	if len(b) > 0 {
		in.findVersion(in.read(b))
	}
	return in
}

// read reads the fixed header of the packet at the front of b and returns its
// size, 0 where it is not all there.
func (in *Inspection) read(b []byte) (n int) {
	in.b = b
	in.Header = fixedheader.Header{Type: mqttwire.PacketType(b[0] >> 4), Flags: b[0] & 0x0f}
	h, n, err := fixedheader.Consume(b)
	switch {
	case err != nil:
		in.Lost = true
	case n > 0:
		in.Header = h
		if total := n + int(h.Length); total <= len(b) {
			in.Size = total
			in.b = b[:total:total]
		}
	}
	return n
}

// findVersion decides by which version the packet is read. n is the size of its
// fixed header, 0 where that is not known.
func (in *Inspection) findVersion(n int) {
	if in.Header.Type == mqttwire.CONNECT && n > 0 {
		v, told := connectVersion(in.b[n:])
		if told || !in.r.Version.Valid() {
			in.Version, in.Guessed = v, !told
		}
	}
	if !in.Version.Valid() {
		in.Version = in.r.Version
	}
	switch {
	case in.Version.Valid():
		if in.count(in.Version) == 0 {
			in.Clean = 1 << in.Version
		}
	case in.Header.Type == mqttwire.AUTH: // which no other version has
		in.Version, in.Guessed = mqttwire.V50, true
		if in.count(mqttwire.V50) == 0 {
			in.Clean = 1 << mqttwire.V50
		}
	default:
		in.guess()
	}
}

// guess tries the versions. The latest is first: what is right in it and in an
// earlier one, such as an acknowledgement or a PUBLISH whose Payload seems to
// begin with properties, is so by chance in an earlier one.
func (in *Inspection) guess() {
	in.Guessed = true
	fewest := 0
	for v := mqttwire.V50; v >= mqttwire.V31; v-- {
		n := in.count(v)
		if n == 0 {
			in.Clean |= 1 << v
		}
		if !in.Version.Valid() || n < fewest {
			in.Version, fewest = v, n
		}
	}
}

// connectVersion reads the version that the body of a CONNECT asks for. told is
// false where it is not one of those there are: then v is whose fields come
// closest, 0 where that is not to be seen either.
func connectVersion(body []byte) (v mqttwire.Version, told bool) {
	name, rest, ok := cutField(body)
	is31 := ok && string(name) == protocolName31
	switch {
	case len(rest) == 0 && is31:
		return mqttwire.V31, true
	case len(rest) == 0:
		return 0, false
	}
	v = mqttwire.Version(rest[0] &^ bridgeBit)
	switch {
	case v.Valid():
		return v, true
	case is31:
		return mqttwire.V31, false
	case v > mqttwire.V50:
		return mqttwire.V50, false
	}
	return mqttwire.V311, false
}

// count returns the number of faults in version v.
func (in *Inspection) count(v mqttwire.Version) (n int) {
	w := in.walk(v)
	w.onFault = func(Fault) bool {
		n++
		return true
	}
	w.packet()
	return n
}

func (in *Inspection) walk(v mqttwire.Version) walk {
	total := in.Total()
	w := walk{r: in.r, asked: in.r.Version, b: in.b, h: in.Header, total: total, end: total, lost: in.Lost}
	w.r.Version = v
	return w
}

// Total returns how many bytes the packet takes by its Remaining Length, fixed
// header included, 0 where that is not known yet or is Lost.
func (in Inspection) Total() int {
	if in.Header.Width == 0 {
		return 0
	}
	return in.Header.Size() + int(in.Header.Length)
}

// Bytes returns the bytes of the packet that are there, and where Lost all that
// Inspect was given. It aliases them.
func (in Inspection) Bytes() []byte { return in.b }

// Fields walks over the fields in the order of the bytes. Together they are all
// bytes of the packet that are there, each once, except where Lost.
func (in Inspection) Fields() iter.Seq[Field] {
	return func(yield func(Field) bool) {
		if len(in.b) > 0 {
			w := in.walk(in.Version)
			w.onField = yield
			w.packet()
		}
	}
}

// Faults walks over what is wrong, in about the order of the bytes. Of a packet
// that is not all there it gives those that the rest cannot mend.
func (in Inspection) Faults() iter.Seq[Fault] {
	return func(yield func(Fault) bool) {
		if len(in.b) > 0 {
			w := in.walk(in.Version)
			w.onFault = yield
			w.packet()
		}
	}
}

// String describes the inspection in a line, without the fields: these may hold
// a password.
func (in Inspection) String() string {
	l := append(describe(in.Header.Type), " of "...)
	l = append(l, in.Version.String()...)
	l = append(l, ", "...)
	l = strconv.AppendInt(l, int64(len(in.Bytes())), 10)
	if in.Size == 0 {
		l = append(l, " of "...)
		if total := in.Total(); total > 0 {
			l = strconv.AppendInt(l, int64(total), 10)
		} else {
			l = append(l, '?')
		}
	}
	return string(append(l, " bytes"...))
}

// GoString is String, so that %#v shows no password either.
func (in Inspection) GoString() string { return in.String() }

// A VersionSet is a set of protocol versions. Sets are joined with | and
// narrowed with &.
type VersionSet uint8

// AnyVersion has all versions.
const AnyVersion VersionSet = 1<<mqttwire.V31 | 1<<mqttwire.V311 | 1<<mqttwire.V50

// Has reports whether v is in the set.
func (s VersionSet) Has(v mqttwire.Version) bool { return v.Valid() && s>>v&1 != 0 }

// Narrow returns those of s that are in clean, the Clean of another packet of
// the same connection, or s where none is: that packet is wrong in each.
func (s VersionSet) Narrow(clean VersionSet) VersionSet {
	if both := s & clean; both != 0 {
		return both
	}
	return s
}

// Latest returns the latest version in the set, 0 where there is none.
func (s VersionSet) Latest() mqttwire.Version {
	for v := mqttwire.V50; v >= mqttwire.V31; v-- {
		if s.Has(v) {
			return v
		}
	}
	return 0
}

// String returns the versions, such as "3.1 3.1.1", and "none" for the empty
// set.
func (s VersionSet) String() string {
	var l []byte
	for v := mqttwire.V31; v <= mqttwire.V50; v++ {
		if s.Has(v) {
			if len(l) > 0 {
				l = append(l, ' ')
			}
			l = append(l, v.String()...)
		}
	}
	if len(l) == 0 {
		return "none"
	}
	return string(l)
}
