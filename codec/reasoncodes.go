package codec

import (
	"iter"
	"slices"

	"github.com/mqttwire/mqttwire"
)

// ReasonCodes is the payload of a SUBACK or UNSUBACK: a code for each Topic
// Filter of the request, in its order (3.1.1 §3.9.3, 5.0 §3.9.3 and §3.11.3).
// It is a view of bytes in wire format. The zero value is an empty list. See
// Lists in the package comment.
type ReasonCodes struct {
	b    []byte
	form codeForm
}

// A codeForm says how the bytes of a list are to be read.
type codeForm uint8

const (
	asTheyStand codeForm = iota
	qosOnly              // as 3.1: 0x80, or bits 1-0 are the granted QoS and the others unused (3.1 §3.9)
	oneFailure           // as 3.1.1: every failure is 0x80 (3.1.1 §3.9.3)
)

// ReasonCodesOf returns a list over bytes in wire format of any origin, which it
// aliases and does not judge: Append of the packet says what is wrong.
func ReasonCodesOf(b []byte) ReasonCodes { return ReasonCodes{b: b} }

// Append appends codes and returns the list. Append of the packet judges them.
func (l ReasonCodes) Append(items ...mqttwire.Reason) ReasonCodes {
	for _, c := range items {
		l.b = append(l.b, byte(c))
	}
	return l
}

// Reset returns an empty list that reuses the memory of l, which the caller
// must own: not one that Decode gave.
func (l ReasonCodes) Reset() ReasonCodes { return ReasonCodes{b: l.b[:0]} }

// Clone returns a copy that shares no memory with l.
func (l ReasonCodes) Clone() ReasonCodes {
	l.b = slices.Clone(l.b)
	return l
}

// Bytes returns the list in wire format. It aliases the list. What Decode or a
// Downgrade told the list to read otherwise stands in it as it was.
func (l ReasonCodes) Bytes() []byte { return l.b }

// Size returns the size of the list in bytes: that of Len.
func (l ReasonCodes) Size() int { return len(l.b) }

// Len returns the number of codes.
func (l ReasonCodes) Len() int { return len(l.b) }

// At returns code i, counted from 0. It panics where i is not less than Len.
func (l ReasonCodes) At(i int) mqttwire.Reason { return l.form.read(l.b[i]) }

// All walks the codes in wire order.
func (l ReasonCodes) All() iter.Seq[mqttwire.Reason] {
	return func(yield func(mqttwire.Reason) bool) {
		for _, b := range l.b {
			if !yield(l.form.read(b)) {
				return
			}
		}
	}
}

// Next returns the first code and the list after it. Where the list is empty, ok
// is false and the others are zero.
func (l ReasonCodes) Next() (c mqttwire.Reason, rest ReasonCodes, ok bool) {
	if len(l.b) == 0 {
		return 0, ReasonCodes{}, false
	}
	c = l.form.read(l.b[0])
	l.b = l.b[1:]
	return c, l, true
}

func (f codeForm) read(b byte) mqttwire.Reason {
	switch {
	case f == qosOnly && b != byte(mqttwire.UnspecifiedError):
		b &= optionsQoS
	case f == oneFailure && b >= 0x80:
		b = byte(mqttwire.UnspecifiedError)
	}
	return mqttwire.Reason(b)
}

// appendTo appends the list in wire format.
func (l ReasonCodes) appendTo(dst []byte) []byte {
	if l.form == asTheyStand {
		return append(dst, l.b...)
	}
	for _, b := range l.b {
		dst = append(dst, byte(l.form.read(b)))
	}
	return dst
}
