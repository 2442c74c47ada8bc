package codec

import (
	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/fixedheader"
	"github.com/mqttwire/mqttwire/topicmatch"
)

// Unsubscribe is an UNSUBSCRIBE packet (3.1.1 §3.10, 5.0 §3.10).
type Unsubscribe struct {
	// ID is the Packet Identifier, 1 to 65,535.
	ID uint16
	// Properties of 5.0 (5.0 §3.10.2.1).
	Properties Properties
	// Filters is the payload, at least one Topic Filter.
	Filters Filters
}

// Type returns mqttwire.UNSUBSCRIBE.
func (*Unsubscribe) Type() mqttwire.PacketType { return mqttwire.UNSUBSCRIBE }

// PropertyList returns &p.Properties.
func (p *Unsubscribe) PropertyList() *Properties { return &p.Properties }

// Decode fills p from the body of an UNSUBSCRIBE, which it borrows.
//
//	Packet Identifier  Two Byte Integer, not 0
//	Properties         5.0: Property Length, then the properties
//	Topic Filters      once or more: UTF-8 Encoded String
func (p *Unsubscribe) Decode(r Rules, h fixedheader.Header, body []byte) error {
	*p = Unsubscribe{}
	if err := r.checkHeader(mqttwire.UNSUBSCRIBE, h, body); err != nil {
		return err
	}
	var e mqttwire.Error
	if p.ID, p.Properties, body, e = cutRequest(mqttwire.UNSUBSCRIBE, r.Version, body); e == 0 {
		p.Filters.b = body[:len(body):len(body)]
		e = p.Filters.check(r.Version, r.Lenient)
	}
	if e != 0 {
		*p = Unsubscribe{}
		return e
	}
	return nil
}

// Append appends p to dst.
func (p *Unsubscribe) Append(dst []byte, r Rules) ([]byte, error) {
	e := r.checkRequest(mqttwire.UNSUBSCRIBE, p.ID, &p.Properties)
	switch {
	case e != 0:
	case p.Filters.bad != 0:
		e = p.Filters.bad
	case !r.Unchecked:
		e = p.Filters.check(r.Version, 0)
	}
	if e != 0 {
		return dst, e
	}
	out, e := r.appendRequest(dst, mqttwire.UNSUBSCRIBE, p.bodySize(r.Version), p.ID, &p.Properties)
	if e != 0 {
		return dst, e
	}
	return append(out, p.Filters.b...), nil
}

func (p *Unsubscribe) bodySize(v mqttwire.Version) int {
	return 2 + propertiesSize(&p.Properties, v) + len(p.Filters.b)
}

// Size returns how many bytes Append writes in version v.
func (p *Unsubscribe) Size(v mqttwire.Version) int { return packetSize(p.bodySize(v)) }

// Clone returns a copy that shares no memory with p or the bytes it was
// decoded from.
func (p *Unsubscribe) Clone() Unsubscribe {
	return Unsubscribe{p.ID, p.Properties.Clone(), p.Filters.Clone()}
}

// Downgrade removes the properties where v is before 5.0. As in
// [Subscribe.Downgrade], a Shared Subscription is [mqttwire.ErrNotInVersion]
// and leaves p alone.
func (p *Unsubscribe) Downgrade(v mqttwire.Version) error {
	if !v.Valid() {
		return mqttwire.ErrVersion
	}
	if v == mqttwire.V50 {
		return nil
	}
	for f := range p.Filters.All() {
		if topicmatch.IsShared(f) {
			return mqttwire.ErrNotInVersion // 5.0 §4.8.2
		}
	}
	p.Properties = Properties{}
	return nil
}
