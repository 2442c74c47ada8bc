package fuzz

import (
	"slices"
	"unicode/utf8"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/fixedheader"
)

// What the mutations are made of.

// only is verdict where a condition holds.
func only(applies bool, verdict Verdict) Verdict {
	if applies {
		return verdict
	}
	return None
}

// lenient31 is the verdict on what only 3.1 overlooks.
func lenient31(r codec.Rules) Verdict {
	if r.Version == mqttwire.V31 {
		return Valid
	}
	return Invalid
}

// since5 is the verdict on what only 5.0 forbids.
func since5(r codec.Rules) Verdict {
	if r.Version == mqttwire.V50 {
		return Invalid
	}
	return Valid
}

// reservedFlags changes the flags of the fixed header (3.1.1 §2.2.2,
// 5.0 §2.1.3). In 3.1 bits 2-1 are the QoS of the three that 3.1.1 gives flags
// to, and nothing else counts.
func reservedFlags(src *Source, r codec.Rules, t *tree) Verdict {
	if t.kind() == mqttwire.PUBLISH {
		return None
	}
	t.first ^= byte(1 + src.Intn(15))
	if r.Version != mqttwire.V31 {
		return only(t.first&0x0f != fixedheader.ReservedFlags(t.kind()), Invalid)
	}
	if fixedheader.ReservedFlags(t.kind()) != 0 && t.first&0x06 != 0x02 {
		return Invalid
	}
	return Valid
}

// anyCode sets a code to any value.
func anyCode(src *Source, r codec.Rules, t *tree) Verdict {
	if r.Version == mqttwire.V50 {
		t.fill()
	}
	p := t.any(src, codes)
	if p == nil {
		return None
	}
	c := src.Byte()
	p.value = []byte{c}
	if validCode(r, t, c) {
		return Valid
	}
	return Invalid
}

func validCode(r codec.Rules, t *tree, c byte) bool {
	switch {
	case t.kind() == mqttwire.CONNACK:
		present := r.Version != mqttwire.V31 && t.parts[0].value[0] != 0
		return connack.Code(c).ValidIn(r.Version) && !(present && c != 0)
	case r.Version == mqttwire.V50 && c == byte(mqttwire.NoMatchingSubscribers): // taken from a client as well
		return mqttwire.Reason(c).AllowedIn(t.kind())
	case r.Version == mqttwire.V50:
		return mqttwire.Reason(c).SentBy(r.From, t.kind())
	case r.Version == mqttwire.V311:
		return c <= 2 || c == 0x80
	}
	return c&3 != 3 // 3.1 §3.9: the other bits are not used
}

// block draws a property block, one that can be left out included; nil before
// 5.0 and in packets that have none.
func (t *tree) block(src *Source, r codec.Rules) *part {
	if r.Version == mqttwire.V50 {
		t.fill()
	}
	return t.any(src, block)
}

// addProperty draws one of the properties for which want holds and puts it into
// a block as the makers make it, in place of one that is there.
func (t *tree) addProperty(src *Source, r codec.Rules, verdict Verdict,
	want func(mqttwire.PacketType, codec.PropertyID) bool, makers ...func(*Source, codec.PropertyID) prop) Verdict {
	p := t.block(src, r)
	if p == nil {
		return None
	}
	ids := slices.DeleteFunc(slices.Clone(properties), func(id codec.PropertyID) bool { return !want(p.in, id) })
	if len(ids) == 0 {
		return None
	}
	id := pick(src, ids...)
	p.set(id, makers[0](src, id))
	for _, maker := range makers[1:] {
		p.props = append(p.props, maker(src, id))
	}
	return verdict
}

// drawn makes a property of a valid value.
func drawn(src *Source, id codec.PropertyID) prop {
	b := property(src, codec.Properties{}, id)
	x, _, _ := b.Next()
	return newProp(x, b.Bytes())
}

// isID is a want for addProperty: one property, where it is allowed.
func isID(want codec.PropertyID) func(mqttwire.PacketType, codec.PropertyID) bool {
	return func(in mqttwire.PacketType, id codec.PropertyID) bool { return id == want && id.AllowedIn(in) }
}

// insert puts one of several strings between two characters of a part.
func (t *tree) insert(src *Source, verdict Verdict, kinds []kind, what ...string) Verdict {
	p := t.any(src, kinds...)
	if p == nil {
		return None
	}
	s := pick(src, what...)
	value := cutText(p.value, maxField-len(s))
	i := src.Intn(len(value) + 1)
	for i < len(value) && !utf8.RuneStart(value[i]) {
		i--
	}
	p.value = slices.Concat(value[:i], []byte(s), value[i:])
	return verdict
}

// replace gives a part of a kind one of several values.
func (t *tree) replace(src *Source, verdict Verdict, k kind, with ...string) Verdict {
	p := t.any(src, k)
	if p == nil {
		return None
	}
	p.value = []byte(pick(src, with...))
	return verdict
}

// setBits sets bits of a part that is one byte.
func (t *tree) setBits(src *Source, verdict Verdict, k kind, bits ...byte) Verdict {
	p := t.any(src, k)
	if p == nil {
		return None
	}
	p.value = []byte{p.value[0] | pick(src, bits...)}
	return verdict
}

// flags returns the Connect Flags, 0 where the packet is no CONNECT.
func (t *tree) flags() byte {
	if p := t.all(connectFlags); len(p) > 0 {
		return p[0].value[0]
	}
	return 0
}

// clientID returns the Client Identifier, nil where the packet is no CONNECT.
func (t *tree) clientID() *part {
	if t.kind() != mqttwire.CONNECT {
		return nil
	}
	for i := 4; i < len(t.parts); i++ {
		if t.parts[i].kind == texts {
			return &t.parts[i]
		}
	}
	return nil
}
