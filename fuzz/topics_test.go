package fuzz_test

import (
	"strings"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/fuzz"
	"github.com/mqttwire/mqttwire/fuzz/internal/twin"
	"github.com/mqttwire/mqttwire/testdata"
	"github.com/mqttwire/mqttwire/topicmatch"
)

// FuzzTopics compares the checks of topics with the obvious ones.
func FuzzTopics(f *testing.F) {
	vectors, err := testdata.Vectors()
	if err != nil {
		f.Fatal(err)
	}
	for _, v := range vectors {
		f.Add(string(v.Bytes()))
		if v.Packet == nil {
			continue
		}
		f.Add(v.Packet.Topic)
		for _, s := range v.Packet.Subscriptions {
			f.Add(s.Filter)
		}
		for _, s := range v.Packet.Filters {
			f.Add(s)
		}
	}
	for seed := range uint64(100) {
		src := fuzz.Random(seed, 100)
		f.Add(string(fuzz.TopicName(&src)))
		f.Add(string(fuzz.TopicFilter(&src)))
		f.Add(string(fuzz.SharedFilter(&src)))
	}
	f.Fuzz(checkTopic)
}

func checkTopic(t *testing.T, s string) {
	for _, check := range []struct {
		name      string
		got, same error
		want      bool
	}{
		{"CheckName", topicmatch.CheckName(s), topicmatch.CheckName([]byte(s)), twin.TopicName(s)},
		{"CheckFilter", topicmatch.CheckFilter(s), topicmatch.CheckFilter([]byte(s)), twin.TopicFilter(s)},
		{"CheckSubscription", topicmatch.CheckSubscription(s), topicmatch.CheckSubscription([]byte(s)), twin.Subscription(s)},
	} {
		if (check.got == nil) != check.want || check.got != check.same {
			t.Fatalf("%s(%q): %v, as bytes %v, want ok %v", check.name, s, check.got, check.same, check.want)
		}
		if check.got != nil {
			mustBeTyped(t, check.got, mqttwire.V50)
		}
	}
	shared := strings.HasPrefix(s, "$share/")
	if topicmatch.IsShared(s) != shared {
		t.Fatalf("IsShared(%q) = %v", s, !shared)
	}
	group, inner, ok := topicmatch.SplitShared(s)
	if ok && "$share/"+group+"/"+inner != s || !ok && inner != "" || shared && twin.Subscription(s) && !ok {
		t.Fatalf("SplitShared(%q) = %q, %q, %v", s, group, inner, ok)
	}
}
