package access

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/mqttwire/mqttwire/internal/topictwin"
	"github.com/mqttwire/mqttwire/topicmatch"
)

// overlap reports whether a rule touches a filter, by a tree of that rule alone.
func overlap(rule_, filter string) bool {
	return rule_ != "" && touches((*tree)(nil).add(rule{deny, rule_}), filter)
}

func touches(t *tree, filter string) bool {
	return filter != "" && new(walk).touching(t, top(filter)) != 0
}

func top(s string) levels { return levels{rest: []byte(s), top: true, bare: true} }

// rules returns the rules of a tree, by filter.
func (t *tree) rules(path string) (all []rule) {
	add := func(a access, filter string) {
		for _, part := range []access{a & (read | write), a & deny} {
			if part != 0 {
				all = append(all, rule{part, strings.TrimPrefix(filter, "/")})
			}
		}
	}
	if t == nil {
		return nil
	}
	add(t.end, path)
	add(t.all, path+"/#")
	all = append(all, t.plus.rules(path+"/+")...)
	for _, level := range slices.Sorted(maps.Keys(t.below)) {
		all = append(all, t.below[level].rules(path+"/"+level)...)
	}
	return all
}

func TestOverlap(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{"a", "a", true},
		{"a", "b", false},
		{"a", "a/b", false},
		{"a/b", "a/", false},
		{"#", "#", true},
		{"#", "a/b/c", true},
		{"+", "a", true},
		{"+", "a/b", false},
		{"+/b", "a/+", true},
		{"+/b/c", "a/+", false},
		{"a/#", "a", true},
		{"a/#", "a/b/c", true},
		{"a/#", "+", true},
		{"a/#", "+/b/#", true},
		{"a/#", "b/#", false},
		{"a/+/c", "a/b/#", true},
		{"a/+/c/#", "+/b/c", true},
		{"a/b/#", "a/+", true},
		{"a/b/#", "a", false},
		{"a/b/c/#", "a/+", false},
		{"/#", "+", false}, // only the empty name could be both
		{"/#", "+/+", true},
		{"/#", "#", true},
		{"//#", "+/+", true},
		{"/+/#", "+", false},
		{"+/#", "a", true},
		{"#", "$SYS/#", false},
		{"+/a", "$SYS/a", false},
		{"+/#", "$SYS", false},
		{"$SYS/#", "$SYS/+/a", true},
		{"$SYS/#", "$SYS", true},
		{"a/+", "a/$b", true},
		{"$a", "$b", false},
	} {
		if got := overlap(tt.a, tt.b); got != tt.want {
			t.Errorf("overlap(%q, %q) = %v", tt.a, tt.b, got)
		}
		if got := overlap(tt.b, tt.a); got != tt.want {
			t.Errorf("overlap(%q, %q) = %v", tt.b, tt.a, got)
		}
	}
}

// Two filters overlap if a name is matched by both. One level that neither has
// stands for all that they do not name, and one level more than they have for
// all longer names.
func TestOverlapExhaustive(t *testing.T) {
	for _, tt := range []struct{ names, filters []string }{
		{topictwin.Paths(4, "", "a", "b", "$x", "z", "$z"), topictwin.Paths(3, "", "a", "b", "$x", "+", "#")},
		{topictwin.Paths(5, "", "a", "z"), topictwin.Paths(4, "", "a", "+", "#")},
		{topictwin.Paths(3, "a", "ab", "$", "$a"), topictwin.Paths(2, "a", "ab", "$", "$a", "+", "#")},
	} {
		matched := make([]bits, len(tt.filters))
		for i, f := range tt.filters {
			matched[i] = make(bits, len(tt.names)/64+1)
			for j, n := range tt.names {
				if topictwin.Match(f, n) {
					matched[i][j/64] |= 1 << (j % 64)
				}
			}
		}
		for i, a := range tt.filters {
			alone := (*tree)(nil).add(rule{deny, a})
			for j, b := range tt.filters {
				if got, want := touches(alone, b), matched[i].meet(matched[j]); got != want {
					t.Fatalf("overlap(%q, %q) = %v, want %v", a, b, got, want)
				}
				if got, want := new(walk).covering(alone, top(b)) != 0, topicmatch.Covers(a, b); got != want {
					t.Fatalf("%q covers %q: %v, want %v", a, b, got, want)
				}
			}
		}
	}
}

// bits is a set of names, by number.
type bits []uint64

func (b bits) meet(other bits) bool {
	for i := range b {
		if b[i]&other[i] != 0 {
			return true
		}
	}
	return false
}

// What is not valid gets an answer, whichever it is, and no panic; a filter
// that covers another overlaps it.
func TestOverlapGarbage(t *testing.T) {
	all := append(topictwin.Paths(2, "", "a", "+", "#", "a+", "#a", "\xff", "\x00", "+#"), "", "#/", "#/#", "#/a/+")
	for _, a := range all {
		for _, b := range all {
			got := overlap(a, b)
			if topicmatch.CheckFilter(a) == nil && topicmatch.CheckFilter(b) == nil && topicmatch.Covers(a, b) && !got {
				t.Errorf("%q covers %q and does not overlap it", a, b)
			}
		}
	}
}

// Many rules together say what each says.
func TestTreeOfMany(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	names, filters := topictwin.Paths(3, "", "a", "b", "$x"), topictwin.Paths(3, "", "a", "b", "$x", "+", "#")
	for range 200 {
		var all []rule
		var tree *tree
		for range random.IntN(8) {
			r := rule{access(1 + random.IntN(7)), filters[random.IntN(len(filters))]}
			all, tree = append(all, r), tree.add(r)
		}
		said := func(says func(filter string) bool) (a access) {
			for _, r := range all {
				if says(r.filter) {
					a |= r.access
				}
			}
			return a
		}
		for _, n := range names {
			if got, want := new(walk).matching(tree, top(n)), said(func(f string) bool { return topicmatch.Match(f, n) }); got != want {
				t.Fatalf("%v: %q is %b, want %b", all, n, got, want)
			}
		}
		for _, b := range filters {
			if got, want := new(walk).covering(tree, top(b)), said(func(f string) bool { return topicmatch.Covers(f, b) }); got != want {
				t.Fatalf("%v: %b cover %q, want %b", all, got, b, want)
			}
			if got, want := new(walk).touching(tree, top(b)), said(func(f string) bool { return overlap(f, b) }); got != want {
				t.Fatalf("%v: %b touch %q, want %b", all, got, b, want)
			}
		}
	}
}

// A SUBSCRIBE of as many filters as fit, against 501 rules: the work is that of the
// filters, whatever the rules.
func TestDeniedInBoundedWork(t *testing.T) {
	var file strings.Builder
	for i := range 500 {
		fmt.Fprintf(&file, "topic readwrite allowed/%d\ntopic deny allowed/%d/secret\n", i, i)
	}
	file.WriteString("topic readwrite +/+/public\n")
	r := parseACL(t, file.String()).For("guilty", "c")
	const filters = 74_892
	var w walk
	for i := range filters {
		if r.subscribe(fmt.Appendf(nil, "secret/%d", i), &w) {
			t.Fatal("allowed")
		}
	}
	if most := 8 * filters; w.steps > most {
		t.Errorf("%d steps, more than %d", w.steps, most)
	}
	w = walk{}
	if r.subscribe([]byte("+/+/public"), &w); w.steps > 4*1002 {
		t.Errorf("%d steps of a tree of %d rules", w.steps, 1001)
	}
}
