package gopterwire_test

import (
	"fmt"

	"github.com/leanovate/gopter"
	"github.com/leanovate/gopter/prop"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/fuzz/gopterwire"
)

func Example() {
	rules := codec.Rules{Version: mqttwire.V50, From: mqttwire.Client}
	sizeIsExact := prop.ForAll(func(s gopterwire.Sample[codec.Packet]) bool {
		b, err := s.Value.Append(nil, rules)
		return err == nil && len(b) == s.Value.Size(rules.Version)
	}, gopterwire.Packet(rules))

	result := sizeIsExact.Check(gopter.DefaultTestParameters())
	fmt.Println(result.Passed())
	// Output: true
}
