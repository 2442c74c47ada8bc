package access

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// line has many enter one after the other, each once the one before waits.
func line(t *testing.T, turns *turns, all *sync.WaitGroup, origins string, each func(origin string, in bool)) {
	t.Helper()
	count := func() (n int) {
		turns.mu.Lock()
		defer turns.mu.Unlock()
		return turns.waiting
	}
	for _, o := range strings.Fields(origins) {
		before := count()
		all.Go(func() { each(o, turns.enter(o)) })
		for count() == before {
			runtime.Gosched()
		}
	}
}

// Origins take turns, however many of one wait.
func TestTurns(t *testing.T) {
	turns := newTurns(1, 10, 100)
	if !turns.enter("first") {
		t.Fatal("nobody is there, and there is no turn")
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	var order []string
	line(t, turns, &all, "a a a a b a c b", func(o string, in bool) {
		if !in {
			t.Errorf("%s is refused", o)
		}
		mu.Lock()
		order = append(order, o)
		mu.Unlock()
		turns.leave(o)
	})
	turns.leave("first")
	all.Wait()
	if want := strings.Fields("a b c a b a a a"); !slices.Equal(order, want) {
		t.Errorf("%v, want %v", order, want)
	}
	if len(turns.queues) != 0 || len(turns.rotation) != 0 || turns.waiting != 0 || turns.free != 1 {
		t.Errorf("left behind: %+v", turns)
	}
}

// One origin has one turn at a time, although there is room for more.
func TestTurnsOneAtATime(t *testing.T) {
	turns := newTurns(4, 100, 100)
	var all sync.WaitGroup
	var inside, most atomic.Int32
	for i := range 40 {
		all.Go(func() {
			origin := fmt.Sprint(i % 2)
			if !turns.enter(origin) {
				t.Error("refused")
				return
			}
			now := inside.Add(1)
			for old := most.Load(); now > old && !most.CompareAndSwap(old, now); old = most.Load() {
			}
			runtime.Gosched()
			inside.Add(-1)
			turns.leave(origin)
		})
	}
	all.Wait()
	if n := most.Load(); n > 2 {
		t.Errorf("%d at once of two origins", n)
	}
}

// Who has many waiting is refused.
func TestTurnsFull(t *testing.T) {
	turns := newTurns(1, 2, 3)
	turns.enter("first")
	var all sync.WaitGroup
	var in atomic.Int32
	count := func(o string, ok bool) {
		if ok {
			in.Add(1)
			turns.leave(o)
		}
	}
	line(t, turns, &all, "a a", count)
	if turns.enter("a") {
		t.Error("a third of two that may wait of an origin")
	}
	line(t, turns, &all, "b", count)
	if turns.enter("b") {
		t.Error("one more than may wait, of who has as many as the others then")
	}
	turns.leave("first")
	all.Wait()
	if in.Load() != 3 {
		t.Errorf("%d of three that waited had their turn", in.Load())
	}
}

// Where all is full the last of those who have many waiting gives way to who has
// none.
func TestTurnsMakeRoom(t *testing.T) {
	turns := newTurns(1, 4, 4)
	turns.enter("first")
	var all sync.WaitGroup
	var refused, let atomic.Int32
	line(t, turns, &all, "a a a a", func(o string, ok bool) {
		if ok {
			turns.leave(o)
		} else {
			refused.Add(1)
		}
	})
	for _, o := range []string{"b", "c"} {
		all.Go(func() {
			if !turns.enter(o) {
				t.Errorf("%s is refused, who has nobody waiting", o)
				return
			}
			let.Add(1)
			turns.leave(o)
		})
	}
	for refused.Load() < 2 {
		runtime.Gosched()
	}
	turns.leave("first")
	all.Wait()
	if refused.Load() != 2 || let.Load() != 2 {
		t.Errorf("%d refused, %d of others let in", refused.Load(), let.Load())
	}
}
