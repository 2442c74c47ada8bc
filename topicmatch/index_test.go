package topicmatch_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/leanovate/gopter"
	"github.com/leanovate/gopter/gen"
	"github.com/leanovate/gopter/prop"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/internal/topictwin"
	"github.com/mqttwire/mqttwire/topicmatch"
)

type index = topicmatch.Index[int, int]
type subscription = topicmatch.Subscription[int, int]

// Operations in any order leave an index and its twin with the same answers.
func TestIndexOperations(t *testing.T) {
	testOperations(t, topictwin.RunIndex)
}

func TestNamesOperations(t *testing.T) {
	testOperations(t, topictwin.RunNames)
}

func testOperations(t *testing.T, run func([]byte) error) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 30 {
		ops := make([]byte, 4000)
		for i := range ops {
			ops[i] = byte(r.Uint32())
		}
		if err := run(ops); err != nil {
			t.Fatal(err)
		}
	}
	// Short ones, which shrink to what fails.
	properties := gopter.NewProperties(nil)
	properties.Property("agrees with its twin", prop.ForAll(func(ops []byte) (string, error) {
		return "", run(ops)
	}, gen.SliceOf(gen.UInt8())))
	properties.TestingRun(t)
}

// Growing and shrinking pass through every way of packing.
func TestIndexGrowAndShrink(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	p := topictwin.Pair{Twin: topictwin.Index{}}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check := func() {
		t.Helper()
		for range 10 {
			must(p.Check(fmt.Sprintf("%d/%d/x%d", r.IntN(3), r.IntN(20), r.IntN(200))))
		}
	}
	var subs []topictwin.Subscription
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
			s := topictwin.Subscription{Key: r.IntN(500), Filter: filter}
			if _, had := p.Twin[s]; !had {
				subs = append(subs, s)
			}
			must(p.Subscribe(s.Key, s.Filter, round*3000+i+1))
		}
		check()
		r.Shuffle(len(subs), func(i, j int) { subs[i], subs[j] = subs[j], subs[i] })
		for len(subs) > round*10 {
			s := subs[len(subs)-1]
			subs = subs[:len(subs)-1]
			must(p.Unsubscribe(s.Key, s.Filter))
			if len(subs)%300 == 0 {
				check()
			}
		}
	}
}

// Many subscribers of one filter, and many filters of one key: neither makes
// the other's changes slow enough to notice here.
func TestIndexCrowds(t *testing.T) {
	const n = 20000
	var x index
	for i := range n {
		x.Subscribe(i, []byte("all/#"), i)
		x.Subscribe(-1, fmt.Appendf(nil, "one/%d", i), i)
	}
	if got := len(x.AppendMatches(nil, []byte("all/now"))); got != n {
		t.Errorf("%d matches, want %d", got, n)
	}
	for i := range n {
		if old, removed := x.Unsubscribe(i, []byte("all/#")); !removed || old != i {
			t.Fatalf("Unsubscribe(%d) = %v, %v", i, old, removed)
		}
	}
	if got := x.UnsubscribeAll(-1); got != n {
		t.Errorf("UnsubscribeAll = %d, want %d", got, n)
	}
}

// A filter that is subscribed to again and again is found at once, also where
// all that it had has gone and other filters have taken its place.
func TestIndexSameFilterAgain(t *testing.T) {
	p := topictwin.Pair{Twin: topictwin.Index{}}
	value := 0
	for _, filters := range [][2]string{{"a/b", "c/d"}, {"#", "a"}, {"$share/g/a/b", "a/b"}, {"a/#", "$share/g/a/#"}} {
		for round := range 3 {
			for i, filter := range []string{filters[0], filters[0], filters[1], filters[1], filters[0]} {
				value++
				if err := p.Subscribe(i, filter, value); err != nil {
					t.Fatal(err)
				}
				if err := p.Check("a/b"); err != nil {
					t.Fatal(err)
				}
				if i == 1 || round == 1 {
					for key := range i + 1 {
						if err := p.UnsubscribeAll(key); err != nil {
							t.Fatal(err)
						}
					}
				}
			}
		}
	}
}

// Each member of a group has its turn, also while members come and go, and
// only those that match a name are asked.
func TestIndexTurns(t *testing.T) {
	var x index
	turns := func(n int) (keys []int) {
		t.Helper()
		for range n {
			found := x.AppendTurns(nil, []byte("job/1"))
			if len(found) != 1 || found[0].Group == 0 {
				t.Fatalf("turn of %v, want one of the group", found)
			}
			keys = append(keys, found[0].Key)
		}
		slices.Sort(keys)
		return keys
	}
	for key := range 3 {
		x.Subscribe(key, []byte("$share/g/job/+"), key)
		x.Subscribe(key, []byte("$share/g/other"), key)
	}
	for range 5 {
		if keys := turns(3); !slices.Equal(keys, []int{0, 1, 2}) {
			t.Errorf("turns of %v, want each once", keys)
		}
	}
	for gone := range 2 {
		turns(gone + 1)
		x.Unsubscribe(gone, []byte("$share/g/job/+"))
		want := []int{1, 2}
		if gone == 1 {
			want = []int{2, 2}
		}
		if keys := turns(2); !slices.Equal(keys, want) {
			t.Errorf("turns of %v, want %v", keys, want)
		}
	}
	x.UnsubscribeAll(2)
	if found := x.AppendTurns(nil, []byte("job/1")); len(found) != 0 {
		t.Errorf("an empty group has turns: %v", found)
	}
}

// What is no filter is refused and changes nothing.
func TestIndexRefuses(t *testing.T) {
	var x index
	for filter, want := range map[string]error{
		"":                          mqttwire.ErrTopicEmpty,
		"a#":                        mqttwire.ErrMultiLevelWildcard,
		"a/b+":                      mqttwire.ErrSingleWildcard,
		"a\xff":                     mqttwire.ErrUTF8,
		"$share/g":                  mqttwire.ErrShareFilter,
		"$share//a":                 mqttwire.ErrShareName,
		strings.Repeat("a/", 32768): mqttwire.ErrTopicTooLong,
	} {
		if _, _, err := x.Subscribe(1, []byte(filter), 1); err != want {
			t.Errorf("Subscribe(%.10q) = %v, want %v", filter, err, want)
		}
		if _, removed := x.Unsubscribe(1, []byte(filter)); removed {
			t.Errorf("Unsubscribe(%.10q) removed something", filter)
		}
	}
	var names topicmatch.Names[int]
	if _, _, err := names.Set([]byte("a/+"), 1); err != mqttwire.ErrTopicWildcard {
		t.Errorf("Set of a filter = %v, want %v", err, mqttwire.ErrTopicWildcard)
	}
	if x.Len() != 0 || names.Len() != 0 {
		t.Error("what was refused is there")
	}
}
