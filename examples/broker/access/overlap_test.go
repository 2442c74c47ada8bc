package access

import (
	"testing"

	"github.com/mqttwire/mqttwire/internal/topictwin"
	"github.com/mqttwire/mqttwire/topicmatch"
)

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
		if got := overlap(tt.a, []byte(tt.b)); got != tt.want {
			t.Errorf("overlap(%q, %q) = %v", tt.a, tt.b, got)
		}
		if got := overlap(tt.b, []byte(tt.a)); got != tt.want {
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
			for j, b := range tt.filters {
				if got, want := overlap(a, []byte(b)), matched[i].meet(matched[j]); got != want {
					t.Fatalf("overlap(%q, %q) = %v, want %v", a, b, got, want)
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
			got := overlap(a, []byte(b))
			if topicmatch.CheckFilter(a) == nil && topicmatch.CheckFilter(b) == nil && topicmatch.Covers(a, b) && !got {
				t.Errorf("%q covers %q and does not overlap it", a, b)
			}
		}
	}
}
