package codec

import (
	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/fixedheader"
)

// Unsuback is an UNSUBACK packet (3.1.1 §3.11, 5.0 §3.11).
type Unsuback struct {
	// ID is the Packet Identifier of the UNSUBSCRIBE, 1 to 65,535.
	ID uint16
	// Properties of 5.0 (5.0 §3.11.2.1).
	Properties Properties
	// Codes are the payload of 5.0, at least one Unsubscribe Reason Code.
	// Before 5.0 there are none.
	Codes ReasonCodes
}

// Type returns mqttwire.UNSUBACK.
func (*Unsuback) Type() mqttwire.PacketType { return mqttwire.UNSUBACK }

// PropertyList returns &p.Properties.
func (p *Unsuback) PropertyList() *Properties { return &p.Properties }

// Decode fills p from the body of an UNSUBACK, which it borrows.
//
//	Packet Identifier  Two Byte Integer, not 0
//	Properties         5.0: Property Length, then the properties
//	Reason Codes       5.0: once or more: Byte
func (p *Unsuback) Decode(r Rules, h fixedheader.Header, body []byte) error {
	*p = Unsuback{}
	if err := r.checkHeader(mqttwire.UNSUBACK, h, body); err != nil {
		return err
	}
	var e mqttwire.Error
	p.ID, p.Properties, body, e = cutRequest(mqttwire.UNSUBACK, r.Version, body)
	switch {
	case e != 0:
	case r.Version == mqttwire.V50:
		p.Codes.b = body[:len(body):len(body)]
		e = p.Codes.checkUnsuback()
	case len(body) > 0:
		e = mqttwire.ErrTrailing // 3.1.1 §3.11.3: no payload
	}
	if e != 0 {
		*p = Unsuback{}
		return e
	}
	return nil
}

func (l ReasonCodes) checkUnsuback() mqttwire.Error {
	if len(l.b) == 0 {
		return mqttwire.ErrUnsubackEmpty // 5.0 [MQTT-3.11.3-2]
	}
	for _, b := range l.b {
		if !mqttwire.Reason(b).AllowedIn(mqttwire.UNSUBACK) {
			return mqttwire.ErrUnsubackCode // 5.0 [MQTT-3.11.3-2]
		}
	}
	return 0
}

// Append appends p to dst.
func (p *Unsuback) Append(dst []byte, r Rules) ([]byte, error) {
	e := r.checkRequest(mqttwire.UNSUBACK, p.ID, &p.Properties)
	switch {
	case e != 0:
	case r.Version != mqttwire.V50 && p.Codes.Len() > 0:
		e = mqttwire.ErrNotInVersion // 3.1.1 §3.11.3
	case r.Version == mqttwire.V50 && !r.Unchecked:
		e = p.Codes.checkUnsuback()
	}
	if e != 0 {
		return dst, e
	}
	out, e := r.appendRequest(dst, mqttwire.UNSUBACK, p.bodySize(r.Version), p.ID, &p.Properties)
	if e != 0 {
		return dst, e
	}
	return p.Codes.appendTo(out), nil
}

func (p *Unsuback) bodySize(v mqttwire.Version) int {
	if v != mqttwire.V50 {
		return 2
	}
	return 2 + propertiesSize(&p.Properties, v) + len(p.Codes.b)
}

// Size returns how many bytes Append writes in version v.
func (p *Unsuback) Size(v mqttwire.Version) int { return packetSize(p.bodySize(v)) }

// Clone returns a copy that shares no memory with p or the bytes it was
// decoded from.
func (p *Unsuback) Clone() Unsuback {
	return Unsuback{p.ID, p.Properties.Clone(), p.Codes.Clone()}
}

// Downgrade removes properties and codes where v is before 5.0, which cannot
// say how an UNSUBSCRIBE went.
func (p *Unsuback) Downgrade(v mqttwire.Version) error {
	if !v.Valid() {
		return mqttwire.ErrVersion
	}
	if v != mqttwire.V50 {
		p.Properties, p.Codes = Properties{}, ReasonCodes{}
	}
	return nil
}
