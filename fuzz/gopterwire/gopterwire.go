// Package gopterwire has gopter generators of MQTT packets, topics and
// properties. They draw with package fuzz, and what they draw they can shrink:
//
//	properties := gopter.NewProperties(nil)
//	properties.Property("what is appended decodes", prop.ForAll(
//		func(s gopterwire.Sample[codec.Packet]) bool { ... },
//		gopterwire.Packet(codec.Rules{Version: mqttwire.V50}),
//	))
//	properties.TestingRun(t)
package gopterwire

import (
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/leanovate/gopter"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/fuzz"
)

// A Sample is a value with the Source it was drawn from, by which it is shrunk.
type Sample[T any] struct {
	Value  T
	Source fuzz.Source
}

// String shows the value, and the Source it can be drawn from again.
func (s Sample[T]) String() string {
	return fmt.Sprintf("%v, drawn from %s", s.Value, hex.EncodeToString(s.Source))
}

// Of makes a generator of Sample[T] of a function that draws from a Source.
// Samples shrink by way of their Source: it is made shorter and its bytes 0.
// The Source has up to four bytes for each of the gopter size.
func Of[T any](draw func(src *fuzz.Source) T) gopter.Gen {
	sample := func(b []byte) Sample[T] {
		src := fuzz.Source(b)
		return Sample[T]{Value: draw(&src), Source: b}
	}
	shrinker := func(v any) gopter.Shrink {
		next := shorter(v.(Sample[T]).Source)
		return func() (any, bool) {
			b, ok := next()
			if !ok {
				return nil, false
			}
			return sample(b), true
		}
	}
	return func(p *gopter.GenParameters) *gopter.GenResult {
		b := make([]byte, p.MinSize+p.Rng.Intn(4*max(p.MaxSize-p.MinSize, 0)+1))
		p.Rng.Read(b) // never fails
		return gopter.NewGenResult(sample(b), shrinker)
	}
}

// shorter returns a function that returns simpler versions of b, one a call:
// first without a part of it, from halves down to a byte, then with a byte 0.
func shorter(b []byte) func() ([]byte, bool) {
	size, at := (len(b)+1)/2, 0
	return func() ([]byte, bool) {
		for ; size > 0; size, at = size/2, 0 {
			if at < len(b) {
				end := min(at+size, len(b))
				out := slices.Concat(b[:at], b[end:])
				at = end
				return out, true
			}
		}
		for ; at < len(b); at++ {
			if b[at] != 0 {
				out := slices.Clone(b)
				out[at] = 0
				at++
				return out, true
			}
		}
		return nil, false
	}
}

// Packet generates a Sample[codec.Packet]: see [fuzz.Packet].
func Packet(r codec.Rules) gopter.Gen {
	return Of(func(src *fuzz.Source) codec.Packet { return fuzz.Packet(src, r) })
}

// PacketOf generates a Sample[codec.Packet] of one type: see [fuzz.PacketOf].
func PacketOf(r codec.Rules, t mqttwire.PacketType) gopter.Gen {
	return Of(func(src *fuzz.Source) codec.Packet { return fuzz.PacketOf(src, r, t) })
}

// Unchecked generates a Sample[codec.Packet] with values that may be
// forbidden: see [fuzz.Unchecked].
func Unchecked(r codec.Rules) gopter.Gen {
	return Of(func(src *fuzz.Source) codec.Packet { return fuzz.Unchecked(src, r) })
}

// Wire generates a Sample[[]byte], a valid packet: see [fuzz.Wire].
func Wire(r codec.Rules) gopter.Gen {
	return Of(func(src *fuzz.Source) []byte { return fuzz.Wire(src, r) })
}

// Mutated is a packet that is broken in one place, or nearly so.
type Mutated struct {
	Packet  []byte
	Verdict fuzz.Verdict // what a parser must say of it
	Name    string       // of the mutation
}

// Almost generates a Sample[Mutated]: see [fuzz.Almost].
func Almost(r codec.Rules) gopter.Gen {
	return Of(func(src *fuzz.Source) (m Mutated) {
		m.Packet, m.Verdict, m.Name = fuzz.Almost(src, r)
		return m
	})
}

// Properties generates a Sample[codec.Properties] for packets of type in: see
// [fuzz.Properties].
func Properties(in mqttwire.PacketType, from mqttwire.Role) gopter.Gen {
	return Of(func(src *fuzz.Source) codec.Properties { return fuzz.Properties(src, in, from) })
}

// TopicName generates a Sample[string], a Topic Name.
func TopicName() gopter.Gen {
	return Of(func(src *fuzz.Source) string { return string(fuzz.TopicName(src)) })
}

// TopicFilter generates a Sample[string], a Topic Filter that is no Shared
// Subscription.
func TopicFilter() gopter.Gen {
	return Of(func(src *fuzz.Source) string { return string(fuzz.TopicFilter(src)) })
}

// SharedFilter generates a Sample[string], a Shared Subscription.
func SharedFilter() gopter.Gen {
	return Of(func(src *fuzz.Source) string { return string(fuzz.SharedFilter(src)) })
}
