package codec

import (
	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/internal/binary"
)

// An Edit says how a list of properties differs from another, as that of a
// PUBLISH that is sent on does from what came. The zero Edit changes nothing.
type Edit struct {
	// Without are the properties that are left out.
	Without []PropertyID
	// Set are properties as Properties.Append takes them. Those of an ID stand
	// in place of all that the list has of that ID, where the first of these
	// stood, and at the end where it has none.
	Set []Property
	// Waited is for how long the message has waited, seconds: so much is taken
	// from a Message Expiry Interval, down to 0 [MQTT-3.3.2-6]. One that is set
	// stays as it is set. A message that has none left is not to be sent
	// [MQTT-3.3.2-5].
	Waited uint32
}

// Append appends the list p, edited, to dst in one pass and returns the result.
// p is not changed, and must not share memory with dst. To edit into a buffer of
// bytes give it as PropertiesOf(b[:0]). Nothing is allocated where dst has room
// for all of p and what is set.
//
// A property that stays is copied byte for byte. What is wrong with it, or with
// one that is set, Append of the packet says. Where p can be read no further the
// rest is left out, and Append of the packet says why.
func (e Edit) Append(dst, p Properties) Properties {
	var without, set, done propertySet
	for _, id := range e.Without {
		without |= bitOf(id)
	}
	for i := range e.Set {
		set |= bitOf(e.Set[i].ID)
	}
	if p.known.isIncomplete() {
		dst = dst.fail(p.known.bad())
	}
	judged := !p.known.isRaw() && p.known.bad() == 0
	b, kept := p.b, 0 // b[:kept] is known and not copied yet
	for kept < len(b) {
		x, n := cutProperty(b[kept:])
		bit := bitOf(x.ID)
		switch {
		case n == 0:
			dst = dst.fail(unreadable(b[kept:]))
			b = b[:kept]
			continue
		case (set|without)&bit != 0:
			dst.b = append(dst.b, b[:kept]...)
			if set&^done&bit != 0 {
				dst = dst.appendOnly(e.Set, bit)
				done |= bit
			}
		case x.ID == MessageExpiryInterval && e.Waited != 0:
			dst.b = append(dst.b, b[:kept+n]...)
			binary.BigEndian.PutUint32(dst.b[len(dst.b)-4:], x.Number-min(e.Waited, x.Number))
			dst = dst.judge(x.ID, 0) // any value is right
		default:
			e := mqttwire.Error(0)
			if !judged {
				_, e = checkProperty(&propertyTable[x.ID], b[kept:])
			}
			dst = dst.judge(x.ID, e)
			kept += n
			continue
		}
		b, kept = b[kept+n:], 0
	}
	dst.b = append(dst.b, b...)
	for i := range e.Set {
		if done&bitOf(e.Set[i].ID) == 0 {
			dst = dst.Append(e.Set[i])
		}
	}
	return dst
}

// bitOf is the bit of an identifier in a propertySet, 0 where it has none.
func bitOf(id PropertyID) propertySet {
	if int(id) >= len(propertyTable) {
		return 0
	}
	return 1 << id
}

// appendOnly appends those of items that have the bit.
func (p Properties) appendOnly(items []Property, bit propertySet) Properties {
	for i := range items {
		if bitOf(items[i].ID) == bit {
			p = p.Append(items[i])
		}
	}
	return p
}

// unreadable says why cutProperty finds nothing at the front of b.
func unreadable(b []byte) mqttwire.Error {
	if id := PropertyID(b[0]); id.Defined() {
		_, e := checkProperty(id.row(), b)
		return e
	}
	return badPropertyID(b)
}
