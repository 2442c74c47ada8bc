package mqttwire

// Error says what is wrong with a packet, a topic, or a call: a small constant
// that is comparable, implements error and costs no allocation. Clause names
// the rule it breaks, Reason and Answer what to tell the peer.
//
// The zero Error is not an error; functions return it nowhere.
type Error uint8

// What can be wrong with the bytes of a packet.
const (
	// Framing.
	ErrVarintTooLong    Error = iota + 1 // a Variable Byte Integer or Remaining Length of more than four bytes
	ErrVarintNotMin                      // a Variable Byte Integer that could be shorter
	ErrPacketTooLarge                    // a packet over the receiver's size limit, known from its Remaining Length
	ErrPacketType                        // packet type 0, or AUTH before 5.0
	ErrDirection                         // a packet type that its sender may not send
	ErrFlags                             // reserved flags of the fixed header
	ErrPubrelFlags                       // the same in PUBREL
	ErrSubscribeFlags                    // the same in SUBSCRIBE
	ErrUnsubscribeFlags                  // the same in UNSUBSCRIBE
	ErrDisconnectFlags                   // the same in DISCONNECT
	ErrAuthFlags                         // the same in AUTH
	ErrTruncated                         // a field that is missing or runs past the end of its packet
	ErrTrailing                          // bytes after the last field

	// Fields of many packets.
	ErrUTF8         // a UTF-8 Encoded String that is not well-formed
	ErrNUL          // U+0000 in a UTF-8 Encoded String
	ErrFieldTooLong // a string or binary field of more than 65,535 bytes; only Append can meet one
	ErrPacketID     // Packet Identifier 0
	ErrPacketIDQoS0 // a Packet Identifier in a PUBLISH of QoS 0; only Append can meet one

	// Topics.
	ErrTopicEmpty         // a Topic Name or Topic Filter of no characters
	ErrTopicTooLong       // a Topic Name or Topic Filter of more than 65,535 bytes
	ErrTopicWildcard      // a wildcard character in a Topic Name
	ErrMultiLevelWildcard // a # that is not the whole last level of a Topic Filter
	ErrSingleWildcard     // a + that does not fill a level of a Topic Filter
	ErrShareName          // $share/ with an empty ShareName
	ErrShareWildcard      // a wildcard in a ShareName
	ErrShareFilter        // $share/name without a Topic Filter after it

	// CONNECT.
	ErrProtocolName            // neither "MQTT" nor "MQIsdp"
	ErrProtocolVersion         // a Protocol Level that is not supported
	ErrConnectReserved         // bit 0 of the Connect Flags
	ErrWillQoS                 // Will QoS 3
	ErrWillQoSWithoutWill      // Will QoS without the Will Flag
	ErrWillRetainWithoutWill   // Will Retain without the Will Flag
	ErrPasswordWithoutUserName // Password Flag without User Name Flag, before 5.0
	ErrFieldWithoutFlag        // a user name, password or will without its flag; only Append can meet one
	ErrClientIDEmpty           // a zero-length Client Identifier where it is not allowed
	ErrClientIDTooLong         // a Client Identifier of more than 23 characters in 3.1

	// CONNACK.
	ErrConnackFlags   // bits 7-1 of the Connect Acknowledge Flags
	ErrSessionPresent // Session Present with a refusal
	ErrConnackCode    // a code that CONNACK may not carry

	// PUBLISH and its acknowledgements.
	ErrQoS                    // both QoS bits set
	ErrDupQoS0                // DUP with QoS 0
	ErrTopicMissing           // an empty Topic Name without a Topic Alias
	ErrTopicAliasZero         // Topic Alias 0
	ErrResponseTopic          // a wildcard character in a Response Topic
	ErrSubscriptionIDZero     // Subscription Identifier 0
	ErrSubscriptionIDByClient // a Subscription Identifier in a PUBLISH from a client
	ErrPubackCode             // a code that PUBACK may not carry, or not from this sender
	ErrPubrecCode             // the same for PUBREC
	ErrPubrelCode             // the same for PUBREL
	ErrPubcompCode            // the same for PUBCOMP

	// SUBSCRIBE, UNSUBSCRIBE and their acknowledgements.
	ErrSubscribeEmpty    // SUBSCRIBE without a Topic Filter
	ErrSubscribeReserved // reserved bits of the Subscription Options or of the Requested QoS byte
	ErrSubscribeQoS      // Maximum QoS 3
	ErrRetainHandling    // Retain Handling 3
	ErrNoLocalShared     // No Local on a Shared Subscription
	ErrSubackEmpty       // SUBACK without a code
	ErrSubackCode        // a code that SUBACK may not carry
	ErrUnsubscribeEmpty  // UNSUBSCRIBE without a Topic Filter
	ErrUnsubackEmpty     // UNSUBACK of 5.0 without a code
	ErrUnsubackCode      // a code that UNSUBACK may not carry

	// DISCONNECT and AUTH.
	ErrDisconnectCode          // a code that DISCONNECT may not carry, or not from this sender
	ErrSessionExpiryFromServer // Session Expiry Interval in a DISCONNECT from a server
	ErrAuthCode                // a code that AUTH may not carry, or not from this sender
	ErrAuthMethodMissing       // AUTH without Authentication Method
	ErrAuthDataWithoutMethod   // Authentication Data without Authentication Method in CONNECT

	// Properties.
	ErrPropertyLength        // a Property Length that runs past its packet
	ErrPropertyUnknown       // a property identifier that the standard does not define
	ErrPropertyMisplaced     // a property that may not stand in this packet
	ErrPropertyDuplicate     // a second one of a property that may appear once
	ErrPropertyBoolean       // a value other than 0 and 1 where only these are defined
	ErrReceiveMaximumZero    // Receive Maximum 0
	ErrMaximumPacketSizeZero // Maximum Packet Size 0
	ErrMaximumQoSValue       // Maximum QoS other than 0 and 1

	// Calls. These say that the caller, not the peer, asked for something impossible.
	ErrVersion      // the Version of the Rules is not valid for the call
	ErrNotInVersion // a field is set that the version does not have
	ErrWrongPacket  // the header is of another packet type than the one being decoded

	// Delivery. What a peer can do wrong with packets that are each well-formed.
	ErrPacketIDInUse  // a PUBLISH with the Packet Identifier of another that is not finished
	ErrReceiveMaximum // more unfinished PUBLISH packets than the Receive Maximum
	ErrInFlightLimit  // more unfinished messages than this end is set to keep
	ErrAckMismatch    // an acknowledgement of another kind than its packet wants
	ErrAckCount       // a SUBACK or UNSUBACK with another number of codes than there were filters

	// Delivery, calls. The first three are worth waiting on.
	ErrSendQuota          // no PUBLISH may be sent until one is acknowledged
	ErrResuming           // what the session has to send again comes first
	ErrPacketIDsExhausted // no Packet Identifier is free
	ErrNotConnected       // the machine has no network connection
	ErrAwaitingAck        // this connection has carried the message, and its acknowledgement is to come
	ErrStaleTicket        // the delivery or request is answered already, or gone with its connection or session
	ErrSnapshot           // the snapshot or Record is cut, altered, or of something else

	// Sessions. What a peer can do wrong with the order of its packets, or against what was negotiated.
	ErrConnectFirst               // the first packet from a client is not CONNECT
	ErrSecondConnect              // a CONNECT on a connection that has had one
	ErrConnackFirst               // a packet from a server before its CONNACK
	ErrSecondConnack              // a CONNACK on a connection that has had one
	ErrSessionUnknown             // Session Present where the client has no session, or asked for a new one
	ErrAssignedClientID           // an Assigned Client Identifier that is missing, or was not asked for
	ErrTopicAliasRange            // a Topic Alias over the receiver's Topic Alias Maximum
	ErrTopicAliasUnknown          // a Topic Alias in place of a topic that it was never given
	ErrQoSNotSupported            // a PUBLISH or will over the server's Maximum QoS
	ErrRetainNotSupported         // RETAIN where the server has no retained messages
	ErrWildcardNotSupported       // a wildcard subscription where the server has none
	ErrSharedNotSupported         // a Shared Subscription where the server has none
	ErrSubscriptionIDNotSupported // a Subscription Identifier where the server has none
	ErrSessionExpiry              // a Session Expiry Interval in DISCONNECT where CONNECT had 0
	ErrProblemInformation         // a Reason String or User Property that the client asked not to get
	ErrAuthMethod                 // an Authentication Method that is not the CONNECT's
	ErrAuthMethodUnsupported      // an Authentication Method that the server does not support
	ErrAuthUnexpected             // an AUTH that no step of an authentication waits for
	ErrKeepAliveTimeout           // nothing came for too long
	ErrConnectTimeout             // the handshake was not finished in time

	// Sessions, calls.
	ErrNotYet       // the packet has to wait until the CONNECT is answered, or until a payload has all come or gone
	ErrPhase        // the call does not fit the phase of the connection
	ErrSessionInUse // the session has another connection, which is to be closed first
)

// Error returns one line: what is wrong, without a prefix.
func (e Error) Error() string {
	if int(e) < len(errorTable) && errorTable[e].text != "" {
		return errorTable[e].text
	}
	return "unknown error"
}

// Reason is the MQTT 5.0 reason code to report the error with (5.0 §4.13):
// 0x81 where the packet cannot be parsed, 0x82 where it can but says what is
// not allowed, or the more specific code that the standard names.
func (e Error) Reason() Reason {
	if int(e) < len(errorTable) {
		return errorTable[e].reason
	}
	return UnspecifiedError
}

// Clause names the rule of version v that the error breaks: a conformance
// statement such as "MQTT-1.5.4-1", or where the standard numbers none a
// section such as "§3.2.2.1". ok is false where that version has no such rule.
func (e Error) Clause(v Version) (clause string, ok bool) {
	if int(e) < len(errorTable) {
		switch v {
		case V31:
			clause = errorTable[e].v31
		case V311:
			clause = errorTable[e].v311
		case V50:
			clause = errorTable[e].v50
		}
	}
	return clause, clause != ""
}

// The rules that forbid whatever cannot be parsed and has no rule of its own:
// 3.1.1's "protocol violation" and 5.0's handling of malformed packets.
const (
	anyViolation = "MQTT-4.8.0-1"
	anyMalformed = "MQTT-4.13.1-1"
)

var errorTable = [...]struct {
	text           string
	reason         Reason
	v31, v311, v50 string
}{
	ErrVarintTooLong:    {"variable byte integer longer than four bytes", MalformedPacket, "§2.1", "§2.2.3", "§1.5.5"},
	ErrVarintNotMin:     {"variable byte integer not in its shortest form", MalformedPacket, "", "", "MQTT-1.5.5-1"},
	ErrPacketTooLarge:   {"packet larger than the receiver allows", PacketTooLarge, "", "", "§3.2.2.3.6"},
	ErrPacketType:       {"packet type not defined in this version", MalformedPacket, "§2.1", "§2.2.1", "§2.1.2"},
	ErrDirection:        {"packet type not allowed from this sender", ProtocolError, "§2.1", "§2.2.1", "§2.1.2"},
	ErrFlags:            {"reserved fixed header flags not as defined", MalformedPacket, "", "MQTT-2.2.2-2", "MQTT-2.1.3-1"},
	ErrPubrelFlags:      {"PUBREL flags are not 0010", MalformedPacket, "§3.6", "MQTT-3.6.1-1", "MQTT-3.6.1-1"},
	ErrSubscribeFlags:   {"SUBSCRIBE flags are not 0010", MalformedPacket, "§3.8", "MQTT-3.8.1-1", "MQTT-3.8.1-1"},
	ErrUnsubscribeFlags: {"UNSUBSCRIBE flags are not 0010", MalformedPacket, "§3.10", "MQTT-3.10.1-1", "MQTT-3.10.1-1"},
	ErrDisconnectFlags:  {"DISCONNECT flags are not 0000", MalformedPacket, "", "MQTT-3.14.1-1", "MQTT-3.14.1-1"},
	ErrAuthFlags:        {"AUTH flags are not 0000", MalformedPacket, "", "", "MQTT-3.15.1-1"},
	ErrTruncated:        {"field missing or running past the end of the packet", MalformedPacket, "§2.1", anyViolation, anyMalformed},
	ErrTrailing:         {"bytes left after the last field", MalformedPacket, "§2.1", anyViolation, anyMalformed},

	ErrUTF8:         {"string is not well-formed UTF-8", MalformedPacket, "§2.5", "MQTT-1.5.3-1", "MQTT-1.5.4-1"},
	ErrNUL:          {"string contains U+0000", MalformedPacket, "Appendix A", "MQTT-1.5.3-2", "MQTT-1.5.4-2"},
	ErrFieldTooLong: {"field longer than 65,535 bytes", MalformedPacket, "§2.5", "§1.5.3", "§1.5.4"},
	ErrPacketID:     {"packet identifier is zero", MalformedPacket, "§2.4", "MQTT-2.3.1-1", "MQTT-2.2.1-3"},
	ErrPacketIDQoS0: {"packet identifier in a PUBLISH of QoS 0", MalformedPacket, "§2.4", "MQTT-2.3.1-5", "MQTT-2.2.1-2"},

	ErrTopicEmpty:         {"topic is empty", MalformedPacket, "Appendix A", "MQTT-4.7.3-1", "MQTT-4.7.3-1"},
	ErrTopicTooLong:       {"topic longer than 65,535 bytes", MalformedPacket, "Appendix A", "MQTT-4.7.3-3", "MQTT-4.7.3-3"},
	ErrTopicWildcard:      {"wildcard character in a topic name", MalformedPacket, "§3.3", "MQTT-3.3.2-2", "MQTT-3.3.2-2"},
	ErrMultiLevelWildcard: {"# is not the whole last level of the topic filter", MalformedPacket, "Appendix A", "MQTT-4.7.1-2", "MQTT-4.7.1-1"},
	ErrSingleWildcard:     {"+ does not fill a whole level of the topic filter", MalformedPacket, "Appendix A", "MQTT-4.7.1-3", "MQTT-4.7.1-2"},
	ErrShareName:          {"share name is empty", MalformedPacket, "", "", "MQTT-4.8.2-1"},
	ErrShareWildcard:      {"share name contains a wildcard", MalformedPacket, "", "", "MQTT-4.8.2-2"},
	ErrShareFilter:        {"share name without a topic filter after it", MalformedPacket, "", "", "MQTT-4.8.2-2"},

	ErrProtocolName:            {"protocol name is not MQTT or MQIsdp", UnsupportedProtocolVersion, "§3.1", "MQTT-3.1.2-1", "MQTT-3.1.2-1"},
	ErrProtocolVersion:         {"protocol version not supported", UnsupportedProtocolVersion, "§3.1", "MQTT-3.1.2-2", "MQTT-3.1.2-2"},
	ErrConnectReserved:         {"reserved connect flag is set", MalformedPacket, "", "MQTT-3.1.2-3", "MQTT-3.1.2-3"},
	ErrWillQoS:                 {"will QoS is 3", MalformedPacket, "§3.1", "MQTT-3.1.2-14", "MQTT-3.1.2-12"},
	ErrWillQoSWithoutWill:      {"will QoS set without a will", MalformedPacket, "", "MQTT-3.1.2-13", "MQTT-3.1.2-11"},
	ErrWillRetainWithoutWill:   {"will retain set without a will", MalformedPacket, "", "MQTT-3.1.2-15", "MQTT-3.1.2-13"},
	ErrPasswordWithoutUserName: {"password without a user name", MalformedPacket, "§3.1", "MQTT-3.1.2-22", ""},
	ErrFieldWithoutFlag:        {"user name, password or will given without its flag", MalformedPacket, "§3.1", "MQTT-3.1.2-18", "MQTT-3.1.2-16"},
	ErrClientIDEmpty:           {"client identifier is empty where one is required", ClientIdentifierNotValid, "§3.1", "MQTT-3.1.3-7", ""},
	ErrClientIDTooLong:         {"client identifier longer than 23 characters", ClientIdentifierNotValid, "§3.1", "", ""},

	ErrConnackFlags:   {"reserved connect acknowledge flags are set", MalformedPacket, "", "§3.2.2.1", "MQTT-3.2.2-1"},
	ErrSessionPresent: {"session present with a refusal", ProtocolError, "", "MQTT-3.2.2-4", "MQTT-3.2.2-6"},
	ErrConnackCode:    {"code not defined for CONNACK", ProtocolError, "§3.2", "§3.2.2.3", "MQTT-3.2.2-8"},

	ErrQoS:                    {"QoS is 3", MalformedPacket, "§2.1", "MQTT-3.3.1-4", "MQTT-3.3.1-4"},
	ErrDupQoS0:                {"DUP set with QoS 0", MalformedPacket, "", "MQTT-3.3.1-2", "MQTT-3.3.1-2"},
	ErrTopicMissing:           {"empty topic name without a topic alias", ProtocolError, "", "", "§3.3.2.1"},
	ErrTopicAliasZero:         {"topic alias is zero", TopicAliasInvalid, "", "", "MQTT-3.3.2-8"},
	ErrResponseTopic:          {"wildcard character in a response topic", MalformedPacket, "", "", "MQTT-3.3.2-14"},
	ErrSubscriptionIDZero:     {"subscription identifier is zero", ProtocolError, "", "", "§3.8.2.1.2"},
	ErrSubscriptionIDByClient: {"subscription identifier in a PUBLISH from a client", ProtocolError, "", "", "MQTT-3.3.4-6"},
	ErrPubackCode:             {"reason code not allowed in PUBACK", ProtocolError, "", "", "MQTT-3.4.2-1"},
	ErrPubrecCode:             {"reason code not allowed in PUBREC", ProtocolError, "", "", "MQTT-3.5.2-1"},
	ErrPubrelCode:             {"reason code not allowed in PUBREL", ProtocolError, "", "", "MQTT-3.6.2-1"},
	ErrPubcompCode:            {"reason code not allowed in PUBCOMP", ProtocolError, "", "", "MQTT-3.7.2-1"},

	ErrSubscribeEmpty:    {"SUBSCRIBE without a topic filter", ProtocolError, "§3.8", "MQTT-3.8.3-3", "MQTT-3.8.3-2"},
	ErrSubscribeReserved: {"reserved subscription option bits are set", MalformedPacket, "", "MQTT-3.8.3-4", "MQTT-3.8.3-5"},
	ErrSubscribeQoS:      {"requested QoS is 3", ProtocolError, "§3.8", "MQTT-3.8.3-4", "§3.8.3.1"},
	ErrRetainHandling:    {"retain handling is 3", ProtocolError, "", "", "§3.8.3.1"},
	ErrNoLocalShared:     {"no local on a shared subscription", ProtocolError, "", "", "MQTT-3.8.3-4"},
	ErrSubackEmpty:       {"SUBACK without a code", MalformedPacket, "§3.9", "MQTT-3.8.4-5", "MQTT-3.8.4-6"},
	ErrSubackCode:        {"code not allowed in SUBACK", ProtocolError, "§3.9", "MQTT-3.9.3-2", "MQTT-3.9.3-2"},
	ErrUnsubscribeEmpty:  {"UNSUBSCRIBE without a topic filter", ProtocolError, "§3.10", "MQTT-3.10.3-2", "MQTT-3.10.3-2"},
	ErrUnsubackEmpty:     {"UNSUBACK without a reason code", MalformedPacket, "", "", "MQTT-3.11.3-2"},
	ErrUnsubackCode:      {"reason code not allowed in UNSUBACK", ProtocolError, "", "", "MQTT-3.11.3-2"},

	ErrDisconnectCode:          {"reason code not allowed in DISCONNECT", ProtocolError, "", "", "MQTT-3.14.2-1"},
	ErrSessionExpiryFromServer: {"session expiry interval in a DISCONNECT from a server", ProtocolError, "", "", "MQTT-3.14.2-2"},
	ErrAuthCode:                {"reason code not allowed in AUTH", ProtocolError, "", "", "MQTT-3.15.2-1"},
	ErrAuthMethodMissing:       {"AUTH without authentication method", ProtocolError, "", "", "§3.15.2.2.2"},
	ErrAuthDataWithoutMethod:   {"authentication data without authentication method", ProtocolError, "", "", "§3.1.2.11.10"},

	ErrPropertyLength:        {"property length runs past the packet", MalformedPacket, "", "", "§2.2.2.1"},
	ErrPropertyUnknown:       {"property identifier not defined", MalformedPacket, "", "", "§2.2.2.2"},
	ErrPropertyMisplaced:     {"property not allowed in this packet", MalformedPacket, "", "", "§2.2.2.2"},
	ErrPropertyDuplicate:     {"property given more than once", ProtocolError, "", "", "§2.2.2"},
	ErrPropertyBoolean:       {"property value is neither 0 nor 1", ProtocolError, "", "", "§3.1.2.11.7"},
	ErrReceiveMaximumZero:    {"receive maximum is zero", ProtocolError, "", "", "§3.1.2.11.3"},
	ErrMaximumPacketSizeZero: {"maximum packet size is zero", ProtocolError, "", "", "§3.1.2.11.4"},
	ErrMaximumQoSValue:       {"maximum QoS is neither 0 nor 1", ProtocolError, "", "", "§3.2.2.3.4"},

	ErrVersion:      {"protocol version not valid here", ImplementationSpecificError, "§3.1", "§3.1.2.2", "§3.1.2.2"},
	ErrNotInVersion: {"field does not exist in this protocol version", ImplementationSpecificError, "§3", "§3", "§3"},
	ErrWrongPacket:  {"header is of another packet type", ImplementationSpecificError, "§2.1", "§2.2.1", "§2.1.2"},

	ErrPacketIDInUse:  {"packet identifier is in use", PacketIdentifierInUse, "§2.4", "MQTT-2.3.1-2", "MQTT-2.2.1-3"},
	ErrReceiveMaximum: {"more PUBLISH packets in flight than the receive maximum", ReceiveMaximumExceeded, "", "", "§3.3.4"},
	ErrInFlightLimit:  {"more messages in flight than this end keeps", QuotaExceeded, "", "", "§3.14.2.1"},
	ErrAckMismatch:    {"acknowledgement does not fit the packet it acknowledges", ProtocolError, "§4.1", "MQTT-2.3.1-6", "MQTT-2.2.1-5"},
	ErrAckCount:       {"SUBACK or UNSUBACK with another number of codes than there were topic filters", ProtocolError, "§3.9", "MQTT-3.8.4-5", "MQTT-3.8.4-6"},

	ErrSendQuota:          {"send quota is used up", ImplementationSpecificError, "", "", "MQTT-4.9.0-2"},
	ErrResuming:           {"messages of the session have to be sent again first", ImplementationSpecificError, "§4.2", "MQTT-4.6.0-1", "MQTT-4.6.0-1"},
	ErrPacketIDsExhausted: {"no packet identifier is free", ImplementationSpecificError, "§2.4", "MQTT-2.3.1-2", "MQTT-2.2.1-3"},
	ErrNotConnected:       {"no network connection", ImplementationSpecificError, "§3", "§4.2", "§4.2"},
	ErrAwaitingAck:        {"message is on the wire and awaits its acknowledgement", ImplementationSpecificError, "§4.1", "MQTT-4.3.2-1", "MQTT-4.3.2-3"},
	ErrStaleTicket:        {"delivery or request is no longer open", ImplementationSpecificError, "§4.1", "§4.3", "§4.3"},
	ErrSnapshot:           {"snapshot or record is cut, altered, or of something else", ImplementationSpecificError, "§4.2", "§4.1", "§4.1"},

	ErrConnectFirst:               {"first packet is not CONNECT", ProtocolError, "§3.1", "MQTT-3.1.0-1", "MQTT-3.1.0-1"},
	ErrSecondConnect:              {"second CONNECT on a connection", ProtocolError, "§3.1", "MQTT-3.1.0-2", "MQTT-3.1.0-2"},
	ErrConnackFirst:               {"packet from a server before its CONNACK", ProtocolError, "§3.2", "MQTT-3.2.0-1", "MQTT-3.2.0-1"},
	ErrSecondConnack:              {"second CONNACK on a connection", ProtocolError, "§3.2", "§3.2", "MQTT-3.2.0-2"},
	ErrSessionUnknown:             {"session present where the client has none", ProtocolError, "", "§3.2.2.2", "MQTT-3.2.2-4"},
	ErrAssignedClientID:           {"assigned client identifier missing or not asked for", ProtocolError, "", "", "MQTT-3.2.2-16"},
	ErrTopicAliasRange:            {"topic alias over the topic alias maximum", TopicAliasInvalid, "", "", "§3.3.4"},
	ErrTopicAliasUnknown:          {"topic alias that stands for nothing", ProtocolError, "", "", "§3.3.4"},
	ErrQoSNotSupported:            {"QoS over the server's maximum QoS", QoSNotSupported, "", "", "MQTT-3.2.2-11"},
	ErrRetainNotSupported:         {"retained messages are not available", RetainNotSupported, "", "", "MQTT-3.2.2-14"},
	ErrWildcardNotSupported:       {"wildcard subscriptions are not available", WildcardSubscriptionsNotSupported, "", "MQTT-3.8.3-2", "§3.2.2.3.11"},
	ErrSharedNotSupported:         {"shared subscriptions are not available", SharedSubscriptionsNotSupported, "", "", "§3.2.2.3.13"},
	ErrSubscriptionIDNotSupported: {"subscription identifiers are not available", SubscriptionIdentifiersNotSupported, "", "", "§3.2.2.3.12"},
	ErrSessionExpiry:              {"session expiry interval in DISCONNECT after 0 in CONNECT", ProtocolError, "", "", "§3.14.2.2.2"},
	ErrProblemInformation:         {"reason string or user property that was not wanted", ProtocolError, "", "", "MQTT-3.1.2-29"},
	ErrAuthMethod:                 {"authentication method is not that of CONNECT", ProtocolError, "", "", "MQTT-4.12.0-5"},
	ErrAuthMethodUnsupported:      {"authentication method is not supported", BadAuthenticationMethod, "", "", "MQTT-4.12.0-1"},
	ErrAuthUnexpected:             {"AUTH out of turn", ProtocolError, "", "", "§4.12"},
	ErrKeepAliveTimeout:           {"nothing received for too long", KeepAliveTimeout, "§3.1", "MQTT-3.1.2-24", "MQTT-3.1.2-22"},
	ErrConnectTimeout:             {"connection not established in time", UnspecifiedError, "§3.1", "§3.1.4", "§3.1.4"},

	ErrNotYet:       {"has to wait until CONNECT is answered, or a payload complete", ImplementationSpecificError, "§3.1", "§3.1.4", "MQTT-3.1.4-6"},
	ErrPhase:        {"not possible in this phase of the connection", ImplementationSpecificError, "§3", "§3", "§3"},
	ErrSessionInUse: {"session has another connection", SessionTakenOver, "§3.1", "MQTT-3.1.4-2", "MQTT-3.1.4-3"},
}
