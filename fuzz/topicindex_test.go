package fuzz_test

import (
	"strings"
	"testing"

	"github.com/mqttwire/mqttwire/internal/topictwin"
	"github.com/mqttwire/mqttwire/topicmatch"
)

// FuzzTopicMatch matches anything with anything: no panic, and where both are
// valid, what the twin says.
func FuzzTopicMatch(f *testing.F) {
	f.Add("a/+/#", "a/b/c")
	f.Add("+/+", "/")
	f.Add("#", "$SYS")
	f.Add("sensors/+/temperature", "sensors/kitchen/temperature")
	f.Add("/+/#", "/#")
	f.Fuzz(func(t *testing.T, filter, name string) {
		got := topicmatch.Match(filter, name)
		if topicmatch.Match([]byte(filter), []byte(name)) != got {
			t.Errorf("Match(%q, %q) differs between strings and bytes", filter, name)
		}
		covers := topicmatch.Covers(filter, name)
		if topicmatch.CheckFilter(filter) != nil {
			return
		}
		if topicmatch.CheckName(name) == nil {
			if want := topictwin.Match(filter, name); got != want {
				t.Errorf("Match(%q, %q) = %v, want %v", filter, name, got, want)
			}
			if covers != got {
				t.Errorf("Match(%q, %q) = %v, Covers = %v", filter, name, got, covers)
			}
		}
		if topicmatch.CheckFilter(name) == nil && strings.Count(filter+name, "/") < 4 {
			levels := append(strings.Split(filter, "/"), strings.Split(name, "/")...)
			var plain []string
			for _, l := range levels {
				if l != "+" && l != "#" {
					plain = append(plain, l)
				}
			}
			if err := topictwin.Covers(filter, name, covers, plain...); err != nil {
				t.Error(err)
			}
		}
	})
}

// FuzzTopicIndex subscribes, unsubscribes and matches as the bytes say, beside
// a twin.
func FuzzTopicIndex(f *testing.F) {
	addOperations(f)
	f.Fuzz(func(t *testing.T, ops []byte) {
		if err := topictwin.RunIndex(ops); err != nil {
			t.Error(err)
		}
	})
}

// FuzzTopicNames sets, deletes and visits as the bytes say, beside a twin.
func FuzzTopicNames(f *testing.F) {
	addOperations(f)
	f.Fuzz(func(t *testing.T, ops []byte) {
		if err := topictwin.RunNames(ops); err != nil {
			t.Error(err)
		}
	})
}

func addOperations(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x03\x00\x02\x10\x04\x0d\x06\x07\x02\x0c\x0d\x00"))
	f.Add([]byte("\x08\x0e\x0f\x01\x00\x02\x0e\x0f\x01\x07\x02\x0e\x0e\x0d\x01"))
	f.Add([]byte(strings.Repeat("\x00\x01\x22\x0d\x08\x13\x81\x30\x2d\x06", 30)))
}
