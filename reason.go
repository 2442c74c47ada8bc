package mqttwire

// Reason is an MQTT 5.0 Reason Code (5.0 §2.4): below 0x80 success, from 0x80
// up failure. SUBACK of 3.1 and 3.1.1 uses 0x00, 0x01, 0x02 and 0x80 of the
// same space; the CONNACK return codes of 3.1 and 3.1.1 are another space, see
// package connack.
type Reason uint8

// The reason codes. Three names share 0x00, as in the standard.
const (
	Success                             Reason = 0x00
	NormalDisconnection                 Reason = 0x00
	GrantedQoS0                         Reason = 0x00
	GrantedQoS1                         Reason = 0x01
	GrantedQoS2                         Reason = 0x02
	DisconnectWithWillMessage           Reason = 0x04
	NoMatchingSubscribers               Reason = 0x10
	NoSubscriptionExisted               Reason = 0x11
	ContinueAuthentication              Reason = 0x18
	ReAuthenticate                      Reason = 0x19
	UnspecifiedError                    Reason = 0x80
	MalformedPacket                     Reason = 0x81
	ProtocolError                       Reason = 0x82
	ImplementationSpecificError         Reason = 0x83
	UnsupportedProtocolVersion          Reason = 0x84
	ClientIdentifierNotValid            Reason = 0x85
	BadUserNameOrPassword               Reason = 0x86
	NotAuthorized                       Reason = 0x87
	ServerUnavailable                   Reason = 0x88
	ServerBusy                          Reason = 0x89
	Banned                              Reason = 0x8A
	ServerShuttingDown                  Reason = 0x8B
	BadAuthenticationMethod             Reason = 0x8C
	KeepAliveTimeout                    Reason = 0x8D
	SessionTakenOver                    Reason = 0x8E
	TopicFilterInvalid                  Reason = 0x8F
	TopicNameInvalid                    Reason = 0x90
	PacketIdentifierInUse               Reason = 0x91
	PacketIdentifierNotFound            Reason = 0x92
	ReceiveMaximumExceeded              Reason = 0x93
	TopicAliasInvalid                   Reason = 0x94
	PacketTooLarge                      Reason = 0x95
	MessageRateTooHigh                  Reason = 0x96
	QuotaExceeded                       Reason = 0x97
	AdministrativeAction                Reason = 0x98
	PayloadFormatInvalid                Reason = 0x99
	RetainNotSupported                  Reason = 0x9A
	QoSNotSupported                     Reason = 0x9B
	UseAnotherServer                    Reason = 0x9C
	ServerMoved                         Reason = 0x9D
	SharedSubscriptionsNotSupported     Reason = 0x9E
	ConnectionRateExceeded              Reason = 0x9F
	MaximumConnectTime                  Reason = 0xA0
	SubscriptionIdentifiersNotSupported Reason = 0xA1
	WildcardSubscriptionsNotSupported   Reason = 0xA2
)

// Sets of packet types, one bit each, for the table below.
const (
	inConnack    = 1 << CONNACK
	inPuback     = 1 << PUBACK
	inPubrec     = 1 << PUBREC
	inPubrel     = 1 << PUBREL
	inPubcomp    = 1 << PUBCOMP
	inSuback     = 1 << SUBACK
	inUnsuback   = 1 << UNSUBACK
	inDisconnect = 1 << DISCONNECT
	inAuth       = 1 << AUTH

	inPublishAcks = inPuback | inPubrec // the acknowledgements that can refuse a message
)

// reasons is 5.0 Table 2-6: where each code may stand. serverOnly lists the
// packet types in which only a server may send it: "sent by" of the table of
// each packet (5.0 §3.4.2.1, §3.5.2.1, §3.14.2.1, §3.15.2.1); clientOnly likewise.
//
// Two codes are open to both ends in DISCONNECT: 0x8C, which Table 2-6 lists
// there and Table 3-10 forgets, and 0x9B, which Table 3-10 gives to the server
// and §3.3.4 tells a client to use.
var reasons = [256]struct {
	name                       string
	in, serverOnly, clientOnly uint16
}{
	Success:                             {"Success", inConnack | inPublishAcks | inPubrel | inPubcomp | inSuback | inUnsuback | inDisconnect | inAuth, inAuth, 0},
	GrantedQoS1:                         {"Granted QoS 1", inSuback, 0, 0},
	GrantedQoS2:                         {"Granted QoS 2", inSuback, 0, 0},
	DisconnectWithWillMessage:           {"Disconnect with Will Message", inDisconnect, 0, inDisconnect},
	NoMatchingSubscribers:               {"No matching subscribers", inPublishAcks, inPublishAcks, 0},
	NoSubscriptionExisted:               {"No subscription existed", inUnsuback, 0, 0},
	ContinueAuthentication:              {"Continue authentication", inAuth, 0, 0},
	ReAuthenticate:                      {"Re-authenticate", inAuth, 0, inAuth},
	UnspecifiedError:                    {"Unspecified error", inConnack | inPublishAcks | inSuback | inUnsuback | inDisconnect, 0, 0},
	MalformedPacket:                     {"Malformed Packet", inConnack | inDisconnect, 0, 0},
	ProtocolError:                       {"Protocol Error", inConnack | inDisconnect, 0, 0},
	ImplementationSpecificError:         {"Implementation specific error", inConnack | inPublishAcks | inSuback | inUnsuback | inDisconnect, 0, 0},
	UnsupportedProtocolVersion:          {"Unsupported Protocol Version", inConnack, 0, 0},
	ClientIdentifierNotValid:            {"Client Identifier not valid", inConnack, 0, 0},
	BadUserNameOrPassword:               {"Bad User Name or Password", inConnack, 0, 0},
	NotAuthorized:                       {"Not authorized", inConnack | inPublishAcks | inSuback | inUnsuback | inDisconnect, inDisconnect, 0},
	ServerUnavailable:                   {"Server unavailable", inConnack, 0, 0},
	ServerBusy:                          {"Server busy", inConnack | inDisconnect, inDisconnect, 0},
	Banned:                              {"Banned", inConnack, 0, 0},
	ServerShuttingDown:                  {"Server shutting down", inDisconnect, inDisconnect, 0},
	BadAuthenticationMethod:             {"Bad authentication method", inConnack | inDisconnect, 0, 0},
	KeepAliveTimeout:                    {"Keep Alive timeout", inDisconnect, inDisconnect, 0},
	SessionTakenOver:                    {"Session taken over", inDisconnect, inDisconnect, 0},
	TopicFilterInvalid:                  {"Topic Filter invalid", inSuback | inUnsuback | inDisconnect, inDisconnect, 0},
	TopicNameInvalid:                    {"Topic Name invalid", inConnack | inPublishAcks | inDisconnect, 0, 0},
	PacketIdentifierInUse:               {"Packet Identifier in use", inPublishAcks | inSuback | inUnsuback, 0, 0},
	PacketIdentifierNotFound:            {"Packet Identifier not found", inPubrel | inPubcomp, 0, 0},
	ReceiveMaximumExceeded:              {"Receive Maximum exceeded", inDisconnect, 0, 0},
	TopicAliasInvalid:                   {"Topic Alias invalid", inDisconnect, 0, 0},
	PacketTooLarge:                      {"Packet too large", inConnack | inDisconnect, 0, 0},
	MessageRateTooHigh:                  {"Message rate too high", inDisconnect, 0, 0},
	QuotaExceeded:                       {"Quota exceeded", inConnack | inPublishAcks | inSuback | inDisconnect, 0, 0},
	AdministrativeAction:                {"Administrative action", inDisconnect, 0, 0},
	PayloadFormatInvalid:                {"Payload format invalid", inConnack | inPublishAcks | inDisconnect, 0, 0},
	RetainNotSupported:                  {"Retain not supported", inConnack | inDisconnect, inDisconnect, 0},
	QoSNotSupported:                     {"QoS not supported", inConnack | inDisconnect, 0, 0},
	UseAnotherServer:                    {"Use another server", inConnack | inDisconnect, inDisconnect, 0},
	ServerMoved:                         {"Server moved", inConnack | inDisconnect, inDisconnect, 0},
	SharedSubscriptionsNotSupported:     {"Shared Subscriptions not supported", inSuback | inDisconnect, inDisconnect, 0},
	ConnectionRateExceeded:              {"Connection rate exceeded", inConnack | inDisconnect, inDisconnect, 0},
	MaximumConnectTime:                  {"Maximum connect time", inDisconnect, inDisconnect, 0},
	SubscriptionIdentifiersNotSupported: {"Subscription Identifiers not supported", inSuback | inDisconnect, inDisconnect, 0},
	WildcardSubscriptionsNotSupported:   {"Wildcard Subscriptions not supported", inSuback | inDisconnect, inDisconnect, 0},
}

// Defined reports whether the standard defines the code.
func (r Reason) Defined() bool { return reasons[r].in != 0 }

// IsError reports whether the code is 0x80 or greater: a failure (5.0 §2.4).
func (r Reason) IsError() bool { return r >= 0x80 }

// AllowedIn reports whether a packet of type t may carry the code
// (5.0 Table 2-6).
func (r Reason) AllowedIn(t PacketType) bool { return reasons[r].in>>t&1 != 0 }

// SentBy reports whether role from may send the code in a packet of type t.
// For Either it is AllowedIn.
func (r Reason) SentBy(from Role, t PacketType) bool {
	row := &reasons[r]
	in := row.in
	switch from {
	case Client:
		in &^= row.serverOnly
	case Server:
		in &^= row.clientOnly
	}
	return in>>t&1 != 0
}

// String returns the standard's name of the code, "Success" for 0x00, and
// "reserved reason code" for a code that the standard does not define.
func (r Reason) String() string {
	if name := reasons[r].name; name != "" {
		return name
	}
	return "reserved reason code"
}

// Name is String, but 0x00 is named as packet type t calls it: "Granted QoS 0"
// in SUBACK, "Normal disconnection" in DISCONNECT.
func (r Reason) Name(t PacketType) string {
	if r == Success {
		switch t {
		case SUBACK:
			return "Granted QoS 0"
		case DISCONNECT:
			return "Normal disconnection"
		}
	}
	return r.String()
}
