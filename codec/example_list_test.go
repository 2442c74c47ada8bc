package codec_test

import (
	"fmt"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
)

// Append returns no error: what is wrong with an item is said by Append of the
// packet.
func ExampleFilters() {
	p := codec.Unsubscribe{ID: 1, Filters: codec.Filters{}.Append([]byte("a/b"), make([]byte, 65536), []byte("c"))}
	fmt.Println(p.Filters.Len(), "filters in", p.Filters.Size(), "bytes")
	rules := codec.Rules{Version: mqttwire.V311, From: mqttwire.Client}
	_, err := p.Append(nil, rules)
	fmt.Println(err)

	p.Filters = p.Filters.Reset().Append([]byte("a/b"))
	wire, err := p.Append(nil, rules)
	fmt.Printf("%x %v\n", wire, err)
	// Output:
	// 2 filters in 8 bytes
	// topic longer than 65,535 bytes
	// a20700010003612f62 <nil>
}

// Next walks a list without a closure, and so without an allocation wherever it
// stands.
func ExampleProperties_Next() {
	list := codec.AppendUserProperty(codec.AppendTopicAlias(codec.Properties{}, 3), "k", "v")
	for x, rest, ok := list.Next(); ok; x, rest, ok = rest.Next() {
		fmt.Println(x)
	}
	// Output:
	// Topic Alias: 3
	// User Property: "k"="v"
}

func ExampleSubscriptions_Next() {
	list := codec.Subscriptions{}.Append(codec.Subscription{Filter: []byte("a/+"), Options: 1}, codec.Subscription{Filter: []byte("b")})
	for s, rest, ok := list.Next(); ok; s, rest, ok = rest.Next() {
		fmt.Printf("%s, %v, %d to come\n", s.Filter, s.Options.QoS(), rest.Len())
	}
	// Output:
	// a/+, QoS 1, 1 to come
	// b, QoS 0, 0 to come
}

func ExampleFilters_Next() {
	list := codec.Filters{}.Append([]byte("a/+"), []byte("b"))
	for filter, rest, ok := list.Next(); ok; filter, rest, ok = rest.Next() {
		fmt.Printf("%s, %d to come\n", filter, rest.Len())
	}
	// Output:
	// a/+, 1 to come
	// b, 0 to come
}

// Next also walks two lists side by side.
func ExampleReasonCodes_Next() {
	filters := codec.Filters{}.Append([]byte("a/+"), []byte("b"))
	codes := codec.ReasonCodes{}.Append(mqttwire.Success, mqttwire.NoSubscriptionExisted)
	for {
		filter, moreFilters, ok := filters.Next()
		code, moreCodes, also := codes.Next()
		if !ok || !also {
			break
		}
		fmt.Printf("%s: %s\n", filter, code.Name(mqttwire.UNSUBACK))
		filters, codes = moreFilters, moreCodes
	}
	// Output:
	// a/+: Success
	// b: No subscription existed
}

// PropertyList serves code that treats the properties of all packets alike.
func ExamplePacket() {
	shorten := func(p codec.Packet) {
		if list := p.PropertyList(); list != nil {
			*list = codec.Properties{}
		}
	}
	ack := codec.Puback{ID: 1, Properties: codec.AppendReasonString(codec.Properties{}, "nobody listens")}
	shorten(&ack)
	shorten(&codec.Pingreq{})
	fmt.Println(&ack)
	// Output: PUBACK id=1 code=0x00 "Success"
}
