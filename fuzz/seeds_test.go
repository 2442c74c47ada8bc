package fuzz_test

import (
	"bytes"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/fuzz"
)

func TestSeedsGetTheirVerdict(t *testing.T) {
	seen := make(map[string]fuzz.Verdict)
	for _, s := range fuzz.Seeds() {
		seen[s.Name] = s.Verdict
		checkSeed(t, s)
	}
	for _, m := range fuzz.Mutations() {
		if seen["mutated/"+m.Name] == fuzz.None {
			t.Errorf("no seed of mutation %q", m.Name)
		}
	}
}

// checkSeed is checkVerdict for a seed. Where its Remaining Length is broken
// there is only the beginning of a packet.
func checkSeed(t *testing.T, s fuzz.Seed) {
	t.Helper()
	_, err := decode(s.Rules, s.Packet)
	ok := true
	switch s.Verdict {
	case fuzz.Valid:
		ok = err == nil
	case fuzz.Invalid:
		ok = err != nil && err != errIncomplete
	case fuzz.Incomplete:
		ok = err == errIncomplete
	}
	if !ok {
		t.Errorf("%s, %v from %v, is %v: decoded with %v\n%.80x", s.Name, s.Rules.Version, s.Rules.From, s.Verdict, err, s.Packet)
	}
}

// Every strict prefix of a valid packet is incomplete, and no error.
func TestStrictPrefixesAreIncomplete(t *testing.T) {
	for _, s := range fuzz.Seeds() {
		if s.Verdict != fuzz.Valid {
			continue
		}
		for n := range s.Packet {
			// Of 64 KiB every length around the fields will do.
			if n > 2000 && n < len(s.Packet)-2000 {
				continue
			}
			_, body, took, err := codec.Split(s.Rules, s.Packet[:n], 0)
			if took != 0 || err != nil || body != nil {
				t.Fatalf("%s, %v: Split of %d of %d bytes = %d, %v", s.Name, s.Rules.Version, n, len(s.Packet), took, err)
			}
		}
	}
}

// A byte after the last field but inside the Remaining Length is refused,
// unless it is payload.
func TestTrailingByteIsRefused(t *testing.T) {
	trailing := mutation(t, "trailing")
	for _, s := range fuzz.Seeds() {
		if s.Verdict != fuzz.Valid {
			continue
		}
		b, verdict := trailing.Apply(new(fuzz.Source), s.Rules, s.Packet)
		want := fuzz.Invalid
		if mqttwire.PacketType(s.Packet[0]>>4) == mqttwire.PUBLISH {
			want = fuzz.Valid
		}
		if verdict != want || !bytes.HasSuffix(b, []byte{0xff}) {
			t.Fatalf("%s, %v: verdict %v, want %v: % x", s.Name, s.Rules.Version, verdict, want, b)
		}
		checkVerdict(t, s.Rules, b, verdict, s.Name)
	}
}

// A packet that a mutation makes shorter has a shorter Remaining Length.
func TestLengthsStayMinimal(t *testing.T) {
	r := codec.Rules{Version: mqttwire.V50}
	p := codec.Connect{Version: mqttwire.V50, ClientID: bytes.Repeat([]byte{'c'}, 200)}
	long, err := p.Append(nil, r)
	if err != nil {
		t.Fatal(err)
	}
	b, verdict := mutation(t, "client-id-empty").Apply(new(fuzz.Source), r, long)
	checkVerdict(t, r, b, verdict, "client-id-empty")
}

func mutation(t *testing.T, name string) fuzz.Mutation {
	t.Helper()
	for _, m := range fuzz.Mutations() {
		if m.Name == name {
			return m
		}
	}
	t.Fatalf("no mutation %q", name)
	return fuzz.Mutation{}
}

// Decode allocates for no bytes there are, refused ones included.
func TestDecodeAllocatesNothing(t *testing.T) {
	var d codec.Decoder
	for _, s := range fuzz.Seeds() {
		if n := testing.AllocsPerRun(1, func() {
			h, body, _, err := codec.Split(s.Rules, s.Packet, 0)
			if err == nil {
				d.Decode(s.Rules, h, body)
			}
		}); n != 0 {
			t.Errorf("%s, %v: %v allocations", s.Name, s.Rules.Version, n)
		}
	}
}

func TestSourceIsAllThatDecides(t *testing.T) {
	for seed := range uint64(50) {
		draw := func() []byte {
			src := fuzz.Random(seed, 300)
			return fuzz.Stream(&src, fuzz.Rules(&src))
		}
		if a, b := draw(), draw(); !bytes.Equal(a, b) {
			t.Fatalf("seed %d draws % x and % x", seed, a, b)
		}
	}
}
