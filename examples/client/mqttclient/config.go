package mqttclient

import (
	"context"
	"errors"
	"iter"
	"math/rand/v2"
	"net"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/session"
)

// Config is what a Client is told. Dial and a Client Identifier in Connect are
// wanted; everything else has a default.
type Config struct {
	// Dial opens a network connection to the server: TCP, TLS, WebSocket,
	// whatever. It is called again after each connection that was lost.
	Dial func(ctx context.Context) (net.Conn, error)
	// Connect is the CONNECT, sent on each connection. Version 0 stands for 5.0,
	// and 3.1.1 where the server does not know that. Without Clean Start the
	// session lasts until its Session Expiry Interval, by default for ever.
	// Clean Start is for the first connection; later ones take up the session,
	// in 5.0, until Close.
	Connect codec.Connect
	// Subscriptions are made on the first connection of the process, also where
	// the server has kept the session, and again whenever it has lost it, as those
	// of Subscribe are. One that is not listed any more stays with the session.
	Subscriptions []codec.Subscription
	// SubscribeProperties, UnsubscribeProperties and DisconnectProperties go with
	// the packets of 5.0 that they name.
	SubscribeProperties, UnsubscribeProperties, DisconnectProperties codec.Properties
	// Options are the limits of the session. InboundWindow is how many messages
	// of QoS 1 and 2 may wait to be acknowledged, default 100. A server of 5.0 is
	// told so, as the Receive Maximum; before, MaxWaiting has to do.
	Options session.ClientOptions
	// MaxWaiting is how many messages wait for Receive until the client stops
	// reading, default 1000.
	MaxWaiting int
	// Store keeps the session over the end of the process: what is in flight,
	// not a queue for a server that is away. It asks for a Client Identifier, and
	// is of that alone. nil keeps the session in memory.
	Store Store
	// Tokens has the client show tokens, and renew them.
	Tokens *Tokens
	// MinPause and MaxPause bound the pause before another connection is tried.
	// It doubles with each failure, and a random part of it is left out.
	// Default 200 ms and 30 s.
	MinPause, MaxPause time.Duration
	// Up is called when the server has accepted a connection, Down when one has
	// ended or could not be made, with the pause until the next. They must not
	// block, nor call the Client.
	Up   func(ack *codec.Connack)
	Down func(err error, pause time.Duration)
	// Lost is called with a message that will not be delivered, or may not have
	// been, and why: ErrSessionLost and ErrGivenUp at QoS 2, a *RejectedError. It
	// is the only word of a message that an earlier process has sent. As Up.
	Lost func(p *codec.Publish, err error)
	// Granted is called with the server's answer to each subscription, as Up is.
	Granted func(s codec.Subscription, code mqttwire.Reason)
}

// Store keeps lines for a Client. Package filelog has one in a directory.
type Store interface {
	// Replay calls f with each line that is kept, in order. It comes first.
	Replay(f func(line []byte) error) error
	// Append adds a line, which it copies. It must not block long.
	Append(line []byte)
	// Sync returns once all that was appended is durable. Many may call it at
	// once. After an error the Client ends: nothing is acknowledged that is not
	// kept.
	Sync() error
	// Compact replaces all lines by others. Nothing is appended meanwhile.
	Compact(lines iter.Seq[[]byte]) error
}

// Errors of a Client. ErrSessionLost and ErrGivenUp say of a message of QoS 2
// that it may have been delivered, and may not.
var (
	ErrClosed      = errors.New("mqttclient: closed")
	ErrSessionLost = errors.New("mqttclient: the server has lost the session")
	ErrGivenUp     = errors.New("mqttclient: the server takes no such message any more")
	ErrWithdrawn   = errors.New("mqttclient: the server has given the message up")
	ErrStore       = errors.New("mqttclient: the store is of another version, another Client Identifier, or something else")
	ErrNoClientID  = errors.New("mqttclient: a Store asks for a Client Identifier")
)

// A RefusedError says that the server does not accept the CONNECT.
type RefusedError struct{ Code connack.Code }

func (e *RefusedError) Error() string { return "mqttclient: CONNECT refused: " + e.Code.String() }

// Unwrap returns the code, so that errors.Is finds it.
func (e *RefusedError) Unwrap() error { return e.Code }

// A RejectedError is the Reason Code of 0x80 or more that the server answered to
// a message, or why it ended a connection.
type RejectedError struct{ Reason mqttwire.Reason }

func (e *RejectedError) Error() string { return "mqttclient: the server says: " + e.Reason.String() }

// withDefaults fills in what a Config leaves open.
func (c Config) withDefaults() Config {
	c.Connect = c.Connect.Clone()
	defaultTo(&c.Options.InboundWindow, 100)
	defaultTo(&c.Options.ConnectTimeout, 30*time.Second)
	defaultTo(&c.MaxWaiting, 1000)
	defaultTo(&c.MinPause, 200*time.Millisecond)
	defaultTo(&c.MaxPause, 30*time.Second)
	c.Options.AdoptSession = !c.Connect.CleanStart
	p := &c.Connect.Properties
	if _, ok := p.ReceiveMaximum(); !ok {
		*p = codec.AppendReceiveMaximum(*p, c.Options.InboundWindow)
	}
	if _, ok := p.SessionExpiryInterval(); !ok {
		expiry := uint32(session.Never)
		if c.Connect.CleanStart {
			expiry = 3600 // for cuts; Close ends it
		}
		*p = codec.AppendSessionExpiryInterval(*p, expiry)
	}
	return c
}

func defaultTo[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// pause returns how long to wait after so many failures in a row.
func (c *Config) pause(failures int) time.Duration {
	d := min(c.MinPause<<min(failures, 20), c.MaxPause)
	return d/2 + rand.N(d/2+1)
}
