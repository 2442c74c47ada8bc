package topicmatch_test

import (
	"fmt"

	"github.com/mqttwire/mqttwire/topicmatch"
)

func ExampleMatch() {
	fmt.Println(topicmatch.Match("plant/+/temp/#", "plant/north/temp"))
	fmt.Println(topicmatch.Match("+/uptime", "$SYS/uptime"))
	// Output:
	// true
	// false
}

// Who may subscribe to "plant/#" may subscribe to this and not to that.
func ExampleCovers() {
	fmt.Println(topicmatch.Covers("plant/#", "plant/+/temp"))
	fmt.Println(topicmatch.Covers("plant/#", "+/north/temp"))
	// Output:
	// true
	// false
}

// The members of a Shared Subscription share what its inner filter matches.
func ExampleSplitShared() {
	for _, filter := range []string{"$share/log/plant/#", "plant/#", "$share/log"} {
		group, inner, ok := topicmatch.SplitShared(filter)
		fmt.Printf("%q %q %v\n", group, inner, ok)
	}
	// Output:
	// "log" "plant/#" true
	// "" "" false
	// "log" "" false
}

// A broker keeps the granted QoS and the Subscription Identifier with each
// subscription. One member of a group gets a message, in turn.
func ExampleIndex() {
	type options struct {
		qos byte
		id  uint32
	}
	var x topicmatch.Index[string, options]
	x.Subscribe("ann", []byte("plant/+/temp"), options{qos: 1, id: 7})
	x.Subscribe("ann", []byte("plant/#"), options{qos: 0})
	x.Subscribe("bob", []byte("$share/log/#"), options{qos: 2})
	x.Subscribe("cid", []byte("$share/log/#"), options{qos: 2})

	var to []topicmatch.Subscription[string, options] // kept between messages
	to = x.AppendTurns(to[:0], []byte("plant/north/temp"))
	members := 0
	for _, s := range to {
		if s.Group != 0 {
			members++
			continue
		}
		fmt.Println(s.Key, s.Value)
	}
	fmt.Println(members, "of the group of", len(x.AppendSubscribers(nil, []byte("$share/log/#"))))
	fmt.Println(x.UnsubscribeAll("ann"), "left with ann")
	// Unordered output:
	// ann {1 7}
	// ann {0 0}
	// 1 of the group of 2
	// 2 left with ann
}

// Retained messages that a new subscription is to be sent.
func ExampleNames() {
	var retained topicmatch.Names[string]
	retained.Set([]byte("plant/north/temp"), "21.5")
	retained.Set([]byte("plant/south/temp"), "19.0")
	retained.Set([]byte("plant/south/door"), "open")
	retained.Delete([]byte("plant/south/door"))
	retained.Visit([]byte("plant/+/temp"), func(name []byte, value string) bool {
		fmt.Printf("%s: %s\n", name, value)
		return true
	})
	// Unordered output:
	// plant/north/temp: 21.5
	// plant/south/temp: 19.0
}

// A search in slices, between which others change what is retained.
func ExampleWalk() {
	var retained topicmatch.Names[int]
	for i := range 1000 {
		retained.Set(fmt.Appendf(nil, "plant/%d/temp", i), i)
	}
	walk, found, slices := retained.Walk([]byte("plant/+/temp")), 0, 0
	for done := false; !done; slices++ {
		_, done = walk.Visit(256, func([]byte, int) bool {
			found++
			return true
		})
		retained.Set(fmt.Appendf(nil, "other/%d", slices), 0)
	}
	fmt.Println(found, "found in", slices, "slices")
	// Output:
	// 1000 found in 8 slices
}
