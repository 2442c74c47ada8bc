package fuzz

import (
	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/varint"
)

// properties are all that the standard defines (5.0 Table 2-4).
var properties = func() (ids []codec.PropertyID) {
	for id := range codec.PropertyID(128) {
		if id.Defined() {
			ids = append(ids, id)
		}
	}
	return ids
}()

// allowed returns the properties that a packet of type in may carry from a
// sender, in the order of their identifiers.
func allowed(in mqttwire.PacketType, from mqttwire.Role) (ids []codec.PropertyID) {
	for _, id := range properties {
		switch {
		case !id.AllowedIn(in):
		case from == mqttwire.Client && in == mqttwire.PUBLISH && id == codec.SubscriptionIdentifier: // 5.0 [MQTT-3.3.4-6]
		case from == mqttwire.Server && in == mqttwire.DISCONNECT && id == codec.SessionExpiryInterval: // 5.0 [MQTT-3.14.2-2]
		default:
			ids = append(ids, id)
		}
	}
	return ids
}

// Properties draws a valid block of properties for packets of type in, or with
// codec.WillProperties for a will, as from may send it (5.0 §2.2.2). It is
// empty half of the time.
func Properties(src *Source, in mqttwire.PacketType, from mqttwire.Role) codec.Properties {
	if !src.Bool() {
		return codec.Properties{}
	}
	var b codec.Properties
	var seen [128]bool
	choices := allowed(in, from)
	if src.OneIn(16) { // each once, and twice what may repeat
		for _, id := range choices {
			b = property(src, b, id)
			if id.RepeatsIn(in) {
				b = property(src, b, id)
			}
			seen[id] = true
		}
	}
	for n := src.Intn(8); n >= 0 && len(choices) > 0; n-- {
		id := pick(src, choices...)
		if seen[id] && !id.RepeatsIn(in) {
			continue
		}
		seen[id] = true
		b = property(src, b, id)
	}
	// What CONNECT and AUTH want together with something else
	// (5.0 §3.1.2.11.10, §3.15.2.2.2).
	if seen[codec.AuthenticationData] && !seen[codec.AuthenticationMethod] && in == mqttwire.CONNECT {
		b = property(src, b, codec.AuthenticationMethod)
	}
	return b
}

// property appends a property of a valid value.
func property(src *Source, b codec.Properties, id codec.PropertyID) codec.Properties {
	x := codec.Property{ID: id}
	switch id.Type() {
	case codec.Byte:
		x.Number = uint32(src.Intn(2))
	case codec.TwoByteInteger:
		x.Number = uint32(src.Uint16())
	case codec.FourByteInteger:
		x.Number = src.Uint32()
	case codec.VariableByteInteger:
		x.Number = src.Uint32() & varint.Max
	case codec.UTF8String:
		x.Value = Text(src)
	case codec.BinaryData:
		x.Value = src.Bytes(src.Length())
	case codec.UTF8StringPair:
		x.Key, x.Value = Text(src), Text(src)
	}
	switch id {
	case codec.ReceiveMaximum, codec.MaximumPacketSize, codec.TopicAlias, codec.SubscriptionIdentifier:
		x.Number = max(x.Number, 1)
	case codec.ResponseTopic:
		x.Value = TopicName(src)
	}
	return b.Append(x)
}

// must panics on an error that says that this package does not generate what
// it should, or that codec does not take it.
func must(err error) {
	if err != nil {
		panic("fuzz: a packet meant to be valid was refused: " + err.Error())
	}
}
