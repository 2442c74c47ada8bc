package codec

import (
	"iter"

	"github.com/mqttwire/mqttwire"
)

// ReasonCodes is the payload of a SUBACK or UNSUBACK: a code for each Topic
// Filter of the request, in its order (3.1.1 §3.9.3, 5.0 §3.9.3 and §3.11.3).
// It is a view of bytes in wire format. The zero value is an empty list, to be
// appended to.
//
// What Decode gives is validated, aliases the decoded bytes and lives as long
// as they do.
type ReasonCodes struct {
	b    []byte
	form codeForm
}

// A codeForm says how the bytes of a list are to be read.
type codeForm uint8

const (
	asTheyStand codeForm = iota
	qosOnly              // as 3.1: bits 1-0 are the granted QoS, the others are unused (3.1 §3.9)
	oneFailure           // as 3.1.1: every failure is 0x80 (3.1.1 §3.9.3)
)

// ReasonCodesOf returns a list over bytes in wire format, which it does not
// judge and which it aliases.
func ReasonCodesOf(b []byte) ReasonCodes { return ReasonCodes{b: b} }

// Append appends codes and returns the list. Append of the packet judges them.
func (l ReasonCodes) Append(codes ...mqttwire.Reason) ReasonCodes {
	for _, c := range codes {
		l.b = append(l.b, byte(c))
	}
	return l
}

// Reset returns an empty list that reuses the memory of l, which the caller
// must own: not one that Decode gave.
func (l ReasonCodes) Reset() ReasonCodes { return ReasonCodes{b: l.b[:0]} }

// Len returns the number of codes.
func (l ReasonCodes) Len() int { return len(l.b) }

// At returns code i, counted from 0. It panics where i is not less than Len.
func (l ReasonCodes) At(i int) mqttwire.Reason { return l.form.read(l.b[i]) }

// All walks the codes in wire order. It does not allocate when ranged over
// directly.
func (l ReasonCodes) All() iter.Seq[mqttwire.Reason] {
	return func(yield func(mqttwire.Reason) bool) {
		for _, b := range l.b {
			if !yield(l.form.read(b)) {
				return
			}
		}
	}
}

func (f codeForm) read(b byte) mqttwire.Reason {
	switch {
	case f == qosOnly:
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
