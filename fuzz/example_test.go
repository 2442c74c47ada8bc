package fuzz_test

import (
	"fmt"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/fuzz"
)

// yourParser stands for the parser under test.
func yourParser(v mqttwire.Version, from mqttwire.Role, packet []byte) error {
	_, err := decode(codec.Rules{Version: v, From: from}, packet)
	return err
}

// Point the generator at a parser: this is the body of a fuzz target, to be
// given the fuzzer's bytes, or a thousand random packets without one.
func ExampleAlmost() {
	wrong := 0
	for seed := range uint64(1000) {
		src := fuzz.Random(seed, 100)
		rules := fuzz.Rules(&src)
		packet, verdict, name := fuzz.Almost(&src, rules)
		err := yourParser(rules.Version, rules.From, packet)
		if verdict == fuzz.Valid && err != nil || verdict == fuzz.Invalid && err == nil {
			fmt.Printf("%s is %v: % x: %v\n", name, verdict, packet, err)
			wrong++
		}
	}
	fmt.Println(wrong, "wrong")
	// Output: 0 wrong
}

func ExamplePacket() {
	src := fuzz.Source("these bytes are the packet")
	p := fuzz.Packet(&src, codec.Rules{Version: mqttwire.V50, From: mqttwire.Server})
	fmt.Println(p)
	// Output: PUBREL id=32768 code=0x92 "Packet Identifier not found" properties={User Property: "a9a-a"="2", User Property: ""="", Reason String: ""}
}

func ExampleMutation_Apply() {
	publish := []byte{0x32, 0x07, 0x00, 0x01, 'a', 0x00, 0x07, 'h', 'i'}
	for _, m := range fuzz.Mutations() {
		src := fuzz.Source{}
		if b, verdict := m.Apply(&src, codec.Rules{Version: mqttwire.V311}, publish); m.Name == "packet-id-zero" {
			fmt.Printf("%s: % x is %v\n", m.Name, b, verdict)
		}
	}
	// Output: packet-id-zero: 32 07 00 01 61 00 00 68 69 is invalid
}
