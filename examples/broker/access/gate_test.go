package access

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

func TestGate(t *testing.T) {
	const n, queue = 2, 3
	g := newGate(n, queue)
	for range n {
		if !g.enter() {
			t.Fatal("no slot")
		}
	}
	var waiting sync.WaitGroup
	var inside, most atomic.Int32
	for range n * queue {
		waiting.Go(func() {
			if !g.enter() {
				t.Error("no room to wait in")
				return
			}
			defer g.leave()
			now := inside.Add(1)
			for old := most.Load(); now > old && !most.CompareAndSwap(old, now); old = most.Load() {
			}
			runtime.Gosched()
			inside.Add(-1)
		})
	}
	for len(g.room) < cap(g.room) {
		runtime.Gosched()
	}
	if g.enter() {
		t.Error("one more than there is room for")
	}
	var users Users
	if got := users.check(g, "alice", []byte("secret")); got != Busy {
		t.Error(got)
	}
	for range n {
		g.leave()
	}
	waiting.Wait()
	if got := most.Load(); got > n {
		t.Errorf("%d at once", got)
	}
	if len(g.room) != 0 || len(g.slots) != 0 {
		t.Errorf("%d and %d left behind", len(g.room), len(g.slots))
	}
	if !g.enter() {
		t.Error("no slot after all have left")
	}
}

// A flood of clients: each gets an answer, and the right one or Busy.
func TestCheckConcurrent(t *testing.T) {
	users, _, err := ParseUsers([]byte(testLine(t, "alice", "secret", MinIterations)))
	if err != nil {
		t.Fatal(err)
	}
	g := newGate(2, 4)
	var all sync.WaitGroup
	var count [OK + 1]atomic.Int32
	for i := range 60 {
		all.Go(func() {
			name, password, want := "alice", "secret", OK
			switch i % 3 {
			case 1:
				password, want = "Secret", Wrong
			case 2:
				name, want = "bob", Unknown
			}
			got := users.check(g, name, []byte(password))
			if got != want && got != Busy {
				t.Errorf("%q: %v, want %v", name, got, want)
			}
			count[got].Add(1)
		})
	}
	all.Wait()
	if answered := 60 - count[Busy].Load(); answered < 10 {
		t.Errorf("%d answers", answered)
	}
}
