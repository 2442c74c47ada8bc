package codec

import "github.com/mqttwire/mqttwire"

// The recipe for a property. To add one:
//
//  1. Here: a constant, and a row of propertyTable: places, wire type, rule,
//     the error of a value that breaks it, name. A rule that no other property
//     has is one more propertyRule, judged in checkProperty or checkField. A new
//     error goes to error.go of the root. What joins the property to other fields
//     of a packet is judged in that packet's file, for Decode and for Append.
//  2. property_get.go: a getter, which says what absence means.
//  3. property_append.go: a function that appends it.
//  4. testdata/clauses/5.0-properties.jsonl: a row, from the standard and not
//     from here. The generators of package fuzz and the slow twins read it.
//  5. testdata/vectors: a valid vector for each packet that may carry it, and an
//     invalid one for each rule.
//  6. properties_test.go: a case in propertyCases; allocs_test.go: a line in
//     lookAll.
//
// Tests fail until 1 and 4 agree, and until 5 and 6 are there. The identifiers
// end at 46, because a propertySet has a bit for each and one more.

// PropertyID identifies a property of MQTT 5.0 (5.0 §2.2.2.2).
type PropertyID uint8

// The properties.
const (
	PayloadFormatIndicator          PropertyID = 0x01
	MessageExpiryInterval           PropertyID = 0x02
	ContentType                     PropertyID = 0x03
	ResponseTopic                   PropertyID = 0x08
	CorrelationData                 PropertyID = 0x09
	SubscriptionIdentifier          PropertyID = 0x0B
	SessionExpiryInterval           PropertyID = 0x11
	AssignedClientIdentifier        PropertyID = 0x12
	ServerKeepAlive                 PropertyID = 0x13
	AuthenticationMethod            PropertyID = 0x15
	AuthenticationData              PropertyID = 0x16
	RequestProblemInformation       PropertyID = 0x17
	WillDelayInterval               PropertyID = 0x18
	RequestResponseInformation      PropertyID = 0x19
	ResponseInformation             PropertyID = 0x1A
	ServerReference                 PropertyID = 0x1C
	ReasonString                    PropertyID = 0x1F
	ReceiveMaximum                  PropertyID = 0x21
	TopicAliasMaximum               PropertyID = 0x22
	TopicAlias                      PropertyID = 0x23
	MaximumQoS                      PropertyID = 0x24
	RetainAvailable                 PropertyID = 0x25
	UserProperty                    PropertyID = 0x26
	MaximumPacketSize               PropertyID = 0x27
	WildcardSubscriptionAvailable   PropertyID = 0x28
	SubscriptionIdentifierAvailable PropertyID = 0x29
	SharedSubscriptionAvailable     PropertyID = 0x2A
)

// WillProperties is the place of the properties of a will, where a function
// asks for the packet type that properties stand in (5.0 §3.1.3.2).
const WillProperties mqttwire.PacketType = 0

// WireType is how the value of a property is encoded (5.0 §2.2.2.2).
type WireType uint8

// The wire types.
const (
	NoType              WireType = iota // of an identifier that is not defined
	Byte                                // one byte; all except the Payload Format Indicator are 0 or 1
	TwoByteInteger                      // 5.0 §1.5.2
	FourByteInteger                     // 5.0 §1.5.3
	VariableByteInteger                 // 5.0 §1.5.5
	UTF8String                          // UTF-8 Encoded String, 5.0 §1.5.4
	BinaryData                          // 5.0 §1.5.6
	UTF8StringPair                      // 5.0 §1.5.7
)

// String returns the standard's name of the wire type, "none" for NoType and
// for what is no wire type.
func (t WireType) String() string {
	if int(t) >= len(wireTypeNames) {
		t = NoType
	}
	return wireTypeNames[t]
}

var wireTypeNames = [...]string{"none", "Byte", "Two Byte Integer", "Four Byte Integer", "Variable Byte Integer",
	"UTF-8 Encoded String", "Binary Data", "UTF-8 String Pair"}

// The places a property may stand in: a bit each, by packet type.
const (
	inWill        = 1 << WillProperties
	inConnect     = 1 << mqttwire.CONNECT
	inConnack     = 1 << mqttwire.CONNACK
	inPublish     = 1 << mqttwire.PUBLISH
	inSubscribe   = 1 << mqttwire.SUBSCRIBE
	inUnsubscribe = 1 << mqttwire.UNSUBSCRIBE
	inDisconnect  = 1 << mqttwire.DISCONNECT
	inAuth        = 1 << mqttwire.AUTH

	inAcks = 1<<mqttwire.PUBACK | 1<<mqttwire.PUBREC | 1<<mqttwire.PUBREL | 1<<mqttwire.PUBCOMP |
		1<<mqttwire.SUBACK | 1<<mqttwire.UNSUBACK
	inMessage    = inPublish | inWill
	inHandshake  = inConnect | inConnack
	inEverything = inHandshake | inMessage | inAcks | inSubscribe | inUnsubscribe | inDisconnect | inAuth
)

// A propertyRule narrows the values of a wire type.
type propertyRule uint8

const (
	anyValue      propertyRule = iota
	boolean                    // Byte: 0 or 1
	notZero                    // integers: not 0
	responseTopic              // UTF8String: a Topic Name, or empty
)

// A propertyRow is what the standard says of a property (5.0 Table 2-4). The
// row of an identifier that is not defined may stand nowhere.
type propertyRow struct {
	in   uint16
	wire WireType
	rule propertyRule
	bad  mqttwire.Error // what a value that breaks the rule is
	name string
}

var propertyTable = [47]propertyRow{
	PayloadFormatIndicator:          {inMessage, Byte, anyValue, 0, "Payload Format Indicator"},
	MessageExpiryInterval:           {inMessage, FourByteInteger, anyValue, 0, "Message Expiry Interval"},
	ContentType:                     {inMessage, UTF8String, anyValue, 0, "Content Type"},
	ResponseTopic:                   {inMessage, UTF8String, responseTopic, mqttwire.ErrResponseTopic, "Response Topic"},
	CorrelationData:                 {inMessage, BinaryData, anyValue, 0, "Correlation Data"},
	SubscriptionIdentifier:          {inPublish | inSubscribe, VariableByteInteger, notZero, mqttwire.ErrSubscriptionIDZero, "Subscription Identifier"},
	SessionExpiryInterval:           {inHandshake | inDisconnect, FourByteInteger, anyValue, 0, "Session Expiry Interval"},
	AssignedClientIdentifier:        {inConnack, UTF8String, anyValue, 0, "Assigned Client Identifier"},
	ServerKeepAlive:                 {inConnack, TwoByteInteger, anyValue, 0, "Server Keep Alive"},
	AuthenticationMethod:            {inHandshake | inAuth, UTF8String, anyValue, 0, "Authentication Method"},
	AuthenticationData:              {inHandshake | inAuth, BinaryData, anyValue, 0, "Authentication Data"},
	RequestProblemInformation:       {inConnect, Byte, boolean, mqttwire.ErrPropertyBoolean, "Request Problem Information"},
	WillDelayInterval:               {inWill, FourByteInteger, anyValue, 0, "Will Delay Interval"},
	RequestResponseInformation:      {inConnect, Byte, boolean, mqttwire.ErrPropertyBoolean, "Request Response Information"},
	ResponseInformation:             {inConnack, UTF8String, anyValue, 0, "Response Information"},
	ServerReference:                 {inConnack | inDisconnect, UTF8String, anyValue, 0, "Server Reference"},
	ReasonString:                    {inConnack | inAcks | inDisconnect | inAuth, UTF8String, anyValue, 0, "Reason String"},
	ReceiveMaximum:                  {inHandshake, TwoByteInteger, notZero, mqttwire.ErrReceiveMaximumZero, "Receive Maximum"},
	TopicAliasMaximum:               {inHandshake, TwoByteInteger, anyValue, 0, "Topic Alias Maximum"},
	TopicAlias:                      {inPublish, TwoByteInteger, notZero, mqttwire.ErrTopicAliasZero, "Topic Alias"},
	MaximumQoS:                      {inConnack, Byte, boolean, mqttwire.ErrMaximumQoSValue, "Maximum QoS"},
	RetainAvailable:                 {inConnack, Byte, boolean, mqttwire.ErrPropertyBoolean, "Retain Available"},
	UserProperty:                    {inEverything, UTF8StringPair, anyValue, 0, "User Property"},
	MaximumPacketSize:               {inHandshake, FourByteInteger, notZero, mqttwire.ErrMaximumPacketSizeZero, "Maximum Packet Size"},
	WildcardSubscriptionAvailable:   {inConnack, Byte, boolean, mqttwire.ErrPropertyBoolean, "Wildcard Subscription Available"},
	SubscriptionIdentifierAvailable: {inConnack, Byte, boolean, mqttwire.ErrPropertyBoolean, "Subscription Identifier Available"},
	SharedSubscriptionAvailable:     {inConnack, Byte, boolean, mqttwire.ErrPropertyBoolean, "Shared Subscription Available"},
}

// row returns the row of an identifier, that of identifier 0 where there is none.
func (id PropertyID) row() *propertyRow {
	if int(id) >= len(propertyTable) {
		id = 0
	}
	return &propertyTable[id]
}

// Defined reports whether the standard defines the identifier.
func (id PropertyID) Defined() bool { return id.row().wire != NoType }

// Type returns how the value is encoded, NoType where the identifier is not
// defined.
func (id PropertyID) Type() WireType { return id.row().wire }

// AllowedIn reports whether the property may stand in packets of type t, or
// with WillProperties in those of a will (5.0 Table 2-4).
func (id PropertyID) AllowedIn(t mqttwire.PacketType) bool { return id.row().in>>t&1 != 0 }

// RepeatsIn reports whether the property may stand more than once in packets
// of type t: User Property everywhere (5.0 §2.2.2.2), Subscription Identifier
// in PUBLISH (5.0 §3.3.2.3.8).
func (id PropertyID) RepeatsIn(t mqttwire.PacketType) bool {
	return id.AllowedIn(t) && (id == UserProperty || id == SubscriptionIdentifier && t == mqttwire.PUBLISH)
}

// String returns the standard's name of the property, "reserved property"
// where the identifier is not defined.
func (id PropertyID) String() string {
	if name := id.row().name; name != "" {
		return name
	}
	return "reserved property"
}
