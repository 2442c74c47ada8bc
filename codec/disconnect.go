package codec

import (
	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/fixedheader"
)

// Disconnect is a DISCONNECT packet (3.1.1 §3.14, 5.0 §3.14).
type Disconnect struct {
	// Code is the Disconnect Reason Code of 5.0, else 0.
	Code mqttwire.Reason
	// Properties of 5.0 (5.0 §3.14.2.2).
	Properties Properties
}

// Type returns mqttwire.DISCONNECT.
func (*Disconnect) Type() mqttwire.PacketType { return mqttwire.DISCONNECT }

// PropertyList returns &p.Properties.
func (p *Disconnect) PropertyList() *Properties { return &p.Properties }

// Decode fills p from the body of a DISCONNECT, which it borrows.
//
//	Reason Code  5.0: Byte; left out, with all that follows, it is 0
//	Properties   5.0: Property Length, then the properties; left out, there are none
func (p *Disconnect) Decode(r Rules, h fixedheader.Header, body []byte) error {
	*p = Disconnect{}
	if err := r.checkHeader(mqttwire.DISCONNECT, h, body); err != nil {
		return err
	}
	if len(body) == 0 {
		return nil // code 0x00, no properties: all there is before 5.0
	}
	if r.Version != mqttwire.V50 {
		return mqttwire.ErrTrailing // 3.1.1 §3.14.1: the Remaining Length is 0
	}
	p.Code = mqttwire.Reason(body[0])
	var e mqttwire.Error
	if p.Properties, e = restProperties(body[1:], mqttwire.DISCONNECT); e == 0 {
		e = p.checkContent(r)
	}
	if e != 0 {
		*p = Disconnect{}
		return e
	}
	return nil
}

func (p *Disconnect) checkContent(r Rules) mqttwire.Error {
	if !p.Code.SentBy(r.From, mqttwire.DISCONNECT) {
		return mqttwire.ErrDisconnectCode // 5.0 [MQTT-3.14.2-1]
	}
	if r.From == mqttwire.Server {
		if _, ok := p.Properties.SessionExpiryInterval(); ok {
			return mqttwire.ErrSessionExpiryFromServer // 5.0 [MQTT-3.14.2-2]
		}
	}
	return 0
}

func (p *Disconnect) check(r Rules) mqttwire.Error {
	if e := r.checkAppend(mqttwire.DISCONNECT); e != 0 {
		return e
	}
	if _, e := r.checkAppendProperties(&p.Properties, mqttwire.DISCONNECT); e != 0 {
		return e
	}
	switch {
	case p.Code != 0 && r.Version != mqttwire.V50:
		return mqttwire.ErrNotInVersion // 5.0 §3.14.2.1
	case r.Unchecked:
		return 0
	}
	return p.checkContent(r)
}

// Append appends p to dst, in 5.0 in its shortest form (5.0 §3.14.2.1).
func (p *Disconnect) Append(dst []byte, r Rules) ([]byte, error) {
	if e := p.check(r); e != 0 {
		return dst, e
	}
	length := p.bodySize(r.Version)
	out, e := appendHeader(dst, mqttwire.DISCONNECT, length)
	if e != 0 {
		return dst, e
	}
	if length > 0 {
		out = append(out, byte(p.Code))
	}
	if length > 1 {
		out = appendProperties(out, &p.Properties, r.Version)
	}
	return out, nil
}

func (p *Disconnect) bodySize(v mqttwire.Version) int {
	switch {
	case v != mqttwire.V50 || p.Code == 0 && len(p.Properties.b) == 0:
		return 0
	case len(p.Properties.b) == 0:
		return 1
	}
	return 1 + propertiesSize(&p.Properties, v)
}

// Size returns how many bytes Append writes in version v.
func (p *Disconnect) Size(v mqttwire.Version) int { return packetSize(p.bodySize(v)) }

// Clone returns a copy that shares no memory with p or the bytes it was
// decoded from.
func (p *Disconnect) Clone() Disconnect {
	return Disconnect{p.Code, p.Properties.Clone()}
}

// Downgrade removes the properties where v is before 5.0. No earlier version
// can say a code other than 0: a client that wants its will published closes the
// connection without a DISCONNECT (3.1.1 §3.14.4), and a server sends none. For
// such a code Downgrade returns [mqttwire.ErrNotInVersion] and leaves p alone.
func (p *Disconnect) Downgrade(v mqttwire.Version) error {
	if !v.Valid() {
		return mqttwire.ErrVersion
	}
	if v == mqttwire.V50 {
		return nil
	}
	if p.Code != 0 {
		return mqttwire.ErrNotInVersion
	}
	p.Properties = Properties{}
	return nil
}
