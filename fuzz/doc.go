// Package fuzz generates MQTT packets, valid and almost valid, for tests of
// packet parsers: this module's and anybody's.
//
// Every decision is drawn from a [Source], which is nothing but bytes. So the
// bytes that a coverage-guided fuzzer mutates are a packet, a change of them is
// another packet, and the same bytes are always the same packet:
//
//	f.Fuzz(func(t *testing.T, data []byte) {
//		src := fuzz.Source(data)
//		rules := fuzz.Rules(&src)
//		packet, verdict, name := fuzz.Almost(&src, rules)
//		err := yourParser(rules.Version, packet)
//		...
//	})
//
// [Judge] does all of that in one call, with the vectors of package testdata
// besides, and reports what a parser does wrong.
//
// [Packet] draws a packet as a struct, [Wire] its bytes in any form that the
// standard allows, [Stream] several packets in a row. [Almost] draws a packet
// and breaks it with one of the [Mutations]; each has a name and knows
// the [Verdict]: what a parser has to say of the result. [Unchecked] draws
// structs with forbidden values for codec's Unchecked Append. [Seeds] are
// packets to start a corpus with.
//
// Nothing here needs a testing.T, or draws from a random source of its own; Judge
// alone has a clock and a goroutine, to notice a parser that hangs.
package fuzz
