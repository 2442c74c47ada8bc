package topicmatch_test

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/mqttwire/mqttwire/topicmatch"
)

// Readers beside a writer see one of the states between its changes: the
// filters of key 1 come one by one in order and go all at once, both halves of
// a value change together, a group has one member or two. Meanwhile the tables
// grow, shrink and are packed.
func TestIndexReadersBesideWriter(t *testing.T) {
	type halves struct{ a, b int }
	var x topicmatch.Index[int, halves]
	filters := []string{"s/+", "s/t", "s/#", "+/t"}
	topic := []byte("s/t")
	x.Subscribe(2, []byte("s/t"), halves{})
	x.Subscribe(3, []byte("$share/g/s/t"), halves{})

	var readers sync.WaitGroup
	var stop atomic.Bool
	var states [5]atomic.Int64
	for range 2 * runtime.GOMAXPROCS(0) {
		readers.Go(func() {
			var found []topicmatch.Subscription[int, halves]
			for !stop.Load() {
				found = x.AppendMatches(found[:0], topic)
				var ones []int
				var twos, members int
				for _, s := range found {
					if s.Value.a != s.Value.b {
						t.Errorf("half a value: %v", s.Value)
					}
					switch {
					case s.Group != 0:
						members++
					case s.Key == 1:
						ones = append(ones, s.Value.a)
					case s.Key == 2:
						twos++
					}
				}
				slices.Sort(ones)
				for i, v := range ones {
					if v%8 != i || v/8 != ones[0]/8 {
						t.Errorf("key 1 has filters %v: no state that was", ones)
					}
				}
				if twos != 1 || members < 1 || members > 2 {
					t.Errorf("key 2 found %d times, the group with %d members", twos, members)
				}
				states[len(ones)].Add(1)
				if n := len(x.AppendTurns(nil, topic)); n < 2 || n > 6 {
					t.Errorf("%d turns", n)
				}
				x.Get(2, []byte("s/t"))
			}
		})
	}
	for round := range 40 {
		for i, f := range filters {
			v := round*8 + i
			x.Subscribe(1, []byte(f), halves{v, v})
			x.Subscribe(2, []byte("s/t"), halves{v, v})
		}
		for i := range 60 * (round % 10) {
			x.Subscribe(100+i, fmt.Appendf(nil, "%d/%d/+", round, i), halves{})
		}
		x.Subscribe(4, []byte("$share/g/s/t"), halves{round, round})
		x.UnsubscribeAll(4)
		x.UnsubscribeAll(1)
		for i := range 60 * (round % 10) {
			x.UnsubscribeAll(100 + i)
		}
	}
	stop.Store(true)
	readers.Wait()
	if x.Len() != 2 {
		t.Errorf("%d subscriptions left, want 2", x.Len())
	}
}

// The same of names: those of one room are set in order and deleted backwards.
func TestNamesReadersBesideWriter(t *testing.T) {
	var x topicmatch.Names[int]
	x.Set([]byte("room/always"), -1)
	var readers sync.WaitGroup
	var stop atomic.Bool
	for range 2 * runtime.GOMAXPROCS(0) {
		readers.Go(func() {
			for !stop.Load() {
				var seen []int
				x.Visit([]byte("room/#"), func(name []byte, v int) bool {
					if want := fmt.Sprintf("room/%d/x", v); v >= 0 && string(name) != want {
						t.Errorf("%q has the value of %q", name, want)
					}
					seen = append(seen, v)
					return true
				})
				slices.Sort(seen)
				for i, v := range seen {
					if v != i-1 {
						t.Errorf("names %v: no state that was", seen)
					}
				}
			}
		})
	}
	for round := range 100 {
		n := round % 10 * 10
		for i := range n {
			x.Set(fmt.Appendf(nil, "room/%d/x", i), i)
			x.Set(fmt.Appendf(nil, "other/%d", i), i)
		}
		for i := n - 1; i >= 0; i-- {
			x.Delete(fmt.Appendf(nil, "room/%d/x", i))
			x.Delete(fmt.Appendf(nil, "other/%d", i))
		}
	}
	stop.Store(true)
	readers.Wait()
}

// A visit holds changes off and lets them in again, however it ends.
func TestVisitEndsEarly(t *testing.T) {
	var x topicmatch.Index[int, int]
	var names topicmatch.Names[int]
	for i := range 10 {
		x.Subscribe(i, []byte("a/#"), i)
		x.Subscribe(i, []byte("$share/g/a"), i)
		names.Set(fmt.Appendf(nil, "a/%d", i), i)
	}
	for stopAt := 1; stopAt <= 20; stopAt++ {
		n := 0
		x.Visit([]byte("a"), func(topicmatch.Subscription[int, int]) bool { n++; return n < stopAt })
		if n != stopAt {
			t.Errorf("visit to be stopped at %d saw %d", stopAt, n)
		}
	}
	func() {
		defer func() { recover() }()
		x.Visit([]byte("a"), func(topicmatch.Subscription[int, int]) bool { panic("visit") })
	}()
	func() {
		defer func() { recover() }()
		names.Visit([]byte("#"), func([]byte, int) bool { panic("visit") })
	}()
	x.Subscribe(1, []byte("b"), 1) // would hang
	names.Set([]byte("b"), 1)
	if n := len(x.AppendMatches(nil, []byte("a"))); n != 20 {
		t.Errorf("%d matches, want 20", n)
	}
}
