// Package connack is the code of a CONNACK packet: why a server lets a client
// in or turns it away, in both numberings, and what a client can do about it.
//
// 3.1 and 3.1.1 have Connect Return codes, 0 to 5 (3.1 §3.2, 3.1.1 §3.2.2.3).
// 5.0 replaced them by Connect Reason Codes, 0 and from 0x80 up (5.0 §3.2.2.2).
// The two share nothing but 0, so one type holds both: [Code.ValidIn] says to
// which version a code belongs, [Code.In] translates.
//
// A client looks at [Code.Err], and on an error at [Code.Remedy]: try again
// later, ask for credentials, use another server, give up. A server that
// reasons in the codes of 5.0 answers clients of every version with [Code.In].
package connack

import "github.com/mqttwire/mqttwire"

// Code is the code of a CONNACK: a Connect Return code of 3.1 and 3.1.1 or a
// Connect Reason Code of 5.0. Any other value is a Code that no version
// defines; no method panics on it.
//
// A Code is an error, also when it is 0: a function that returns one as an
// error returns [Code.Err], which is nil for 0.
type Code uint8

// Codes of all versions: the connection is accepted. 3.1 and 3.1.1 call it the
// one, 5.0 the other.
const (
	ConnectionAccepted Code = 0
	Success            Code = 0
)

// Connect Return codes of 3.1 and 3.1.1 (3.1.1 Table 3.1): "Connection
// Refused, ...".
const (
	RefusedProtocolVersion       Code = 1 // unacceptable protocol version
	RefusedIdentifier            Code = 2 // identifier rejected
	RefusedServerUnavailable     Code = 3 // Server unavailable
	RefusedBadUserNameOrPassword Code = 4 // bad user name or password
	RefusedNotAuthorized         Code = 5 // not authorized
)

// Connect Reason Codes of 5.0 (5.0 Table 3-1). Each is the
// [mqttwire.Reason] of the same name and number.
const (
	UnspecifiedError            Code = 0x80
	MalformedPacket             Code = 0x81
	ProtocolError               Code = 0x82
	ImplementationSpecificError Code = 0x83
	UnsupportedProtocolVersion  Code = 0x84
	ClientIdentifierNotValid    Code = 0x85
	BadUserNameOrPassword       Code = 0x86
	NotAuthorized               Code = 0x87
	ServerUnavailable           Code = 0x88
	ServerBusy                  Code = 0x89
	Banned                      Code = 0x8A
	BadAuthenticationMethod     Code = 0x8C
	TopicNameInvalid            Code = 0x90 // of the will
	PacketTooLarge              Code = 0x95 // the CONNECT
	QuotaExceeded               Code = 0x97
	PayloadFormatInvalid        Code = 0x99 // of the will
	RetainNotSupported          Code = 0x9A // Will Retain
	QoSNotSupported             Code = 0x9B // Will QoS
	UseAnotherServer            Code = 0x9C // for now; see Server Reference
	ServerMoved                 Code = 0x9D // for good; see Server Reference
	ConnectionRateExceeded      Code = 0x9F
)

// ValidIn reports whether a CONNACK of version v may carry the code: 0 to 5 in
// 3.1 and 3.1.1 (the rest is reserved there), 0 and the codes of 5.0 Table 3-1
// in 5.0 [MQTT-3.2.2-8]. For the zero Version it reports whether any version
// defines the code.
func (c Code) ValidIn(v mqttwire.Version) bool {
	switch v {
	case mqttwire.V31, mqttwire.V311:
		return c <= RefusedNotAuthorized
	case mqttwire.V50:
		return mqttwire.Reason(c).AllowedIn(mqttwire.CONNACK)
	case 0:
		return c <= RefusedNotAuthorized || mqttwire.Reason(c).AllowedIn(mqttwire.CONNACK)
	}
	return false
}

// In translates the code to version v. A code that v has stands for itself.
//
// From 5.0 to 3.1 and 3.1.1, with what is lost:
//
//   - 0x84 is 1, 0x85 is 2, 0x86 is 4, 0x87 is 5, 0x88 is 3: nothing.
//   - 0x89, 0x97, 0x9F are 3: why the server cannot take the client now.
//   - 0x9C and 0x9D are 3: that it should go elsewhere, and for 0x9D that
//     waiting will not help.
//   - 0x8A is 5: that it is for good. 0x8C is 5, as 5.0 §4.12 allows a server
//     to say 0x87 in its place.
//   - The others have no honest counterpart and ok is false: then a server
//     closes the connection without a CONNACK [3.1.1 MQTT-3.2.2-6], as it must
//     for a malformed CONNECT [3.1.1 MQTT-3.1.4-1].
//
// To 5.0, 1 to 5 are 0x84, 0x85, 0x88, 0x86 and 0x87, exactly. ok is false for
// a code that no version defines and for a version that is not valid; for the
// zero Version a defined code stands for itself.
func (c Code) In(v mqttwire.Version) (code Code, ok bool) {
	if c.ValidIn(v) {
		return c, true
	}
	if !v.Valid() || int(c) >= len(codes) || codes[c].other == 0 {
		return 0, false
	}
	return codes[c].other, true
}

// Reason returns the Reason Code of 5.0 that says what the code says: for 1 to
// 5 the translation of [Code.In], for a code that no version defines
// [mqttwire.UnspecifiedError].
func (c Code) Reason() mqttwire.Reason {
	r, ok := c.In(mqttwire.V50)
	if !ok {
		return mqttwire.UnspecifiedError
	}
	return mqttwire.Reason(r)
}

// String returns the standard's name, such as "Not authorized"; for 1 to 5
// without the "Connection Refused" that all of them share; "reserved" for a
// code that no version defines.
func (c Code) String() string {
	switch {
	case c == 0:
		return "Success"
	case int(c) < len(codes) && codes[c].name != "":
		return codes[c].name
	}
	return "reserved"
}

// Error returns one line that a client can show: that the server refused the
// connection, and why. For 0 it says "connection accepted".
func (c Code) Error() string {
	if int(c) < len(codes) && codes[c].text != "" {
		return codes[c].text
	}
	return "connection refused: reserved code"
}

// Err returns the code as an error, nil where it is 0.
func (c Code) Err() error {
	if c == 0 {
		return nil
	}
	return c
}

// Is reports whether target is a Code that says the same, in either numbering:
// errors.Is(err, connack.NotAuthorized) holds for 0x87 and for 5. It is for
// [errors.Is].
func (c Code) Is(target error) bool {
	t, ok := target.(Code)
	if !ok {
		return false
	}
	a, aok := c.In(mqttwire.V50)
	b, bok := t.In(mqttwire.V50)
	return aok && bok && a == b
}
