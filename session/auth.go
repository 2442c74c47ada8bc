package session

import (
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
)

// Auth appends an AUTH (5.0 §3.15, §4.12) with the Authentication Method of
// the CONNECT, the Authentication Data unless nil, and other properties, a
// Reason String and User Properties, which are left out where they may not be
// sent.
//
//   - A server asks with 0x18 to answer a Connect or Auth event before it
//     accepts or refuses, and with 0x18 or 0x00 to answer the Auth event of a
//     re-authentication; a failed one it ends with Disconnect
//     [MQTT-4.12.1-2].
//   - A client answers an Auth event with 0x18, and starts a re-authentication
//     with 0x19.
//
// [mqttwire.ErrAuthUnexpected] says that the code is not in turn,
// [mqttwire.ErrAuthMethod] that CONNECT had no method [MQTT-4.12.0-6,
// MQTT-4.12.0-7]. [mqttwire.ErrPacketTooLarge] and the errors of
// [codec.Auth.Append] say what is wrong with it. Nothing has happened then.
func (e *end) Auth(dst []byte, code mqttwire.Reason, data []byte, properties codec.Properties, now time.Duration) ([]byte, error) {
	switch {
	case e.phase != Connecting && e.phase != Connected:
		return dst, mqttwire.ErrPhase
	case !e.hasMethod:
		return dst, mqttwire.ErrAuthMethod // [MQTT-4.12.0-6, MQTT-4.12.0-7]
	case !e.authInTurn(code):
		return dst, mqttwire.ErrAuthUnexpected // [MQTT-4.12.0-2, MQTT-4.12.0-3]
	}
	n := len(e.method) + len(data) + properties.Size() + 16
	dst, tail := scratch(dst, n)
	p := codec.Auth{Code: code, Properties: codec.AppendAuthenticationMethod(codec.PropertiesOf(tail), e.method)}
	if data != nil {
		p.Properties = codec.AppendAuthenticationData(p.Properties, data)
	}
	bare := p.Properties
	if !e.terse || e.role == mqttwire.Client { // [MQTT-3.1.2-29]
		for x := range properties.All() {
			p.Properties = p.Properties.Append(x)
		}
	}
	out, err := p.Append(dst, e.own())
	if err == nil && !e.fits(len(out)-len(dst)) {
		p.Properties = bare // [MQTT-3.15.2-2, MQTT-3.15.2-3]
		if out, err = p.Append(dst, e.own()); err == nil && !e.fits(len(out)-len(dst)) {
			err = mqttwire.ErrPacketTooLarge
		}
	}
	if err != nil {
		return dst, err
	}
	switch {
	case e.role == mqttwire.Server:
		e.authStep = code == mqttwire.ContinueAuthentication
		e.reauth = e.reauth && e.authStep
	case code == mqttwire.ReAuthenticate:
		e.reauth = true
	default:
		e.authStep = false
	}
	e.wrote(now)
	return out, nil
}

func (e *end) authInTurn(code mqttwire.Reason) bool {
	if e.role == mqttwire.Client {
		if code == mqttwire.ReAuthenticate {
			return e.phase == Connected && !e.reauth
		}
		return e.authStep && code == mqttwire.ContinueAuthentication
	}
	switch {
	case e.authStep: // it is the client's turn
		return false
	case e.phase == Connecting:
		return code == mqttwire.ContinueAuthentication
	}
	return e.reauth && (code == mqttwire.ContinueAuthentication || code == mqttwire.Success)
}

// receiveAuth takes an AUTH.
func (e *end) receiveAuth(dst []byte, p *codec.Auth) ([]byte, Event, error) {
	method, ok := p.Properties.AuthenticationMethod()
	if !e.hasMethod || string(method) != e.method && (ok || !e.lenient.Has(codec.EmptyAuth)) {
		return e.failed(dst, mqttwire.AUTH, mqttwire.ErrAuthMethod) // 5.0 §3.15, [MQTT-4.12.0-5, MQTT-4.12.1-1]
	}
	kind := Auth
	expected := false
	if e.role == mqttwire.Server {
		switch p.Code {
		case mqttwire.ContinueAuthentication:
			expected, e.authStep = e.authStep, false
		case mqttwire.ReAuthenticate:
			expected = e.phase == Connected && !e.reauth
			e.reauth = true
		}
	} else {
		switch p.Code {
		case mqttwire.ContinueAuthentication:
			expected = !e.authStep && (e.phase == Connecting || e.reauth)
			e.authStep = true
		case mqttwire.Success:
			kind = Authenticated
			expected, e.reauth = e.reauth && !e.authStep, false
		}
	}
	if !expected {
		return e.failed(dst, mqttwire.AUTH, mqttwire.ErrAuthUnexpected) // 5.0 §4.12
	}
	return dst, Event{Kind: kind, Type: mqttwire.AUTH, Packet: p, Reason: p.Code}, nil
}
