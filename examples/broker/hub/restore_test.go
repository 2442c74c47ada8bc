package hub

import (
	"testing"

	"github.com/mqttwire/mqttwire/examples/broker/keep"
	"github.com/mqttwire/mqttwire/examples/broker/keep/keeptest"
)

// What a log says of sessions is charged as it is read, and freed with them: when
// all have ended in it, nothing is left.
func TestRestoreChargesAndFrees(t *testing.T) {
	for seed := range uint64(200) {
		life := keeptest.NewLife(seed)
		var all []keep.Record
		ended := map[string]bool{}
		for range 1 + seed*10 {
			r := life.Next()
			if r.Kind == keep.MessageRetained {
				continue // is nobody's session's
			}
			all = append(all, r)
			if r.Kind == keep.SessionKept || r.Kind == keep.SessionEnded {
				ended[r.Client] = r.Kind == keep.SessionEnded
			}
		}
		for client, over := range ended {
			if !over {
				all = append(all, keep.Record{Kind: keep.SessionEnded, Client: client})
			}
		}
		s := newStage(t, Config{Store: keeptest.NewRecorder(all...)})
		if err := s.hub.Restore(s.hub.Worker(0)); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if left := s.hub.Leftover(); left != "" {
			t.Fatalf("seed %d: all have left, and there is still: %s", seed, left)
		}
	}
}
