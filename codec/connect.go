package codec

import (
	"slices"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/fixedheader"
	"github.com/mqttwire/mqttwire/internal/text"
	"github.com/mqttwire/mqttwire/qos"
)

// Connect is a CONNECT packet (3.1.1 §3.1, 5.0 §3.1).
type Connect struct {
	// Version is the protocol version that the packet asks for: its Protocol
	// Name and Level. Decode sets it. Append takes it from its Rules, or from
	// here where these have none.
	Version mqttwire.Version
	// Bridge is bit 7 of the Protocol Level, by which the bridges of some
	// brokers say what they are in 3.1 and 3.1.1. No standard has it.
	Bridge bool
	// CleanStart is the Clean Start flag, Clean Session before 5.0
	// (3.1.1 §3.1.2.4, 5.0 §3.1.2.4).
	CleanStart bool
	// WillFlag, UserNameFlag and PasswordFlag say which of the fields below
	// are present, so that an empty one can be told from none.
	WillFlag     bool
	UserNameFlag bool
	PasswordFlag bool
	// KeepAlive is in seconds, 0 for off (3.1.1 §3.1.2.10, 5.0 §3.1.2.10).
	KeepAlive uint16
	// Properties of 5.0 (5.0 §3.1.2.11).
	Properties Properties
	// ClientID is the Client Identifier, at most 65,535 bytes. It may be empty
	// in 5.0, in 3.1.1 with a Clean Session. In 3.1 it has 1 to 23 characters.
	ClientID []byte
	// Will is what the server publishes when the client is lost.
	Will Will
	// UserName is UTF-8, at most 65,535 bytes.
	UserName []byte
	// Password is at most 65,535 bytes of any content. Before 5.0 there is
	// none without a user name.
	Password []byte
}

// Will is the will of a CONNECT (3.1.1 §3.1.2.5, 5.0 §3.1.2.5 and §3.1.3.2).
type Will struct {
	// Topic is the Topic Name to publish to, 1 to 65,535 bytes.
	Topic []byte
	// Payload is the Application Message, at most 65,535 bytes. It may be empty.
	Payload []byte
	// Properties of 5.0: the Will Properties.
	Properties Properties
	// QoS and Retain are those of the PUBLISH.
	QoS    qos.Level
	Retain bool
}

const (
	protocolName31 = "MQIsdp"
	protocolName   = "MQTT"
	bridgeBit      = 0x80

	maxClientID31 = 23 // characters (3.1 §3.1)
)

// Connect Flags (3.1.1 §3.1.2.3, 5.0 §3.1.2.3).
const (
	flagReserved   = 1 << 0
	flagCleanStart = 1 << 1
	flagWill       = 1 << 2
	shiftWillQoS   = 3
	flagWillQoS    = 3 << shiftWillQoS
	flagWillRetain = 1 << 5
	flagPassword   = 1 << 6
	flagUserName   = 1 << 7
)

// Type returns mqttwire.CONNECT.
func (*Connect) Type() mqttwire.PacketType { return mqttwire.CONNECT }

// PropertyList returns &p.Properties, not those of the will.
func (p *Connect) PropertyList() *Properties { return &p.Properties }

// Decode fills p from the body of a CONNECT, which it borrows. The version is
// the packet's own; where r has one too, the packet must ask for that.
//
//	Protocol Name      UTF-8 Encoded String: "MQTT", in 3.1 "MQIsdp"
//	Protocol Version   Byte: 3, 4 or 5; before 5.0 bit 7 is Bridge
//	Connect Flags      Byte: bit 7 User Name Flag, 6 Password Flag, 5 Will Retain,
//	                   4-3 Will QoS, 2 Will Flag, 1 Clean Start, 0 reserved
//	Keep Alive         Two Byte Integer, seconds
//	Properties         5.0: Property Length, then the properties
//	Client Identifier  UTF-8 Encoded String
//	Will Properties    5.0, with Will Flag: Property Length, then the properties
//	Will Topic         with Will Flag: UTF-8 Encoded String, a Topic Name
//	Will Payload       with Will Flag: Binary Data
//	User Name          with User Name Flag: UTF-8 Encoded String
//	Password           with Password Flag: Binary Data
//
// After an error all of p is zero except Version and Bridge, if the packet got
// that far: what to answer depends on them, as in
//
//	answer := e.Answer(p.Version, mqttwire.CONNECT)
func (p *Connect) Decode(r Rules, h fixedheader.Header, body []byte) error {
	*p = Connect{}
	if h.Type != mqttwire.CONNECT {
		return mqttwire.ErrWrongPacket
	}
	if e := r.checkLength(h, len(body)); e != 0 {
		return e
	}
	if err := p.decode(r, h, body); err != nil {
		*p = Connect{Version: p.Version, Bridge: p.Bridge}
		return err
	}
	return nil
}

func (p *Connect) decode(r Rules, h fixedheader.Header, b []byte) error {
	b, e := p.decodeProtocol(r, b)
	if e != 0 {
		return e
	}
	// What could not be judged before the version was known.
	r.Version = p.Version
	if err := r.checkFirst(h); err != nil {
		return err
	}
	if e := r.checkLength(h, int(h.Length)); e != 0 {
		return e
	}
	if len(b) < 3 {
		return mqttwire.ErrTruncated
	}
	flags := b[0]
	if e := p.decodeFlags(flags, r.Lenient); e != 0 {
		return e
	}
	p.KeepAlive = uint16(b[1])<<8 | uint16(b[2])
	b = b[3:]
	if p.Version == mqttwire.V50 {
		if p.Properties, b, e = cutProperties(b, mqttwire.CONNECT); e != 0 {
			return e
		}
		if e := checkConnectProperties(p.Properties.known.seen()); e != 0 {
			return e
		}
	}
	var ok bool
	if p.ClientID, b, ok = cutField(b); !ok {
		return mqttwire.ErrTruncated // [MQTT-3.1.3-3]
	}
	if e := p.checkClientID(); e != 0 && !(e == mqttwire.ErrClientIDTooLong && r.Lenient.Has(LongClientID)) {
		return e
	}
	if p.WillFlag {
		if b, e = p.Will.decode(p.Version, b); e != 0 {
			return e
		}
	}
	// In 3.1 the Remaining Length says whether a user name and a password
	// follow, whatever the flags promise (3.1 §3.1).
	lenient := p.Version == mqttwire.V31
	if p.UserNameFlag {
		if len(b) == 0 && lenient {
			p.UserNameFlag, p.PasswordFlag = false, false
			return nil
		}
		if p.UserName, b, ok = cutField(b); !ok {
			return mqttwire.ErrTruncated // 3.1.1 [MQTT-3.1.2-19], 5.0 [MQTT-3.1.2-17]
		}
		if e := text.CheckString(p.UserName); e != 0 {
			return e // 3.1.1 [MQTT-3.1.3-11], 5.0 [MQTT-3.1.3-12]
		}
	}
	if p.PasswordFlag {
		if len(b) == 0 && lenient {
			p.PasswordFlag = false
			return nil
		}
		if p.Password, b, ok = cutField(b); !ok {
			return mqttwire.ErrTruncated // 3.1.1 [MQTT-3.1.2-21], 5.0 [MQTT-3.1.2-19]
		}
	}
	if len(b) > 0 {
		return mqttwire.ErrTrailing // 3.1.1 [MQTT-3.1.2-18], 5.0 [MQTT-3.1.2-16] and the like
	}
	return nil
}

// decodeProtocol decodes Protocol Name and Level.
func (p *Connect) decodeProtocol(r Rules, b []byte) (rest []byte, e mqttwire.Error) {
	name, b, ok := cutField(b)
	if !ok {
		return nil, mqttwire.ErrTruncated
	}
	is31 := string(name) == protocolName31
	if !is31 && string(name) != protocolName {
		return nil, mqttwire.ErrProtocolName // [MQTT-3.1.2-1]
	}
	if len(b) == 0 {
		return nil, mqttwire.ErrTruncated
	}
	v, bridge := mqttwire.Version(b[0]&^bridgeBit), b[0]&bridgeBit != 0
	if !v.Valid() || is31 != (v == mqttwire.V31) || bridge && v == mqttwire.V50 {
		return nil, mqttwire.ErrProtocolVersion // [MQTT-3.1.2-2]
	}
	p.Version, p.Bridge = v, bridge
	if r.Version != 0 && r.Version != v {
		return nil, mqttwire.ErrProtocolVersion // [MQTT-3.1.2-2]
	}
	return b[1:], 0
}

func (p *Connect) decodeFlags(flags byte, lenient Leniencies) mqttwire.Error {
	if flags&flagReserved != 0 && p.Version != mqttwire.V31 {
		return mqttwire.ErrConnectReserved // [MQTT-3.1.2-3]
	}
	p.CleanStart = flags&flagCleanStart != 0
	p.WillFlag = flags&flagWill != 0
	p.UserNameFlag = flags&flagUserName != 0
	p.PasswordFlag = flags&flagPassword != 0
	switch {
	case p.WillFlag:
		p.Will.QoS = qos.Level(flags & flagWillQoS >> shiftWillQoS)
		p.Will.Retain = flags&flagWillRetain != 0
		if p.Will.QoS > qos.ExactlyOnce {
			return mqttwire.ErrWillQoS // 3.1.1 [MQTT-3.1.2-14], 5.0 [MQTT-3.1.2-12]
		}
	case p.Version == mqttwire.V31: // disregarded (3.1 §3.1)
	case flags&flagWillQoS != 0:
		return mqttwire.ErrWillQoSWithoutWill // 3.1.1 [MQTT-3.1.2-13], 5.0 [MQTT-3.1.2-11]
	case flags&flagWillRetain != 0:
		return mqttwire.ErrWillRetainWithoutWill // 3.1.1 [MQTT-3.1.2-15], 5.0 [MQTT-3.1.2-13]
	}
	if e := p.checkFlags(); e != 0 && !lenient.Has(PasswordWithoutUserName) {
		return e
	}
	return 0
}

func (p *Connect) checkFlags() mqttwire.Error {
	if p.PasswordFlag && !p.UserNameFlag && p.Version != mqttwire.V50 {
		return mqttwire.ErrPasswordWithoutUserName // 3.1.1 [MQTT-3.1.2-22]
	}
	return 0
}

func checkConnectProperties(seen propertySet) mqttwire.Error {
	if seen.has(AuthenticationData) && !seen.has(AuthenticationMethod) {
		return mqttwire.ErrAuthDataWithoutMethod // 5.0 §3.1.2.11.10
	}
	return 0
}

func (p *Connect) checkClientID() mqttwire.Error {
	if e := text.CheckString(p.ClientID); e != 0 {
		return e // [MQTT-3.1.3-4]
	}
	switch {
	case len(p.ClientID) == 0:
		if p.Version == mqttwire.V31 || p.Version == mqttwire.V311 && !p.CleanStart {
			return mqttwire.ErrClientIDEmpty // 3.1 §3.1, 3.1.1 [MQTT-3.1.3-7]
		}
	case p.Version == mqttwire.V31 && len(p.ClientID) > maxClientID31 && characters(p.ClientID) > maxClientID31:
		return mqttwire.ErrClientIDTooLong // 3.1 §3.1
	}
	return 0
}

// characters counts those of well-formed UTF-8. utf8.RuneCount can allocate.
func characters(s []byte) int {
	n := 0
	for _, b := range s {
		if b&0xc0 != 0x80 {
			n++
		}
	}
	return n
}

func (w *Will) decode(v mqttwire.Version, b []byte) (rest []byte, e mqttwire.Error) {
	if v == mqttwire.V50 {
		if w.Properties, b, e = cutProperties(b, WillProperties); e != 0 {
			return nil, e
		}
	}
	var ok bool
	if w.Topic, b, ok = cutField(b); !ok {
		return nil, mqttwire.ErrTruncated // [MQTT-3.1.2-9]
	}
	if e := w.checkTopic(); e != 0 {
		return nil, e
	}
	if w.Payload, b, ok = cutField(b); !ok {
		return nil, mqttwire.ErrTruncated // [MQTT-3.1.2-9]
	}
	return b, 0
}

func (w *Will) checkTopic() mqttwire.Error {
	if len(w.Topic) == 0 {
		return mqttwire.ErrTopicEmpty // [MQTT-4.7.3-1]
	}
	return text.CheckName(w.Topic) // 3.1.1 [MQTT-3.1.3-10], 5.0 [MQTT-3.1.3-11]; it becomes a Topic Name
}

// Append appends p to dst.
func (p *Connect) Append(dst []byte, r Rules) ([]byte, error) {
	c := p
	if r.Version != p.Version {
		switch {
		case r.Version == 0:
			r.Version = p.Version
		case p.Version == 0:
			with := *p
			with.Version = r.Version
			c = &with
		default:
			return dst, mqttwire.ErrVersion
		}
	}
	if e := c.check(r); e != 0 {
		return dst, e
	}
	out, e := appendHeader(dst, mqttwire.CONNECT, c.bodySize(r.Version))
	if e != 0 {
		return dst, e
	}
	return c.appendBody(out), nil
}

func (p *Connect) check(r Rules) mqttwire.Error {
	if e := r.checkAppend(mqttwire.CONNECT); e != 0 {
		return e
	}
	switch {
	case len(p.ClientID) > maxField || len(p.UserName) > maxField || len(p.Password) > maxField || len(p.Will.Payload) > maxField:
		return mqttwire.ErrFieldTooLong // 3.1.1 §1.5.3, 5.0 §1.5.4 and §1.5.6
	case len(p.Will.Topic) > maxField:
		return mqttwire.ErrTopicTooLong // [MQTT-4.7.3-3]
	case p.Bridge && p.Version == mqttwire.V50:
		return mqttwire.ErrNotInVersion
	case p.Will.QoS > 3: // which no bits can hold
		return mqttwire.ErrWillQoS
	case !p.UserNameFlag && len(p.UserName) > 0 || !p.PasswordFlag && len(p.Password) > 0 || !p.WillFlag && p.Will.hasContent():
		return mqttwire.ErrFieldWithoutFlag // 3.1.1 [MQTT-3.1.2-18], 5.0 [MQTT-3.1.2-16] and the like
	}
	seen, e := r.checkAppendProperties(&p.Properties, mqttwire.CONNECT)
	if e != 0 {
		return e
	}
	if _, e := r.checkAppendProperties(&p.Will.Properties, WillProperties); e != 0 {
		return e
	}
	if r.Unchecked {
		return 0
	}
	if e := checkConnectProperties(seen); e != 0 {
		return e
	}
	if e := p.checkFlags(); e != 0 {
		return e
	}
	if e := p.checkClientID(); e != 0 {
		return e
	}
	switch {
	case p.Will.QoS > qos.ExactlyOnce:
		return mqttwire.ErrWillQoS // 3.1.1 [MQTT-3.1.2-14], 5.0 [MQTT-3.1.2-12]
	case p.WillFlag:
		if e := p.Will.checkTopic(); e != 0 {
			return e
		}
	case p.Will.QoS != 0:
		return mqttwire.ErrWillQoSWithoutWill // 3.1.1 [MQTT-3.1.2-13], 5.0 [MQTT-3.1.2-11]
	case p.Will.Retain:
		return mqttwire.ErrWillRetainWithoutWill // 3.1.1 [MQTT-3.1.2-15], 5.0 [MQTT-3.1.2-13]
	}
	return text.CheckString(p.UserName) // 3.1.1 [MQTT-3.1.3-11], 5.0 [MQTT-3.1.3-12]
}

// hasContent reports whether there is something that only a payload holds.
func (w *Will) hasContent() bool {
	return len(w.Topic) > 0 || len(w.Payload) > 0 || len(w.Properties.b) > 0
}

func (p *Connect) appendBody(b []byte) []byte {
	name, level := protocolName, byte(p.Version)
	if p.Version == mqttwire.V31 {
		name = protocolName31
	}
	if p.Bridge {
		level |= bridgeBit
	}
	b = append(appendField(b, name), level, p.flags(), byte(p.KeepAlive>>8), byte(p.KeepAlive))
	b = appendProperties(b, &p.Properties, p.Version)
	b = appendField(b, p.ClientID)
	if p.WillFlag {
		b = appendProperties(b, &p.Will.Properties, p.Version)
		b = appendField(appendField(b, p.Will.Topic), p.Will.Payload)
	}
	if p.UserNameFlag {
		b = appendField(b, p.UserName)
	}
	if p.PasswordFlag {
		b = appendField(b, p.Password)
	}
	return b
}

func (p *Connect) flags() byte {
	flags := byte(p.Will.QoS) << shiftWillQoS & flagWillQoS
	for _, f := range [...]struct {
		set bool
		bit byte
	}{{p.CleanStart, flagCleanStart}, {p.WillFlag, flagWill}, {p.Will.Retain, flagWillRetain},
		{p.PasswordFlag, flagPassword}, {p.UserNameFlag, flagUserName}} {
		if f.set {
			flags |= f.bit
		}
	}
	return flags
}

func (p *Connect) bodySize(v mqttwire.Version) int {
	n := 2 + len(protocolName) + 1 + 1 + 2 + propertiesSize(&p.Properties, v) + fieldSize(p.ClientID)
	if v == mqttwire.V31 {
		n += len(protocolName31) - len(protocolName)
	}
	if p.WillFlag {
		n += propertiesSize(&p.Will.Properties, v) + fieldSize(p.Will.Topic) + fieldSize(p.Will.Payload)
	}
	if p.UserNameFlag {
		n += fieldSize(p.UserName)
	}
	if p.PasswordFlag {
		n += fieldSize(p.Password)
	}
	return n
}

// Size returns how many bytes Append writes in version v, or in p.Version
// where v is 0.
func (p *Connect) Size(v mqttwire.Version) int {
	if v == 0 {
		v = p.Version
	}
	return packetSize(p.bodySize(v))
}

// Clone returns a copy that shares no memory with p or the bytes it was
// decoded from.
func (p *Connect) Clone() Connect {
	c := *p
	for _, f := range [...]*[]byte{&c.Properties.b, &c.ClientID, &c.UserName, &c.Password,
		&c.Will.Topic, &c.Will.Payload, &c.Will.Properties.b} {
		*f = slices.Clone(*f)
	}
	return c
}

// Downgrade makes p ask for version v, if it asks for a later one (with the
// zero Version for 5.0), in place, and removes what v cannot say: the
// properties. A Session Expiry Interval other than 0 becomes what is
// closest to it before 5.0, no Clean Session; so p asks for a Clean Session
// unless it had one. In 5.0 a client can start clean and keep its session from
// then on; before 5.0 it can do only one of the two, and the session is kept.
//
// A password without a user name returns [mqttwire.ErrPasswordWithoutUserName],
// an Authentication Method [mqttwire.ErrNotInVersion], a Client Identifier that
// v does not allow what Append would say, and leaves p alone.
func (p *Connect) Downgrade(v mqttwire.Version) error {
	if !v.Valid() {
		return mqttwire.ErrVersion
	}
	from := p.Version
	if from == 0 {
		from = mqttwire.V50
	}
	if v >= from {
		return nil
	}
	d := *p
	d.Version, d.Properties, d.Will.Properties = v, Properties{}, Properties{}
	if from == mqttwire.V50 {
		if _, ok := p.Properties.AuthenticationMethod(); ok {
			return mqttwire.ErrNotInVersion // 5.0 §4.12
		}
		seconds, _ := p.Properties.SessionExpiryInterval()
		d.CleanStart = seconds == 0
	}
	if e := d.checkFlags(); e != 0 {
		return e
	}
	if e := d.checkClientID(); e != 0 {
		return e
	}
	*p = d
	return nil
}
