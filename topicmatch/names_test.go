package topicmatch_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/mqttwire/mqttwire/internal/topictwin"
	"github.com/mqttwire/mqttwire/topicmatch"
)

// Every filter of a small alphabet on all its names, in one set of names.
func TestNamesExhaustive(t *testing.T) {
	p := topictwin.NamesPair{Twin: map[string]int{}}
	for i, name := range topictwin.Paths(3, "", "a", "b", "$", "$a") {
		if err := p.Set(name, i); err != nil {
			t.Fatal(err)
		}
	}
	for _, filter := range topictwin.Paths(4, "", "a", "b", "$", "+", "#") {
		if err := p.Check(filter); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNamesGrowAndShrink(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	p := topictwin.NamesPair{Twin: map[string]int{}}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for round := range 3 {
		for i := range 5000 {
			must(p.Set(fmt.Sprintf("%d/%d/x%d", r.IntN(3), r.IntN(20), r.IntN(2000)), i+1))
		}
		for name := range p.Twin {
			if len(p.Twin) <= round*10 {
				break
			}
			must(p.Delete(name))
			if len(p.Twin)%1000 == 10 {
				for _, filter := range []string{"#", "1/#", "+/7/+", "2/3/#", "+/+/x5"} {
					must(p.Check(filter))
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
		see := func([]byte, int) bool { return true }
		if !x.VisitLimit([]byte(tt.filter), tt.work, see) {
			t.Errorf("%q took more than %d steps", tt.filter, tt.work)
		}
		if tt.work > 0 && x.VisitLimit([]byte(tt.filter), tt.work-1, see) {
			t.Errorf("%q took fewer than %d steps", tt.filter, tt.work)
		}
	}
	n := 0
	if !x.VisitLimit([]byte("#"), 1000, func([]byte, int) bool { n++; return n < 10 }) || n != 10 {
		t.Errorf("a visit that was stopped at 10 saw %d", n)
	}
}
