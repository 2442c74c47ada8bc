package conformance

import "github.com/mqttwire/mqttwire"

// Facts are what a subject has said about itself: a broker in its CONNACK.
type Facts struct {
	// Speaks says of each version "" where the subject speaks it, else how it
	// refused.
	Speaks map[string]string `json:"speaks"`

	MaximumQoS              uint8  `json:"maximumQoS"`
	Retain                  bool   `json:"retainAvailable"`
	Wildcard                bool   `json:"wildcardSubscriptionAvailable"`
	SubscriptionIdentifiers bool   `json:"subscriptionIdentifierAvailable"`
	Shared                  bool   `json:"sharedSubscriptionAvailable"`
	ReceiveMaximum          uint16 `json:"receiveMaximum"`
	TopicAliasMaximum       uint16 `json:"topicAliasMaximum"`
	MaximumPacketSize       uint32 `json:"maximumPacketSize"` // 0: none announced
	ServerKeepAlive         uint16 `json:"serverKeepAlive"`   // seconds, 0: none announced
	Login                   bool   `json:"login"`             // a user is known
	Anonymous               bool   `json:"anonymous"`         // who names no user is let in
}

// lacks says what of n the subject does not have, "" where it has all.
func (f *Facts) lacks(n Needs, v mqttwire.Version) string {
	switch {
	case f.Speaks[v.String()] != "":
		return "the subject does not speak " + v.String() + ": " + f.Speaks[v.String()]
	case n.Retain && !f.Retain:
		return "retained messages are not available"
	case n.Wildcard && !f.Wildcard:
		return "wildcard subscriptions are not available"
	case n.SubscriptionIdentifiers && !f.SubscriptionIdentifiers:
		return "subscription identifiers are not available"
	case n.Shared && !f.Shared:
		return "shared subscriptions are not available"
	case n.Aliases && f.TopicAliasMaximum == 0:
		return "the subject takes no Topic Aliases"
	case n.QoS > f.MaximumQoS:
		return "the subject's Maximum QoS is lower"
	case n.Login && !f.Login:
		return "no user name and password were given"
	case n.Anonymous && !f.Anonymous:
		return "the subject lets nobody in without a user name"
	}
	return ""
}
