package tokenauth_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/tokenauth"
	"github.com/mqttwire/mqttwire/topicmatch"
)

// topic builds a short topic out of few pieces, so that many of them match.
func topic(rng *rand.Rand, pieces ...string) []byte {
	var b []byte
	for range 1 + rng.IntN(5) {
		b = append(b, pieces[rng.IntN(len(pieces))]...)
	}
	return b
}

// Filters agree with topicmatch, filter by filter.
func TestFiltersTwin(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	allowed := 0
	for range 200_000 {
		var list []string
		for len(list) < 2 {
			if f := topic(rng, "/", "/", "a", "$", "+", "/+", "/#", "#", "é"); topicmatch.CheckFilter(f) == nil {
				list = append(list, string(f))
			}
		}
		f, err := tokenauth.CompileFilters(list)
		if err != nil {
			t.Fatal(err)
		}
		if name := topic(rng, "/", "/", "a", "$", "é"); topicmatch.CheckName(name) == nil {
			want := topicmatch.Match(list[0], name) || topicmatch.Match(list[1], name)
			if got := f.AllowsName(name); got != want {
				t.Fatalf("%q, name %q: %v, want %v", list, name, got, want)
			}
			if want {
				allowed++
			}
		}
		if filter := topic(rng, "/", "/", "a", "$", "+", "/+", "/#", "#", "é"); topicmatch.CheckFilter(filter) == nil {
			want := topicmatch.Covers(list[0], filter) || topicmatch.Covers(list[1], filter)
			if got := f.AllowsFilter(filter); got != want {
				t.Fatalf("%q, filter %q: %v, want %v", list, filter, got, want)
			}
			if want {
				allowed++
			}
		}
	}
	if allowed < 10_000 {
		t.Errorf("only %d allowed: the test hardly tests", allowed)
	}
}

func TestCompileFilters(t *testing.T) {
	list := []string{"a", "b/+", "#"}
	f, err := tokenauth.CompileFilters(list)
	if err != nil || !slices.Equal(f.Strings(), list) {
		t.Errorf("%q, %v", f.Strings(), err)
	}
	for filter, want := range map[string]error{"": mqttwire.ErrTopicEmpty, "a#": mqttwire.ErrMultiLevelWildcard, "a\x00": mqttwire.ErrNUL} {
		if f, err := tokenauth.CompileFilters([]string{"a", filter}); err != want || f.AllowsName([]byte("a")) {
			t.Errorf("%q: %v, want %v", filter, err, want)
		}
	}
	if (tokenauth.Filters{}).AllowsName([]byte("a")) || (tokenauth.Filters{}).AllowsFilter([]byte("a")) {
		t.Error("no filter allows something")
	}
}
