package codec

import (
	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/fixedheader"
)

// Auth is an AUTH packet of 5.0 (5.0 §3.15).
type Auth struct {
	// Code is the Authenticate Reason Code: Success from a server,
	// ContinueAuthentication from either, ReAuthenticate from a client.
	Code mqttwire.Reason
	// Properties have at least an Authentication Method (5.0 §3.15.2.2).
	Properties Properties
}

// Type returns mqttwire.AUTH.
func (*Auth) Type() mqttwire.PacketType { return mqttwire.AUTH }

// PropertyList returns &p.Properties.
func (p *Auth) PropertyList() *Properties { return &p.Properties }

// Decode fills p from the body of an AUTH, which it borrows.
//
// The short forms that leave out the properties (5.0 §3.15.2.1) contradict the
// rule that an Authentication Method be there (5.0 §3.15.2.2.2): the rule
// wins, with [mqttwire.ErrAuthMethodMissing], unless r.Lenient has EmptyAuth.
//
//	Reason Code  Byte
//	Properties   Property Length, then the properties, an Authentication Method among them
func (p *Auth) Decode(r Rules, h fixedheader.Header, body []byte) error {
	*p = Auth{}
	if err := r.checkHeader(mqttwire.AUTH, h, body); err != nil {
		return err
	}
	if len(body) == 0 && !r.Lenient.Has(EmptyAuth) {
		return mqttwire.ErrAuthMethodMissing // 5.0 §3.15.2.2.2
	}
	if len(body) != 0 {
		p.Code, body = mqttwire.Reason(body[0]), body[1:]
	}
	var e mqttwire.Error
	if p.Properties, e = restProperties(body, mqttwire.AUTH); e == 0 {
		e = p.checkContent(r)
	}
	if e == mqttwire.ErrAuthMethodMissing && r.Lenient.Has(EmptyAuth) && p.Code == mqttwire.Success && p.Properties.Size() == 0 {
		e = 0
	}
	if e != 0 {
		*p = Auth{}
		return e
	}
	return nil
}

func (p *Auth) checkContent(r Rules) mqttwire.Error {
	if !p.Code.SentBy(r.From, mqttwire.AUTH) {
		return mqttwire.ErrAuthCode // 5.0 [MQTT-3.15.2-1]
	}
	if _, ok := p.Properties.AuthenticationMethod(); !ok {
		return mqttwire.ErrAuthMethodMissing // 5.0 §3.15.2.2.2
	}
	return 0
}

func (p *Auth) check(r Rules) mqttwire.Error {
	if e := r.checkAppend(mqttwire.AUTH); e != 0 {
		return e
	}
	if r.Version != mqttwire.V50 {
		return mqttwire.ErrNotInVersion // 5.0 §3.15
	}
	if _, e := r.checkAppendProperties(&p.Properties, mqttwire.AUTH); e != 0 {
		return e
	}
	if r.Unchecked {
		return 0
	}
	return p.checkContent(r)
}

// Append appends p to dst.
func (p *Auth) Append(dst []byte, r Rules) ([]byte, error) {
	if e := p.check(r); e != 0 {
		return dst, e
	}
	out, e := appendHeader(dst, mqttwire.AUTH, p.bodySize())
	if e != 0 {
		return dst, e
	}
	return appendProperties(append(out, byte(p.Code)), &p.Properties, r.Version), nil
}

func (p *Auth) bodySize() int { return 1 + propertiesSize(&p.Properties, mqttwire.V50) }

// Size returns how many bytes Append writes.
func (p *Auth) Size(mqttwire.Version) int { return packetSize(p.bodySize()) }

// Clone returns a copy that shares no memory with p or the bytes it was
// decoded from.
func (p *Auth) Clone() Auth { return Auth{p.Code, p.Properties.Clone()} }

// Downgrade returns [mqttwire.ErrPacketType] for a version before 5.0: only
// 5.0 has the packet.
func (p *Auth) Downgrade(v mqttwire.Version) error {
	if !v.Valid() {
		return mqttwire.ErrVersion
	}
	if v != mqttwire.V50 {
		return mqttwire.ErrPacketType
	}
	return nil
}
