package hub

import (
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/mqttwire/mqttwire/examples/broker/keep"
	"github.com/mqttwire/mqttwire/session"
)

// Config is what a Server is told. A zero field takes its default.
type Config struct {
	// ServerOptions are what the server announces to its clients and holds them
	// to. The zero value stands for DefaultOptions: change what that returns to
	// set some of them. StreamAbove does not count: the broker has messages
	// whole. AuthenticationMethods are those of Methods.
	session.ServerOptions

	// MaxQueue is how many bytes may wait to be written to a connection:
	// messages of QoS 0 that find more are dropped and counted, those of QoS 1
	// and 2 wait in their session. As many may be on their way to the socket
	// besides. Default 1 MiB.
	MaxQueue int
	// MaxQueuedMessages is how many messages of QoS 1 and 2 may wait in a
	// session, while its client is slow or away, MaxQueuedBytes how many bytes
	// of topics, properties and payloads may, including what is in flight and
	// might have to be sent again. Defaults 100,000 messages, 64 MiB.
	MaxQueuedMessages, MaxQueuedBytes int
	// MaxTotalBytes is how many bytes the hub keeps for all: messages that wait, are
	// in flight, retained or wills, each once; subscriptions, identifiers, and what
	// is half received or not yet written. Where that is reached whoever keeps the
	// most gives way: the oldest of what waits for it, then its sessions that are
	// longest absent, the oldest that it has retained, and its connections. Who keeps
	// less than others is refused nothing, and loses nothing. Default 1 GiB.
	MaxTotalBytes int64
	// MaxAccountBytes is how many of these a principal may have kept or, of clients
	// without a name, an address (of IPv6: a /64). More is refused to it alone: 0x97
	// where that can be said. Default 256 MiB.
	MaxAccountBytes int64
	// MaxAddressConnections is how many connections an address may have (of IPv6: a
	// /64), 0 for no limit.
	MaxAddressConnections int
	// Own reports whether a Client Identifier is a client's own, by a rule such as that
	// it begins with the user name: others are refused with 0x85, and what another has
	// left behind under it is ended. nil is no rule: a session then belongs to the
	// principal that comes first.
	Own func(who *Peer) bool
	// Exempt reports whether no limit and no ban falls on an address, such as
	// 192.0.2.1:1883: on a load balancer's, say. nil is none.
	Exempt func(address string) bool
	// MaxSessions is how many clients there may be, connected or not: more are
	// refused, unless their session ends with their connection. Default
	// 1,000,000.
	MaxSessions int
	// RefusedByAny has a PUBLISH of 5.0 answered with 0x97 where any session that wants
	// the message has no room for it, though others get it: who publishes again then
	// makes duplicates. Else it is refused only if nobody has taken it; what others
	// have no room for is dropped and counted.
	RefusedByAny bool
	// DisconnectSlow has a client disconnected, with 0x97, when its session's
	// queue is full. Either way it does not get the message.
	DisconnectSlow bool

	// HoldBudget is for how long in 10 s the subscribers of an account that fall
	// behind may hold publishers back who have something for others too: then what
	// they have no room for is dropped. Who publishes to one alone waits for it as
	// long as that makes progress. Default 200 ms, negative for none.
	HoldBudget time.Duration

	// MaxSubscriptions is how many subscriptions a client may have. Default
	// 100,000.
	MaxSubscriptions int
	// MaxShared is how many Shared Subscriptions a client may have, each of which may
	// bring it a copy of a message, and MaxIdentified how many with a Subscription
	// Identifier and wildcards, each of which may add to one. Defaults 1,000.
	MaxShared, MaxIdentified int
	// MaxLevels is how many levels a Topic Filter, or the topic of a message to
	// be retained, may have: each costs tens of bytes. A publisher of 5.0 is answered
	// 0x97 to more. Default 128.
	MaxLevels int
	// MaxRetained is how many messages are retained, except those of the
	// server itself, 0 for no limit. A publisher of 5.0 is answered 0x97 to more.
	MaxRetained int
	// KeepRevoked keeps retained messages whose publisher has lost the right to them,
	// see Auditor.
	KeepRevoked bool
	// RefusedFilters are Topic Filters that nobody may subscribe to, in a share
	// or not. Others that match the same are not refused.
	RefusedFilters []string
	// MaxConnections is how many connections there may be, 0 for no limit.
	MaxConnections int
	// ConnectRate is how many connections a second an address may open, with
	// bursts of twice as many, 0 for no limit. Of what comes on top four times as
	// many are answered 0x9F, or before 5.0 server unavailable, and the rest is closed.
	ConnectRate int
	// Bans says when an address or a Client Identifier is banned. The zero
	// value: never.
	Bans Bans

	// WriteTimeout is how long a write to a client, of at most 64 KiB, may take
	// before the connection counts as lost. Default 60 s.
	WriteTimeout time.Duration
	// Linger is how long a connection that the server ends is kept to deliver
	// its last packet. Default 1 s.
	Linger time.Duration
	// SysInterval is how often $SYS/broker/… is published. Default 10 s,
	// negative for never.
	SysInterval time.Duration
	// ResponseInformation is what a client of 5.0 that asks gets as Response
	// Information, with %c for its Client Identifier. "" is none.
	ResponseInformation string

	// Authenticator judges who may connect. Default: everybody, to do
	// anything.
	Authenticator Authenticator
	// Methods are the Authentication Methods of 5.0, by name.
	Methods map[string]Method
	// Handlers claim topics that start with $ for themselves, by Topic Name:
	// what clients publish there goes to them and nowhere else.
	Handlers map[string]Handler
	// Store keeps sessions and retained messages over a restart. Once it has
	// failed the server ends, and Serve returns the error. Default: in memory
	// only.
	Store keep.Store
	// Router takes messages to the other nodes of a cluster. Default: none.
	Router Router

	// Log gets a record for each connection, and at slog.LevelDebug for each
	// packet. Default: none.
	Log *slog.Logger
}

// DefaultOptions are the options of a Config that has none.
func DefaultOptions() session.ServerOptions {
	return session.ServerOptions{
		Limits:             session.Limits{OutboundWindow: 1024, TopicAliases: 32},
		ConnectTimeout:     10 * time.Second,
		MaximumConnectSize: session.DefaultMaximumConnectSize,
		MaximumPacketSize:  1 << 20,
		MaximumKeepAlive:   60,
		ReceiveMaximum:     1024,
		TopicAliasMaximum:  32,
	}
}

func (c Config) withDefaults() Config {
	if reflect.ValueOf(c.ServerOptions).IsZero() {
		c.ServerOptions = DefaultOptions()
	}
	c.StreamAbove = 0
	c.AuthenticationMethods = slices.Collect(maps.Keys(c.Methods))
	defaultTo(&c.MaxQueue, 1<<20)
	defaultTo(&c.MaxQueuedMessages, 100_000)
	defaultTo(&c.MaxQueuedBytes, 64<<20)
	defaultTo(&c.MaxTotalBytes, 1<<30)
	defaultTo(&c.MaxAccountBytes, 256<<20)
	defaultTo(&c.MaxShared, 1000)
	defaultTo(&c.MaxIdentified, 1000)
	defaultTo(&c.HoldBudget, 200*time.Millisecond)
	defaultTo(&c.MaxSessions, 1_000_000)
	defaultTo(&c.MaxSubscriptions, 100_000)
	defaultTo(&c.MaxLevels, 128)
	defaultTo(&c.WriteTimeout, time.Minute)
	defaultTo(&c.Linger, time.Second)
	defaultTo(&c.SysInterval, 10*time.Second)
	defaultTo(&c.Log, slog.New(slog.DiscardHandler))
	return c
}

func defaultTo[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
