package session

import (
	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
)

// Phase is where a network connection stands; go doc session.Idle lists them. The state diagrams are in the
// package's README.
type Phase uint8

// The phases.
const (
	Idle       Phase = iota // there is no network connection; the zero value
	Opened                  // Server: the CONNECT is awaited
	Connecting              // the CONNECT was sent, or came, and is not answered
	Connected               // a CONNACK has accepted
	Closing                 // all is said: write what there is, close the network connection, call Close
)

var phaseNames = [...]string{"idle", "opened", "connecting", "connected", "closing"}

// String returns the name in lower case, such as "connected".
func (p Phase) String() string {
	if int(p) < len(phaseNames) {
		return phaseNames[p]
	}
	return "unknown phase"
}

// Event is what one packet, or one deadline, has to tell. The zero Event says
// nothing.
type Event struct {
	// Packet is what was received, nil where the event comes from no packet. It
	// is in the Decoder that was given to Receive, and valid until that decodes
	// another of its type, and no longer than the bytes it was decoded from.
	Packet codec.Packet
	// Token is the caller's handle of a message or request that this end sent.
	// Of Deliver and Head it is the Ticket, of Subscribe and Unsubscribe the Request.
	Token uint64
	// ID is the Packet Identifier, 0 where there is none.
	ID uint16
	// Kind is what happened.
	Kind Kind
	// Type is the type of the packet that was received, 0 where the event comes
	// from none.
	Type mqttwire.PacketType
	// Reason is the code of Rejected, Refused (of 5.0) and Disconnect, and why
	// a message is GivenUp.
	Reason mqttwire.Reason
	// Change is what changed of the messages in flight; see Event.Record.
	Change qos.Change
	// State reports that Session.State has changed: a caller whose sessions
	// survive a crash keeps it.
	State bool
}

// Record returns what must be durable before the bytes that the step appended
// are written, for a session that is to survive a crash of this end: the zero
// Record where there is nothing to keep. [Session.Apply] takes it back.
func (e Event) Record() qos.Record {
	if e.Change == 0 {
		return qos.Record{}
	}
	return qos.Record{Token: e.Token, ID: e.ID, Change: e.Change}
}

// Request returns what [Server.Suback] and [Server.Unsuback] take, of a
// Subscribe or Unsubscribe event.
func (e Event) Request() Request { return Request(e.Token) }

// Ticket returns what [Server.Ack] and [Client.Ack] take, of a Deliver or Head event.
// It is 0 for a message of QoS 0, which nobody acknowledges.
func (e Event) Ticket() qos.Ticket { return qos.Ticket(e.Token) }

// Kind is the kind of an Event; go doc session.None lists them.
type Kind uint8

// The kinds.
const (
	None Kind = iota

	Connect  // Server: a CONNECT; answer with Accept or Refuse, or go on with Auth
	Accepted // Client: the CONNACK accepts
	Refused  // Client: it does not; the phase is Closing

	Auth          // the peer wants an AUTH, or at a server another answer: 5.0 §4.12
	Authenticated // Client: the re-authentication is over

	Deliver   // a PUBLISH to act upon, without its Topic Alias; Ack it if its Ticket is not 0
	Head      // the head of one that is larger than Limits.StreamAbove: take its payload, then Ack it
	Duplicate // a PUBLISH that is known already; nothing to do
	Freed     // the PUBREL of a message that was decided; its Packet Identifier is free
	Withdrawn // the PUBREL of one that is not: the peer has given it up, and the Ticket of ID and QoS 2 is stale
	Streaming // Next: of a payload that is being streamed there is more; take it with Payload

	Released    // the receiver has the QoS 2 message: its payload may be freed
	Completed   // the message is delivered
	Rejected    // the receiver refused it
	GivenUp     // this end does not send it again; an earlier connection may have delivered it
	Unsolicited // an acknowledgement of something that is not in flight; harmless, worth counting

	Subscribe    // Server: answer with Suback
	Unsubscribe  // Server: answer with Unsuback
	Subscribed   // Client: the SUBACK of Token
	Unsubscribed // Client: the UNSUBACK of Token

	Disconnect // a DISCONNECT; the phase is Closing

	Resend // a PUBLISH that is due again: give its message to the method Resend
	Will   // Session: the will is to be published now
	Ended  // Session: it is over, and with it its subscriptions and messages
)

var kindNames = [...]string{"none", "connect", "accepted", "refused", "auth", "authenticated",
	"deliver", "head", "duplicate", "freed", "withdrawn", "streaming",
	"released", "completed", "rejected", "given up", "unsolicited",
	"subscribe", "unsubscribe", "subscribed", "unsubscribed", "disconnect", "resend", "will", "ended"}

// String returns the name in lower case, such as "deliver".
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown kind"
}

// kinds are the qos events as they are told here.
var kinds = [...]Kind{qos.Deliver: Deliver, qos.Duplicate: Duplicate, qos.Freed: Freed, qos.Withdrawn: Withdrawn,
	qos.Released: Released, qos.Completed: Completed, qos.Rejected: Rejected, qos.GivenUp: GivenUp, qos.Unsolicited: Unsolicited}

// told is the Event of an Action.
func told(a qos.Action, p codec.Packet, t mqttwire.PacketType) Event {
	return Event{Packet: p, Type: t, Token: a.Token, ID: a.ID, Kind: kinds[a.Event], Change: a.Change}
}
