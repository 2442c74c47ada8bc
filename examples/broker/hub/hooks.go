package hub

import (
	"crypto/x509"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/qos"
)

// Peer is who is at the other end of a connection.
type Peer struct {
	// ClientID is the Client Identifier, also where the server has assigned it.
	ClientID string
	// UserName is that of the CONNECT. An Authenticator may set another, such
	// as that of a certificate.
	UserName string
	// Principal is who the client has proven to be, such as "user alice": sessions
	// belong to it, and its account pays. An Authenticator, a Method or a Handler sets
	// it. "" is nobody: a user name that nobody has checked proves nothing.
	Principal string
	// Tokens are the names of the tokens that an Authenticator has let the client
	// in with, for the log: never a token.
	Tokens  []string
	Version mqttwire.Version
	Address string // such as 192.0.2.1:1883
	// Certificate is the client's, verified, nil without one.
	Certificate *x509.Certificate
}

// An Authenticator judges who may connect. It is called by many goroutines at
// once, each that of the connection, and may take its time: it delays nobody
// else.
type Authenticator interface {
	// Authenticate judges a CONNECT without Authentication Method, which it may
	// read during the call only. It returns what the client may do, nil for
	// anything, or a code other than connack.Success, in the numbering of 5.0,
	// and a text that holds nothing secret, for the log and, in 5.0, the client.
	Authenticate(who *Peer, p *codec.Connect) (Access, connack.Code, string)
}

// A Right is what may be taken away from who is not there.
type Right uint8

// The rights.
const (
	ToStay    Right = iota // to have a session
	ToPublish              // to have left a message on a topic, retained, or a will
	ToReceive              // to have a message of a topic wait
)

// Auditor is an Authenticator that says what is to become of what a client has left
// behind. It is called by many goroutines at once, and must not block, nor call the
// server.
type Auditor interface {
	Authenticator
	// Keeps reports whether a right is still there: false where it was taken away,
	// and not where it has merely expired. warrant is what [WarrantAccess] has said of
	// it, or the Principal, and never ""; topic is nil for ToStay.
	Keeps(warrant, client string, to Right, topic []byte) bool
}

// WarrantAccess is an Access that says by what right its client is there, in a text
// that [Auditor.Keeps] is asked about later, after a restart too. "" is by none that
// could be taken away. It is asked when the client has connected, and after each Handler
// that it was given to.
type WarrantAccess interface {
	Access
	Warrant() string
}

// Access is what one client may do, on one connection and, while that is away,
// what its session may still receive. Its methods are never called at the same
// time for one client; they must not block, nor call the server.
type Access interface {
	// Publish judges a PUBLISH or a will: mqttwire.Success, or the code to
	// answer with, such as mqttwire.NotAuthorized.
	Publish(topic []byte) mqttwire.Reason
	// Subscribe judges a Topic Filter in the same way. Of a Shared Subscription
	// it is given all, with $share.
	Subscribe(filter []byte) mqttwire.Reason
	// Receive judges whether a message may go to the client, which is
	// connected: what was queued for it, or is to be sent again, is judged when
	// it is back.
	Receive(topic []byte) bool
}

// StrictAccess is an Access that has more to say about what it refuses than the
// acknowledgement does. Without it a PUBLISH that is refused is acknowledged and
// dropped, and the client stays.
type StrictAccess interface {
	Access
	// Refused says what else is to be done about a PUBLISH, or a SUBSCRIBE, whose
	// topic or filter the Access has refused. said reports whether the
	// acknowledgement will tell the client that it is refused: that of a PUBLISH
	// can only in 5.0, that of a SUBSCRIBE in 3.1.1 and 5.0. It is not asked about
	// a second filter of one SUBSCRIBE.
	Refused(what mqttwire.PacketType, topic []byte, said bool) Order
}

// TimedAccess is an Access that changes by itself, such as one that expires.
type TimedAccess interface {
	Access
	// Deadline returns when to call Poll while the client is connected. ok is
	// false where nothing is to come.
	Deadline() (at time.Time, ok bool)
	// Poll says what is to be done now.
	Poll(now time.Time) Order
}

// WaitingAccess is an Access that does not know yet what its client may receive,
// such as that of a client which has not said who it is: messages of QoS 1 and 2
// wait for it in its session. It is asked when the client has connected, and after
// each Handler that it was given to.
type WaitingAccess interface {
	Access
	Waiting() bool
}

// RevocableAccess is an Access that [Hub.Recheck] asks whether it is still
// good.
type RevocableAccess interface {
	Access
	Recheck() Order
}

// An Order is what is to be done with a client. The zero Order is nothing. Where
// it is about a packet, that is acknowledged first: a QoS 2 PUBLISH through its
// whole handshake, so that the client has nothing to send again.
type Order struct {
	// Answer is the reason of the acknowledgement, where there is one.
	Answer mqttwire.Reason
	// Tell are messages for the client, whether it has subscribed or not, at
	// QoS 0.
	Tell []Told
	// End, unless 0, is the reason to disconnect the client with, after what it
	// is told, and Text the Reason String. What the client has sent after it
	// counts no more.
	End  mqttwire.Reason
	Text string
}

// Told is a message from the server to one client.
type Told struct {
	Topic   string
	Payload []byte
}

// A Handler takes what a client publishes on a topic that it claims, instead of
// other clients. It is called like a method of Access, and given the client's. It
// may change UserName and Tokens of who, which is logged.
type Handler func(who *Peer, access Access, level qos.Level, payload []byte) Order

// A Method is an Authentication Method of 5.0 (5.0 §4.12). It is called by many
// goroutines at once.
type Method interface {
	// Start begins an authentication, or a re-authentication.
	Start(who *Peer) Exchange
}

// An Exchange is one authentication that goes on.
type Exchange interface {
	// Next takes the Authentication Data of the CONNECT or AUTH, nil without,
	// which it may read during the call only. It returns data for the client,
	// nil for none, and where the exchange stands. Once that is Granted, access
	// is what the client may do, as from an Authenticator.
	Next(data []byte) (answer []byte, access Access, state ExchangeState)
}

// ExchangeState is where an Exchange stands.
type ExchangeState uint8

// The states.
const (
	Continued ExchangeState = iota // the client is to answer
	Granted
	Denied // CONNACK or DISCONNECT says 0x87
)
