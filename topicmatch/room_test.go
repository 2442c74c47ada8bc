package topicmatch

import (
	"fmt"
	"strings"
	"testing"
)

// countPasses has a test fail where a pass over more than a few elements keeps
// readers out, and returns a function that says how long the longest pass was.
func countPasses(t *testing.T, l *lock) (longest func() int) {
	most := 0
	onPass = func(n int) {
		most = max(most, n)
		if n > 16 && l.writing.Load() {
			t.Helper()
			t.Errorf("a pass over %d keeps readers out", n)
		}
	}
	t.Cleanup(func() { onPass = func(int) {} })
	return func() int { return most }
}

// An index that grows and shrinks keeps no match waiting for a pass.
func TestIndexPassesBesideReaders(t *testing.T) {
	const n = 20000
	var x Index[int, int]
	longest := countPasses(t, &x.lock)
	filter := func(i int) []byte { return fmt.Appendf(nil, "a/%d/b/+/%d", i%100, i) }
	for range 2 {
		for i := range n {
			x.Subscribe(i%3000, filter(i), i)
			x.Subscribe(i, []byte("all"), i)
			x.Subscribe(i, fmt.Appendf(nil, "$share/%d/all", i%1000), i)
		}
		for i := range n - n/100 {
			x.Unsubscribe(i, []byte("all"))
			x.Unsubscribe(i, fmt.Appendf(nil, "$share/%d/all", i%1000))
			x.Unsubscribe(i%3000, filter(i))
		}
		for i := range n {
			x.UnsubscribeAll(i)
		}
	}
	if x.Len() != 0 || longest() < n {
		t.Errorf("%d subscriptions are left, and the longest pass was over %d", x.Len(), longest())
	}
}

func TestNamesPassesBesideReaders(t *testing.T) {
	const n = 20000
	var x Names[int]
	longest := countPasses(t, &x.lock)
	name := func(i int) []byte { return fmt.Appendf(nil, "a/%d/b/%d", i%100, i) }
	for range 2 {
		for i := range n {
			x.Set(name(i), i)
		}
		for i := range n {
			x.Delete(name(i))
		}
	}
	if x.Len() != 0 || longest() < n {
		t.Errorf("%d names are left, and the longest pass was over %d", x.Len(), longest())
	}
}

// Levels that come and go leave their text behind, which is copied together
// beside readers, too.
func TestLevelTextBesideReaders(t *testing.T) {
	var x Index[int, int]
	countPasses(t, &x.lock)
	for i := range 400 {
		x.Subscribe(i, fmt.Appendf(nil, "level %d", i), i)
	}
	long := strings.Repeat("x", 5000)
	for i := range 500 {
		x.Subscribe(0, fmt.Appendf(nil, "%s%d", long, i), i)
		x.Unsubscribe(0, fmt.Appendf(nil, "%s%d", long, i))
	}
	if n := len(x.tree.levels.chunks); n > 4 {
		t.Errorf("%d bytes of text take %d chunks", x.tree.levels.size, n)
	}
	for i := range 400 {
		if _, ok := x.Get(i, fmt.Appendf(nil, "level %d", i)); !ok {
			t.Errorf("subscription %d is gone", i)
		}
	}
}

// Many subscriptions of many levels go in slices of a bounded number of steps.
func TestLeaveInSlices(t *testing.T) {
	const n, levels = 1000, 100
	var x Index[int, int]
	countPasses(t, &x.lock)
	tail := strings.Repeat("/+", levels-1)
	for i := range n {
		x.Subscribe(1, fmt.Appendf(nil, "%d%s", i, tail), i)
		x.Subscribe(2, fmt.Appendf(nil, "$share/g%d/a", i), i)
	}
	h := keyHash(1)
	for left := n; left > 0; {
		removed, more, steps := x.removeSome(h, x.first(h, 1))
		if want := removed * (levels + 1); steps != want || steps >= sliceSteps+levels+1 {
			t.Fatalf("%d subscriptions went in %d steps, want %d", removed, steps, want)
		}
		if left -= removed; more != (left > 0) || x.Len() != left+n {
			t.Fatalf("%d subscriptions of %d are left, more = %v", x.Len(), left+n, more)
		}
		x.Subscribe(3, []byte("between/slices"), left)
		x.Unsubscribe(3, []byte("between/slices"))
		if got := len(x.AppendMatches(nil, []byte("a"))); got != n {
			t.Fatalf("between slices %d match, want %d", got, n)
		}
	}
	slices := 0
	for more := true; more; slices++ {
		var some int
		if some, more = x.UnsubscribeSome(2); some > sliceSteps {
			t.Errorf("%d subscriptions went at once", some)
		}
	}
	if x.Len() != 0 || slices < n/sliceSteps {
		t.Errorf("%d subscriptions are left after %d slices", x.Len(), slices)
	}
}
