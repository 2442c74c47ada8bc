package brokers

import (
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/conformance"
)

// The rules that the steps of checks rest on: what is wrong with a step is put
// down to its rule, and fails the checks that are about it.
var (
	cConnected    = conformance.Cite("3.1.1 3.1.4-4; 5.0 3.1.4-5")
	cConnackFirst = conformance.Cite("3.1.1 3.2.0-1; 5.0 3.2.0-1")
	cNotPresent   = conformance.Cite("3.1.1 3.2.2-3 3.1.2-6 4.1.0-2; 5.0 3.2.2-3 3.1.2-6 4.1.0-2")
	cCleanStart   = conformance.Cite("3.1.1 3.2.2-1 3.1.2-6 3.2.2-3; 5.0 3.2.2-2 3.1.2-4 3.2.2-3")
	cPresent      = conformance.Cite("3.1.1 3.2.2-2; 5.0 3.2.2-3")

	cPing       = conformance.Cite("3.1.1 3.12.4-1; 5.0 3.12.4-1")
	cSuback     = conformance.Cite("3.1.1 3.8.4-1; 5.0 3.8.4-1")
	cSubackID   = conformance.Cite("3.1.1 3.8.4-2 2.3.1-7; 5.0 3.8.4-2 2.2.1-6")
	cSubackList = conformance.Cite("3.1.1 3.8.4-5 3.9.3-1; 5.0 3.8.4-6 3.9.3-1")
	cUnsuback   = conformance.Cite("3.1.1 3.10.4-4; 5.0 3.10.4-4")
	cUnsubackID = conformance.Cite("3.1.1 3.10.4-4 2.3.1-7; 5.0 3.10.4-5 2.2.1-6")
	cUnsubList  = conformance.Cite("5.0 3.11.3-1")

	cAnswered = conformance.Cite("3.1.1 3.3.4-1 4.3.2-2 4.3.3-2; 5.0 3.3.4-1 4.3.2-4 4.3.2-5 4.3.3-8 4.3.3-10 4.3.3-12")
	cAckID    = conformance.Cite("3.1.1 2.3.1-6; 5.0 2.2.1-5")
	cPubrel   = conformance.Cite("3.1.1 4.3.3-1; 5.0 4.3.3-4")
	cPubcomp  = conformance.Cite("3.1.1 4.3.3-2; 5.0 4.3.3-11")

	cQoS         = conformance.Cite("3.1.1 3.8.4-6 3.3.5-1 3.8.4-3; 5.0 3.8.4-8 3.3.4-2 4.8.2-3 3.8.4-3")
	cDupNot      = conformance.Cite("3.1.1 3.3.1-3; 5.0 3.3.1-3")
	cDup         = conformance.Cite("3.1.1 3.3.1-1; 5.0 3.3.1-1")
	cResent      = conformance.Cite("3.1.1 4.4.0-1 4.3.3-1; 5.0 4.4.0-1 4.3.3-5 4.3.3-3")
	cRetainNot   = conformance.Cite("3.1.1 3.3.1-9 3.1.2-16; 5.0 3.3.1-12 3.3.1-13 3.1.2-14")
	cRetain      = conformance.Cite("3.1.1 3.3.1-8; 5.0 3.3.1-9 3.3.1-13")
	cUserOrder   = conformance.Cite("5.0 3.3.2-18 3.1.3-10")
	cAliasLimit  = conformance.Cite("5.0 3.1.2-26 3.1.2-27 3.3.2-11")
	cSubID       = conformance.Cite("5.0 3.3.4-3 3.3.4-4 3.3.4-5")
	cQuota       = conformance.Cite("5.0 3.3.4-9")
	cExpiry      = conformance.Cite("5.0 3.3.2-6")
	cDisconnects = conformance.Cite("3.1.1 4.8.0-1; 5.0 4.13.1-1")
)

// cProperty is the rule that a property of a message goes with it as it came.
var cProperty = map[codec.PropertyID]conformance.Clauses{
	codec.PayloadFormatIndicator: conformance.Cite("5.0 3.3.2-4"),
	codec.MessageExpiryInterval:  cExpiry,
	codec.ContentType:            conformance.Cite("5.0 3.3.2-20"),
	codec.ResponseTopic:          conformance.Cite("5.0 3.3.2-15"),
	codec.CorrelationData:        conformance.Cite("5.0 3.3.2-16"),
	codec.UserProperty:           conformance.Cite("5.0 3.3.2-17 3.1.3-10"),
	codec.SubscriptionIdentifier: cSubID,
	codec.TopicAlias:             cAliasLimit,
}
