package codec

import (
	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/fixedheader"
	"github.com/mqttwire/mqttwire/varint"
)

// passwordField is the name of the field whose value String does not show.
const passwordField = "Password"

// packet reads the packet.
func (w *walk) packet() {
	w.fixedHeader()
	if w.total == 0 || w.stopped {
		return
	}
	w.part, w.at = VariableHeader, w.h.Size()
	switch t := w.h.Type; t {
	case mqttwire.CONNECT:
		w.connect()
	case mqttwire.CONNACK:
		w.connack()
	case mqttwire.PUBLISH:
		w.publish()
	case mqttwire.PUBACK, mqttwire.PUBREC, mqttwire.PUBREL, mqttwire.PUBCOMP:
		w.ack(t)
	case mqttwire.SUBSCRIBE:
		w.subscribe()
	case mqttwire.SUBACK:
		w.suback()
	case mqttwire.UNSUBSCRIBE:
		w.unsubscribe()
	case mqttwire.UNSUBACK:
		w.unsuback()
	case mqttwire.DISCONNECT:
		w.disconnect()
	case mqttwire.AUTH:
		w.auth()
	case mqttwire.PINGREQ, mqttwire.PINGRESP:
	default:
		w.unread()
	}
	w.trailing() // 3.1.1 [MQTT-4.8.0-1], 5.0 [MQTT-4.13.1-1]
}

// fixedHeader reads the fixed header.
func (w *walk) fixedHeader() {
	const kind, length = "MQTT Control Packet type", "Remaining Length"
	w.field(Field{Name: kind, Type: Byte, Size: 1, Mask: 0xf0, Number: uint32(w.h.Type), Meaning: w.h.Type.String()})
	flags := "Flags"
	if w.h.Type == mqttwire.PUBLISH {
		flags = "QoS"
		w.bit("DUP", 0, fixedheader.FlagDup)
		w.bit("QoS", 0, fixedheader.FlagQoS)
		w.bit("RETAIN", 0, fixedheader.FlagRetain)
	} else {
		w.bit(flags, 0, 0x0f)
	}
	first := w.judgeFirst(w.r.Version, 0, kind, flags)
	// Of a CONNECT that asks for another version than it should, both.
	if w.asked.Valid() && w.asked != w.r.Version {
		w.judgeFirst(w.asked, first, kind, flags)
	}
	n := min(len(w.b)-1, varint.MaxSize)
	switch {
	case w.lost:
		w.fault(mqttwire.ErrVarintTooLong, 1, length) // 3.1.1 §2.2.3, 5.0 §1.5.5
		w.field(Field{Name: length, Type: VariableByteInteger, Offset: 1, Size: n, Cut: true})
	case w.total > 0:
		if (w.r.Version == mqttwire.V50 || w.asked == mqttwire.V50) && int(w.h.Width) != varint.Size(w.h.Length) {
			w.fault(mqttwire.ErrVarintNotMin, 1, length) // 5.0 [MQTT-1.5.5-1]
		}
		w.field(Field{Name: length, Type: VariableByteInteger, Offset: 1, Size: int(w.h.Width), Number: w.h.Length})
	case n > 0:
		w.field(Field{Name: length, Type: VariableByteInteger, Offset: 1, Size: n, Cut: true})
	}
}

// judgeFirst judges the first byte by the rules of version v, except for known,
// which is a fault already. It returns the fault of the flags.
func (w *walk) judgeFirst(v mqttwire.Version, known mqttwire.Error, kind, flags string) mqttwire.Error {
	r := Rules{Version: v, From: w.r.From, Lenient: w.r.Lenient}
	e, _ := r.checkFirst(w.h).(mqttwire.Error)
	switch e {
	case mqttwire.ErrPacketType, mqttwire.ErrDirection: // 3.1.1 §2.2.1, 5.0 §2.1.2
		if v == w.r.Version {
			w.fault(e, 0, kind)
		}
		r.From = mqttwire.Either
		e, _ = r.checkFirst(w.h).(mqttwire.Error)
	}
	if e == mqttwire.ErrDupQoS0 {
		flags = "DUP"
	}
	if e != known && e != mqttwire.ErrPacketType {
		w.fault(e, 0, flags) // 3.1.1 [MQTT-2.2.2-2], 5.0 [MQTT-2.1.3-1]
	}
	return e
}

// before5 returns the first name before 5.0, else the second.
func (w *walk) before5(before, since string) string {
	if w.r.Version == mqttwire.V50 {
		return since
	}
	return before
}

// connect reads a CONNECT, the fields that Connect.Decode lists.
func (w *walk) connect() {
	v := w.r.Version
	if !w.protocol() {
		return
	}
	flags, at, ok := w.flags("Connect Flags")
	if !ok {
		return
	}
	w.connectFlags(flags, at)
	w.integer("Keep Alive", TwoByteInteger, 2)
	if v == mqttwire.V50 {
		if seen, sure := w.properties(mqttwire.CONNECT); sure {
			w.fault(checkConnectProperties(seen), w.at, AuthenticationData.String()) // 5.0 §3.1.2.11.10
		}
	}
	w.part = Payload
	if id, at, ok := w.string("Client Identifier"); ok {
		p := Connect{Version: v, CleanStart: flags&flagCleanStart != 0, ClientID: id}
		if e := p.checkClientID(); e != mqttwire.ErrClientIDTooLong || !w.r.Lenient.Has(LongClientID) {
			w.fault(e, at, "Client Identifier") // 3.1 §3.1, 3.1.1 [MQTT-3.1.3-7]
		}
	}
	if flags&flagWill != 0 {
		if v == mqttwire.V50 {
			w.properties(WillProperties)
		}
		if topic, at, ok := w.topicName("Will Topic"); ok && len(topic) == 0 {
			w.fault(mqttwire.ErrTopicEmpty, at, "Will Topic") // [MQTT-4.7.3-1]
		}
		w.bytes(w.before5("Will Message", "Will Payload"), BinaryData)
	}
	// In 3.1 the Remaining Length says whether they follow (3.1 §3.1).
	lenient := v == mqttwire.V31
	if flags&flagUserName != 0 && !(lenient && w.ended()) {
		w.string("User Name")
	}
	if flags&flagPassword != 0 && !(lenient && w.ended()) {
		w.bytes(passwordField, BinaryData)
	}
}

// protocol reads Protocol Name and Level.
func (w *walk) protocol() bool {
	name, at, ok := w.bytes("Protocol Name", UTF8String)
	if !ok {
		return false
	}
	is31 := string(name) == protocolName31
	known := is31 || string(name) == protocolName
	if !known {
		w.fault(mqttwire.ErrProtocolName, at, "Protocol Name") // [MQTT-3.1.2-1]
	}
	level := "Protocol Version"
	if w.r.Version == mqttwire.V311 {
		level = "Protocol Level"
	}
	b, at, ok := w.flags(level)
	if !ok {
		return false
	}
	v, bridge := mqttwire.Version(b&^bridgeBit), b&bridgeBit != 0
	if bridge && v.Valid() && v != mqttwire.V50 {
		w.bit("Bridge", at, bridgeBit)
		w.bit(level, at, 0xff&^bridgeBit)
	} else {
		w.field(Field{Name: level, Type: Byte, Offset: at, Size: 1, Number: uint32(b)})
	}
	if !v.Valid() || known && is31 != (v == mqttwire.V31) || bridge && v == mqttwire.V50 || w.asked.Valid() && w.asked != v {
		w.fault(mqttwire.ErrProtocolVersion, at, level) // [MQTT-3.1.2-2]
	}
	return true
}

func (w *walk) connectFlags(flags uint8, at int) {
	const reserved, willQoS, willRetain = "Reserved", "Will QoS", "Will Retain"
	w.bit("User Name Flag", at, flagUserName)
	w.bit("Password Flag", at, flagPassword)
	w.bit(willRetain, at, flagWillRetain)
	w.bit(willQoS, at, flagWillQoS)
	w.bit("Will Flag", at, flagWill)
	w.bit(w.before5("Clean Session", "Clean Start"), at, flagCleanStart)
	w.bit(reserved, at, flagReserved)
	has := func(mask uint8) bool { return flags&mask != 0 }
	is31 := w.r.Version == mqttwire.V31 // which disregards what it does not use (3.1 §3.1)
	if has(flagReserved) && !is31 {
		w.fault(mqttwire.ErrConnectReserved, at, reserved) // [MQTT-3.1.2-3]
	}
	switch {
	case has(flagWill):
		if flags&flagWillQoS == flagWillQoS {
			w.fault(mqttwire.ErrWillQoS, at, willQoS) // 3.1.1 [MQTT-3.1.2-14], 5.0 [MQTT-3.1.2-12]
		}
	case !is31:
		if has(flagWillQoS) {
			w.fault(mqttwire.ErrWillQoSWithoutWill, at, willQoS) // 3.1.1 [MQTT-3.1.2-13], 5.0 [MQTT-3.1.2-11]
		}
		if has(flagWillRetain) {
			w.fault(mqttwire.ErrWillRetainWithoutWill, at, willRetain) // 3.1.1 [MQTT-3.1.2-15], 5.0 [MQTT-3.1.2-13]
		}
	}
	p := Connect{Version: w.r.Version, UserNameFlag: has(flagUserName), PasswordFlag: has(flagPassword)}
	if !w.r.Lenient.Has(PasswordWithoutUserName) {
		w.fault(p.checkFlags(), at, "Password Flag") // 3.1.1 [MQTT-3.1.2-22]
	}
}

// connack reads a CONNACK, the fields that Connack.Decode lists.
func (w *walk) connack() {
	v := w.r.Version
	flags, at, ok := w.flags("Connect Acknowledge Flags")
	if !ok {
		return
	}
	present := false
	if v == mqttwire.V31 {
		w.field(Field{Name: "Reserved", Type: Byte, Offset: at, Size: 1, Number: uint32(flags)}) // 3.1 §3.2
	} else {
		present = flags&1 != 0
		w.bit("Reserved", at, 0xfe)
		w.bit("Session Present", at, 0x01)
		if flags > 1 {
			w.fault(mqttwire.ErrConnackFlags, at, "Reserved") // 3.1.1 §3.2.2.1, 5.0 [MQTT-3.2.2-1]
		}
	}
	name := w.before5("Connect Return code", "Connect Reason Code")
	code, codeAt, ok := w.code(name, func(c uint8) string { return connack.Code(c).String() })
	if ok {
		p := Connack{Code: connack.Code(code)}
		w.fault(p.checkContent(v), codeAt, name) // 3.1.1 §3.2.2.3, 5.0 [MQTT-3.2.2-8]
		if present && code != 0 {
			w.fault(mqttwire.ErrSessionPresent, at, "Session Present") // 3.1.1 [MQTT-3.2.2-4], 5.0 [MQTT-3.2.2-6]
		}
	}
	if v == mqttwire.V50 {
		w.properties(mqttwire.CONNACK)
	}
}

// publish reads a PUBLISH, the fields that Publish.Decode lists.
func (w *walk) publish() {
	const name = "Topic Name"
	topic, at, ok := w.topicName(name) // [MQTT-3.3.2-1], [MQTT-3.3.2-2]
	if ok && len(topic) == 0 && w.r.Version != mqttwire.V50 {
		w.fault(mqttwire.ErrTopicEmpty, at, name) // [MQTT-4.7.3-1]
	}
	if w.h.QoS() > 0 {
		w.packetID()
	}
	if w.r.Version == mqttwire.V50 {
		seen, sure := w.properties(mqttwire.PUBLISH)
		if sure && len(topic) == 0 && !seen.has(TopicAlias) {
			w.fault(mqttwire.ErrTopicMissing, at, name) // 5.0 §3.3.2.1
		}
	}
	if w.over || w.stopped {
		return
	}
	w.part = Payload
	n := w.avail()
	w.field(Field{Name: "Payload", Offset: w.at, Size: n, Value: w.b[w.at : w.at+n : w.at+n], Cut: len(w.b) < w.total})
	w.at += n
}

// packetID reads a Packet Identifier.
func (w *walk) packetID() {
	const name = "Packet Identifier"
	if id, at, ok := w.integer(name, TwoByteInteger, 2); ok && id == 0 {
		w.fault(mqttwire.ErrPacketID, at, name) // 3.1.1 [MQTT-2.3.1-1], 5.0 [MQTT-2.2.1-3]
	}
}

// reason reads a Reason Code of 5.0 in a packet of type t.
func (w *walk) reason(name string, t mqttwire.PacketType) (c mqttwire.Reason, at int, ok bool) {
	b, at, ok := w.code(name, func(c uint8) string { return mqttwire.Reason(c).Name(t) })
	return mqttwire.Reason(b), at, ok
}

// ack reads a PUBACK, PUBREC, PUBREL or PUBCOMP, the fields that ack.decode
// lists.
func (w *walk) ack(t mqttwire.PacketType) {
	w.packetID()
	if w.ended() || w.r.Version != mqttwire.V50 {
		return
	}
	name := ackCodeNames[t-mqttwire.PUBACK]
	if c, at, ok := w.reason(name, t); ok && !takes(c, w.r.From, t) {
		w.fault(ackCodeError(t), at, name)
	}
	w.restProperties(t)
}

var ackCodeNames = [...]string{"PUBACK Reason Code", "PUBREC Reason Code", "PUBREL Reason Code", "PUBCOMP Reason Code"}

// restProperties reads properties that a packet may leave out with their
// length (5.0 §3.4.2.2.1).
func (w *walk) restProperties(in mqttwire.PacketType) (seen propertySet, sure bool) {
	if w.ended() {
		return 0, true
	}
	return w.properties(in)
}

// request reads what SUBSCRIBE, UNSUBSCRIBE and their answers begin with.
func (w *walk) request(t mqttwire.PacketType) {
	w.packetID()
	if w.r.Version == mqttwire.V50 {
		w.properties(t)
	}
	w.part = Payload
}

// subscribe reads a SUBSCRIBE, the fields that Subscribe.Decode lists.
func (w *walk) subscribe() {
	w.request(mqttwire.SUBSCRIBE)
	if w.ended() {
		w.fault(mqttwire.ErrSubscribeEmpty, w.at, "Topic Filter") // 3.1.1 [MQTT-3.8.3-3], 5.0 [MQTT-3.8.3-2]
	}
	for w.more() {
		filter, ok := w.topicFilter()
		if !ok {
			return
		}
		b, at, ok := w.flags(w.before5("Requested QoS", "Subscription Options"))
		if !ok {
			return
		}
		w.options(filter, SubscriptionOptions(b), at)
	}
}

// options judges the Subscription Options.
func (w *walk) options(filter []byte, o SubscriptionOptions, at int) {
	const reserved, handling, noLocal = "Reserved", "Retain Handling", "No Local"
	is5, unused := w.r.Version == mqttwire.V50, uint8(optionsReserved)
	if !is5 {
		unused = optionsReservedBefore5
	}
	level := w.before5("Requested QoS", "Maximum QoS")
	w.bit(reserved, at, unused)
	if is5 {
		w.bit(handling, at, optionsRetainHandling)
		w.bit("Retain As Published", at, uint8(RetainAsPublished))
		w.bit(noLocal, at, uint8(NoLocal))
	}
	w.bit(level, at, optionsQoS)
	if uint8(o)&unused != 0 && w.r.Version != mqttwire.V31 { // which does not use them (3.1 §3.8)
		w.fault(mqttwire.ErrSubscribeReserved, at, reserved) // 3.1.1 [MQTT-3.8.3-4], 5.0 [MQTT-3.8.3-5]
	}
	// The others one by one: each rule looks at its own bits.
	w.fault(checkOptions(filter, o&optionsQoS, w.r.Version), at, level) // 3.1.1 [MQTT-3.8.3-4], 5.0 §3.8.3.1
	if is5 {
		w.fault(checkOptions(filter, o&optionsRetainHandling, w.r.Version), at, handling) // 5.0 §3.8.3.1
		w.fault(checkOptions(filter, o&NoLocal, w.r.Version), at, noLocal)                // 5.0 [MQTT-3.8.3-4]
	}
}

// suback reads a SUBACK, the fields that Suback.Decode lists.
func (w *walk) suback() {
	v := w.r.Version
	w.request(mqttwire.SUBACK)
	name := w.before5("Return Code", "Reason Code")
	var one ReasonCodes
	if v == mqttwire.V31 {
		name, one.form = "Granted QoS", qosOnly
	}
	if w.ended() {
		w.fault(one.checkSuback(v), w.at, name) // 3.1.1 [MQTT-3.8.4-5], 5.0 [MQTT-3.8.4-6]
	}
	for w.more() {
		one.b = w.b[w.at : w.at+1]
		c := one.At(0)
		w.field(Field{Name: name, Type: Byte, Offset: w.at, Size: 1, Number: uint32(c), Meaning: c.Name(mqttwire.SUBACK)})
		w.fault(one.checkSuback(v), w.at, name) // [MQTT-3.9.3-2]
		w.at++
	}
}

// unsubscribe reads an UNSUBSCRIBE, the fields that Unsubscribe.Decode lists.
func (w *walk) unsubscribe() {
	w.request(mqttwire.UNSUBSCRIBE)
	if w.ended() {
		w.fault(mqttwire.ErrUnsubscribeEmpty, w.at, "Topic Filter") // [MQTT-3.10.3-2]
	}
	for w.more() {
		w.topicFilter()
	}
}

// unsuback reads an UNSUBACK, the fields that Unsuback.Decode lists.
func (w *walk) unsuback() {
	w.request(mqttwire.UNSUBACK)
	if w.r.Version != mqttwire.V50 {
		return // 3.1.1 §3.11.3: no payload
	}
	const name = "Reason Code"
	var one ReasonCodes
	if w.ended() {
		w.fault(one.checkUnsuback(), w.at, name) // 5.0 [MQTT-3.11.3-2]
	}
	for w.more() {
		one.b = w.b[w.at : w.at+1]
		_, at, _ := w.reason(name, mqttwire.UNSUBACK)
		w.fault(one.checkUnsuback(), at, name) // 5.0 [MQTT-3.11.3-2]
	}
}

// disconnect reads a DISCONNECT, the fields that Disconnect.Decode lists.
func (w *walk) disconnect() {
	if w.ended() || w.r.Version != mqttwire.V50 {
		return
	}
	const name = "Disconnect Reason Code"
	if c, at, ok := w.reason(name, mqttwire.DISCONNECT); ok && !c.SentBy(w.r.From, mqttwire.DISCONNECT) {
		w.fault(mqttwire.ErrDisconnectCode, at, name) // 5.0 [MQTT-3.14.2-1]
	}
	w.restProperties(mqttwire.DISCONNECT)
}

// auth reads an AUTH, the fields that Auth.Decode lists. An earlier version has
// no such packet.
func (w *walk) auth() {
	const name = "Authenticate Reason Code"
	if w.r.Version != mqttwire.V50 {
		w.unread()
		return
	}
	code, at, ok, lenient := mqttwire.Success, w.at, w.ended(), w.r.Lenient.Has(EmptyAuth)
	left := ok // out, with all that follows
	if !left {
		code, at, ok = w.reason(name, mqttwire.AUTH)
	}
	if ok && (!left || lenient) && !code.SentBy(w.r.From, mqttwire.AUTH) {
		w.fault(mqttwire.ErrAuthCode, at, name) // 5.0 [MQTT-3.15.2-1]
	}
	seen, sure := w.restProperties(mqttwire.AUTH)
	lenient = lenient && code == mqttwire.Success && seen == 0
	if sure && !lenient && !seen.has(AuthenticationMethod) {
		w.fault(mqttwire.ErrAuthMethodMissing, w.at, AuthenticationMethod.String()) // 5.0 §3.15.2.2.2
	}
}
