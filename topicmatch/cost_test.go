package topicmatch_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/mqttwire/mqttwire/internal/race"
	"github.com/mqttwire/mqttwire/topicmatch"
)

func TestIndexNoAllocs(t *testing.T) {
	if race.Enabled {
		t.Skip("sync.Pool forgets at random under the race detector")
	}
	var x index
	for i := range 1000 {
		x.Subscribe(i, fmt.Appendf(nil, "a/%d/c", i%10), i)
		x.Subscribe(i, []byte("a/+/c"), i)
		x.Subscribe(i, []byte("$share/g/#"), i)
	}
	dst := make([]subscription, 0, 10000)
	name, text := []byte("a/7/c"), strings.Repeat("a/7/c", 1)
	n := 0
	tests := []struct {
		what string
		call func()
	}{
		{"AppendMatches", func() { dst = x.AppendMatches(dst[:0], name) }},
		{"AppendMatches of a string", func() { dst = x.AppendMatches(dst[:0], []byte(text)) }},
		{"AppendTurns", func() { dst = x.AppendTurns(dst[:0], name) }},
		{"Visit", func() { x.Visit(name, func(subscription) bool { n++; return true }) }},
		{"Get", func() { x.Get(7, name) }},
		{"Subscribe again", func() { x.Subscribe(7, []byte(text), 1) }},
		{"Subscribe and Unsubscribe", func() { x.Subscribe(8, name, 1); x.Unsubscribe(8, name) }},
	}
	for _, tt := range tests {
		tt.call()
		if n := testing.AllocsPerRun(100, tt.call); n != 0 {
			t.Errorf("%s: %v allocations", tt.what, n)
		}
	}
}

func TestNamesNoAllocs(t *testing.T) {
	if race.Enabled {
		t.Skip("sync.Pool forgets at random under the race detector")
	}
	var x topicmatch.Names[int]
	for i := range 1000 {
		x.Set(fmt.Appendf(nil, "a/%d/c", i), i)
	}
	name, text, filter := []byte("a/7/c"), strings.Repeat("a/7/c", 1), []byte("a/+/c")
	walk := x.Walk([]byte("#"))
	n := 0
	count := func([]byte, int) bool { n++; return true }
	tests := []struct {
		what string
		call func()
	}{
		{"Get", func() { x.Get(name) }},
		{"Get of a string", func() { x.Get([]byte(text)) }},
		{"Set again", func() { x.Set([]byte(text), 1) }},
		{"Visit", func() { x.Visit(filter, count) }},
		{"Visit of a string", func() { x.Visit([]byte(text), count) }},
		{"VisitLimit", func() { x.VisitLimit(filter, 10, count) }},
		{"Visit of a walk", func() { walk.Visit(3, count) }},
	}
	for _, tt := range tests {
		tt.call()
		if n := testing.AllocsPerRun(100, tt.call); n != 0 {
			t.Errorf("%s: %v allocations", tt.what, n)
		}
	}
}

// Unsubscribing and deleting give the memory back, whatever was there: most of
// it when most is gone, all of it when all is.
func TestMemoryReturned(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector's memory is counted with it")
	}
	const n = 50000
	x := new(topicmatch.Index[int, int])
	names := new(topicmatch.Names[int])
	topic := func(i int) []byte { return fmt.Appendf(nil, "%d/device-%d/+/x", i%10, i) }
	name := func(i int) []byte { return fmt.Appendf(nil, "%d/device-%d/x", i%10, i) }

	empty := heap()
	for i := range n {
		x.Subscribe(i%1000, topic(i), i)
		x.Subscribe(i, fmt.Appendf(nil, "$share/g%d/a", i), i)
		names.Set(name(i), i)
	}
	full := heap() - empty
	for i := range n - n/50 {
		if i%2 == 0 {
			x.UnsubscribeAll(i % 1000)
		}
		x.Unsubscribe(i%1000, topic(i))
		x.Unsubscribe(i, fmt.Appendf(nil, "$share/g%d/a", i))
		names.Delete(name(i))
	}
	if few := heap() - empty; few > full/8 {
		t.Errorf("of %d bytes %d are left with a fiftieth of the subscriptions and names", full, few)
	}
	for i := n - n/50; i < n; i++ {
		x.UnsubscribeAll(i % 1000)
		x.UnsubscribeAll(i)
		names.Delete(name(i))
	}
	if x.Len() != 0 || names.Len() != 0 {
		t.Fatalf("%d subscriptions and %d names are left", x.Len(), names.Len())
	}
	if none := int64(heap() - empty); none > 100_000 {
		t.Errorf("of %d bytes %d are left with nothing in the index", full, none)
	}
	x.Subscribe(1, []byte("a"), 1)
	names.Set([]byte("a"), 1)
}

// Churn that never lets the index shrink must not make it grow.
func TestMemoryUnderChurn(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector's memory is counted with it")
	}
	x := new(index)
	names := new(topicmatch.Names[int])
	turn := func(i int) {
		x.Subscribe(i, fmt.Appendf(nil, "level-%d/+", i), i)
		x.Unsubscribe(i-1000, fmt.Appendf(nil, "level-%d/+", i-1000))
		names.Set(fmt.Appendf(nil, "level-%d/a", i), i)
		names.Delete(fmt.Appendf(nil, "level-%d/a", i-1000))
	}
	for i := range 20000 {
		turn(i)
	}
	before := heap()
	for i := range 50000 {
		turn(20000 + i)
	}
	if grown := int64(heap() - before); grown > 300_000 {
		t.Errorf("1,000 subscriptions and names grew by %d bytes", grown)
	}
	runtime.KeepAlive(x)
	runtime.KeepAlive(names)
}

// The longest topics with the most levels are one pass over the bytes, and
// nothing recurs.
func TestDeepTopics(t *testing.T) {
	deep := []byte(strings.Repeat("/", 65535))
	plus := []byte(strings.Repeat("+/", 32766) + "+/#")
	var x index
	var names topicmatch.Names[int]
	for i, f := range [][]byte{deep, plus, []byte("#"), []byte("/#"), []byte("+")} {
		if _, _, err := x.Subscribe(i, f, i); err != nil {
			t.Fatal(err)
		}
	}
	var keys []int
	for _, s := range x.AppendMatches(nil, deep) {
		keys = append(keys, s.Key)
	}
	if len(keys) != 4 {
		t.Errorf("the deep topic has matches %v, want all but 4", keys)
	}
	if _, _, err := names.Set(deep, 1); err != nil {
		t.Fatal(err)
	}
	for _, f := range [][]byte{deep, plus, []byte("#"), []byte("/#")} {
		n := 0
		names.Visit(f, func(name []byte, v int) bool {
			if string(name) != string(deep) {
				t.Error("the deep name came back as another")
			}
			n++
			return true
		})
		if n != 1 {
			t.Errorf("%d names match a filter of %d bytes, want 1", n, len(f))
		}
	}
	for i := range 5 {
		x.UnsubscribeAll(i)
	}
	names.Delete(deep)
	if x.Len() != 0 || names.Len() != 0 {
		t.Error("something is left")
	}
}
