package wirejudge

import (
	"slices"
	"sync"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/testdata"
)

// Level says how much a Finding is.
type Level uint8

// The levels.
const (
	Note   Level = iota // breaks nothing that could be held against anybody
	Should              // the standard recommends otherwise, or a strict reader would object
	Must                // a statement of the standard is broken
)

// String returns "note", "SHOULD" or "MUST".
func (l Level) String() string { return [...]string{"note", "SHOULD", "MUST"}[min(l, Must)] }

// A Rule is what a Finding is about. The zero Rule is that the bytes of one
// packet are wrong; the mqttwire.Error of the Finding says how.
type Rule uint8

// The rules.
const (
	Bytes Rule = iota // what is wrong with the bytes of one packet
	// Handshake.
	FirstPacket           // what came first is no CONNECT, or no CONNACK
	SecondConnect         // a CONNECT after the first
	SecondConnack         // a CONNACK after the first
	SessionPresentClean   // Session Present, and a new session was asked for
	SessionPresentUnknown // Session Present, and there is no session
	SessionForgotten      // no Session Present, and there is a session
	SessionOutlived       // Session Present, and the session has expired
	SessionTakenUnasked   // a client goes on with a session that it has not
	AssignedMissing       // no Assigned Client Identifier for who has none
	AssignedUnasked       // an Assigned Client Identifier for who has one
	EmptyIDAccepted       // an empty Client Identifier is accepted where it is not allowed
	WillQoSAccepted       // a will over the Maximum QoS is accepted
	WillRetainAccepted    // a retained will is accepted, and there are no retained messages
	ResponseInformation   // Response Information that was not asked for
	ProblemInformation    // a Reason String or User Property that was not wanted
	MethodInConnack       // CONNACK has not the Authentication Method of CONNECT
	MethodUnasked         // an Authentication Method, and CONNECT had none
	MethodChanged         // an Authentication Method that is not that of CONNECT
	AuthCode              // AUTH with a code that does not fit the moment
	AuthOutOfTurn         // AUTH when the other side has its turn
	BeforeConnack         // packets before CONNACK while the client authenticates
	AfterRefusal          // a packet after a CONNACK that refuses
	OpenAfterRefusal      // the connection stays open after a CONNACK that refuses
	OtherVersion          // the server does not speak the version
	// End.
	DisconnectTooEarly  // a DISCONNECT of a server before its CONNACK
	ExpiryRaised        // a Session Expiry Interval in DISCONNECT, and that of CONNECT is 0
	AfterDisconnect     // a packet after DISCONNECT
	OpenAfterDisconnect // the connection stays open after DISCONNECT
	WentOn              // the other side has sent what is malformed, and this one goes on
	NotTakenOver        // a connection stays open beside a second of its Client Identifier
	TakenOverSilently   // a connection that is taken over ends without DISCONNECT 0x8E
	CutPacket           // the connection ends inside a packet
	// Limits.
	PacketSize                 // a packet over the Maximum Packet Size
	AliasOverMaximum           // a Topic Alias over the Topic Alias Maximum
	AliasNotTaken              // a Topic Alias for who takes none
	AliasUnknown               // a Topic Alias that stands for nothing
	ReceiveMaximum             // more messages in flight than the Receive Maximum
	QoSNotSupported            // a PUBLISH over the Maximum QoS
	RetainNotSupported         // RETAIN, and there are no retained messages
	WildcardNotSupported       // a wildcard, and they are not available
	SharedNotSupported         // a Shared Subscription, and they are not available
	SubscriptionIDNotSupported // a Subscription Identifier, and they are not available
	// Delivery.
	IDInUse              // a Packet Identifier that is in flight, for something else
	DupMissing           // a message again without DUP
	DupOnFirst           // a message for the first time with DUP
	SentAgain            // a packet again on the same connection
	ResentOutOfOrder     // messages again in another order
	NotResent            // messages in flight that do not come again
	PublishAfterPubrel   // a PUBLISH after its PUBREL
	AckOfNothing         // an acknowledgement of nothing that is in flight
	AckTwice             // an acknowledgement more than there were PUBLISHes
	AckOfWrongKind       // PUBACK at QoS 2, or PUBREC, PUBREL or PUBCOMP at QoS 1
	PubackOrder          // PUBACKs in another order than the PUBLISHes
	PubrecOrder          // PUBRECs in another order than the PUBLISHes
	PubrelOrder          // PUBRELs in another order than the PUBRECs
	PubrelTooEarly       // PUBREL before PUBREC
	PubcompTooEarly      // PUBCOMP before PUBREL
	AckAcrossConnections // an acknowledgement of what an earlier connection has carried
	// Requests.
	AnswerToNothing   // SUBACK or UNSUBACK without its request
	CodeCount         // another number of codes than of filters
	GrantedMore       // a higher QoS is granted than was asked for
	PingrespToNothing // PINGRESP without PINGREQ
	// Time.
	NoConnack            // CONNECT is not answered
	NoAck                // PUBLISHes are not acknowledged when the connection ends
	NoPubrel             // PUBREC is not answered
	NoPubcomp            // PUBREL is not answered
	NoSuback             // SUBSCRIBE is not answered
	NoUnsuback           // UNSUBSCRIBE is not answered
	NoPingresp           // PINGREQ is not answered
	KeepAliveBroken      // silence of more than one and a half times the Keep Alive
	KeepAliveLate        // silence of more than the Keep Alive
	KeepAliveNotEnforced // a silent client stays connected
	// What a subscriber gets.
	NotSubscribed         // a message that no subscription matches
	QoSOverGrant          // a message over the granted QoS
	RetainOnLive          // RETAIN on a message that is not from the store
	RetainedUnwanted      // a retained message, and Retain Handling forbids it
	RetainedEmpty         // a retained message without a payload
	SubscriptionIDUnknown // a Subscription Identifier that no SUBSCRIBE gave
	SubscriptionIDMissing // no Subscription Identifier, and SUBSCRIBE gave one
	QoSOverPublished      // a message over the QoS that it was published at
	RetainNotAsPublished  // RETAIN is not as published, and should be
	OwnMessage            // a message to its publisher, and No Local forbids it
	ExpiryNotCounted      // a Message Expiry Interval that has not been counted down
	Expired               // a message that has expired
	ExpiryAdded           // a Message Expiry Interval that the publisher did not give
	PropertyChanged       // a property that is not as published
	// Of the judge itself.
	NotFollowed // what the judge can follow no further
	lastRule    = NotFollowed
)

// A ruleRow is what a Rule breaks. clauses are those of 3.1, 3.1.1 and 5.0, that
// of a server after a space where it differs; "" where the version has none.
type ruleRow struct {
	name    string
	level   Level
	clauses [3]string
	text    string // what is broken, in one line, for sections without a number
}

var ruleTable = [...]ruleRow{
	Bytes: {"bytes", Must, [3]string{}, "the bytes of a packet are as the standard has them"},

	FirstPacket:           {"first-packet", Must, [3]string{"§3.1 §3.2", "MQTT-3.1.0-1 MQTT-3.2.0-1", "MQTT-3.1.0-1 MQTT-3.2.0-1"}, "a client opens with CONNECT, a server with CONNACK"},
	SecondConnect:         {"second-connect", Must, [3]string{"§3.1", "MQTT-3.1.0-2", "MQTT-3.1.0-2"}, "one CONNECT on a connection"},
	SecondConnack:         {"second-connack", Must, [3]string{"§3.2", "§3.2", "MQTT-3.2.0-2"}, "one CONNACK on a connection"},
	SessionPresentClean:   {"session-present-clean", Must, [3]string{"", "MQTT-3.2.2-1", "MQTT-3.2.2-2"}, ""},
	SessionPresentUnknown: {"session-present-unknown", Must, [3]string{"", "MQTT-3.2.2-3", "MQTT-3.2.2-3"}, ""},
	SessionForgotten:      {"session-forgotten", Should, [3]string{"", "MQTT-3.2.2-2", "MQTT-3.2.2-3"}, ""},
	SessionOutlived:       {"session-outlived", Must, [3]string{"", "MQTT-3.2.2-3", "MQTT-4.1.0-2"}, ""},
	SessionTakenUnasked:   {"session-taken-unasked", Must, [3]string{"", "§3.2.2.2", "MQTT-3.2.2-4"}, "a client that has no session and is told of one closes the connection"},
	AssignedMissing:       {"assigned-id-missing", Must, [3]string{"", "", "MQTT-3.2.2-16"}, ""},
	AssignedUnasked:       {"assigned-id-unasked", Must, [3]string{"", "", "§3.2.2.3.7"}, "an Assigned Client Identifier answers an empty one"},
	EmptyIDAccepted:       {"empty-id-accepted", Must, [3]string{"§3.1", "MQTT-3.1.3-8", ""}, "an empty Client Identifier is refused"},
	WillQoSAccepted:       {"will-qos-accepted", Must, [3]string{"", "", "MQTT-3.2.2-12"}, ""},
	WillRetainAccepted:    {"will-retain-accepted", Must, [3]string{"", "", "MQTT-3.2.2-13"}, ""},
	ResponseInformation:   {"response-information", Must, [3]string{"", "", "MQTT-3.1.2-28"}, ""},
	ProblemInformation:    {"problem-information", Must, [3]string{"", "", "MQTT-3.1.2-29"}, ""},
	MethodInConnack:       {"method-in-connack", Must, [3]string{"", "", "MQTT-4.12.0-5"}, ""},
	MethodUnasked:         {"method-unasked", Must, [3]string{"", "", "MQTT-4.12.0-7 MQTT-4.12.0-6"}, ""},
	MethodChanged:         {"method-changed", Must, [3]string{"", "", "MQTT-4.12.0-5"}, ""},
	AuthCode:              {"auth-code", Must, [3]string{"", "", "MQTT-4.12.0-3 MQTT-4.12.0-2"}, ""},
	AuthOutOfTurn:         {"auth-out-of-turn", Must, [3]string{"", "", "§4.12"}, "an AUTH answers another, or begins an authentication that the client asks for"},
	BeforeConnack:         {"before-connack", Must, [3]string{"", "", "MQTT-3.1.2-30"}, ""},
	AfterRefusal:          {"after-refusal", Must, [3]string{"§3.2", "MQTT-3.2.2-5", "MQTT-3.2.2-7"}, "a server closes after a refusal"},
	OpenAfterRefusal:      {"open-after-refusal", Must, [3]string{"§3.2", "MQTT-3.2.2-5", "MQTT-3.2.2-7"}, "a server closes after a refusal"},
	OtherVersion:          {"other-version", Note, [3]string{"§3.1", "MQTT-3.1.2-2", "MQTT-3.1.2-2"}, "a server refuses a version that it does not speak"},

	DisconnectTooEarly:  {"disconnect-too-early", Must, [3]string{"", "", "MQTT-3.14.0-1"}, ""},
	ExpiryRaised:        {"expiry-raised", Must, [3]string{"", "", "§3.14.2.2.2"}, "a Session Expiry Interval of 0 stays 0"},
	AfterDisconnect:     {"after-disconnect", Must, [3]string{"§3.14", "MQTT-3.14.4-2", "MQTT-3.14.4-1"}, "DISCONNECT is the last packet"},
	OpenAfterDisconnect: {"open-after-disconnect", Must, [3]string{"§3.14", "MQTT-3.14.4-1", "MQTT-3.14.4-2"}, "who sends DISCONNECT closes"},
	WentOn:              {"went-on", Note, [3]string{"", "MQTT-4.8.0-1", "E-4.13.1/3 MQTT-4.13.1-1"}, ""},
	NotTakenOver:        {"not-taken-over", Must, [3]string{"§3.1", "MQTT-3.1.4-2", "MQTT-3.1.4-3"}, "a second connection of a Client Identifier ends the first"},
	TakenOverSilently:   {"taken-over-silently", Should, [3]string{"", "", "MQTT-3.1.4-3"}, ""},
	CutPacket:           {"cut-packet", Note, [3]string{"§2", "§2", "§2"}, "a connection that ends inside a packet"},

	PacketSize:                 {"packet-size", Must, [3]string{"", "", "MQTT-3.2.2-15 MQTT-3.1.2-24"}, ""},
	AliasOverMaximum:           {"alias-over-maximum", Must, [3]string{"", "", "MQTT-3.2.2-17 MQTT-3.1.2-26"}, ""},
	AliasNotTaken:              {"alias-not-taken", Must, [3]string{"", "", "MQTT-3.2.2-18 MQTT-3.1.2-27"}, ""},
	AliasUnknown:               {"alias-unknown", Must, [3]string{"", "", "E-3.3.4/4"}, ""},
	ReceiveMaximum:             {"receive-maximum", Must, [3]string{"", "", "MQTT-3.3.4-7 MQTT-3.3.4-9"}, ""},
	QoSNotSupported:            {"qos-not-supported", Must, [3]string{"", "", "MQTT-3.2.2-11"}, ""},
	RetainNotSupported:         {"retain-not-supported", Must, [3]string{"", "", "MQTT-3.2.2-14"}, ""},
	WildcardNotSupported:       {"wildcard-not-supported", Must, [3]string{"", "", "E-3.2.2.3.11/2"}, ""},
	SharedNotSupported:         {"shared-not-supported", Must, [3]string{"", "", "E-3.2.2.3.13/2"}, ""},
	SubscriptionIDNotSupported: {"subscription-id-not-supported", Must, [3]string{"", "", "E-3.2.2.3.12/2"}, ""},

	IDInUse:              {"id-in-use", Must, [3]string{"§2.4", "MQTT-2.3.1-2 MQTT-2.3.1-4", "MQTT-2.2.1-3 MQTT-2.2.1-4"}, "a Message ID that is in flight is not used for another message"},
	DupMissing:           {"dup-missing", Must, [3]string{"§2.1", "MQTT-3.3.1-1", "MQTT-3.3.1-1"}, "DUP is set on a message that is sent again"},
	DupOnFirst:           {"dup-on-first", Must, [3]string{"§2.1", "MQTT-4.3.2-1 MQTT-3.3.1-3", "MQTT-4.3.2-2 MQTT-3.3.1-3"}, "DUP is not set on a message that is sent for the first time"},
	SentAgain:            {"sent-again", Must, [3]string{"", "", "MQTT-4.4.0-1"}, ""},
	ResentOutOfOrder:     {"resent-out-of-order", Must, [3]string{"", "MQTT-4.6.0-1 MQTT-4.6.0-6", "MQTT-4.6.0-1 MQTT-4.6.0-5"}, ""},
	NotResent:            {"not-resent", Must, [3]string{"§4.1", "MQTT-4.4.0-1", "MQTT-4.4.0-1"}, "what is in flight goes again after a reconnect"},
	PublishAfterPubrel:   {"publish-after-pubrel", Must, [3]string{"§4.1", "MQTT-4.3.3-1", "MQTT-4.3.3-6"}, "no PUBLISH follows its PUBREL"},
	AckOfNothing:         {"ack-of-nothing", Must, [3]string{"§4.1", "MQTT-2.3.1-6", "MQTT-2.2.1-5"}, "an acknowledgement has the Message ID of a message in flight"},
	AckTwice:             {"ack-twice", Should, [3]string{"§4.1", "MQTT-3.3.4-1", "MQTT-3.3.4-1"}, "a PUBLISH is acknowledged once"},
	AckOfWrongKind:       {"ack-of-wrong-kind", Must, [3]string{"§4.1", "MQTT-3.3.4-1", "MQTT-3.3.4-1"}, "a PUBLISH is answered according to its QoS"},
	PubackOrder:          {"puback-order", Must, [3]string{"", "MQTT-4.6.0-2", "MQTT-4.6.0-2"}, ""},
	PubrecOrder:          {"pubrec-order", Must, [3]string{"", "MQTT-4.6.0-3", "MQTT-4.6.0-3"}, ""},
	PubrelOrder:          {"pubrel-order", Must, [3]string{"", "MQTT-4.6.0-4", "MQTT-4.6.0-4"}, ""},
	PubrelTooEarly:       {"pubrel-too-early", Must, [3]string{"§4.1", "MQTT-4.3.3-1", "MQTT-4.3.3-3"}, "PUBREL answers PUBREC"},
	PubcompTooEarly:      {"pubcomp-too-early", Must, [3]string{"§4.1", "MQTT-4.3.3-2", "MQTT-4.3.3-11"}, "PUBCOMP answers PUBREL"},
	AckAcrossConnections: {"ack-across-connections", Note, [3]string{"§4.1", "MQTT-4.4.0-1", "MQTT-4.4.0-1"}, "an acknowledgement answers what its connection has carried"},

	AnswerToNothing:   {"answer-to-nothing", Must, [3]string{"§3.9", "MQTT-2.3.1-7", "MQTT-2.2.1-6"}, "SUBACK and UNSUBACK have the Message ID of their request"},
	CodeCount:         {"code-count", Must, [3]string{"§3.9", "MQTT-3.8.4-5", "MQTT-3.8.4-6"}, "one code for each topic filter"},
	GrantedMore:       {"granted-more", Should, [3]string{"§3.9", "MQTT-3.8.4-5", "MQTT-3.8.4-7"}, "no more is granted than was asked for"},
	PingrespToNothing: {"pingresp-to-nothing", Note, [3]string{"§3.13", "§3.13", "§3.13"}, "PINGRESP answers PINGREQ"},

	NoConnack:            {"no-connack", Note, [3]string{"§3.1", "MQTT-3.1.4-4", "MQTT-3.1.4-5"}, "CONNECT is answered"},
	NoAck:                {"no-ack", Note, [3]string{"§4.1", "MQTT-3.3.4-1", "MQTT-3.3.4-1"}, "PUBLISH is answered according to its QoS"},
	NoPubrel:             {"no-pubrel", Must, [3]string{"§4.1", "MQTT-4.3.3-1", "MQTT-4.3.3-4"}, "PUBREC is answered with PUBREL"},
	NoPubcomp:            {"no-pubcomp", Must, [3]string{"§4.1", "MQTT-4.3.3-2", "MQTT-4.3.3-11"}, "PUBREL is answered with PUBCOMP"},
	NoSuback:             {"no-suback", Must, [3]string{"§3.8", "MQTT-3.8.4-1", "MQTT-3.8.4-1"}, "SUBSCRIBE is answered with SUBACK"},
	NoUnsuback:           {"no-unsuback", Must, [3]string{"§3.10", "MQTT-3.10.4-4", "MQTT-3.10.4-4"}, "UNSUBSCRIBE is answered with UNSUBACK"},
	NoPingresp:           {"no-pingresp", Must, [3]string{"§3.12", "MQTT-3.12.4-1", "MQTT-3.12.4-1"}, "PINGREQ is answered with PINGRESP"},
	KeepAliveBroken:      {"keep-alive-broken", Must, [3]string{"§3.1", "MQTT-3.1.2-23", "MQTT-3.1.2-20"}, "a client sends something within each Keep Alive"},
	KeepAliveLate:        {"keep-alive-late", Note, [3]string{"§3.1", "MQTT-3.1.2-23", "MQTT-3.1.2-20"}, "a client sends something within each Keep Alive"},
	KeepAliveNotEnforced: {"keep-alive-not-enforced", Must, [3]string{"§3.1", "MQTT-3.1.2-24", "MQTT-3.1.2-22"}, "a server closes after one and a half times the Keep Alive"},

	NotSubscribed:         {"not-subscribed", Note, [3]string{"§3.3", "MQTT-3.3.2-3", "MQTT-3.3.2-3"}, "a client is sent what it has subscribed to"},
	QoSOverGrant:          {"qos-over-grant", Must, [3]string{"§3.9", "MQTT-3.8.4-6", "MQTT-3.8.4-8"}, "a message comes at no more than the granted QoS"},
	RetainOnLive:          {"retain-on-live", Must, [3]string{"§3.3", "MQTT-3.3.1-9", "MQTT-3.3.1-12"}, "RETAIN is not set on what an established subscription gets"},
	RetainedUnwanted:      {"retained-unwanted", Must, [3]string{"", "", "MQTT-3.3.1-11"}, ""},
	RetainedEmpty:         {"retained-empty", Must, [3]string{"", "MQTT-3.3.1-11", "MQTT-3.3.1-7"}, ""},
	SubscriptionIDUnknown: {"subscription-id-unknown", Must, [3]string{"", "", "E-3.3.4/2"}, ""},
	SubscriptionIDMissing: {"subscription-id-missing", Must, [3]string{"", "", "MQTT-3.3.4-3"}, ""},
	QoSOverPublished:      {"qos-over-published", Must, [3]string{"§3.9", "MQTT-3.8.4-6", "MQTT-3.8.4-8"}, "a message comes at no more than the QoS it was published at"},
	RetainNotAsPublished:  {"retain-not-as-published", Must, [3]string{"", "", "MQTT-3.3.1-13"}, ""},
	OwnMessage:            {"own-message", Must, [3]string{"", "", "MQTT-3.8.3-3"}, ""},
	ExpiryNotCounted:      {"expiry-not-counted", Must, [3]string{"", "", "MQTT-3.3.2-6"}, ""},
	Expired:               {"expired", Must, [3]string{"", "", "MQTT-3.3.2-5"}, ""},
	ExpiryAdded:           {"expiry-added", Note, [3]string{"", "", "MQTT-3.3.2-6"}, ""},
	PropertyChanged:       {"property-changed", Must, [3]string{"", "", "§3.3.2.3"}, "a message keeps its properties"},

	NotFollowed: {"not-followed", Note, [3]string{"§2", "§2", "§2"}, "what the judge cannot follow"},
}

// String returns the rule's name, such as "id-in-use".
func (r Rule) String() string {
	if r > lastRule {
		return "unknown rule"
	}
	return ruleTable[r].name
}

// Rules returns all rules except Bytes.
func Rules() []Rule {
	var all []Rule
	for r := Bytes + 1; r <= lastRule; r++ {
		all = append(all, r)
	}
	return all
}

// Level returns how much a breach of the rule is, where nothing speaks for less.
func (r Rule) Level() Level { return ruleTable[min(r, lastRule)].level }

// Clause returns what a side that breaks the rule breaks in version v: the id of
// a numbered statement such as "MQTT-3.3.1-1", that of a sentence on errors such
// as "E-3.3.4/4", or a section such as "§4.1". It is empty where the version has
// no such rule.
func (r Rule) Clause(v mqttwire.Version, by mqttwire.Role) string {
	if r > lastRule || !v.Valid() {
		return ""
	}
	client, server, two := cut(ruleTable[r].clauses[v-mqttwire.V31])
	if by == mqttwire.Server && two {
		return server
	}
	return client
}

func cut(s string) (before, after string, found bool) {
	if i := slices.Index([]byte(s), ' '); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, s, false
}

// Wording returns what a clause asks for, in our words: those of testdata for a
// numbered statement and for a sentence on errors, else "".
func Wording(v mqttwire.Version, clause string) string { return wordings()[v.String()+" "+clause] }

var wordings = sync.OnceValue(func() map[string]string {
	all := map[string]string{}
	for _, v := range []string{"3.1.1", "5.0"} {
		clauses, _ := testdata.Clauses(v)
		for _, c := range clauses {
			all[v+" "+c.ID] = c.Text
		}
	}
	rules, _ := testdata.ErrorRules()
	for _, r := range rules {
		all["5.0 "+r.ID] = r.Text
	}
	return all
})
