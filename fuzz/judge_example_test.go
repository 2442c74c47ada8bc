package fuzz_test

import (
	"errors"
	"fmt"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/fuzz"
)

// toyPuback parses a PUBACK of 3.1.1, and makes three mistakes: it looks at the
// first byte before it knows that there is one, takes a Packet Identifier of 0,
// and knows only the shortest Remaining Length.
func toyPuback(packet []byte) error {
	if packet[0] != 0x40 {
		return errors.New("not a PUBACK")
	}
	if len(packet) != 4 || packet[1] != 2 {
		return errors.New("not four bytes")
	}
	return nil
}

// A parser is judged in one call. In a test the first argument is its
// *testing.T, and the Report is its failure.
func ExampleJudge() {
	trial := fuzz.Trial{Versions: []mqttwire.Version{mqttwire.V311}, Packets: 1000}
	report := trial.Judge(nil, func(r codec.Rules, packet []byte) error {
		if len(packet) != 0 && packet[0]>>4 != byte(mqttwire.PUBACK) {
			// The toy parses nothing else, so it is not judged by it.
			_, err := decode(r, packet)
			return err
		}
		return toyPuback(packet)
	})
	for _, f := range report.Faults {
		fmt.Printf("%v [% x] %q %q %q\n", f.Kind, f.Packet, f.Error, f.Clause, f.Said)
	}
	// Output:
	// panics [] "bytes are missing" "" "runtime error: index out of range [0] with length 0"
	// accepts [40 02 00 00] "packet identifier is zero" "MQTT-2.3.1-1" ""
	// refuses [40 82 00 00 07] "" "" "not four bytes"
}
