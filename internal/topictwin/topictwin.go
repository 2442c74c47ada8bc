// Package topictwin holds the twins of package topicmatch: the same answers,
// found the slow and obvious way, and operations on both at once, driven by
// bytes, for property tests and fuzzers.
package topictwin

import (
	"fmt"
	"strings"
)

// Match is the twin of topicmatch.Match: the standard's rules, level by level
// (5.0 §4.7).
func Match(filter, name string) bool {
	f, n := strings.Split(filter, "/"), strings.Split(name, "/")
	if strings.HasPrefix(name, "$") && (f[0] == "+" || f[0] == "#") {
		return false
	}
	for i, level := range f {
		switch {
		case level == "#":
			return len(n) >= i
		case i >= len(n):
			return false
		case level != "+" && level != n[i]:
			return false
		}
	}
	return len(f) == len(n)
}

// Paths returns every path of one to depth of the given levels, except for the
// empty string, which is neither a name nor a filter. A "#" is only last.
func Paths(depth int, levels ...string) []string {
	var all []string
	prefixes := []string{""}
	for d := range depth {
		var next []string
		for _, p := range prefixes {
			for _, l := range levels {
				path := p + "/" + l
				if d == 0 {
					path = l
				}
				if path != "" {
					all = append(all, path)
				}
				if l != "#" {
					next = append(next, path)
				}
			}
		}
		prefixes = next
	}
	return all
}

// Covers reports what is wrong with an answer of topicmatch.Covers to filters
// whose levels are among those given: the twin asks all names of one level
// more than both have, of those levels and of two that neither has.
func Covers(filter, other string, got bool, levels ...string) error {
	depth := 2 + max(strings.Count(filter, "/"), strings.Count(other, "/"))
	want := true
	for _, name := range Paths(depth, append(levels, "other", "$other")...) {
		if Match(other, name) && !Match(filter, name) {
			want = false
			if got {
				return fmt.Errorf("Covers(%q, %q), and yet %q matches only the other", filter, other, name)
			}
		}
	}
	if !got && want {
		return fmt.Errorf("Covers(%q, %q) is false, and no name shows it", filter, other)
	}
	return nil
}

// The filters and names that operations use: few, so that they meet.
var (
	filters = func() []string {
		plain := Paths(3, "", "a", "b", "ü", "$", "+", "#")
		all := plain
		for _, f := range plain {
			if len(f) < 4 {
				all = append(all, "$share/a/"+f, "$share/g/"+f)
			}
		}
		return all
	}()
	names = Paths(4, "", "a", "b", "ü", "$", "other")
)

// input hands out the bytes that drive operations.
type input []byte

func (in *input) byte() int {
	if len(*in) == 0 {
		return 0
	}
	b := (*in)[0]
	*in = (*in)[1:]
	return int(b)
}

func (in *input) pick(list []string) string {
	// Half of the picks are from the first few, so that they repeat.
	n := in.byte()
	if n&1 == 0 {
		return list[n/2%min(len(list), 24)]
	}
	return list[(n/2*256+in.byte())%len(list)]
}
