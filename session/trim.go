package session

import (
	"slices"

	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/fixedheader"
)

// A peer may not get what explains a failure: where a packet would be too large
// with it [MQTT-3.2.2-19, MQTT-3.2.2-20 and the like of every packet], or where
// it asked not to [MQTT-3.1.2-29]. Then both Reason String and User Properties
// are left out: who cannot have the one is not helped by the other.

// scratch returns dst with room for a packet of n bytes, and memory behind that
// for its properties.
func scratch(dst []byte, n int) (_, tail []byte) {
	n += fixedheader.MaxSize
	dst = slices.Grow(dst, 2*n)
	at := len(dst) + n
	return dst, dst[at:at:cap(dst)]
}

// essential returns a block without Reason String and User Properties, in
// memory that is given.
func essential(p codec.Properties, tail []byte) codec.Properties {
	return codec.Edit{Without: []codec.PropertyID{codec.ReasonString, codec.UserProperty}}.Append(codec.PropertiesOf(tail), p)
}
