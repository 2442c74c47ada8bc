package session

import (
	"time"

	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
)

// Limits are what either end sets for itself. The zero value sets none.
type Limits struct {
	// OutboundWindow is the most messages of QoS 1 and 2 that this end has in
	// flight, whatever the peer's Receive Maximum, 0 for 65,535. 16 bytes each
	// while it lasts.
	OutboundWindow uint16
	// InboundWindow is the most unfinished messages of the peer's that this
	// end keeps, over all connections of a session, 0 for 65,535. At most 32
	// bytes each while it lasts. Before 5.0, where no Receive Maximum can be
	// announced, it is the only limit; with a Receive Maximum, twice that is
	// ample, since some may be left over from connections before.
	InboundWindow uint16
	// TopicAliases is the most Topic Aliases that this end gives to topics it
	// publishes to, first come, first served; the peer's Topic Alias Maximum
	// may make it less. 0: it gives none. Each costs a copy of its topic.
	TopicAliases uint16
	// StreamAbove is the most bytes that a received PUBLISH may take to be told
	// whole, fixed header included; 0: all are. Of a larger one Next tells the
	// event Head, and Payload takes its payload as it comes, so that a buffer of
	// fixed size will do. Topic and properties are held: a PUBLISH with more than
	// 128 KiB of them, or StreamAbove if that is more, is
	// mqttwire.ErrPacketTooLarge then.
	StreamAbove uint32
	// Retry is after how long a message is sent again on the same connection,
	// before 5.0 only; 0 is never. See qos.Outbound.Poll.
	Retry time.Duration
	// Lenient are the deviations of the peer that this end takes, none by
	// default: see codec.Leniencies. After codec.BadFilter a Subscribe or
	// Unsubscribe event may have strings that are no Topic Filters: answer those
	// that codec.CheckFilter refuses with mqttwire.TopicFilterInvalid.
	Lenient codec.Leniencies
}

func (l *Limits) outbound() qos.Connection {
	return qos.Connection{Window: l.OutboundWindow, Retry: l.Retry}
}

func (l *Limits) inbound() qos.Connection {
	return qos.Connection{Window: l.InboundWindow, RepeatWithoutDup: l.Lenient.Has(codec.RepeatWithoutDup)}
}

// DefaultMaximumConnectSize is how many bytes a CONNECT may take where
// [ServerOptions] says nothing. A will of 32 KiB and tokens fit.
const DefaultMaximumConnectSize = 64 << 10

// ServerOptions are what a server sets for all or many of its connections. The
// zero value supports all and limits nothing. What is announced here goes into
// CONNACK where the caller has not put it there itself.
type ServerOptions struct {
	Limits

	// ConnectTimeout is how long a connection may take until its CONNECT is
	// accepted, 0 for as long as it likes (3.1.1 §3.1.4, 5.0 §3.1.4).
	ConnectTimeout time.Duration
	// MaximumConnectSize is the most bytes a CONNECT may take, 0 for
	// DefaultMaximumConnectSize. It comes from anybody, and before a client can
	// be told of a limit.
	MaximumConnectSize uint32
	// MaximumPacketSize is the most bytes any other packet from a client may
	// take, 0 for no limit. Clients of 5.0 are told, all are held to it.
	MaximumPacketSize uint32
	// MaximumKeepAlive is the longest Keep Alive, seconds, 0 for no limit. A
	// client of 5.0 with a longer one, or none, is told Server Keep Alive.
	MaximumKeepAlive uint16
	// MaximumSessionExpiry is how long a session outlives its connection at
	// most, seconds, 0 for no limit. Clients of 5.0 are told. It bounds the
	// sessions without Clean Session of 3.1 and 3.1.1 too.
	MaximumSessionExpiry uint32
	// ReceiveMaximum is announced to clients of 5.0, 0 for 65,535.
	ReceiveMaximum uint16
	// TopicAliasMaximum is announced to clients of 5.0: how many topics are
	// kept for each, at most.
	TopicAliasMaximum uint16

	// AuthenticationMethods are those of enhanced authentication that the
	// server supports (5.0 §4.12). A CONNECT with another is answered with a
	// CONNACK of 0x8C, without an event.
	AuthenticationMethods []string

	// What the server lacks. Clients of 5.0 are told, and held to it; earlier
	// versions cannot be told.
	NoQoS1           bool // the Maximum QoS is 0
	NoQoS2           bool // the Maximum QoS is 1, or 0 with NoQoS1
	NoRetain         bool // no retained messages
	NoWildcard       bool // no subscriptions with a wildcard
	NoShared         bool // no Shared Subscriptions
	NoSubscriptionID bool // no Subscription Identifiers
}

// ClientOptions are what a client sets beside what its CONNECT says. The zero
// value is fine.
type ClientOptions struct {
	Limits

	// ConnectTimeout is how long the CONNACK may take, 0 for as long as it
	// likes.
	ConnectTimeout time.Duration
	// PingTimeout is how long the PINGRESP may take, 0 for what
	// keepalive.Client thinks fit.
	PingTimeout time.Duration
	// AdoptSession has a client of 3.1.1 take Session Present for what it is
	// told, though it has no state of the session, or asked for a new one: it
	// goes on with an empty state, as 3.1.1 §3.2.2.2 leaves open. Else that is
	// mqttwire.ErrSessionUnknown, as always in 5.0 [MQTT-3.2.2-4]: there see
	// Session.Resume.
	AdoptSession bool
}
