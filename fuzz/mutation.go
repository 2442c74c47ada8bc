package fuzz

import (
	"slices"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
)

// A Mutation changes a valid packet in one place.
type Mutation struct {
	// Name says what it does: "packet-id-zero".
	Name  string
	apply func(src *Source, r codec.Rules, t *tree) Verdict
}

// Mutations returns all there are, always in the same order.
func Mutations() []Mutation { return slices.Clone(mutations) }

// Apply makes a changed copy of a packet that is valid under r, and says what a
// parser must say of it under r. How a mutation changes it is drawn from src.
//
// The verdicts are those of the standard as this module reads it: 3.1 ignores
// what it calls unused, a Remaining Length may be longer than needed before
// 5.0, strings are UTF-8 in all versions.
//
// Where there is nothing in the packet for the mutation to change, or the bytes
// are no valid packet, Apply returns nil and None.
func (m Mutation) Apply(src *Source, r codec.Rules, packet []byte) ([]byte, Verdict) {
	if r.Version == 0 {
		r.Version = asked(packet)
	}
	t, ok := parse(r.Version, packet)
	if !ok {
		return nil, None
	}
	verdict := m.apply(src, r, t)
	if verdict == None {
		return nil, None
	}
	return t.bytes(), verdict
}

// asked returns the version that a CONNECT asks for, 0 of anything else.
func asked(packet []byte) mqttwire.Version {
	if t, ok := parse(mqttwire.V311, packet); ok && t.kind() == mqttwire.CONNECT {
		return mqttwire.Version(t.parts[1].value[0] &^ 0x80)
	}
	// Not of 3.1 or 3.1.1 then: 5.0 has properties that do not parse there.
	return mqttwire.V50
}

var mutations = []Mutation{
	// The fixed header.
	{"reserved-flags", reservedFlags},
	{"qos-3", func(_ *Source, _ codec.Rules, t *tree) Verdict {
		t.first |= 0x06
		return only(t.kind() == mqttwire.PUBLISH, Invalid)
	}},
	{"dup-qos-0", func(_ *Source, r codec.Rules, t *tree) Verdict {
		qos0 := t.kind() == mqttwire.PUBLISH && t.first&0x06 == 0
		t.first |= 0x08
		return only(qos0, lenient31(r))
	}},
	{"type-reserved", func(_ *Source, _ codec.Rules, t *tree) Verdict { t.first &= 0x0f; return Invalid }},
	{"type-auth", func(_ *Source, r codec.Rules, t *tree) Verdict {
		t.first = 0xf0
		return only(r.Version != mqttwire.V50, Invalid)
	}},
	{"length-not-minimal", func(src *Source, r codec.Rules, t *tree) Verdict {
		n := len(t.bytes())
		t.width = 2 + src.Intn(3)
		return only(len(t.bytes()) > n, since5(r))
	}},
	{"length-five-bytes", func(src *Source, _ codec.Rules, t *tree) Verdict {
		t.width = 5 + src.Intn(3)
		return Invalid
	}},
	{"length-longer", func(src *Source, _ codec.Rules, t *tree) Verdict {
		t.lie = 1 + src.Intn(1<<20)
		return Incomplete
	}},
	{"length-shorter", func(src *Source, _ codec.Rules, t *tree) Verdict {
		if n := len(appendParts(nil, t.parts)); n > 0 {
			t.lie = -1 - src.Intn(n)
			return Unsure
		}
		return None
	}},
	{"cut", func(src *Source, _ codec.Rules, t *tree) Verdict {
		b := t.bytes()
		t.out = b[:src.Intn(len(b))]
		return Incomplete
	}},
	{"cut-body", func(src *Source, _ codec.Rules, t *tree) Verdict {
		b := appendParts(nil, t.parts)
		if len(b) == 0 {
			return None
		}
		t.parts = []part{{value: b[:src.Intn(len(b))]}}
		return Unsure
	}},
	{"trailing", func(_ *Source, _ codec.Rules, t *tree) Verdict {
		// 0xFF is no code, no length, and no field by itself.
		t.parts = append(t.parts, part{value: []byte{0xff}})
		if t.kind() == mqttwire.PUBLISH {
			return Valid // it is payload
		}
		return Invalid
	}},

	// Properties.
	{"long-form", func(_ *Source, r codec.Rules, t *tree) Verdict {
		return only(r.Version == mqttwire.V50 && t.fill(), Valid)
	}},
	{"property-duplicate", func(src *Source, r codec.Rules, t *tree) Verdict {
		return t.addProperty(src, r, Invalid, func(in mqttwire.PacketType, id codec.PropertyID) bool {
			return id.AllowedIn(in) && !id.RepeatsIn(in)
		}, drawn, drawn)
	}},
	{"property-misplaced", func(src *Source, r codec.Rules, t *tree) Verdict {
		return t.addProperty(src, r, Invalid, func(in mqttwire.PacketType, id codec.PropertyID) bool {
			return !id.AllowedIn(in)
		}, drawn)
	}},
	{"property-zero", func(src *Source, r codec.Rules, t *tree) Verdict {
		return t.addProperty(src, r, Invalid, func(in mqttwire.PacketType, id codec.PropertyID) bool {
			return id.AllowedIn(in) && rows[id].Min > 0
		}, func(_ *Source, id codec.PropertyID) prop {
			n := map[codec.WireType]int{codec.TwoByteInteger: 2, codec.FourByteInteger: 4}[id.Type()]
			return prop{id: []byte{byte(id)}, value: []part{{value: make([]byte, max(n, 1))}}}
		})
	}},
	{"property-boolean", func(src *Source, r codec.Rules, t *tree) Verdict {
		return t.addProperty(src, r, Invalid, func(in mqttwire.PacketType, id codec.PropertyID) bool {
			return id.AllowedIn(in) && rows[id].Max == 1
		}, func(src *Source, id codec.PropertyID) prop {
			return prop{id: []byte{byte(id)}, value: []part{{value: []byte{2 + src.Byte()%254}}}}
		})
	}},
	{"property-unknown", func(src *Source, r codec.Rules, t *tree) Verdict {
		p := t.block(src, r)
		if p == nil {
			return None
		}
		id := pick(src, "\x00", "\x04", "\x3e", "\x3f", "\x40", "\x7e", "\x7f", "\x80\x01", "\xff\x7f", "\x81\x00", "\xa6\x00",
			"\x80\x80\x80\x80\x01", "\x26\x80")
		if any := codec.PropertyID(src.Byte() & 0x7f); !any.Defined() && src.Bool() {
			id = string(rune(any))
		}
		// What follows would be the value of one type or another.
		value := pick(src, "", "\x00", "\x00\x01", "\x00\x00\x00\x01", "\x00\x00", "\x00\x01a", "\x00\x01a\x00\x01b")
		p.props = append(p.props, prop{id: []byte(id), value: []part{{value: []byte(value)}}})
		return Invalid
	}},
	{"property-missing", func(_ *Source, r codec.Rules, t *tree) Verdict {
		for _, p := range t.all(block) {
			hasData := slices.ContainsFunc(p.props, func(x prop) bool { return x.is(codec.AuthenticationData) })
			if (p.in == mqttwire.AUTH || p.in == mqttwire.CONNECT && hasData) && p.drop(codec.AuthenticationMethod) {
				return Invalid
			}
		}
		return None
	}},
	{"property-reorder", func(src *Source, r codec.Rules, t *tree) Verdict {
		p := t.block(src, r)
		if p == nil || len(p.props) < 2 {
			return None
		}
		i, j := src.Intn(len(p.props)), src.Intn(len(p.props))
		p.props[i], p.props[j] = p.props[j], p.props[i]
		return Valid
	}},
	{"property-cut", func(src *Source, r codec.Rules, t *tree) Verdict {
		p := t.block(src, r)
		if p == nil || len(p.props) == 0 {
			return None
		}
		last := &p.props[len(p.props)-1]
		b := appendParts(slices.Clone(last.id), last.value)
		*last = prop{id: b[:1+src.Intn(len(b)-1)]}
		return Invalid
	}},
	{"property-length", func(src *Source, r codec.Rules, t *tree) Verdict {
		p := t.block(src, r)
		if p == nil {
			return None
		}
		p.lie = 1 + src.Intn(4)
		return Unsure
	}},
	{"property-length-past-end", func(src *Source, r codec.Rules, t *tree) Verdict {
		p := t.block(src, r)
		if p == nil {
			return None
		}
		p.lie = len(t.bytes()) + src.Intn(1<<20)
		return Invalid
	}},
	{"property-length-not-minimal", func(src *Source, r codec.Rules, t *tree) Verdict {
		p := t.block(src, r)
		if p == nil {
			return None
		}
		n := len(t.bytes())
		p.width = 2 + src.Intn(4)
		return only(len(t.bytes()) > n, Invalid)
	}},
	{"subscription-id", func(src *Source, r codec.Rules, t *tree) Verdict {
		if t.kind() != mqttwire.PUBLISH {
			return None
		}
		verdict := Valid // 5.0 [MQTT-3.3.4-6]
		if r.From == mqttwire.Client {
			verdict = Invalid
		}
		return t.addProperty(src, r, verdict, isID(codec.SubscriptionIdentifier), drawn)
	}},
	{"subscription-id-not-minimal", func(src *Source, r codec.Rules, t *tree) Verdict {
		return t.addProperty(src, r, Invalid, isID(codec.SubscriptionIdentifier), func(src *Source, id codec.PropertyID) prop {
			return prop{id: []byte{byte(id)}, value: []part{{value: appendVarint(nil, 1+src.Intn(127), 2+src.Intn(4))}}}
		})
	}},
	{"session-expiry", func(src *Source, r codec.Rules, t *tree) Verdict {
		verdict := Valid
		if t.kind() == mqttwire.DISCONNECT && r.From == mqttwire.Server {
			verdict = Invalid // 5.0 [MQTT-3.14.2-2]
		}
		return t.addProperty(src, r, verdict, isID(codec.SessionExpiryInterval), drawn)
	}},

	// Strings and topics.
	{"utf8", func(src *Source, _ codec.Rules, t *tree) Verdict {
		return t.insert(src, Invalid, []kind{texts, names, filters}, "\x80", "\xbf", "\xff", "\xfe", "\xc0\x80", "\xc1\xbf", "\xc2",
			"\xe0\x80\x80", "\xe0\x9f\xbf", "\xe2\x82", "\xed\xa0\x80", "\xed\xbf\xbf", "\xed\xa0\x80\xed\xb0\x80", "\xf0\x80\x80\x80",
			"\xf0\x8f\xbf\xbf", "\xf0\x9f\x98", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xf8\x88\x80\x80\x80")
	}},
	{"nul", func(src *Source, _ codec.Rules, t *tree) Verdict {
		return t.insert(src, Invalid, []kind{texts, names, filters}, "\x00")
	}},
	{"wildcard-in-name", func(src *Source, _ codec.Rules, t *tree) Verdict {
		return t.insert(src, Invalid, []kind{names}, "+", "#", "/+/", "/#")
	}},
	{"name-empty", func(src *Source, r codec.Rules, t *tree) Verdict {
		p := t.any(src, names)
		if p == nil {
			return None
		}
		p.value = nil
		if !t.isField(p) {
			return Valid // a Response Topic: no clause calls it an error
		}
		if t.kind() == mqttwire.PUBLISH && p == &t.parts[0] && r.Version == mqttwire.V50 {
			for _, b := range t.all(block) {
				if slices.ContainsFunc(b.props, func(x prop) bool { return x.is(codec.TopicAlias) }) {
					return Valid // 5.0 §3.3.2.3.4
				}
			}
		}
		return Invalid
	}},
	{"filter-invalid", func(src *Source, _ codec.Rules, t *tree) Verdict {
		return t.replace(src, Invalid, filters, "", "a#", "#/", "#/a", "##", "a/#/b", "a+", "+a", "a/b+/c", "++", "/+#", "$share/g/a#")
	}},
	{"share-invalid", func(src *Source, r codec.Rules, t *tree) Verdict {
		return t.replace(src, since5(r), filters, "$share/", "$share//", "$share//x", "$share/g", "$share/g/", "$share/+/x", "$share/#")
	}},
	{"no-local-shared", func(src *Source, r codec.Rules, t *tree) Verdict {
		if t.kind() != mqttwire.SUBSCRIBE || r.Version != mqttwire.V50 {
			return None
		}
		p := t.any(src, options)
		for i := range t.parts {
			if &t.parts[i] == p {
				t.parts[i-1].value = SharedFilter(src)
			}
		}
		p.value[0] |= 0x04
		return Invalid // 5.0 [MQTT-3.8.3-4]
	}},
	{"field-length", func(src *Source, _ codec.Rules, t *tree) Verdict {
		p := t.any(src, texts, names, filters, binaries)
		if p == nil {
			return None
		}
		if p.lie = 1 + src.Intn(3); src.Bool() {
			p.lie = -min(p.lie, len(p.value))
		}
		return Unsure
	}},
	{"field-length-past-end", func(src *Source, _ codec.Rules, t *tree) Verdict {
		p := t.any(src, texts, names, filters, binaries)
		if p == nil || len(t.bytes()) >= maxField {
			return None
		}
		p.lie = maxField - len(p.value)
		return Invalid
	}},

	// Other fields.
	{"packet-id-zero", func(src *Source, _ codec.Rules, t *tree) Verdict {
		p := t.any(src, packetIDs)
		if p == nil {
			return None
		}
		p.value = []byte{0, 0}
		return Invalid
	}},
	{"list-empty", func(_ *Source, r codec.Rules, t *tree) Verdict {
		switch {
		case t.kind() == mqttwire.UNSUBACK && r.Version == mqttwire.V50:
		case t.kind() == mqttwire.SUBSCRIBE, t.kind() == mqttwire.SUBACK, t.kind() == mqttwire.UNSUBSCRIBE:
		default:
			return None
		}
		t.parts = slices.DeleteFunc(t.parts, func(p part) bool { return p.kind == filters || p.kind == options || p.kind == codes })
		return Invalid
	}},
	{"options-reserved", func(src *Source, r codec.Rules, t *tree) Verdict {
		return t.setBits(src, lenient31(r), options, 0x40, 0x80, 0xc0)
	}},
	{"options-qos-3", func(src *Source, _ codec.Rules, t *tree) Verdict { return t.setBits(src, Invalid, options, 0x03) }},
	{"retain-handling-3", func(src *Source, r codec.Rules, t *tree) Verdict {
		return t.setBits(src, lenient31(r), options, 0x30)
	}},
	{"code", anyCode},
	{"connack-flags", func(src *Source, r codec.Rules, t *tree) Verdict {
		return t.setBits(src, lenient31(r), connackFlags, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xfe)
	}},
	{"session-present-refused", func(src *Source, r codec.Rules, t *tree) Verdict {
		if t.kind() != mqttwire.CONNACK {
			return None
		}
		t.parts[0].value[0] = 1
		if t.parts[1].value[0] = pick[byte](src, 1, 2, 3, 4, 5); r.Version == mqttwire.V50 {
			t.parts[1].value[0] = pick[byte](src, 0x80, 0x87, 0x9f)
		}
		return lenient31(r)
	}},

	// CONNECT.
	{"protocol-name", func(src *Source, r codec.Rules, t *tree) Verdict {
		other := "MQIsdp"
		if r.Version == mqttwire.V31 {
			other = "MQTT"
		}
		return t.replace(src, Invalid, protocol, other, "", "mqtt", "MQT", "MQTTT", "MQISDP", "HTTP", "MQTT\x00")
	}},
	{"protocol-level", func(src *Source, _ codec.Rules, t *tree) Verdict {
		return t.replace(src, Invalid, protoLevel, "\x00", "\x01", "\x02", "\x06", "\x7f", "\x80", "\x82", "\x85", "\x86", "\xff")
	}},
	{"bridge-bit", func(src *Source, r codec.Rules, t *tree) Verdict { return t.setBits(src, since5(r), protoLevel, 0x80) }},
	{"connect-reserved", func(src *Source, r codec.Rules, t *tree) Verdict {
		return t.setBits(src, lenient31(r), connectFlags, 0x01)
	}},
	{"will-qos-3", func(src *Source, r codec.Rules, t *tree) Verdict {
		if len(t.all(connectFlags)) > 0 && t.flags()&0x04 == 0 {
			return t.setBits(src, lenient31(r), connectFlags, 0x18)
		}
		return t.setBits(src, Invalid, connectFlags, 0x18)
	}},
	{"will-bits-without-will", func(src *Source, r codec.Rules, t *tree) Verdict {
		if t.flags()&0x04 != 0 {
			return None
		}
		return t.setBits(src, lenient31(r), connectFlags, 0x08, 0x10, 0x20, 0x28)
	}},
	{"password-without-user-name", func(src *Source, r codec.Rules, t *tree) Verdict {
		if n := len(t.parts); t.flags()&0xc0 == 0xc0 && t.parts[n-1].kind == binaries && t.parts[n-2].kind == texts {
			t.all(connectFlags)[0].value[0] &^= 0x80
			t.parts = slices.Delete(t.parts, n-2, n-1)
			if r.Version == mqttwire.V50 {
				return Valid
			}
			return Invalid // 3.1.1 [MQTT-3.1.2-22]
		}
		return None
	}},
	{"user-name-missing", func(src *Source, r codec.Rules, t *tree) Verdict {
		if t.flags()&0xc0 != 0 {
			return None
		}
		return t.setBits(src, lenient31(r), connectFlags, 0x80, 0xc0) // 3.1 §3.1
	}},
	{"client-id-empty", func(_ *Source, r codec.Rules, t *tree) Verdict {
		p := t.clientID()
		if p == nil {
			return None
		}
		p.value = nil
		if r.Version == mqttwire.V31 || r.Version == mqttwire.V311 && t.flags()&0x02 == 0 {
			return Invalid // 3.1 §3.1, 3.1.1 [MQTT-3.1.3-7]
		}
		return Valid
	}},
	{"client-id-24", func(_ *Source, r codec.Rules, t *tree) Verdict {
		p := t.clientID()
		if p == nil {
			return None
		}
		p.value = []byte("abcdefghijklmnopqrstuvwx")
		if r.Version == mqttwire.V31 {
			return Invalid // 3.1 §3.1
		}
		return Valid
	}},

	// Anything. These apply to every packet that has bytes for them.
	{"part-dropped", func(src *Source, _ codec.Rules, t *tree) Verdict {
		if len(t.parts) == 0 {
			return None
		}
		i := src.Intn(len(t.parts))
		t.parts = slices.Delete(t.parts, i, i+1)
		return Unsure
	}},
	{"parts-swapped", func(src *Source, _ codec.Rules, t *tree) Verdict {
		if len(t.parts) < 2 {
			return None
		}
		i, j := src.Intn(len(t.parts)), src.Intn(len(t.parts))
		t.parts[i], t.parts[j] = t.parts[j], t.parts[i]
		return Unsure
	}},
	{"part-repeated", func(src *Source, _ codec.Rules, t *tree) Verdict {
		if len(t.parts) == 0 {
			return None
		}
		i := src.Intn(len(t.parts))
		t.parts = slices.Insert(t.parts, i, t.parts[i])
		return Unsure
	}},
	{"spliced", func(src *Source, r codec.Rules, t *tree) Verdict {
		other := shortest(src, r)
		b := t.bytes()
		t.out = append(b[:src.Intn(len(b)+1)], other[src.Intn(len(other)+1):]...)
		return Unsure
	}},
	{"bytes-inserted", func(src *Source, _ codec.Rules, t *tree) Verdict {
		b := t.bytes()
		t.out = slices.Insert(b, src.Intn(len(b)+1), src.Bytes(1+src.Intn(8))...)
		return Unsure
	}},
	{"bytes-deleted", func(src *Source, _ codec.Rules, t *tree) Verdict {
		b := t.bytes()
		i := src.Intn(len(b))
		t.out = slices.Delete(b, i, min(len(b), i+1+src.Intn(4)))
		return Unsure
	}},
	{"byte-set", func(src *Source, _ codec.Rules, t *tree) Verdict {
		t.out = t.bytes()
		t.out[src.Intn(len(t.out))] = pick(src, 0x00, 0x01, 0x7f, 0x80, 0xff, src.Byte())
		return Unsure
	}},
	{"bit-flipped", func(src *Source, _ codec.Rules, t *tree) Verdict {
		t.out = t.bytes()
		t.out[src.Intn(len(t.out))] ^= 1 << src.Intn(8)
		return Unsure
	}},
}
