package mqttwire

// Answer is what the receiver of a bad packet does by the standard before it
// closes the connection, as it must in every case (3.1.1 [MQTT-4.8.0-1],
// 5.0 [MQTT-4.13.1-1]).
type Answer struct {
	// Packet is CONNACK, DISCONNECT, or 0: close without a word.
	Packet PacketType
	// Code is what the packet carries: a Connect Return code (0-5) where
	// Packet is CONNACK and Version is before 5.0, else a Reason Code.
	Code Reason
	// Version is the version to write the packet in. It differs from the
	// connection's where a CONNECT asks for a version that nobody supports.
	Version Version
}

// Connect Return codes of 3.1 and 3.1.1 that a CONNECT's own bytes can earn
// (3.1.1 Table 3.1). Package connack has them all.
const (
	unacceptableProtocolVersion = 1
	identifierRejected          = 2
)

// Answer says what a receiver should send for a packet of type t in which it
// met the error, on a connection of version v (0: not known yet), before it
// closes the connection.
//
//   - 3.1.1: a CONNECT that does not conform is answered with nothing
//     [MQTT-3.1.4-1], except an unsupported Protocol Level with CONNACK 0x01
//     [MQTT-3.1.2-2] and a rejected Client Identifier with CONNACK 0x02
//     [MQTT-3.1.3-8, MQTT-3.1.3-9]. 3.1 §3.1 is the same. Whatever comes later
//     is answered with nothing: there is no DISCONNECT from a server, and one
//     from a client would cancel its will.
//   - 5.0: a CONNECT with CONNACK (5.0 §3.1.4), whatever else with DISCONNECT,
//     both with Reason (5.0 §4.13). A server sends no DISCONNECT before its
//     CONNACK [MQTT-3.14.0-1]: then it just closes.
//   - An unsupported Protocol Level is answered in the form of 3.1.1 unless v
//     says otherwise: 5.0 leaves the answer open, 3.1.1 does not, and a peer of
//     either version reads its code in the same place.
//   - A Protocol Name that is not MQTT's earns nothing: its sender does not
//     speak MQTT.
//
// It takes a CONNECT for the first on its connection. A second one is a
// Protocol Error whatever it says [MQTT-3.1.0-2], which the caller has to see
// before it is decoded.
func (e Error) Answer(v Version, t PacketType) Answer {
	if t == CONNECT && e != ErrDirection { // else it came to a client
		return e.answerConnect(v)
	}
	if v != V50 {
		return Answer{}
	}
	code := e.Reason()
	if !code.AllowedIn(DISCONNECT) {
		code = ProtocolError
	}
	return Answer{DISCONNECT, code, V50}
}

func (e Error) answerConnect(v Version) Answer {
	switch {
	case e == ErrProtocolName:
		return Answer{}
	case v == V50:
		code := e.Reason()
		if !code.AllowedIn(CONNACK) {
			code = ProtocolError
		}
		return Answer{CONNACK, code, V50}
	case e == ErrProtocolVersion:
		if v != V31 {
			v = V311
		}
		return Answer{CONNACK, unacceptableProtocolVersion, v}
	case v.Valid() && (e == ErrClientIDEmpty || e == ErrClientIDTooLong):
		return Answer{CONNACK, identifierRejected, v}
	}
	return Answer{}
}
