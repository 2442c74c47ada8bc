package fuzz

import (
	"github.com/mqttwire/mqttwire/codec"
)

// A Verdict is what a parser must say of the bytes that a mutation made.
type Verdict uint8

// The verdicts.
const (
	None       Verdict = iota // the mutation has nothing to work on; there are no bytes
	Valid                     // a packet still, if another one
	Invalid                   // to be refused, once all of the bytes are there at the latest
	Incomplete                // the beginning of a valid packet: neither accepted nor refused
	Unsure                    // anything may have come of it
)

// String returns "none", "valid", "invalid", "incomplete" or "unsure".
func (v Verdict) String() string {
	return [...]string{"none", "valid", "invalid", "incomplete", "unsure"}[min(v, Unsure)]
}

// Wire draws a valid packet as bytes, in any form that the standard allows:
// short and long acknowledgements, and before 5.0 lengths that could be
// shorter, bits that 3.1 does not use, and what else one of the Mutations makes
// that is Valid.
func Wire(src *Source, r codec.Rules) []byte {
	plain, choices := !src.OneIn(3), reserve(src)
	b := shortest(src, r)
	if plain {
		return b
	}
	if out, verdict := pick(&choices, mutations...).Apply(&choices, r, b); verdict == Valid {
		return out
	}
	return b
}

// reserve takes bytes for what is decided after a packet is drawn, which may
// leave none.
func reserve(src *Source) Source { return src.Bytes(min(32, len(*src)/4)) }

func shortest(src *Source, r codec.Rules) []byte {
	b, err := Packet(src, r).Append(nil, r)
	must(err)
	return b
}

// Almost draws the bytes of a packet that is broken in one place, or nearly so:
// a valid packet that one of the Mutations was applied to. It returns them with
// what is to be made of them under r and the name of the mutation.
func Almost(src *Source, r codec.Rules) (packet []byte, verdict Verdict, name string) {
	choices := reserve(src)
	b := shortest(src, r)
	// One that does not apply makes room for another, of another kind.
	at := choices.Intn(len(mutations))
	for i := range mutations {
		m := mutations[(at+25*i)%len(mutations)]
		if packet, verdict = m.Apply(&choices, r, b); verdict != None {
			return packet, verdict, m.Name
		}
	}
	return b, Valid, "none"
}

// Stream draws several packets in a row, all but the last of them valid.
func Stream(src *Source, r codec.Rules) []byte {
	var b []byte
	for range 1 + src.Intn(6) {
		b = append(b, Wire(src, r)...)
	}
	if src.OneIn(3) {
		last, _, _ := Almost(src, r)
		b = append(b, last...)
	}
	return b
}
