package keep

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// The messages of a session are what a map has, in their order, whichever come and
// go.
func TestMails(t *testing.T) {
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 1))
		var x mails
		twin := map[uint64]*entry{}
		next := uint64(5000)
		check := func(key uint64) {
			t.Helper()
			got := x.get(key)
			if want := twin[key]; (got != nil) != (want != nil) || got != nil && (got.key != key || got.queued != want) {
				t.Fatalf("seed %d, key %d: %v, want %v", seed, key, got, want)
			}
		}
		for range 3000 {
			key := next // at the end
			switch r.IntN(4) {
			case 0: // anywhere
				key = r.Uint64N(next)
			case 1: // at the front, in turn
				key = uint64(len(twin))
			default:
				next++
			}
			if r.Uint64N(10) < seed%8 {
				if len(x.pieces) > 0 && r.IntN(2) == 0 {
					key = x.pieces[0][0].key
				}
				x.remove(key)
				delete(twin, key)
			} else {
				e := new(entry)
				x.at(key).queued, twin[key] = e, e
			}
			check(key)
			check(r.Uint64N(next))
		}
		var keys []uint64
		for _, p := range x.pieces {
			if len(p) == 0 || len(p) > mostMails {
				t.Fatalf("seed %d: a piece of %d", seed, len(p))
			}
			for i := range p {
				keys = append(keys, p[i].key)
			}
		}
		if !slices.IsSorted(keys) || len(keys) != len(twin) {
			t.Fatalf("seed %d: %d keys, want %d", seed, len(keys), len(twin))
		}
		for _, key := range keys {
			check(key)
			x.remove(key)
		}
		if x.pieces != nil {
			t.Fatalf("seed %d: %d pieces are left", seed, len(x.pieces))
		}
	}
}
