package fuzz

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/testdata"
)

// Judge is [Trial.Judge] of the zero Trial: the whole trial of a parser in one
// call.
//
//	func TestParser(t *testing.T) {
//		fuzz.Judge(t, func(r codec.Rules, packet []byte) error {
//			_, err := mylib.Parse(byte(r.Version), packet)
//			return err
//		})
//	}
func Judge(tb testing.TB, parse func(codec.Rules, []byte) error) Report {
	if tb != nil {
		tb.Helper()
	}
	return Trial{}.Judge(tb, parse)
}

// A Trial says how a parser is judged. The zero Trial is fine.
type Trial struct {
	// Versions are those to judge by, none for 3.1, 3.1.1 and 5.0.
	Versions []mqttwire.Version
	// Packets is how many packets are generated, beside the vectors: 0 for
	// 20,000, less than 0 for none.
	Packets int
	// Seed draws other packets. The same Seed draws the same.
	Seed uint64
	// Patience is how long a call may take until it counts as a hang, 0 for 10
	// seconds. It is measured in ten steps on a clock of this process, so that
	// one that was suspended meanwhile has not used it up.
	Patience time.Duration
}

// Judge calls parse with packets whose verdict is known, and reports where it
// is wrong: accepts what it must refuse, refuses what it must accept, panics or
// hangs. The packets are all vectors of package testdata, except for what is
// lenient there, their strict prefixes, and generated packets, most of them
// with a mutation (see Almost).
//
// parse gets a version, a sender that is Client or Server, and the bytes, which
// are its own and end with their capacity. It returns nil if the bytes are one
// whole packet of that version that the sender may send, and an error otherwise:
// also where there are bytes too few or too many. It is called by one goroutine,
// one call after the other.
//
// What a fault is shown with is cut down to fewer bytes where that shows it as
// well. A fault is told of once, with the number of packets that showed it.
//
// A call that hangs ends the trial, since what hangs cannot be called again: its
// goroutine stays until parse returns, and nothing else does.
//
// Where tb is not nil, a Report with faults fails the test. Judge panics where
// Versions has one that is not valid.
func (t Trial) Judge(tb testing.TB, parse func(codec.Rules, []byte) error) Report {
	if tb != nil {
		tb.Helper()
	}
	if len(t.Versions) == 0 {
		t.Versions = []mqttwire.Version{mqttwire.V31, mqttwire.V311, mqttwire.V50}
	}
	for _, v := range t.Versions {
		if !v.Valid() {
			panic("fuzz: Judge by a version that there is not")
		}
	}
	if t.Packets == 0 {
		t.Packets = 20_000
	}
	if t.Patience <= 0 {
		t.Patience = 10 * time.Second
	}
	j := judge{watch: startWatch(parse, t.Patience), faults: map[faultKey]*Fault{}}
	t.vectors(&j)
	t.generated(&j)
	if !j.hung {
		j.shrink()
		j.watch.stop()
	}
	r := j.report()
	if tb != nil && len(r.Faults) != 0 {
		tb.Error(r.String())
	}
	return r
}

// senders are those that a vector binds.
func senders(from mqttwire.Role) []mqttwire.Role {
	if from == mqttwire.Either {
		return []mqttwire.Role{mqttwire.Client, mqttwire.Server}
	}
	return []mqttwire.Role{from}
}

// vectors tries the vectors, and the strict prefixes of those that are valid.
func (t Trial) vectors(j *judge) {
	vectors, err := testdata.Vectors()
	if err != nil {
		panic("fuzz: " + err.Error()) // the data of this module is broken
	}
	for i := range vectors {
		s, lenient := vectorSeed(&vectors[i]), vectors[i].Lenient
		if lenient || !slices.Contains(t.Versions, s.Rules.Version) {
			continue
		}
		for _, from := range senders(s.Rules.From) {
			c := evidence{rules: codec.Rules{Version: s.Rules.Version, From: from}, packet: s.Packet, verdict: s.Verdict, name: "vector " + s.Name}
			j.try(c)
			if s.Verdict != Valid || len(s.Packet) > 200 {
				continue
			}
			c.verdict, c.name = Incomplete, "the beginning of vector "+s.Name
			for n := range s.Packet {
				c.packet = s.Packet[:n]
				j.try(c)
			}
		}
	}
}

// generated tries generated packets.
func (t Trial) generated(j *judge) {
	for i := range max(t.Packets, 0) {
		src := Random(t.Seed<<32|uint64(i), 160)
		r := codec.Rules{Version: pick(&src, t.Versions...), From: pick(&src, mqttwire.Client, mqttwire.Server)}
		packet, verdict, name := Almost(&src, r)
		j.try(evidence{rules: r, packet: packet, verdict: verdict,
			name: "mutation " + name + ", packet " + strconv.Itoa(i) + " of seed " + strconv.FormatUint(t.Seed, 10)})
	}
}
