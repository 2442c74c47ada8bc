package codec

import (
	"encoding/binary"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/varint"
)

// The Append functions append one property to dst and return the result, so
// that a block is built into a buffer the caller reuses:
//
//	props = codec.AppendTopicAlias(props[:0], 3)
//
// They encode what they are given; Append of the packet, or Check, judges it.
// Only what cannot be encoded at all is an error here, and dst is then
// returned as it was.

// AppendPayloadFormatIndicator appends a Payload Format Indicator, 0
// unspecified bytes, 1 UTF-8 (5.0 §3.3.2.3.2, §3.1.3.2.3).
func AppendPayloadFormatIndicator(dst Properties, v uint8) Properties {
	return append(dst, byte(PayloadFormatIndicator), v)
}

// AppendMessageExpiryInterval appends a Message Expiry Interval, seconds (5.0
// §3.3.2.3.3, §3.1.3.2.4).
func AppendMessageExpiryInterval(dst Properties, v uint32) Properties {
	return binary.BigEndian.AppendUint32(append(dst, byte(MessageExpiryInterval)), v)
}

// AppendContentType appends a Content Type (5.0 §3.3.2.3.9, §3.1.3.2.5). Over
// 65,535 bytes it returns [mqttwire.ErrFieldTooLong].
func AppendContentType[T ~string | ~[]byte](dst Properties, v T) (Properties, error) {
	return appendFieldProperty(dst, ContentType, v)
}

// AppendResponseTopic appends a Response Topic, a Topic Name (5.0 §3.3.2.3.5,
// §3.1.3.2.6). Over 65,535 bytes it returns [mqttwire.ErrFieldTooLong].
func AppendResponseTopic[T ~string | ~[]byte](dst Properties, v T) (Properties, error) {
	return appendFieldProperty(dst, ResponseTopic, v)
}

// AppendCorrelationData appends a Correlation Data (5.0 §3.3.2.3.6,
// §3.1.3.2.7). Over 65,535 bytes it returns [mqttwire.ErrFieldTooLong].
func AppendCorrelationData[T ~string | ~[]byte](dst Properties, v T) (Properties, error) {
	return appendFieldProperty(dst, CorrelationData, v)
}

// AppendSubscriptionIdentifier appends a Subscription Identifier, 1 to
// varint.Max (5.0 §3.3.2.3.8, §3.8.2.1.2). Over varint.Max it returns
// [mqttwire.ErrVarintTooLong].
func AppendSubscriptionIdentifier(dst Properties, v uint32) (Properties, error) {
	if v > varint.Max {
		return dst, mqttwire.ErrVarintTooLong // 5.0 §1.5.5
	}
	return varint.Append(append(dst, byte(SubscriptionIdentifier)), v)
}

// AppendSessionExpiryInterval appends a Session Expiry Interval, seconds,
// 0xFFFFFFFF never (5.0 §3.1.2.11.2, §3.2.2.3.2, §3.14.2.2.2).
func AppendSessionExpiryInterval(dst Properties, v uint32) Properties {
	return binary.BigEndian.AppendUint32(append(dst, byte(SessionExpiryInterval)), v)
}

// AppendAssignedClientIdentifier appends an Assigned Client Identifier (5.0
// §3.2.2.3.7). Over 65,535 bytes it returns [mqttwire.ErrFieldTooLong].
func AppendAssignedClientIdentifier[T ~string | ~[]byte](dst Properties, v T) (Properties, error) {
	return appendFieldProperty(dst, AssignedClientIdentifier, v)
}

// AppendServerKeepAlive appends a Server Keep Alive, seconds (5.0
// §3.2.2.3.14).
func AppendServerKeepAlive(dst Properties, v uint16) Properties {
	return binary.BigEndian.AppendUint16(append(dst, byte(ServerKeepAlive)), v)
}

// AppendAuthenticationMethod appends an Authentication Method (5.0
// §3.1.2.11.9, §3.2.2.3.17, §3.15.2.2.2). Over 65,535 bytes it returns
// [mqttwire.ErrFieldTooLong].
func AppendAuthenticationMethod[T ~string | ~[]byte](dst Properties, v T) (Properties, error) {
	return appendFieldProperty(dst, AuthenticationMethod, v)
}

// AppendAuthenticationData appends an Authentication Data (5.0 §3.1.2.11.10,
// §3.2.2.3.18, §3.15.2.2.3). Over 65,535 bytes it returns
// [mqttwire.ErrFieldTooLong].
func AppendAuthenticationData[T ~string | ~[]byte](dst Properties, v T) (Properties, error) {
	return appendFieldProperty(dst, AuthenticationData, v)
}

// AppendRequestProblemInformation appends a Request Problem Information, 0 or
// 1 (5.0 §3.1.2.11.7).
func AppendRequestProblemInformation(dst Properties, v uint8) Properties {
	return append(dst, byte(RequestProblemInformation), v)
}

// AppendWillDelayInterval appends a Will Delay Interval, seconds (5.0
// §3.1.3.2.2).
func AppendWillDelayInterval(dst Properties, v uint32) Properties {
	return binary.BigEndian.AppendUint32(append(dst, byte(WillDelayInterval)), v)
}

// AppendRequestResponseInformation appends a Request Response Information, 0
// or 1 (5.0 §3.1.2.11.6).
func AppendRequestResponseInformation(dst Properties, v uint8) Properties {
	return append(dst, byte(RequestResponseInformation), v)
}

// AppendResponseInformation appends a Response Information (5.0 §3.2.2.3.15).
// Over 65,535 bytes it returns [mqttwire.ErrFieldTooLong].
func AppendResponseInformation[T ~string | ~[]byte](dst Properties, v T) (Properties, error) {
	return appendFieldProperty(dst, ResponseInformation, v)
}

// AppendServerReference appends a Server Reference (5.0 §3.2.2.3.16,
// §3.14.2.2.5). Over 65,535 bytes it returns [mqttwire.ErrFieldTooLong].
func AppendServerReference[T ~string | ~[]byte](dst Properties, v T) (Properties, error) {
	return appendFieldProperty(dst, ServerReference, v)
}

// AppendReasonString appends a Reason String (5.0 §3.2.2.3.9 and the like of
// every acknowledgement). Over 65,535 bytes it returns
// [mqttwire.ErrFieldTooLong].
func AppendReasonString[T ~string | ~[]byte](dst Properties, v T) (Properties, error) {
	return appendFieldProperty(dst, ReasonString, v)
}

// AppendReceiveMaximum appends a Receive Maximum, 1 to 65,535 messages (5.0
// §3.1.2.11.3, §3.2.2.3.3).
func AppendReceiveMaximum(dst Properties, v uint16) Properties {
	return binary.BigEndian.AppendUint16(append(dst, byte(ReceiveMaximum)), v)
}

// AppendTopicAliasMaximum appends a Topic Alias Maximum, 0 to 65,535 (5.0
// §3.1.2.11.5, §3.2.2.3.8).
func AppendTopicAliasMaximum(dst Properties, v uint16) Properties {
	return binary.BigEndian.AppendUint16(append(dst, byte(TopicAliasMaximum)), v)
}

// AppendTopicAlias appends a Topic Alias, 1 to 65,535 (5.0 §3.3.2.3.4).
func AppendTopicAlias(dst Properties, v uint16) Properties {
	return binary.BigEndian.AppendUint16(append(dst, byte(TopicAlias)), v)
}

// AppendMaximumQoS appends a Maximum QoS, 0 or 1 (5.0 §3.2.2.3.4).
func AppendMaximumQoS(dst Properties, v uint8) Properties {
	return append(dst, byte(MaximumQoS), v)
}

// AppendRetainAvailable appends a Retain Available, 0 or 1 (5.0 §3.2.2.3.5).
func AppendRetainAvailable(dst Properties, v uint8) Properties {
	return append(dst, byte(RetainAvailable), v)
}

// AppendMaximumPacketSize appends a Maximum Packet Size, bytes, not 0 (5.0
// §3.1.2.11.4, §3.2.2.3.6).
func AppendMaximumPacketSize(dst Properties, v uint32) Properties {
	return binary.BigEndian.AppendUint32(append(dst, byte(MaximumPacketSize)), v)
}

// AppendWildcardSubscriptionAvailable appends a Wildcard Subscription
// Available, 0 or 1 (5.0 §3.2.2.3.11).
func AppendWildcardSubscriptionAvailable(dst Properties, v uint8) Properties {
	return append(dst, byte(WildcardSubscriptionAvailable), v)
}

// AppendSubscriptionIdentifierAvailable appends a Subscription Identifier
// Available, 0 or 1 (5.0 §3.2.2.3.12).
func AppendSubscriptionIdentifierAvailable(dst Properties, v uint8) Properties {
	return append(dst, byte(SubscriptionIdentifierAvailable), v)
}

// AppendSharedSubscriptionAvailable appends a Shared Subscription Available, 0
// or 1 (5.0 §3.2.2.3.13).
func AppendSharedSubscriptionAvailable(dst Properties, v uint8) Properties {
	return append(dst, byte(SharedSubscriptionAvailable), v)
}

// AppendUserProperty appends a User Property (5.0 §3.3.2.3.7 and the like of
// every packet). Where the name or the value is over 65,535 bytes it returns
// [mqttwire.ErrFieldTooLong].
func AppendUserProperty[T ~string | ~[]byte](dst Properties, name, value T) (Properties, error) {
	if len(value) > maxField {
		return dst, mqttwire.ErrFieldTooLong // 5.0 §1.5.4
	}
	out, err := appendFieldProperty(dst, UserProperty, name)
	if err != nil {
		return dst, err
	}
	return appendField(out, value), nil
}

// AppendProperty appends a property as All gives it, its fields chosen by its
// ID. It returns [mqttwire.ErrPropertyUnknown] where the standard does not
// define the ID, [mqttwire.ErrFieldTooLong] or [mqttwire.ErrVarintTooLong]
// where the value is too large to encode.
func AppendProperty(dst Properties, x Property) (Properties, error) {
	switch x.ID.Type() {
	case Byte:
		if x.Number > 0xff {
			return dst, mqttwire.ErrFieldTooLong
		}
		return append(dst, byte(x.ID), byte(x.Number)), nil
	case TwoByteInteger:
		if x.Number > 0xffff {
			return dst, mqttwire.ErrFieldTooLong
		}
		return binary.BigEndian.AppendUint16(append(dst, byte(x.ID)), uint16(x.Number)), nil
	case FourByteInteger:
		return binary.BigEndian.AppendUint32(append(dst, byte(x.ID)), x.Number), nil
	case VariableByteInteger:
		return AppendSubscriptionIdentifier(dst, x.Number)
	case UTF8String, BinaryData:
		return appendFieldProperty(dst, x.ID, x.Value)
	case UTF8StringPair:
		return AppendUserProperty(dst, x.Key, x.Value)
	}
	return dst, mqttwire.ErrPropertyUnknown // 5.0 §2.2.2.2
}

func appendFieldProperty[T ~string | ~[]byte](dst Properties, id PropertyID, v T) (Properties, error) {
	if len(v) > maxField {
		return dst, mqttwire.ErrFieldTooLong // 5.0 §1.5.4, §1.5.6
	}
	return appendField(append(dst, byte(id)), v), nil
}
