package codec

import (
	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/fixedheader"
	"github.com/mqttwire/mqttwire/topicmatch"
)

// Subscribe is a SUBSCRIBE packet (3.1.1 §3.8, 5.0 §3.8).
type Subscribe struct {
	// ID is the Packet Identifier, 1 to 65,535.
	ID uint16
	// Properties of 5.0 (5.0 §3.8.2.1).
	Properties Properties
	// Subscriptions is the payload, at least one.
	Subscriptions Subscriptions
}

// Type returns mqttwire.SUBSCRIBE.
func (*Subscribe) Type() mqttwire.PacketType { return mqttwire.SUBSCRIBE }

// PropertyList returns &p.Properties.
func (p *Subscribe) PropertyList() *Properties { return &p.Properties }

// Decode fills p from the body of a SUBSCRIBE, which it borrows.
//
//	Packet Identifier     Two Byte Integer, not 0
//	Properties            5.0: Property Length, then the properties
//	and once or more:
//	Topic Filter          UTF-8 Encoded String
//	Subscription Options  Byte: bits 7-6 reserved, 5-4 Retain Handling, 3 Retain As
//	                      Published, 2 No Local, 1-0 Maximum QoS; before 5.0 bits
//	                      1-0 Requested QoS, the others reserved, in 3.1 unused
func (p *Subscribe) Decode(r Rules, h fixedheader.Header, body []byte) error {
	*p = Subscribe{}
	if err := r.checkHeader(mqttwire.SUBSCRIBE, h, body); err != nil {
		return err
	}
	var e mqttwire.Error
	if p.ID, p.Properties, body, e = cutRequest(mqttwire.SUBSCRIBE, r.Version, body); e == 0 {
		p.Subscriptions.b = body[:len(body):len(body)]
		if r.Version == mqttwire.V31 {
			p.Subscriptions.unused = optionsReservedBefore5 // 3.1 §3.8
		}
		e = p.Subscriptions.check(r.Version, r.Lenient)
	}
	if e != 0 {
		*p = Subscribe{}
		return e
	}
	return nil
}

// cutRequest cuts what a SUBSCRIBE, an UNSUBSCRIBE and their acknowledgements
// start with: Packet Identifier and, in 5.0, properties.
func cutRequest(t mqttwire.PacketType, v mqttwire.Version, b []byte) (id uint16, p Properties, rest []byte, e mqttwire.Error) {
	if id, b, e = cutPacketID(b); e != 0 || v != mqttwire.V50 {
		return id, Properties{}, b, e
	}
	if len(b) > 0 && b[0] == 0 { // most have none
		return id, Properties{}, b[1:], 0
	}
	p, b, e = cutProperties(b, t)
	return id, p, b, e
}

// checkRequest validates the same on behalf of Append.
func (r Rules) checkRequest(t mqttwire.PacketType, id uint16, p *Properties) mqttwire.Error {
	if e := r.checkAppend(t); e != 0 {
		return e
	}
	if _, e := r.checkAppendProperties(p, t); e != 0 {
		return e
	}
	if id == 0 && !r.Unchecked {
		return mqttwire.ErrPacketID // 3.1.1 [MQTT-2.3.1-1], 5.0 [MQTT-2.2.1-3]
	}
	return 0
}

// appendRequest appends the same after the fixed header of a body of length
// bytes.
func (r Rules) appendRequest(dst []byte, t mqttwire.PacketType, length int, id uint16, p *Properties) ([]byte, mqttwire.Error) {
	out, e := appendHeader(dst, t, length)
	if e != 0 {
		return dst, e
	}
	return appendProperties(append(out, byte(id>>8), byte(id)), p, r.Version), 0
}

// Append appends p to dst.
func (p *Subscribe) Append(dst []byte, r Rules) ([]byte, error) {
	e := r.checkRequest(mqttwire.SUBSCRIBE, p.ID, &p.Properties)
	switch {
	case e != 0:
	case p.Subscriptions.bad != 0:
		e = p.Subscriptions.bad
	case !r.Unchecked:
		e = p.Subscriptions.check(r.Version, 0)
	}
	if e != 0 {
		return dst, e
	}
	out, e := r.appendRequest(dst, mqttwire.SUBSCRIBE, p.bodySize(r.Version), p.ID, &p.Properties)
	if e != 0 {
		return dst, e
	}
	start := len(out)
	out = append(out, p.Subscriptions.b...)
	if p.Subscriptions.unused != 0 {
		p.Subscriptions.clearUnused(out[start:])
	}
	return out, nil
}

// clearUnused clears the bits that do not count in b, a copy of the list.
func (l Subscriptions) clearUnused(b []byte) {
	for len(b) > 2 {
		n := 2 + (int(b[0])<<8 | int(b[1]))
		if n >= len(b) {
			return
		}
		b[n] &^= byte(l.unused)
		b = b[n+1:]
	}
}

func (p *Subscribe) bodySize(v mqttwire.Version) int {
	return 2 + propertiesSize(&p.Properties, v) + len(p.Subscriptions.b)
}

// Size returns how many bytes Append writes in version v.
func (p *Subscribe) Size(v mqttwire.Version) int { return packetSize(p.bodySize(v)) }

// Clone returns a copy that shares no memory with p or the bytes it was
// decoded from.
func (p *Subscribe) Clone() Subscribe {
	return Subscribe{p.ID, p.Properties.Clone(), p.Subscriptions.Clone()}
}

// Downgrade removes the properties and all options except the QoS where v is
// before 5.0. A Shared Subscription has no counterpart there: its filter would
// be an ordinary one that matches other topics. For one it returns
// [mqttwire.ErrNotInVersion] and leaves p alone.
func (p *Subscribe) Downgrade(v mqttwire.Version) error {
	if !v.Valid() {
		return mqttwire.ErrVersion
	}
	if v == mqttwire.V50 {
		return nil
	}
	for s := range p.Subscriptions.All() {
		if topicmatch.IsShared(s.Filter) {
			return mqttwire.ErrNotInVersion // 5.0 §4.8.2
		}
	}
	p.Properties = Properties{}
	p.Subscriptions.unused = optionsReservedBefore5
	return nil
}
