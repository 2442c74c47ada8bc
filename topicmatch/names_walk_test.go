package topicmatch_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/mqttwire/mqttwire/internal/topictwin"
	"github.com/mqttwire/mqttwire/topicmatch"
)

// Walks that go on while names come and go, and the set grows and is packed, visit
// what is there all the time once, and nothing twice.
func TestWalkBesideChanges(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	p := topictwin.NamesPair{Twin: map[string]int{}}
	filters := []string{"#", "1/#", "+/7/+", "2/3/#", "+/+/x5", "+/#", "1/2/x3", "+/+/none"}
	for round := range 16_000 {
		var err error
		name := fmt.Sprintf("%d/%d/x%d", r.IntN(3), r.IntN(20), r.IntN(30))
		many := round/2000%2 == 0 // then few: most of it is given back
		switch x := r.IntN(20); {
		case x < 2 && many, x == 0:
			err = p.Set(name, round)
		case x < 8:
			if _, ok := p.Twin[name]; ok && (!many || x == 3) {
				err = p.Delete(name)
			} else if many {
				err = p.Set(name, round)
			}
		case x == 8:
			p.Begin(filters[r.IntN(len(filters))])
		default:
			err = p.GoOn(r.IntN(4), r.IntN(40))
		}
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
	}
	p.StopAll()
	for name := range p.Twin {
		if err := p.Delete(name); err != nil {
			t.Fatal(err)
		}
	}
	if n := p.Names.Nodes(); n != 0 {
		t.Errorf("%d nodes are left of names that are gone", n)
	}
}

// A walk takes as many steps as a visit, in slices of any size, and no more in one
// than it may.
func TestWalkSteps(t *testing.T) {
	var x topicmatch.Names[int]
	for i := range 50 {
		for j := range 20 {
			x.Set(fmt.Appendf(nil, "a%d/b%d", i, j), i)
		}
	}
	for _, tt := range []struct {
		filter      string
		work, found int
	}{{"#", 50 + 50*20, 1000}, {"a7/+", 1 + 20, 20}, {"+/+/b7", 50 + 50*20, 0}, {"+/+/nowhere", 0, 0}, {"a7/b7", 2, 1}} {
		for _, limit := range []int{1, 7, 1000, 10_000} {
			w := x.Walk([]byte(tt.filter))
			work, found, slices := 0, 0, 0
			for done := false; !done; slices++ {
				var left int
				left, done = w.Visit(limit, func([]byte, int) bool { found++; return true })
				if work += limit - left; left < 0 {
					t.Fatalf("%q: more than %d steps in a slice", tt.filter, limit)
				}
			}
			if work != tt.work || found != tt.found || slices > tt.work/limit+1 {
				t.Errorf("%q in slices of %d: %d steps, %d found, %d slices", tt.filter, limit, work, found, slices)
			}
		}
	}
}

// What a walk stands at and is deleted then goes when the walk goes on, or is
// stopped.
func TestWalkLetsGo(t *testing.T) {
	for name, goOn := range map[string]func(w *topicmatch.Walk[int]){
		"goes on": func(w *topicmatch.Walk[int]) { w.Visit(1000, func([]byte, int) bool { return true }) },
		"stopped": func(w *topicmatch.Walk[int]) { w.Stop() },
		"twice":   func(w *topicmatch.Walk[int]) { w.Stop(); w.Stop(); w.Visit(9, nil) },
	} {
		var x topicmatch.Names[int]
		x.Set([]byte("a/b/c"), 1)
		w := x.Walk([]byte("#"))
		w.Visit(1000, func([]byte, int) bool { return false })
		x.Delete([]byte("a/b/c"))
		if x.Nodes() != 3 {
			t.Errorf("%s: %d nodes where the walk stands", name, x.Nodes())
		}
		if goOn(w); x.Nodes() != 0 || x.Walks() != 0 {
			t.Errorf("%s: %d nodes and %d walks are left", name, x.Nodes(), x.Walks())
		}
	}
}

func TestWalksBesideWriter(t *testing.T) {
	var x topicmatch.Names[int]
	for i := range 20 {
		x.Set(fmt.Appendf(nil, "room/always/%d", i), -1)
	}
	var readers sync.WaitGroup
	var stop atomic.Bool
	for n := range 2 * runtime.GOMAXPROCS(0) {
		readers.Go(func() {
			for !stop.Load() {
				w := x.Walk([]byte("room/#"))
				always := 0
				for done := false; !done; {
					_, done = w.Visit(1+n, func(name []byte, v int) bool {
						if strings.HasPrefix(string(name), "room/always/") {
							always++
						}
						return true
					})
				}
				if always != 20 {
					t.Errorf("%d names of 20 that are always there", always)
				}
			}
		})
	}
	for round := range 200 {
		n := round % 10 * 10
		for i := range n {
			x.Set(fmt.Appendf(nil, "room/%d/x", i), i)
			x.Set(fmt.Appendf(nil, "other/%d", i), i)
		}
		for i := range n {
			x.Delete(fmt.Appendf(nil, "room/%d/x", i))
			x.Delete(fmt.Appendf(nil, "other/%d", i))
		}
	}
	stop.Store(true)
	readers.Wait()
	for i := range 20 {
		x.Delete(fmt.Appendf(nil, "room/always/%d", i))
	}
	if x.Nodes() != 0 || x.Walks() != 0 {
		t.Errorf("%d nodes and %d walks are left", x.Nodes(), x.Walks())
	}
}
