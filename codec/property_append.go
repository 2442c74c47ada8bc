package codec

import (
	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/internal/text"
	"github.com/mqttwire/mqttwire/varint"
)

// The Append functions append one property to dst and return the result, so
// that a list is built into memory the caller reuses:
//
//	props = codec.AppendTopicAlias(props.Reset(), 3)
//
// They return no error: what is wrong with a property, or with having it
// twice, is kept, and Check and Append of the packet say so. A value that
// cannot be encoded at all is left out, and kept as an error that Unchecked
// does not overrule either.

// AppendPayloadFormatIndicator appends a Payload Format Indicator, 0
// unspecified bytes, 1 UTF-8, others without a meaning (5.0 §3.3.2.3.2, §3.1.3.2.3).
func AppendPayloadFormatIndicator(dst Properties, v uint8) Properties {
	return dst.appendByte(PayloadFormatIndicator, v)
}

// AppendMessageExpiryInterval appends a Message Expiry Interval, seconds (5.0
// §3.3.2.3.3, §3.1.3.2.4).
func AppendMessageExpiryInterval(dst Properties, v uint32) Properties {
	return dst.appendFourByte(MessageExpiryInterval, v)
}

// AppendContentType appends a Content Type (5.0 §3.3.2.3.9, §3.1.3.2.5).
func AppendContentType[T ~string | ~[]byte](dst Properties, v T) Properties {
	return appendFieldProperty(dst, ContentType, v)
}

// AppendResponseTopic appends a Response Topic, a Topic Name; no clause calls an
// empty one an error (5.0 §3.3.2.3.5, §3.1.3.2.6).
func AppendResponseTopic[T ~string | ~[]byte](dst Properties, v T) Properties {
	return appendFieldProperty(dst, ResponseTopic, v)
}

// AppendCorrelationData appends a Correlation Data (5.0 §3.3.2.3.6,
// §3.1.3.2.7).
func AppendCorrelationData[T ~string | ~[]byte](dst Properties, v T) Properties {
	return appendFieldProperty(dst, CorrelationData, v)
}

// AppendSubscriptionIdentifier appends a Subscription Identifier, 1 to
// varint.Max (5.0 §3.3.2.3.8, §3.8.2.1.2).
func AppendSubscriptionIdentifier(dst Properties, v uint32) Properties {
	if v > varint.Max {
		return dst.fail(mqttwire.ErrVarintTooLong) // 5.0 §1.5.5
	}
	dst.b, _ = varint.Append(append(dst.b, byte(SubscriptionIdentifier)), v)
	return dst.judgeNumber(SubscriptionIdentifier, v)
}

// AppendSessionExpiryInterval appends a Session Expiry Interval, seconds,
// 0xFFFFFFFF never (5.0 §3.1.2.11.2, §3.2.2.3.2, §3.14.2.2.2).
func AppendSessionExpiryInterval(dst Properties, v uint32) Properties {
	return dst.appendFourByte(SessionExpiryInterval, v)
}

// AppendAssignedClientIdentifier appends an Assigned Client Identifier (5.0
// §3.2.2.3.7).
func AppendAssignedClientIdentifier[T ~string | ~[]byte](dst Properties, v T) Properties {
	return appendFieldProperty(dst, AssignedClientIdentifier, v)
}

// AppendServerKeepAlive appends a Server Keep Alive, seconds (5.0
// §3.2.2.3.14).
func AppendServerKeepAlive(dst Properties, v uint16) Properties {
	return dst.appendTwoByte(ServerKeepAlive, v)
}

// AppendAuthenticationMethod appends an Authentication Method (5.0
// §3.1.2.11.9, §3.2.2.3.17, §3.15.2.2.2).
func AppendAuthenticationMethod[T ~string | ~[]byte](dst Properties, v T) Properties {
	return appendFieldProperty(dst, AuthenticationMethod, v)
}

// AppendAuthenticationData appends an Authentication Data (5.0 §3.1.2.11.10,
// §3.2.2.3.18, §3.15.2.2.3).
func AppendAuthenticationData[T ~string | ~[]byte](dst Properties, v T) Properties {
	return appendFieldProperty(dst, AuthenticationData, v)
}

// AppendRequestProblemInformation appends a Request Problem Information, 0 or
// 1 (5.0 §3.1.2.11.7).
func AppendRequestProblemInformation(dst Properties, v uint8) Properties {
	return dst.appendByte(RequestProblemInformation, v)
}

// AppendWillDelayInterval appends a Will Delay Interval, seconds (5.0
// §3.1.3.2.2).
func AppendWillDelayInterval(dst Properties, v uint32) Properties {
	return dst.appendFourByte(WillDelayInterval, v)
}

// AppendRequestResponseInformation appends a Request Response Information, 0
// or 1 (5.0 §3.1.2.11.6).
func AppendRequestResponseInformation(dst Properties, v uint8) Properties {
	return dst.appendByte(RequestResponseInformation, v)
}

// AppendResponseInformation appends a Response Information (5.0 §3.2.2.3.15).
func AppendResponseInformation[T ~string | ~[]byte](dst Properties, v T) Properties {
	return appendFieldProperty(dst, ResponseInformation, v)
}

// AppendServerReference appends a Server Reference (5.0 §3.2.2.3.16,
// §3.14.2.2.5).
func AppendServerReference[T ~string | ~[]byte](dst Properties, v T) Properties {
	return appendFieldProperty(dst, ServerReference, v)
}

// AppendReasonString appends a Reason String (5.0 §3.2.2.3.9 and the like of
// every acknowledgement).
func AppendReasonString[T ~string | ~[]byte](dst Properties, v T) Properties {
	return appendFieldProperty(dst, ReasonString, v)
}

// AppendReceiveMaximum appends a Receive Maximum, 1 to 65,535 messages (5.0
// §3.1.2.11.3, §3.2.2.3.3).
func AppendReceiveMaximum(dst Properties, v uint16) Properties {
	return dst.appendTwoByte(ReceiveMaximum, v)
}

// AppendTopicAliasMaximum appends a Topic Alias Maximum, 0 to 65,535 (5.0
// §3.1.2.11.5, §3.2.2.3.8).
func AppendTopicAliasMaximum(dst Properties, v uint16) Properties {
	return dst.appendTwoByte(TopicAliasMaximum, v)
}

// AppendTopicAlias appends a Topic Alias, 1 to 65,535 (5.0 §3.3.2.3.4).
func AppendTopicAlias(dst Properties, v uint16) Properties {
	return dst.appendTwoByte(TopicAlias, v)
}

// AppendMaximumQoS appends a Maximum QoS, 0 or 1 (5.0 §3.2.2.3.4).
func AppendMaximumQoS(dst Properties, v uint8) Properties {
	return dst.appendByte(MaximumQoS, v)
}

// AppendRetainAvailable appends a Retain Available, 0 or 1 (5.0 §3.2.2.3.5).
func AppendRetainAvailable(dst Properties, v uint8) Properties {
	return dst.appendByte(RetainAvailable, v)
}

// AppendMaximumPacketSize appends a Maximum Packet Size, bytes, not 0 (5.0
// §3.1.2.11.4, §3.2.2.3.6).
func AppendMaximumPacketSize(dst Properties, v uint32) Properties {
	return dst.appendFourByte(MaximumPacketSize, v)
}

// AppendWildcardSubscriptionAvailable appends a Wildcard Subscription
// Available, 0 or 1 (5.0 §3.2.2.3.11).
func AppendWildcardSubscriptionAvailable(dst Properties, v uint8) Properties {
	return dst.appendByte(WildcardSubscriptionAvailable, v)
}

// AppendSubscriptionIdentifierAvailable appends a Subscription Identifier
// Available, 0 or 1 (5.0 §3.2.2.3.12).
func AppendSubscriptionIdentifierAvailable(dst Properties, v uint8) Properties {
	return dst.appendByte(SubscriptionIdentifierAvailable, v)
}

// AppendSharedSubscriptionAvailable appends a Shared Subscription Available, 0
// or 1 (5.0 §3.2.2.3.13).
func AppendSharedSubscriptionAvailable(dst Properties, v uint8) Properties {
	return dst.appendByte(SharedSubscriptionAvailable, v)
}

// AppendUserProperty appends a User Property (5.0 §3.3.2.3.7 and the like of
// every packet).
func AppendUserProperty[T ~string | ~[]byte](dst Properties, name, value T) Properties {
	if len(name) > maxField || len(value) > maxField {
		return dst.fail(mqttwire.ErrFieldTooLong) // 5.0 §1.5.4
	}
	b := append(dst.b, byte(UserProperty), byte(len(name)>>8), byte(len(name)))
	var f mqttwire.Error
	b, e := text.AppendString(b, name) // 5.0 [MQTT-1.5.7-1]
	dst.b, f = text.AppendString(append(b, byte(len(value)>>8), byte(len(value))), value)
	if e == 0 {
		e = f
	}
	if e != 0 || !dst.known.isFirst(UserProperty) {
		return dst.judge(UserProperty, e)
	}
	dst.known |= 1 << UserProperty
	return dst
}

// Append appends properties as All gives them and returns the list: the ID of
// each says which of its fields count. One that cannot be encoded is left out,
// and Append of the packet then returns why: [mqttwire.ErrPropertyUnknown] for
// an ID that the standard does not define, [mqttwire.ErrFieldTooLong] or
// [mqttwire.ErrVarintTooLong] for a value that is too large.
func (p Properties) Append(items ...Property) Properties {
	for _, x := range items {
		switch x.ID.Type() {
		case NoType:
			p = p.fail(mqttwire.ErrPropertyUnknown) // 5.0 §2.2.2.2
		case UTF8String, BinaryData:
			p = appendFieldProperty(p, x.ID, x.Value)
		case UTF8StringPair:
			p = AppendUserProperty(p, x.Key, x.Value)
		case VariableByteInteger:
			p = AppendSubscriptionIdentifier(p, x.Number)
		case FourByteInteger:
			p = p.appendFourByte(x.ID, x.Number)
		case TwoByteInteger:
			if x.Number > 0xffff {
				p = p.fail(mqttwire.ErrFieldTooLong) // 5.0 §1.5.2
				break
			}
			p = p.appendTwoByte(x.ID, uint16(x.Number))
		case Byte:
			if x.Number > 0xff {
				p = p.fail(mqttwire.ErrFieldTooLong) // 5.0 §1.5.1
				break
			}
			p = p.appendByte(x.ID, uint8(x.Number))
		}
	}
	return p
}

func appendFieldProperty[T ~string | ~[]byte](dst Properties, id PropertyID, v T) Properties {
	if len(v) > maxField {
		return dst.fail(mqttwire.ErrFieldTooLong) // 5.0 §1.5.4, §1.5.6
	}
	b := append(dst.b, byte(id), byte(len(v)>>8), byte(len(v)))
	e := mqttwire.Error(0)
	switch row := &propertyTable[id]; {
	case row.wire == BinaryData:
		dst.b = append(b, v...)
	case row.rule == responseTopic:
		dst.b = append(b, v...)
		e = checkResponseTopic(v)
	default:
		dst.b, e = text.AppendString(b, v) // 5.0 [MQTT-1.5.4-1], [MQTT-1.5.4-2]
	}
	if e != 0 || !dst.known.isFirst(id) {
		return dst.judge(id, e)
	}
	dst.known |= 1 << (id & 63)
	return dst
}

func (p Properties) appendByte(id PropertyID, v uint8) Properties {
	p.b = append(p.b, byte(id), v)
	return p.judgeNumber(id, uint32(v))
}

func (p Properties) appendTwoByte(id PropertyID, v uint16) Properties {
	p.b = append(p.b, byte(id), byte(v>>8), byte(v))
	return p.judgeNumber(id, uint32(v))
}

func (p Properties) appendFourByte(id PropertyID, v uint32) Properties {
	p.b = append(p.b, byte(id), byte(v>>24), byte(v>>16), byte(v>>8), byte(v))
	return p.judgeNumber(id, v)
}

// judgeNumber judges a Byte or integer property that was appended.
func (p Properties) judgeNumber(id PropertyID, v uint32) Properties {
	if e := propertyTable[id].checkNumber(v); e != 0 || !p.known.isFirst(id) {
		return p.judge(id, e)
	}
	p.known |= 1 << (id & 63)
	return p
}

// isFirst reports whether no property of that kind is known to be in the list,
// and the list is judged as it grows.
func (k knowledge) isFirst(id PropertyID) bool { return k&(raw|1<<(id&63)) == 0 }

// judge keeps what is wrong with a property that was appended: e, or that it
// stands there twice.
func (p Properties) judge(id PropertyID, e mqttwire.Error) Properties {
	if p.known.isRaw() {
		return p // it is judged with the rest, where it is used
	}
	seen, ok := p.known.seen().add(id)
	if !ok {
		e = mqttwire.ErrPropertyDuplicate // "more than once" in the property's section
	}
	p.known |= knowledge(seen)
	if p.known.bad() == 0 {
		p.known |= knowledge(e) << badShift
	}
	return p
}

// fail keeps an error that leaves a property out.
func (p Properties) fail(e mqttwire.Error) Properties {
	if !p.known.isIncomplete() {
		p.known = p.known&^(0xff<<badShift) | knowledge(e)<<badShift | incomplete
	}
	return p
}
