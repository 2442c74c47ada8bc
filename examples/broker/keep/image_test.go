package keep_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mqttwire/mqttwire/examples/broker/keep"
	"github.com/mqttwire/mqttwire/examples/broker/keep/keeptest"
)

// life returns so many Records.
func life(seed uint64, n int) []keep.Record {
	l := keeptest.NewLife(seed)
	l.Busy = int(seed % 4)
	all := make([]keep.Record, n)
	for i := range all {
		all[i] = l.Next()
	}
	return all
}

func wire(t *testing.T, all []keep.Record) (b []byte) {
	for i := range all {
		var err error
		if b, err = all[i].Append(b); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// What Compact leaves restores the same, and nothing of it can go.
func TestCompact(t *testing.T) {
	for seed := range uint64(8) {
		all := life(seed, 250)
		for n := 0; n <= len(all); n += 1 + int(seed) {
			least, err := keep.Compact(all[:n])
			if err != nil {
				t.Fatalf("seed %d, %d records: %v", seed, n, err)
			}
			want := keeptest.State(all[:n])
			if diff := cmp.Diff(want, keeptest.State(least)); diff != "" {
				t.Fatalf("seed %d, %d records: %s", seed, n, diff)
			}
			again, err := keep.Compact(least)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(wire(t, least), wire(t, again)) {
				t.Fatalf("seed %d, %d records: not the least", seed, n)
			}
		}
		least, err := keep.Compact(all)
		if err != nil {
			t.Fatal(err)
		}
		want := keeptest.State(all)
		for i := range least {
			rest := append(append([]keep.Record{}, least[:i]...), least[i+1:]...)
			if keeptest.State(rest) == want {
				t.Fatalf("seed %d: without %+v it is the same", seed, least[i])
			}
		}
	}
}

// The bytes that count are those of what Rest leaves, or a little more, and all
// are told that do not count any more.
func TestImageCounts(t *testing.T) {
	for seed := range uint64(5) {
		var m keep.Image
		freed := map[uint64]int{}
		m.Freed = func(number uint64, bytes int) { freed[number] += bytes }
		all := life(seed, 1000)
		for i := range all {
			m.Apply(m.Reach(&all[i]), uint64(i)+1, all[i].Size(), nil)
			if i%50 > 0 {
				continue
			}
			exact, left := int64(0), int64(0)
			for j := range all[:i+1] {
				left += int64(all[j].Size() - freed[uint64(j)+1])
				rest, ok := m.Rest(m.Reach(&all[j]), uint64(j)+1)
				if rest.Place = 0; ok {
					exact += int64(rest.Size())
				} else if freed[uint64(j)+1] != all[j].Size() {
					t.Fatalf("seed %d, after %d: record %d has %d of %d bytes free", seed, i, j+1, freed[uint64(j)+1], all[j].Size())
				}
			}
			if m.Alive() != left || m.Alive() < exact*9/10 || m.Alive() > exact*12/10+1000 {
				t.Fatalf("seed %d, after %d: %d bytes alive, %d not freed, %d written again", seed, i, m.Alive(), left, exact)
			}
		}
	}
}
