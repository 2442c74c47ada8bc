package codec

import (
	"slices"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/fixedheader"
	"github.com/mqttwire/mqttwire/internal/text"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/varint"
)

// Publish is a PUBLISH packet (3.1.1 §3.3, 5.0 §3.3).
type Publish struct {
	// Topic is the Topic Name, at most 65,535 bytes. In 5.0 it is empty where
	// a Topic Alias stands for it (5.0 §3.3.2.3.4).
	Topic []byte
	// Payload is the Application Message, of any content.
	Payload []byte
	// Properties of 5.0 (5.0 §3.3.2.3).
	Properties Properties
	// ID is the Packet Identifier: 1 to 65,535 for QoS 1 and 2, 0 for QoS 0.
	ID uint16
	// QoS is the level of delivery.
	QoS qos.Level
	// Dup says that this may be a re-delivery. It is false for QoS 0; 3.1 alone
	// does not forbid it there, and DupQoS0 takes it.
	Dup bool
	// Retain says, from a client, that the server is to keep the message;
	// from a server, that it has been kept (3.1.1 §3.3.1.3, 5.0 §3.3.1.3).
	Retain bool
}

// Type returns mqttwire.PUBLISH.
func (*Publish) Type() mqttwire.PacketType { return mqttwire.PUBLISH }

// PropertyList returns &p.Properties.
func (p *Publish) PropertyList() *Properties { return &p.Properties }

// Decode fills p from the body of a PUBLISH, which it borrows.
//
//	Fixed Header       bits 3-0: 3 DUP, 2-1 QoS, 0 RETAIN
//	Topic Name         UTF-8 Encoded String
//	Packet Identifier  with QoS 1 and 2: Two Byte Integer, not 0
//	Properties         5.0: Property Length, then the properties
//	Payload            the rest, any bytes
func (p *Publish) Decode(r Rules, h fixedheader.Header, body []byte) error {
	if len(body) != int(h.Length) {
		*p = Publish{}
		return r.checkLength(h, len(body))
	}
	// What nearly all have passes without a call.
	if h.Type != mqttwire.PUBLISH || h.Width > 1 || !r.expects(firstByte(h)) {
		if e := r.checkPublish(h); e != 0 {
			*p = Publish{}
			return e
		}
	}
	n, e := p.decodeHead(r.Version, r.From, h.Flags, len(body), body)
	if e != 0 {
		*p = Publish{}
		return e
	}
	p.Payload = body[n:len(body):len(body)]
	return nil
}

// DecodeHead fills p from the first bytes of a body, all except its Payload,
// which becomes nil: for payloads too large to hold. It returns how many bytes
// come before the payload: b[n:] is as much of it as is there, and h.Length - n
// its full length in bytes.
//
// n == 0 and err == nil: more bytes are needed; what is there is right so far.
// b may be longer than the body.
func (p *Publish) DecodeHead(r Rules, h fixedheader.Header, b []byte) (n int, err error) {
	e := r.checkPublish(h)
	if e == 0 {
		n, e = p.decodeHead(r.Version, r.From, h.Flags, int(h.Length), b[:min(len(b), int(h.Length))])
	}
	p.Payload = nil
	if n == 0 {
		*p = Publish{}
	}
	if e != 0 {
		return 0, e
	}
	return n, nil
}

// checkPublish validates the fixed header of a PUBLISH.
func (r Rules) checkPublish(h fixedheader.Header) mqttwire.Error {
	switch {
	case h.Type != mqttwire.PUBLISH:
		return mqttwire.ErrWrongPacket
	case !r.Version.Valid():
		return mqttwire.ErrVersion
	case qos.Level(h.QoS()) > qos.ExactlyOnce:
		return mqttwire.ErrQoS // [MQTT-3.3.1-4]
	case h.QoS() == 0 && h.Dup() && r.Version != mqttwire.V31 && !r.Lenient.Has(DupQoS0):
		return mqttwire.ErrDupQoS0 // [MQTT-3.3.1-2]
	case h.Width > 1 && r.Version == mqttwire.V50 && int(h.Width) != varint.Size(h.Length):
		return mqttwire.ErrVarintNotMin // 5.0 [MQTT-1.5.5-1]
	}
	return 0
}

// decodeHead decodes all except the payload from b, which holds total bytes or
// the first of them. n == 0 and e == 0: b ends before the payload begins. What it
// takes fits into registers.
func (p *Publish) decodeHead(v mqttwire.Version, from mqttwire.Role, flags uint8, total int, b []byte) (n int, e mqttwire.Error) {
	level := qos.Level(flags & fixedheader.FlagQoS >> 1)
	if len(b) < 2 {
		return 0, cut(total < 2)
	}
	n = 2 + (int(b[0])<<8 | int(b[1]))
	end := n
	if level > 0 {
		end += 2
	}
	if len(b) < end {
		return 0, cut(total < end)
	}
	p.Topic = b[2:n:n]
	if n == 2 {
		if v != mqttwire.V50 {
			return 0, mqttwire.ErrTopicEmpty // [MQTT-4.7.3-1]
		}
	} else if e := text.CheckName(p.Topic); e != 0 {
		return 0, e // [MQTT-3.3.2-1], [MQTT-3.3.2-2]
	}
	p.ID = 0
	if level > 0 {
		p.ID = uint16(b[n])<<8 | uint16(b[n+1])
		if p.ID == 0 {
			return 0, mqttwire.ErrPacketID // 3.1.1 [MQTT-2.3.1-1], 5.0 [MQTT-2.2.1-3]
		}
	}
	p.QoS, p.Dup, p.Retain = level, flags&fixedheader.FlagDup != 0, flags&fixedheader.FlagRetain != 0
	p.Properties = Properties{}
	if v != mqttwire.V50 {
		return end, 0
	}
	return p.decodeProperties(from, total, b, end)
}

// decodeProperties decodes the properties that start at b[n].
func (p *Publish) decodeProperties(from mqttwire.Role, total int, b []byte, n int) (int, mqttwire.Error) {
	length, width, e := consumeVarint(b[n:])
	switch {
	case e == mqttwire.ErrTruncated:
		return 0, cut(len(b) == total)
	case e != 0:
		return 0, e
	}
	n += width
	if uint64(n)+uint64(length) > uint64(total) {
		return 0, mqttwire.ErrPropertyLength // 5.0 §2.2.2.1
	}
	end := n + int(length)
	if len(b) < end {
		return 0, 0
	}
	if length > 0 {
		if p.Properties, e = judgedProperties(b[n:end:end], mqttwire.PUBLISH); e != 0 {
			return 0, e
		}
	}
	if e := checkPublishProperties(p.Properties.known.seen(), len(p.Topic), from); e != 0 {
		return 0, e
	}
	return end, 0
}

// checkPublishProperties applies the rules that join properties and the rest
// of a PUBLISH of 5.0.
func checkPublishProperties(seen propertySet, topicLength int, from mqttwire.Role) mqttwire.Error {
	if topicLength == 0 && !seen.has(TopicAlias) {
		return mqttwire.ErrTopicMissing // 5.0 §3.3.2.1
	}
	if from == mqttwire.Client && seen.has(SubscriptionIdentifier) {
		return mqttwire.ErrSubscriptionIDByClient // 5.0 [MQTT-3.3.4-6]
	}
	return 0
}

// cut is what bytes that end too early mean: an error where no more will come,
// else nothing yet.
func cut(final bool) mqttwire.Error {
	if final {
		return mqttwire.ErrTruncated
	}
	return 0
}

// Append appends p to dst.
func (p *Publish) Append(dst []byte, r Rules) ([]byte, error) {
	return p.append(dst, r, len(p.Payload), true)
}

// AppendHead appends p without its payload, and takes only the length of that,
// in bytes: the caller writes the payload itself, from wherever it is, right
// after what is appended. p.Payload is ignored. A payload that no packet can
// hold is [mqttwire.ErrVarintTooLong]. It panics where payloadLength is
// negative.
func (p *Publish) AppendHead(dst []byte, r Rules, payloadLength int) ([]byte, error) {
	if payloadLength < 0 {
		panic("codec: AppendHead of a payload of negative length")
	}
	return p.append(dst, r, payloadLength, false)
}

// append appends p, with or without its payload of payloadLength bytes.
func (p *Publish) append(dst []byte, r Rules, payloadLength int, withPayload bool) ([]byte, error) {
	var e mqttwire.Error
	if p.isPlain(r) {
		e = text.CheckName(p.Topic) // [MQTT-3.3.2-1], [MQTT-3.3.2-2]
	} else {
		e = p.check(r)
	}
	if e != 0 {
		return dst, e
	}
	length := p.bodySize(r.Version, payloadLength)
	if uint(length) > varint.Max { // less than 0 where it is more than an int
		return dst, mqttwire.ErrVarintTooLong // 3.1.1 §2.2.3, 5.0 §1.5.5
	}
	room := packetSize(length)
	if !withPayload {
		room -= payloadLength
	}
	if cap(dst)-len(dst) < room {
		dst = slices.Grow(dst, room)
	}
	if length < 0x80 {
		dst = append(dst, p.firstByte(), byte(length), 0, byte(len(p.Topic)))
	} else {
		dst, _ = varint.Append(append(dst, p.firstByte()), uint32(length))
		dst = append(dst, byte(len(p.Topic)>>8), byte(len(p.Topic)))
	}
	dst = append(dst, p.Topic...)
	if p.QoS > 0 {
		dst = append(dst, byte(p.ID>>8), byte(p.ID))
	}
	if r.Version == mqttwire.V50 {
		dst = append(appendVarint(dst, len(p.Properties.b)), p.Properties.b...)
	}
	if withPayload {
		dst = append(dst, p.Payload...)
	}
	return dst, nil
}

func (p *Publish) firstByte() byte {
	b := byte(mqttwire.PUBLISH)<<4 | byte(p.QoS)&3<<1
	if p.Dup {
		b |= fixedheader.FlagDup
	}
	if p.Retain {
		b |= fixedheader.FlagRetain
	}
	return b
}

// isPlain reports whether p is what most packets are: nothing that check looks
// at can be wrong except the characters of the topic.
func (p *Publish) isPlain(r Rules) bool {
	return uint(len(p.Topic)-1) < maxField && p.QoS <= qos.ExactlyOnce && (p.QoS == 0) == (p.ID == 0) && !p.Dup && !r.Unchecked &&
		r.Version.Valid() && (p.Properties.isEmpty() || r.Version == mqttwire.V50 && p.Properties.known&^plainProperties == 0)
}

// plainProperties is what may be known of properties at which check need not
// look: they are right, and none is a Subscription Identifier.
var plainProperties = knowledge(allowedProperties[mqttwire.PUBLISH] &^ (1<<SubscriptionIdentifier | severalSubscriptionIDs))

// check refuses what Decode would, and what would be lost.
func (p *Publish) check(r Rules) mqttwire.Error {
	switch {
	case !r.Version.Valid():
		return mqttwire.ErrVersion
	case len(p.Topic) > maxField:
		return mqttwire.ErrTopicTooLong // [MQTT-4.7.3-3]
	case p.Properties.known.isIncomplete():
		return p.Properties.known.bad()
	case len(p.Properties.b) > 0 && r.Version != mqttwire.V50:
		return mqttwire.ErrNotInVersion // 5.0 §2.2.2
	case p.QoS > 3: // which no bits can hold
		return mqttwire.ErrQoS
	case p.QoS == 0 && p.ID != 0: // for which there is no place
		return mqttwire.ErrPacketIDQoS0 // 3.1.1 [MQTT-2.3.1-5], 5.0 [MQTT-2.2.1-2]
	case r.Unchecked:
		return 0
	case p.QoS > qos.ExactlyOnce:
		return mqttwire.ErrQoS // [MQTT-3.3.1-4]
	case p.QoS == 0 && p.Dup && r.Version != mqttwire.V31:
		return mqttwire.ErrDupQoS0 // [MQTT-3.3.1-2]
	case p.QoS != 0 && p.ID == 0:
		return mqttwire.ErrPacketID // 3.1.1 [MQTT-2.3.1-1], 5.0 [MQTT-2.2.1-3]
	case len(p.Topic) == 0 && r.Version != mqttwire.V50:
		return mqttwire.ErrTopicEmpty // [MQTT-4.7.3-1]
	}
	if e := text.CheckName(p.Topic); e != 0 {
		return e // [MQTT-3.3.2-1], [MQTT-3.3.2-2]
	}
	if r.Version != mqttwire.V50 {
		return 0
	}
	seen, e := p.Properties.check(mqttwire.PUBLISH)
	if e != 0 {
		return e
	}
	return checkPublishProperties(seen, len(p.Topic), r.From)
}

// Size returns how many bytes Append writes in version v.
func (p *Publish) Size(v mqttwire.Version) int { return packetSize(p.bodySize(v, len(p.Payload))) }

func (p *Publish) bodySize(v mqttwire.Version, payloadLength int) int {
	n := 2 + len(p.Topic) + payloadLength + propertiesSize(&p.Properties, v)
	if p.QoS > 0 {
		n += 2
	}
	return n
}

// Clone returns a copy that shares no memory with p or the bytes it was
// decoded from.
func (p *Publish) Clone() Publish {
	c := *p
	c.Topic, c.Payload, c.Properties = slices.Clone(p.Topic), slices.Clone(p.Payload), p.Properties.Clone()
	return c
}

// Downgrade removes what version v cannot say, in place: the properties, for a
// v before 5.0. Where a Topic Alias stands for the topic it returns
// [mqttwire.ErrTopicMissing] and leaves p alone: the caller has to fill in the
// Topic first.
func (p *Publish) Downgrade(v mqttwire.Version) error {
	if !v.Valid() {
		return mqttwire.ErrVersion
	}
	if v == mqttwire.V50 {
		return nil
	}
	if len(p.Topic) == 0 {
		return mqttwire.ErrTopicMissing
	}
	p.Properties = Properties{}
	return nil
}
