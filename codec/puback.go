package codec

import (
	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/fixedheader"
)

// Puback is a PUBACK packet, the answer to a PUBLISH of QoS 1 (3.1.1 §3.4,
// 5.0 §3.4).
type Puback struct {
	// ID is the Packet Identifier, 1 to 65,535.
	ID uint16
	// Code is the PUBACK Reason Code of 5.0, else 0.
	Code mqttwire.Reason
	// Properties of 5.0 (5.0 §3.4.2.2).
	Properties Properties
}

// Pubrec is a PUBREC packet, the first answer to a PUBLISH of QoS 2
// (3.1.1 §3.5, 5.0 §3.5).
type Pubrec struct {
	// ID is the Packet Identifier, 1 to 65,535.
	ID uint16
	// Code is the PUBREC Reason Code of 5.0, else 0.
	Code mqttwire.Reason
	// Properties of 5.0 (5.0 §3.5.2.2).
	Properties Properties
}

// Pubrel is a PUBREL packet, the answer to a PUBREC (3.1.1 §3.6, 5.0 §3.6).
type Pubrel struct {
	// ID is the Packet Identifier, 1 to 65,535.
	ID uint16
	// Code is the PUBREL Reason Code of 5.0, else 0.
	Code mqttwire.Reason
	// Properties of 5.0 (5.0 §3.6.2.2).
	Properties Properties
}

// Pubcomp is a PUBCOMP packet, the answer to a PUBREL (3.1.1 §3.7, 5.0 §3.7).
type Pubcomp struct {
	// ID is the Packet Identifier, 1 to 65,535.
	ID uint16
	// Code is the PUBCOMP Reason Code of 5.0, else 0.
	Code mqttwire.Reason
	// Properties of 5.0 (5.0 §3.7.2.2).
	Properties Properties
}

// ack is what the four have in common: everything but name and type.
type ack struct {
	ID         uint16
	Code       mqttwire.Reason
	Properties Properties
}

// Type returns mqttwire.PUBACK.
func (*Puback) Type() mqttwire.PacketType { return mqttwire.PUBACK }

// Type returns mqttwire.PUBREC.
func (*Pubrec) Type() mqttwire.PacketType { return mqttwire.PUBREC }

// Type returns mqttwire.PUBREL.
func (*Pubrel) Type() mqttwire.PacketType { return mqttwire.PUBREL }

// Type returns mqttwire.PUBCOMP.
func (*Pubcomp) Type() mqttwire.PacketType { return mqttwire.PUBCOMP }

// PropertyList returns &p.Properties.
func (p *Puback) PropertyList() *Properties { return &p.Properties }

// PropertyList returns &p.Properties.
func (p *Pubrec) PropertyList() *Properties { return &p.Properties }

// PropertyList returns &p.Properties.
func (p *Pubrel) PropertyList() *Properties { return &p.Properties }

// PropertyList returns &p.Properties.
func (p *Pubcomp) PropertyList() *Properties { return &p.Properties }

// Decode fills p from the body of a PUBACK, which it borrows. It takes code
// 0x10, which 5.0 §3.4.2.1 has the server alone send, from a client as well:
// bridges send it. Append does not write it for a client.
func (p *Puback) Decode(r Rules, h fixedheader.Header, body []byte) error {
	if isPlainAck(mqttwire.PUBACK, r, h, body) {
		*p = Puback{ID: uint16(body[0])<<8 | uint16(body[1])}
		return nil
	}
	return (*ack)(p).decode(mqttwire.PUBACK, r, h, body)
}

// Decode fills p from the body of a PUBREC, which it borrows. It takes code
// 0x10 from a client, as that of [Puback] does (5.0 §3.5.2.1).
func (p *Pubrec) Decode(r Rules, h fixedheader.Header, body []byte) error {
	if isPlainAck(mqttwire.PUBREC, r, h, body) {
		*p = Pubrec{ID: uint16(body[0])<<8 | uint16(body[1])}
		return nil
	}
	return (*ack)(p).decode(mqttwire.PUBREC, r, h, body)
}

// Decode fills p from the body of a PUBREL, which it borrows.
func (p *Pubrel) Decode(r Rules, h fixedheader.Header, body []byte) error {
	if isPlainAck(mqttwire.PUBREL, r, h, body) {
		*p = Pubrel{ID: uint16(body[0])<<8 | uint16(body[1])}
		return nil
	}
	return (*ack)(p).decode(mqttwire.PUBREL, r, h, body)
}

// Decode fills p from the body of a PUBCOMP, which it borrows.
func (p *Pubcomp) Decode(r Rules, h fixedheader.Header, body []byte) error {
	if isPlainAck(mqttwire.PUBCOMP, r, h, body) {
		*p = Pubcomp{ID: uint16(body[0])<<8 | uint16(body[1])}
		return nil
	}
	return (*ack)(p).decode(mqttwire.PUBCOMP, r, h, body)
}

// Append appends p to dst, in 5.0 in its shortest form (5.0 §3.4.2.1).
func (p *Puback) Append(dst []byte, r Rules) ([]byte, error) {
	return (*ack)(p).append(dst, mqttwire.PUBACK, r)
}

// Append appends p to dst, in 5.0 in its shortest form (5.0 §3.5.2.1).
func (p *Pubrec) Append(dst []byte, r Rules) ([]byte, error) {
	return (*ack)(p).append(dst, mqttwire.PUBREC, r)
}

// Append appends p to dst, in 5.0 in its shortest form (5.0 §3.6.2.1).
func (p *Pubrel) Append(dst []byte, r Rules) ([]byte, error) {
	return (*ack)(p).append(dst, mqttwire.PUBREL, r)
}

// Append appends p to dst, in 5.0 in its shortest form (5.0 §3.7.2.1).
func (p *Pubcomp) Append(dst []byte, r Rules) ([]byte, error) {
	return (*ack)(p).append(dst, mqttwire.PUBCOMP, r)
}

// Size returns how many bytes Append writes in version v.
func (p *Puback) Size(v mqttwire.Version) int { return packetSize((*ack)(p).bodySize(v)) }

// Size returns how many bytes Append writes in version v.
func (p *Pubrec) Size(v mqttwire.Version) int { return packetSize((*ack)(p).bodySize(v)) }

// Size returns how many bytes Append writes in version v.
func (p *Pubrel) Size(v mqttwire.Version) int { return packetSize((*ack)(p).bodySize(v)) }

// Size returns how many bytes Append writes in version v.
func (p *Pubcomp) Size(v mqttwire.Version) int { return packetSize((*ack)(p).bodySize(v)) }

// Clone returns a copy that shares no memory with p or the bytes it was
// decoded from.
func (p *Puback) Clone() Puback { return Puback((*ack)(p).clone()) }

// Clone returns a copy that shares no memory with p or the bytes it was
// decoded from.
func (p *Pubrec) Clone() Pubrec { return Pubrec((*ack)(p).clone()) }

// Clone returns a copy that shares no memory with p or the bytes it was
// decoded from.
func (p *Pubrel) Clone() Pubrel { return Pubrel((*ack)(p).clone()) }

// Clone returns a copy that shares no memory with p or the bytes it was
// decoded from.
func (p *Pubcomp) Clone() Pubcomp { return Pubcomp((*ack)(p).clone()) }

// Downgrade removes code and properties where v is before 5.0: 3.1 and 3.1.1
// can only acknowledge.
func (p *Puback) Downgrade(v mqttwire.Version) error { return (*ack)(p).downgrade(v) }

// Downgrade removes code and properties where v is before 5.0: 3.1 and 3.1.1
// can only acknowledge, so that a refusal becomes the promise to deliver; the
// peer then sends a PUBREL.
func (p *Pubrec) Downgrade(v mqttwire.Version) error { return (*ack)(p).downgrade(v) }

// Downgrade removes code and properties where v is before 5.0.
func (p *Pubrel) Downgrade(v mqttwire.Version) error { return (*ack)(p).downgrade(v) }

// Downgrade removes code and properties where v is before 5.0.
func (p *Pubcomp) Downgrade(v mqttwire.Version) error { return (*ack)(p).downgrade(v) }

// isPlainAck reports whether an acknowledgement is what most are: right, with code
// 0x00 and no properties. Either role sends all four.
func isPlainAck(t mqttwire.PacketType, r Rules, h fixedheader.Header, body []byte) bool {
	return h == fixedheader.Header{Type: t, Flags: fixedheader.ReservedFlags(t), Width: 1, Length: 2} &&
		len(body) == 2 && body[0]|body[1] != 0 && r.Version.Valid()
}

// decode is Decode of all four.
//
//	Packet Identifier  Two Byte Integer, not 0
//	Reason Code        5.0: Byte; left out, with all that follows, it is 0
//	Properties         5.0: Property Length, then the properties; left out, there are none
func (p *ack) decode(t mqttwire.PacketType, r Rules, h fixedheader.Header, body []byte) error {
	*p = ack{}
	if err := r.checkHeader(t, h, body); err != nil {
		return err
	}
	if e := p.decodeBody(t, r, body); e != 0 {
		*p = ack{}
		return e
	}
	return nil
}

func (p *ack) decodeBody(t mqttwire.PacketType, r Rules, b []byte) (e mqttwire.Error) {
	if p.ID, b, e = cutPacketID(b); e != 0 {
		return e
	}
	if len(b) == 0 {
		return 0 // code 0x00, no properties: all there is before 5.0
	}
	if r.Version != mqttwire.V50 {
		return mqttwire.ErrTrailing // 3.1.1 §3.4.1: the Remaining Length is 2
	}
	p.Code, b = mqttwire.Reason(b[0]), b[1:]
	if !takes(p.Code, r.From, t) {
		return ackCodeError(t)
	}
	p.Properties, e = restProperties(b, t)
	return e
}

// takes reports whether Decode takes code c from a sender in a packet of type t.
// 0x10 is the server's alone (5.0 §3.4.2.1, §3.5.2.1), but bridges answer with
// it what nobody has subscribed to, and nothing asks a receiver to close.
func takes(c mqttwire.Reason, from mqttwire.Role, t mqttwire.PacketType) bool {
	if c == mqttwire.NoMatchingSubscribers {
		from = mqttwire.Either
	}
	return c.SentBy(from, t)
}

// cutPacketID cuts a Packet Identifier from the front of b.
func cutPacketID(b []byte) (id uint16, rest []byte, e mqttwire.Error) {
	if len(b) < 2 {
		return 0, nil, mqttwire.ErrTruncated
	}
	if id = uint16(b[0])<<8 | uint16(b[1]); id == 0 {
		return 0, nil, mqttwire.ErrPacketID // 3.1.1 [MQTT-2.3.1-1], 5.0 [MQTT-2.2.1-3]
	}
	return id, b[2:], 0
}

// restProperties decodes the properties that end a packet which may leave out
// their length: nothing at all stands for none (5.0 §3.4.2.2.1).
func restProperties(b []byte, in mqttwire.PacketType) (Properties, mqttwire.Error) {
	if len(b) == 0 {
		return Properties{}, 0
	}
	p, rest, e := cutProperties(b, in)
	if e == 0 && len(rest) > 0 {
		e = mqttwire.ErrTrailing
	}
	return p, e
}

func ackCodeError(t mqttwire.PacketType) mqttwire.Error {
	switch t {
	case mqttwire.PUBACK:
		return mqttwire.ErrPubackCode // 5.0 [MQTT-3.4.2-1]
	case mqttwire.PUBREC:
		return mqttwire.ErrPubrecCode // 5.0 [MQTT-3.5.2-1]
	case mqttwire.PUBREL:
		return mqttwire.ErrPubrelCode // 5.0 [MQTT-3.6.2-1]
	}
	return mqttwire.ErrPubcompCode // 5.0 [MQTT-3.7.2-1]
}

func (p *ack) check(t mqttwire.PacketType, r Rules) mqttwire.Error {
	if e := r.checkAppend(t); e != 0 {
		return e
	}
	if _, e := r.checkAppendProperties(&p.Properties, t); e != 0 {
		return e
	}
	switch {
	case p.Code != 0 && r.Version != mqttwire.V50:
		return mqttwire.ErrNotInVersion // 5.0 §3.4.2.1
	case r.Unchecked:
		return 0
	case p.ID == 0:
		return mqttwire.ErrPacketID // 3.1.1 [MQTT-2.3.1-1], 5.0 [MQTT-2.2.1-3]
	case !p.Code.SentBy(r.From, t):
		return ackCodeError(t)
	}
	return 0
}

func (p *ack) append(dst []byte, t mqttwire.PacketType, r Rules) ([]byte, error) {
	if e := p.check(t, r); e != 0 {
		return dst, e
	}
	length := p.bodySize(r.Version)
	out, e := appendHeader(dst, t, length)
	if e != 0 {
		return dst, e
	}
	out = append(out, byte(p.ID>>8), byte(p.ID))
	if length > 2 {
		out = append(out, byte(p.Code))
	}
	if length > 3 {
		out = appendProperties(out, &p.Properties, r.Version)
	}
	return out, nil
}

func (p *ack) bodySize(v mqttwire.Version) int {
	switch {
	case v != mqttwire.V50 || p.Code == 0 && len(p.Properties.b) == 0:
		return 2
	case len(p.Properties.b) == 0:
		return 3
	}
	return 3 + propertiesSize(&p.Properties, v)
}

func (p *ack) clone() ack {
	c := *p
	c.Properties = p.Properties.Clone()
	return c
}

func (p *ack) downgrade(v mqttwire.Version) error {
	if !v.Valid() {
		return mqttwire.ErrVersion
	}
	if v != mqttwire.V50 {
		p.Code, p.Properties = 0, Properties{}
	}
	return nil
}
