package codec

import (
	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/fixedheader"
)

// Suback is a SUBACK packet (3.1.1 §3.9, 5.0 §3.9).
type Suback struct {
	// ID is the Packet Identifier of the SUBSCRIBE, 1 to 65,535.
	ID uint16
	// Properties of 5.0 (5.0 §3.9.2.1).
	Properties Properties
	// Codes are the payload, at least one: in 5.0 Subscribe Reason Codes, in
	// 3.1.1 and 3.1 the granted QoS or 0x80, a failure.
	Codes ReasonCodes
}

// Type returns mqttwire.SUBACK.
func (*Suback) Type() mqttwire.PacketType { return mqttwire.SUBACK }

// PropertyList returns &p.Properties.
func (p *Suback) PropertyList() *Properties { return &p.Properties }

// Decode fills p from the body of a SUBACK, which it borrows.
//
//	Packet Identifier  Two Byte Integer, not 0
//	Properties         5.0: Property Length, then the properties
//	Reason Codes       once or more: Byte; in 3.1.1 Return Code, in 3.1 0x80, or
//	                   bits 1-0 Granted QoS, the others unused
//
// 3.1 has no failure (3.1 §3.9). Servers that serve 3.1 beside 3.1.1 send 0x80
// there too, and it would be the worst to read that as QoS 0 granted.
func (p *Suback) Decode(r Rules, h fixedheader.Header, body []byte) error {
	if !r.isUsual(mqttwire.SUBACK, h, body) {
		if err := r.checkHeader(mqttwire.SUBACK, h, body); err != nil {
			*p = Suback{}
			return err
		}
	}
	id, properties, rest, e := cutRequest(mqttwire.SUBACK, r.Version, body)
	codes := ReasonCodes{b: rest[:len(rest):len(rest)]}
	if r.Version == mqttwire.V31 {
		codes.form = qosOnly
	}
	if e == 0 {
		e = codes.checkSuback(r.Version)
	}
	if e != 0 {
		*p = Suback{}
		return e
	}
	p.ID, p.Properties, p.Codes = id, properties, codes
	return nil
}

func (l ReasonCodes) checkSuback(v mqttwire.Version) mqttwire.Error {
	if len(l.b) == 0 {
		return mqttwire.ErrSubackEmpty // 3.1.1 [MQTT-3.8.4-5], 5.0 [MQTT-3.8.4-6]
	}
	for _, b := range l.b {
		c := l.form.read(b)
		if c <= mqttwire.GrantedQoS2 || c == mqttwire.UnspecifiedError || v == mqttwire.V50 && c.AllowedIn(mqttwire.SUBACK) {
			continue
		}
		return mqttwire.ErrSubackCode // [MQTT-3.9.3-2]
	}
	return 0
}

// Append appends p to dst.
func (p *Suback) Append(dst []byte, r Rules) ([]byte, error) {
	e := r.checkRequest(mqttwire.SUBACK, p.ID, &p.Properties)
	if e == 0 && !r.Unchecked {
		e = p.Codes.checkSuback(r.Version)
	}
	if e != 0 {
		return dst, e
	}
	out, e := r.appendRequest(dst, mqttwire.SUBACK, p.bodySize(r.Version), p.ID, &p.Properties)
	if e != 0 {
		return dst, e
	}
	return p.Codes.appendTo(out), nil
}

func (p *Suback) bodySize(v mqttwire.Version) int {
	return 2 + propertiesSize(&p.Properties, v) + len(p.Codes.b)
}

// Size returns how many bytes Append writes in version v.
func (p *Suback) Size(v mqttwire.Version) int { return packetSize(p.bodySize(v)) }

// Clone returns a copy that shares no memory with p or the bytes it was
// decoded from.
func (p *Suback) Clone() Suback {
	return Suback{p.ID, p.Properties.Clone(), p.Codes.Clone()}
}

// Downgrade removes what version v cannot say, in place: before 5.0 the
// properties and the kind of each failure, which becomes 0x80. 3.1 cannot say
// that a subscription failed: for a failure it returns
// [mqttwire.ErrNotInVersion] and leaves p alone, unless p was decoded as 3.1.
func (p *Suback) Downgrade(v mqttwire.Version) error {
	if !v.Valid() {
		return mqttwire.ErrVersion
	}
	switch v {
	case mqttwire.V50:
		return nil
	case mqttwire.V31:
		for i := range p.Codes.Len() {
			if p.Codes.form != qosOnly && p.Codes.At(i).IsError() {
				return mqttwire.ErrNotInVersion // 3.1 §3.9
			}
		}
	}
	p.Properties = Properties{}
	if p.Codes.form == asTheyStand {
		p.Codes.form = oneFailure
	}
	return nil
}
