package fuzz

import (
	"slices"
	"strconv"
	"sync"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/testdata"
)

// A Seed is a packet to begin a corpus with.
type Seed struct {
	// Name says where it comes from: the name of its vector, or
	// "generated/PUBLISH-2", or "mutated/" and the name of its mutation.
	Name string
	// Rules are the version and the sender by whose rules Verdict is right.
	Rules codec.Rules
	// Packet is its bytes, whole unless Verdict is Incomplete or Invalid.
	Packet  []byte
	Verdict Verdict
}

// Seeds returns all vectors of package testdata, some packets of every type in
// every version, and what every mutation makes of one: always the same, in new
// slices.
func Seeds() []Seed {
	seeds := slices.Clone(allSeeds())
	for i := range seeds {
		seeds[i].Packet = slices.Clone(seeds[i].Packet)
	}
	return seeds
}

var allSeeds = sync.OnceValue(func() []Seed {
	return slices.Concat(vectorSeeds(), generatedSeeds(), mutatedSeeds())
})

func vectorSeeds() (seeds []Seed) {
	vectors, err := testdata.Vectors()
	if err != nil {
		panic("fuzz: " + err.Error()) // the data of this module is broken
	}
	for i := range vectors {
		seeds = append(seeds, vectorSeed(&vectors[i]))
	}
	return seeds
}

func vectorSeed(v *testdata.Vector) Seed {
	s := Seed{Name: v.Name, Packet: v.Bytes(), Verdict: Invalid}
	if v.Valid() {
		s.Verdict = Valid
	}
	s.Rules.Version = map[string]mqttwire.Version{"3.1": mqttwire.V31, "3.1.1": mqttwire.V311, "5.0": mqttwire.V50}[v.Version]
	s.Rules.From = map[string]mqttwire.Role{"client": mqttwire.Client, "server": mqttwire.Server}[v.From]
	return s
}

// seedRules are those that seeds are made by: each version, each sender.
var seedRules = func() (all []codec.Rules) {
	for _, v := range [...]mqttwire.Version{mqttwire.V31, mqttwire.V311, mqttwire.V50} {
		for _, from := range [...]mqttwire.Role{mqttwire.Either, mqttwire.Client, mqttwire.Server} {
			all = append(all, codec.Rules{Version: v, From: from})
		}
	}
	return all
}()

func generatedSeeds() (seeds []Seed) {
	n := uint64(0)
	for _, r := range seedRules {
		for t := mqttwire.CONNECT; t <= mqttwire.AUTH; t++ {
			if !t.SentBy(r.From, r.Version) {
				continue
			}
			for i := range 3 {
				src := Random(n, 200)
				n++
				b, err := PacketOf(&src, r, t).Append(nil, r)
				must(err)
				seeds = append(seeds, Seed{"generated/" + t.String() + "-" + strconv.Itoa(i+1), r, b, Valid})
			}
		}
	}
	return seeds
}

func mutatedSeeds() (seeds []Seed) {
	for i, m := range mutations {
		for j, r := range seedRules {
			// Some mutations need a packet that is seldom drawn.
			for try := range 100 {
				src := Random(1<<32|uint64(i)<<16|uint64(j)<<8|uint64(try), 200)
				b, verdict := m.Apply(&src, r, shortest(&src, r))
				if verdict != None {
					seeds = append(seeds, Seed{"mutated/" + m.Name, r, b, verdict})
					break
				}
			}
		}
	}
	return seeds
}
