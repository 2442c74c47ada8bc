package codec

import (
	"iter"
)

// find returns the first property of an identifier.
func (p *Properties) find(id PropertyID) (Property, bool) {
	if !p.known.isRaw() && !p.known.seen().has(id) {
		return Property{}, false
	}
	for b := p.b; ; {
		n := sizeProperty(b)
		if n == 0 {
			return Property{}, false
		}
		if PropertyID(b[0]) == id {
			x, _ := cutProperty(b)
			return x, true
		}
		b = b[n:]
	}
}

// Find walks the list once for several properties: for each of ids, in their
// order, it appends to dst the first property of that identifier, the zero
// Property where the list has none. Their Keys and Values alias the list.
func (p Properties) Find(dst []Property, ids ...PropertyID) []Property {
	found := len(dst)
	var wanted propertySet
	for _, id := range ids {
		dst = append(dst, Property{})
		if id.Defined() {
			wanted |= 1 << id
		}
	}
	if !p.known.isRaw() {
		wanted &= p.known.seen()
	}
	for b := p.b; wanted != 0; {
		n := sizeProperty(b)
		if n == 0 {
			break
		}
		if id := PropertyID(b[0]); wanted.has(id) {
			x, _ := cutProperty(b)
			for i := range ids {
				if ids[i] == id {
					dst[found+i] = x
				}
			}
			wanted &^= 1 << id
		}
		b = b[n:]
	}
	return dst
}

// The getters return the value of the first property of their identifier, and
// false where the list has none.

// PayloadFormatIndicator returns the Payload Format Indicator, 0 unspecified
// bytes, 1 UTF-8, any other without a meaning; absent means 0 (5.0 §3.3.2.3.2,
// §3.1.3.2.3).
func (p Properties) PayloadFormatIndicator() (uint8, bool) {
	x, ok := p.find(PayloadFormatIndicator)
	return uint8(x.Number), ok
}

// MessageExpiryInterval returns the Message Expiry Interval, seconds; absent
// means the message does not expire (5.0 §3.3.2.3.3, §3.1.3.2.4).
func (p Properties) MessageExpiryInterval() (uint32, bool) {
	x, ok := p.find(MessageExpiryInterval)
	return x.Number, ok
}

// ContentType returns the Content Type, which aliases the list (5.0
// §3.3.2.3.9, §3.1.3.2.5).
func (p Properties) ContentType() ([]byte, bool) {
	x, ok := p.find(ContentType)
	return x.Value, ok
}

// ResponseTopic returns the Response Topic, a Topic Name, which aliases the
// list (5.0 §3.3.2.3.5, §3.1.3.2.6).
func (p Properties) ResponseTopic() ([]byte, bool) {
	x, ok := p.find(ResponseTopic)
	return x.Value, ok
}

// CorrelationData returns the Correlation Data, which aliases the list (5.0
// §3.3.2.3.6, §3.1.3.2.7).
func (p Properties) CorrelationData() ([]byte, bool) {
	x, ok := p.find(CorrelationData)
	return x.Value, ok
}

// SubscriptionIdentifier returns the first Subscription Identifier, 1 to
// varint.Max (5.0 §3.3.2.3.8, §3.8.2.1.2). A PUBLISH may have several: see
// SubscriptionIdentifiers.
func (p Properties) SubscriptionIdentifier() (uint32, bool) {
	x, ok := p.find(SubscriptionIdentifier)
	return x.Number, ok
}

// SessionExpiryInterval returns the Session Expiry Interval, seconds,
// 0xFFFFFFFF never; absent means 0 in CONNECT, elsewhere that what CONNECT
// said holds (5.0 §3.1.2.11.2, §3.2.2.3.2, §3.14.2.2.2).
func (p Properties) SessionExpiryInterval() (uint32, bool) {
	x, ok := p.find(SessionExpiryInterval)
	return x.Number, ok
}

// AssignedClientIdentifier returns the Assigned Client Identifier, which
// aliases the list (5.0 §3.2.2.3.7).
func (p Properties) AssignedClientIdentifier() ([]byte, bool) {
	x, ok := p.find(AssignedClientIdentifier)
	return x.Value, ok
}

// ServerKeepAlive returns the Server Keep Alive, seconds; absent means that
// what CONNECT said holds (5.0 §3.2.2.3.14).
func (p Properties) ServerKeepAlive() (uint16, bool) {
	x, ok := p.find(ServerKeepAlive)
	return uint16(x.Number), ok
}

// AuthenticationMethod returns the Authentication Method, which aliases the
// list (5.0 §3.1.2.11.9, §3.2.2.3.17, §3.15.2.2.2).
func (p Properties) AuthenticationMethod() ([]byte, bool) {
	x, ok := p.find(AuthenticationMethod)
	return x.Value, ok
}

// AuthenticationData returns the Authentication Data, which aliases the list
// (5.0 §3.1.2.11.10, §3.2.2.3.18, §3.15.2.2.3).
func (p Properties) AuthenticationData() ([]byte, bool) {
	x, ok := p.find(AuthenticationData)
	return x.Value, ok
}

// RequestProblemInformation returns the Request Problem Information, 0 or 1;
// absent means 1 (5.0 §3.1.2.11.7).
func (p Properties) RequestProblemInformation() (uint8, bool) {
	x, ok := p.find(RequestProblemInformation)
	return uint8(x.Number), ok
}

// WillDelayInterval returns the Will Delay Interval, seconds; absent means 0
// (5.0 §3.1.3.2.2).
func (p Properties) WillDelayInterval() (uint32, bool) {
	x, ok := p.find(WillDelayInterval)
	return x.Number, ok
}

// RequestResponseInformation returns the Request Response Information, 0 or 1;
// absent means 0 (5.0 §3.1.2.11.6).
func (p Properties) RequestResponseInformation() (uint8, bool) {
	x, ok := p.find(RequestResponseInformation)
	return uint8(x.Number), ok
}

// ResponseInformation returns the Response Information, which aliases the
// list (5.0 §3.2.2.3.15).
func (p Properties) ResponseInformation() ([]byte, bool) {
	x, ok := p.find(ResponseInformation)
	return x.Value, ok
}

// ServerReference returns the Server Reference, which aliases the list (5.0
// §3.2.2.3.16, §3.14.2.2.5).
func (p Properties) ServerReference() ([]byte, bool) {
	x, ok := p.find(ServerReference)
	return x.Value, ok
}

// ReasonString returns the Reason String, which aliases the list (5.0
// §3.2.2.3.9 and the like of every acknowledgement).
func (p Properties) ReasonString() ([]byte, bool) {
	x, ok := p.find(ReasonString)
	return x.Value, ok
}

// ReceiveMaximum returns the Receive Maximum, 1 to 65,535 messages; absent
// means 65,535 (5.0 §3.1.2.11.3, §3.2.2.3.3).
func (p Properties) ReceiveMaximum() (uint16, bool) {
	x, ok := p.find(ReceiveMaximum)
	return uint16(x.Number), ok
}

// TopicAliasMaximum returns the Topic Alias Maximum, 0 to 65,535; absent means
// 0 (5.0 §3.1.2.11.5, §3.2.2.3.8).
func (p Properties) TopicAliasMaximum() (uint16, bool) {
	x, ok := p.find(TopicAliasMaximum)
	return uint16(x.Number), ok
}

// TopicAlias returns the Topic Alias, 1 to 65,535 (5.0 §3.3.2.3.4).
func (p Properties) TopicAlias() (uint16, bool) {
	x, ok := p.find(TopicAlias)
	return uint16(x.Number), ok
}

// MaximumQoS returns the Maximum QoS, 0 or 1; absent means 2 (5.0 §3.2.2.3.4).
func (p Properties) MaximumQoS() (uint8, bool) {
	x, ok := p.find(MaximumQoS)
	return uint8(x.Number), ok
}

// RetainAvailable returns the Retain Available, 0 or 1; absent means 1 (5.0
// §3.2.2.3.5).
func (p Properties) RetainAvailable() (uint8, bool) {
	x, ok := p.find(RetainAvailable)
	return uint8(x.Number), ok
}

// MaximumPacketSize returns the Maximum Packet Size, bytes, not 0; absent
// means no limit (5.0 §3.1.2.11.4, §3.2.2.3.6).
func (p Properties) MaximumPacketSize() (uint32, bool) {
	x, ok := p.find(MaximumPacketSize)
	return x.Number, ok
}

// WildcardSubscriptionAvailable returns the Wildcard Subscription Available, 0
// or 1; absent means 1 (5.0 §3.2.2.3.11).
func (p Properties) WildcardSubscriptionAvailable() (uint8, bool) {
	x, ok := p.find(WildcardSubscriptionAvailable)
	return uint8(x.Number), ok
}

// SubscriptionIdentifierAvailable returns the Subscription Identifier
// Available, 0 or 1; absent means 1 (5.0 §3.2.2.3.12).
func (p Properties) SubscriptionIdentifierAvailable() (uint8, bool) {
	x, ok := p.find(SubscriptionIdentifierAvailable)
	return uint8(x.Number), ok
}

// SharedSubscriptionAvailable returns the Shared Subscription Available, 0 or
// 1; absent means 1 (5.0 §3.2.2.3.13).
func (p Properties) SharedSubscriptionAvailable() (uint8, bool) {
	x, ok := p.find(SharedSubscriptionAvailable)
	return uint8(x.Number), ok
}

// SubscriptionIdentifiers walks the Subscription Identifiers of a PUBLISH in
// wire order (5.0 §3.3.2.3.8).
func (p Properties) SubscriptionIdentifiers() iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		for x := range p.All() {
			if x.ID == SubscriptionIdentifier && !yield(x.Number) {
				return
			}
		}
	}
}

// UserProperties walks the User Properties in wire order, which the standard
// has forwarders keep: name and value, which alias the list (5.0 §3.3.2.3.7
// and the like of every packet).
func (p Properties) UserProperties() iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		for x := range p.All() {
			if x.ID == UserProperty && !yield(x.Key, x.Value) {
				return
			}
		}
	}
}
