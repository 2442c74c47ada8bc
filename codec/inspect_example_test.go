package codec_test

import (
	"fmt"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
)

// Inspect shows what is in a packet and all that is wrong with it, and where the
// next one begins.
func ExampleInspect() {
	rules := codec.Rules{Version: mqttwire.V50, From: mqttwire.Client}
	stream := []byte("\x32\x0f\x00\x03a/+\x00\x00\x05\x23\x00\x00\x7e\x01hi" + "\x82\x07\x00\x05\x00\x00\x01#")
	for len(stream) > 0 {
		in := codec.Inspect(rules, stream)
		fmt.Println(in)
		for f := range in.Fields() {
			if f.Part != codec.FixedHeader {
				fmt.Printf("%5d %v\n", f.Offset, f)
			}
		}
		for f := range in.Faults() {
			fmt.Println("  !", f)
		}
		if in.Size == 0 {
			break // the rest has not come yet, or the packet is Lost
		}
		stream = stream[in.Size:]
	}
	// Output:
	// PUBLISH of 5.0, 17 bytes
	//     2 Topic Name: "a/+"
	//     7 Packet Identifier: 0
	//     9 Property Length: 5
	//    10 Topic Alias: 0
	//    13 unread: ***, 2 bytes in all
	//    15 Payload: 2 bytes "hi"
	//   ! offset 6, Topic Name: wildcard character in a topic name [MQTT-3.3.2-2]
	//   ! offset 7, Packet Identifier: packet identifier is zero [MQTT-2.2.1-3]
	//   ! offset 11, Topic Alias: topic alias is zero [MQTT-3.3.2-8]
	//   ! offset 13, unread: property identifier not defined [§2.2.2.2]
	// SUBSCRIBE of 5.0, 8 of 9 bytes
	//     2 Packet Identifier: 5
	//     4 Property Length: 0
	//     5 Topic Filter: "#"
}

// A capture that begins in the middle of a connection, and of a packet: the
// version is not known, and what each packet could be narrows it.
func ExampleResync() {
	stream := []byte("the end of a payload" + "\xc0\x00" + "\x32\x07\x00\x01a\x00\x07hi" + "\xe0\x00")
	rules := codec.Rules{From: mqttwire.Client}
	begin := codec.Resync(rules, stream)
	if begin < 0 {
		return // wait for more
	}
	fmt.Println("skipped", begin, "bytes")
	versions := codec.AnyVersion
	for stream = stream[begin:]; len(stream) > 0; {
		in := codec.Inspect(rules, stream)
		if in.Guessed {
			versions = versions.Narrow(in.Clean)
			in = codec.Inspect(codec.Rules{Version: versions.Latest(), From: rules.From}, stream)
		} else {
			rules.Version = in.Version // a CONNECT has said it
		}
		fmt.Println(in, "- can be", versions)
		if in.Size == 0 {
			break
		}
		stream = stream[in.Size:]
	}
	// Output:
	// skipped 20 bytes
	// PINGREQ of 5.0, 2 bytes - can be 3.1 3.1.1 5.0
	// PUBLISH of 3.1.1, 9 bytes - can be 3.1 3.1.1
	// DISCONNECT of 3.1.1, 2 bytes - can be 3.1 3.1.1
}
