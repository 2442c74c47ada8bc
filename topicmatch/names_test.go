package topicmatch_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/mqttwire/mqttwire/topicmatch"
)

type named struct {
	Name  string
	Value int
}

func visitAll(x *topicmatch.Names[int], filter string) (all []named) {
	x.Visit([]byte(filter), func(name []byte, v int) bool {
		all = append(all, named{string(name), v})
		return true
	})
	return sortNamed(all)
}

// slowVisit is the twin of Visit: it tries every name.
func slowVisit(twin map[string]int, filter string) (all []named) {
	for name, v := range twin {
		if slowMatch(filter, name) {
			all = append(all, named{name, v})
		}
	}
	return sortNamed(all)
}

func sortNamed(all []named) []named {
	slices.SortFunc(all, func(a, b named) int {
		switch {
		case a.Name < b.Name:
			return -1
		case a.Name > b.Name:
			return 1
		}
		return a.Value - b.Value
	})
	return all
}

func nameStep(t *testing.T, x *topicmatch.Names[int], twin map[string]int, set bool, name string, value int) {
	t.Helper()
	want, had := twin[name]
	if v, ok := x.Get([]byte(name)); ok != had || v != want {
		t.Fatalf("Get(%q) = %v, %v, want %v, %v", name, v, ok, want, had)
	}
	if set {
		if old, replaced, err := x.Set([]byte(name), value); err != nil || replaced != had || old != want {
			t.Fatalf("Set(%q) = %v, %v, %v, want %v, %v", name, old, replaced, err, want, had)
		}
		twin[name] = value
	} else {
		if old, deleted := x.Delete([]byte(name)); deleted != had || old != want {
			t.Fatalf("Delete(%q) = %v, %v, want %v, %v", name, old, deleted, want, had)
		}
		delete(twin, name)
	}
	if x.Len() != len(twin) {
		t.Fatalf("Len() = %d, want %d", x.Len(), len(twin))
	}
}

func TestNamesOperations(t *testing.T) {
	filters := paths(4, append(opLevels, "#")...)
	for seed := range uint64(10) {
		r := rand.New(rand.NewPCG(seed, 3))
		var x topicmatch.Names[int]
		twin := map[string]int{}
		for i := range 3000 {
			// Now more come than go, now the other way around.
			nameStep(t, &x, twin, r.IntN(100) < 30+40*(i/500%2), opNames[r.IntN(len(opNames))], i+1)
			if i%20 == 0 {
				filter := filters[r.IntN(len(filters))]
				if d := gocmp.Diff(slowVisit(twin, filter), visitAll(&x, filter)); d != "" {
					t.Fatalf("seed %d, step %d, visit of %q (-want +got):\n%s", seed, i, filter, d)
				}
			}
		}
		for name := range twin {
			nameStep(t, &x, twin, false, name, 0)
		}
	}
}

// Every filter of a small alphabet on all its names, in one set of names.
func TestNamesExhaustive(t *testing.T) {
	var x topicmatch.Names[int]
	twin := map[string]int{}
	for i, name := range paths(3, "", "a", "b", "$", "$a") {
		nameStep(t, &x, twin, true, name, i)
	}
	for _, filter := range paths(4, "", "a", "b", "$", "+", "#") {
		if d := gocmp.Diff(slowVisit(twin, filter), visitAll(&x, filter)); d != "" {
			t.Fatalf("visit of %q (-want +got):\n%s", filter, d)
		}
	}
}

func TestNamesGrowAndShrink(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	var x topicmatch.Names[int]
	twin := map[string]int{}
	for round := range 3 {
		for i := range 5000 {
			nameStep(t, &x, twin, true, fmt.Sprintf("%d/%d/x%d", r.IntN(3), r.IntN(20), r.IntN(2000)), i+1)
		}
		for name := range twin {
			if len(twin) <= round*10 {
				break
			}
			nameStep(t, &x, twin, false, name, 0)
			if len(twin)%1000 == 10 {
				for _, filter := range []string{"#", "1/#", "+/7/+", "2/3/#", "+/+/x5"} {
					if d := gocmp.Diff(slowVisit(twin, filter), visitAll(&x, filter)); d != "" {
						t.Fatalf("%d names, visit of %q (-want +got):\n%s", len(twin), filter, d)
					}
				}
			}
		}
	}
}

// The work is what the filter's prefixes lead to, and no more of it is done
// than the limit says.
func TestNamesVisitLimit(t *testing.T) {
	var x topicmatch.Names[int]
	for i := range 50 {
		for j := range 20 {
			x.Set(fmt.Appendf(nil, "a%d/b%d", i, j), i)
		}
	}
	tests := []struct {
		filter string
		work   int
	}{
		{"#", 50 + 50*20},
		{"a7/#", 1 + 20},
		{"a7/+", 1 + 20},
		{"a7/b7", 2},
		{"a7/b7/#", 2},
		{"a7", 1},
		{"+/b7", 50 + 50},
		{"+/+/b7", 50 + 50*20}, // finds nothing, and looks at everything
		{"+/+/nowhere", 0},
		{"nowhere/#", 0},
	}
	for _, tt := range tests {
		all, n := 0, 0
		if !x.VisitLimit([]byte(tt.filter), tt.work, func([]byte, int) bool { all++; return true }) {
			t.Errorf("%q took more than %d steps", tt.filter, tt.work)
		}
		if tt.work > 0 && x.VisitLimit([]byte(tt.filter), tt.work-1, func([]byte, int) bool { n++; return true }) {
			t.Errorf("%q took fewer than %d steps", tt.filter, tt.work)
		}
		if n > all {
			t.Errorf("%q found %d within the limit, %d in all", tt.filter, n, all)
		}
	}
	n := 0
	if !x.VisitLimit([]byte("#"), 1000, func([]byte, int) bool { n++; return n < 10 }) || n != 10 {
		t.Errorf("a visit that was stopped at 10 saw %d", n)
	}
}
