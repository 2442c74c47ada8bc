package codec

import (
	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/fixedheader"
)

// Connack is a CONNACK packet (3.1.1 §3.2, 5.0 §3.2).
type Connack struct {
	// SessionPresent says that the server has kept the session. It is false
	// with a refusal, and in 3.1, which does not have it.
	SessionPresent bool
	// Code is the Connect Return code, in 5.0 the Connect Reason Code. It must
	// be one of the version's own: see its ValidIn and In.
	Code connack.Code
	// Properties of 5.0 (5.0 §3.2.2.3).
	Properties Properties
}

// Type returns mqttwire.CONNACK.
func (*Connack) Type() mqttwire.PacketType { return mqttwire.CONNACK }

// PropertyList returns &p.Properties.
func (p *Connack) PropertyList() *Properties { return &p.Properties }

// Decode fills p from the body of a CONNACK, which it borrows.
//
//	Connect Acknowledge Flags  Byte: bits 7-1 reserved, 0 Session Present; in 3.1 unused
//	Connect Reason Code        Byte; before 5.0 Connect Return code
//	Properties                 5.0: Property Length, then the properties
func (p *Connack) Decode(r Rules, h fixedheader.Header, body []byte) error {
	*p = Connack{}
	if err := r.checkHeader(mqttwire.CONNACK, h, body); err != nil {
		return err
	}
	if e := p.decodeBody(r, body); e != 0 {
		*p = Connack{}
		return e
	}
	return nil
}

func (p *Connack) decodeBody(r Rules, b []byte) (e mqttwire.Error) {
	if len(b) < 2 {
		return mqttwire.ErrTruncated
	}
	if r.Version != mqttwire.V31 { // there the byte is reserved (3.1 §3.2)
		if b[0] > 1 {
			return mqttwire.ErrConnackFlags // 3.1.1 §3.2.2.1, 5.0 [MQTT-3.2.2-1]
		}
		p.SessionPresent = b[0] == 1
	}
	p.Code = connack.Code(b[1])
	if e := p.checkContent(r.Version); e != 0 {
		return e
	}
	b = b[2:]
	if r.Version == mqttwire.V50 {
		p.Properties, b, e = cutProperties(b, mqttwire.CONNACK)
		if e == mqttwire.ErrMaximumQoSValue && r.Lenient.Has(MaximumQoS2) {
			e = p.Properties.excuseMaximumQoS()
		}
		if e != 0 {
			return e
		}
	}
	if len(b) > 0 {
		return mqttwire.ErrTrailing
	}
	return 0
}

func (p *Connack) checkContent(v mqttwire.Version) mqttwire.Error {
	switch {
	case !p.Code.ValidIn(v):
		return mqttwire.ErrConnackCode // 3.1.1 §3.2.2.3, 5.0 [MQTT-3.2.2-8]
	case p.SessionPresent && p.Code != 0:
		return mqttwire.ErrSessionPresent // 3.1.1 [MQTT-3.2.2-4], 5.0 [MQTT-3.2.2-6]
	}
	return 0
}

func (p *Connack) check(r Rules) mqttwire.Error {
	if e := r.checkAppend(mqttwire.CONNACK); e != 0 {
		return e
	}
	if _, e := r.checkAppendProperties(&p.Properties, mqttwire.CONNACK); e != 0 {
		return e
	}
	switch {
	case p.SessionPresent && r.Version == mqttwire.V31:
		return mqttwire.ErrNotInVersion // 3.1 §3.2
	case r.Unchecked:
		return 0
	}
	return p.checkContent(r.Version)
}

// Append appends p to dst.
func (p *Connack) Append(dst []byte, r Rules) ([]byte, error) {
	if e := p.check(r); e != 0 {
		return dst, e
	}
	out, e := appendHeader(dst, mqttwire.CONNACK, p.bodySize(r.Version))
	if e != 0 {
		return dst, e
	}
	var flags byte
	if p.SessionPresent {
		flags = 1
	}
	return appendProperties(append(out, flags, byte(p.Code)), &p.Properties, r.Version), nil
}

func (p *Connack) bodySize(v mqttwire.Version) int { return 2 + propertiesSize(&p.Properties, v) }

// Size returns how many bytes Append writes in version v.
func (p *Connack) Size(v mqttwire.Version) int { return packetSize(p.bodySize(v)) }

// Clone returns a copy that shares no memory with p or the bytes it was
// decoded from.
func (p *Connack) Clone() Connack {
	c := *p
	c.Properties = p.Properties.Clone()
	return c
}

// Downgrade translates the code to version v and removes what v cannot say, in
// place. Where the code has no counterpart, so that a server of v would close
// the connection without a CONNACK (3.1.1 [MQTT-3.2.2-6]), it returns
// [mqttwire.ErrNotInVersion] and leaves p alone.
func (p *Connack) Downgrade(v mqttwire.Version) error {
	if !v.Valid() {
		return mqttwire.ErrVersion
	}
	code, ok := p.Code.In(v)
	if !ok {
		return mqttwire.ErrNotInVersion
	}
	p.Code = code
	p.SessionPresent = p.SessionPresent && v != mqttwire.V31
	if v != mqttwire.V50 {
		p.Properties = Properties{}
	}
	return nil
}
