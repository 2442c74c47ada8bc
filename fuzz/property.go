package fuzz

import (
	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/testdata"
	"github.com/mqttwire/mqttwire/varint"
)

// rows is 5.0 Table 2-4, and properties are the identifiers in it, in order.
var rows, properties = func() (byID map[codec.PropertyID]testdata.PropertyRow, ids []codec.PropertyID) {
	all, err := testdata.Properties()
	if err != nil {
		panic("fuzz: " + err.Error()) // the data of this module is broken
	}
	byID = make(map[codec.PropertyID]testdata.PropertyRow)
	for _, r := range all {
		id := codec.PropertyID(r.ID)
		byID[id], ids = r, append(ids, id)
	}
	return byID, ids
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
		if x.Number = uint32(src.Intn(2)); rows[id].Max == 0 && src.OneIn(4) { // any value
			x.Number = uint32(src.Byte())
		}
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
	row := rows[id]
	x.Number = max(x.Number, row.Min)
	if row.Topic {
		x.Value = TopicName(src)
		if src.OneIn(16) {
			x.Value = nil
		}
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
