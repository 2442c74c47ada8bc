package main

import (
	"fmt"
	"slices"
	"testing"

	"github.com/mqttwire/mqttwire/topicmatch"
)

// All find the same on what is measured.
func TestAgreeOnLoad(t *testing.T) {
	for _, n := range []int{1000, 30000} {
		in := newInput(n)
		all := make([]contender, len(contenders))
		for i, c := range contenders {
			all[i] = c.make(in)
			for j := range n {
				all[i].subscribe(j, in.keyOf(j))
			}
		}
		for topic := range min(2000, len(in.topics)) {
			want := clients(all[0].keys(topic))
			for i := range all[1:] {
				if got := clients(all[i+1].keys(topic)); !slices.Equal(got, want) {
					t.Fatalf("%s finds %v of %q, mqttwire %v", contenders[i+1].name, got, in.topics[topic], want)
				}
			}
		}
	}
}

// clients is who was found, as a set: some report a client once.
func clients(keys []uint64) []uint64 {
	slices.Sort(keys)
	return slices.Compact(keys)
}

// Where the others differ from the standard, which Match follows, is logged:
// mochi misses what "#" takes of its parent level behind a "+", and NATS is
// another protocol, without empty levels, "$" and the parent level.
func TestWherePeersDiffer(t *testing.T) {
	topics := []string{"a", "/", "a/", "/a", "a/b", "a//b", "$SYS", "$SYS/a"}
	filters := []string{"a", "a/#", "a/+", "a/+/#", "+", "+/#", "+/+", "#", "/", "/#", "/+", "+/", "a//b", "a/+/b", "$SYS/#", "$SYS/+"}
	got := map[string][]string{}
	for f, filter := range filters {
		in := inputOf(filters[f:f+1], topics, 1)
		for _, c := range contenders {
			x := c.make(in)
			x.subscribe(0, 0)
			for i, topic := range topics {
				want, is := topicmatch.Match(filter, topic), len(x.keys(i)) == 1
				switch {
				case want && !is:
					got[c.name] = append(got[c.name], fmt.Sprintf("%s misses %s", filter, topic))
				case !want && is:
					got[c.name] = append(got[c.name], fmt.Sprintf("%s takes %s", filter, topic))
				}
			}
		}
	}
	for _, c := range contenders {
		t.Logf("%s: %d of %d differ: %q", c.name, len(got[c.name]), len(filters)*len(topics), got[c.name])
	}
	if n := len(got["mqttwire"]); n != 0 {
		t.Errorf("mqttwire differs %d times", n)
	}
}
