package topicmatch_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/mqttwire/mqttwire/topicmatch"
)

// A slowIndex is the twin of Index: it tries every subscription.
type slowIndex map[slowSub]int

type slowSub struct {
	key    int
	filter string
}

// found is a subscription in a match, its group told by the filter.
type found struct {
	Key, Value int
	Group      string
}

func (x slowIndex) match(name string) []found {
	var all []found
	for s, v := range x {
		filter, group := s.filter, ""
		if topicmatch.IsShared(filter) {
			_, filter, _ = topicmatch.SplitShared(filter)
			group = s.filter
		}
		if slowMatch(filter, name) {
			all = append(all, found{s.key, v, group})
		}
	}
	return sorted(all)
}

func sorted(all []found) []found {
	slices.SortFunc(all, func(a, b found) int {
		return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Value, b.Value), cmp.Compare(a.Group, b.Group))
	})
	return all
}

type index = topicmatch.Index[int, int]
type subscription = topicmatch.Subscription[int, int]

// matches runs all the ways to match, which must agree, and names the groups
// by their members: values are unique to a subscription in these tests.
func matches(t *testing.T, x *index, twin slowIndex, name string) []found {
	t.Helper()
	filters := make(map[int]string, len(twin))
	for s, v := range twin {
		filters[v] = s.filter
	}
	all := x.AppendMatches(nil, []byte(name))
	var visited []subscription
	x.Visit([]byte(name), func(s subscription) bool {
		visited = append(visited, s)
		return true
	})
	if d := gocmp.Diff(all, visited); d != "" {
		t.Fatalf("Visit(%q) differs from AppendMatches:\n%s", name, d)
	}

	var result []found
	names := make(map[topicmatch.Group]string)
	members := make(map[topicmatch.Group][]subscription)
	var last topicmatch.Group
	for _, s := range all {
		f := found{s.Key, s.Value, ""}
		if s.Group != 0 {
			f.Group = filters[s.Value]
			if n, ok := names[s.Group]; ok && (n != f.Group || last != s.Group) {
				t.Fatalf("match of %q: group %d is %q and %q, or not in one piece", name, s.Group, n, f.Group)
			}
			names[s.Group] = f.Group
			members[s.Group] = append(members[s.Group], s)
		}
		last = s.Group
		result = append(result, f)
	}

	var plain int
	for _, s := range x.AppendTurns(nil, []byte(name)) {
		if s.Group == 0 {
			plain++
			continue
		}
		if !slices.Contains(members[s.Group], s) {
			t.Fatalf("turns of %q: %v is no member of the group, or was taken twice", name, s)
		}
		delete(members, s.Group)
	}
	if len(members) != 0 || plain != len(slices.DeleteFunc(slices.Clone(all), func(s subscription) bool { return s.Group != 0 })) {
		t.Fatalf("turns of %q: not one of each group and all others", name)
	}
	return sorted(result)
}

var (
	opLevels  = []string{"", "a", "b", "c", "+", "$", "ü"}
	opNames   = paths(4, "", "a", "b", "c", "$", "ü", "d")
	opFilters = func() []string {
		all := paths(3, append(opLevels, "#")...)
		for _, f := range all[:len(all):len(all)] {
			if len(f) < 4 {
				all = append(all, "$share/a/"+f, "$share/g/"+f)
			}
		}
		return all
	}()
)

// step does one random change to both.
func step(t *testing.T, r *rand.Rand, x *index, twin slowIndex, keys, value int) {
	t.Helper()
	key := r.IntN(keys)
	filter := opFilters[r.IntN(len(opFilters))]
	if r.IntN(3) > 0 {
		filter = opFilters[r.IntN(40)]
	}
	s := slowSub{key, filter}
	want, had := twin[s]
	switch op := r.IntN(100); {
	case op < 60:
		old, replaced, err := x.Subscribe(key, []byte(filter), value)
		if err != nil || replaced != had || old != want {
			t.Fatalf("Subscribe(%d, %q) = %v, %v, %v, want %v, %v", key, filter, old, replaced, err, want, had)
		}
		twin[s] = value
	case op < 98:
		if v, ok := x.Get(key, []byte(filter)); ok != had || v != want {
			t.Fatalf("Get(%d, %q) = %v, %v, want %v, %v", key, filter, v, ok, want, had)
		}
		if old, removed := x.Unsubscribe(key, []byte(filter)); removed != had || old != want {
			t.Fatalf("Unsubscribe(%d, %q) = %v, %v, want %v, %v", key, filter, old, removed, want, had)
		}
		delete(twin, s)
	default:
		n := 0
		for s := range twin {
			if s.key == key {
				delete(twin, s)
				n++
			}
		}
		if got := x.UnsubscribeAll(key); got != n {
			t.Fatalf("UnsubscribeAll(%d) = %d, want %d", key, got, n)
		}
	}
	if x.Len() != len(twin) {
		t.Fatalf("Len() = %d, want %d", x.Len(), len(twin))
	}
}

func TestIndexOperations(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		var x index
		twin := slowIndex{}
		for i := range 2000 {
			step(t, r, &x, twin, 1+int(seed), i+1)
			if i%20 == 0 {
				name := opNames[r.IntN(len(opNames))]
				if d := gocmp.Diff(twin.match(name), matches(t, &x, twin, name)); d != "" {
					t.Fatalf("seed %d, step %d, match of %q (-want +got):\n%s", seed, i, name, d)
				}
			}
		}
	}
}

// Growing and shrinking pass through every way of packing.
func TestIndexGrowAndShrink(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var x index
	twin := slowIndex{}
	var subs []slowSub
	check := func() {
		t.Helper()
		for range 10 {
			name := fmt.Sprintf("%d/%d/x%d", r.IntN(3), r.IntN(20), r.IntN(200))
			if d := gocmp.Diff(twin.match(name), matches(t, &x, twin, name)); d != "" {
				t.Fatalf("%d subscriptions, match of %q (-want +got):\n%s", len(twin), name, d)
			}
		}
	}
	for round := range 3 {
		for i := range 3000 {
			levels := []string{fmt.Sprint(r.IntN(3)), fmt.Sprint(r.IntN(20)), fmt.Sprintf("x%d", r.IntN(200))}
			if n := r.IntN(6); n < 3 {
				levels[n] = "+"
			}
			if r.IntN(5) == 0 {
				levels[2] = "#"
			}
			filter := strings.Join(levels, "/")
			if r.IntN(10) == 0 {
				filter = "$share/g" + fmt.Sprint(r.IntN(3)) + "/" + filter
			}
			s := slowSub{r.IntN(500), filter}
			if _, had := twin[s]; !had {
				subs = append(subs, s)
			}
			twin[s] = round*3000 + i + 1
			x.Subscribe(s.key, []byte(s.filter), twin[s])
		}
		check()
		r.Shuffle(len(subs), func(i, j int) { subs[i], subs[j] = subs[j], subs[i] })
		for len(subs) > round*10 {
			s := subs[len(subs)-1]
			subs = subs[:len(subs)-1]
			if old, removed := x.Unsubscribe(s.key, []byte(s.filter)); !removed || old != twin[s] {
				t.Fatalf("Unsubscribe(%v) = %v, %v, want %v, true", s, old, removed, twin[s])
			}
			delete(twin, s)
			if len(subs)%300 == 0 {
				check()
			}
		}
	}
}
