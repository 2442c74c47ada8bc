package session

import (
	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
)

// Event is what one packet, or one deadline, has to tell. The zero Event says
// nothing.
type Event struct {
	// Packet is what was received, nil where the event comes from no packet. It
	// is in the Decoder that was given to Receive, and valid until that decodes
	// another of its type, and no longer than the bytes it was decoded from.
	Packet codec.Packet
	// Token is the caller's handle of a message or request that this end sent.
	// Of Deliver it is the Ticket.
	Token uint64
	// ID is the Packet Identifier, 0 where there is none.
	ID uint16
	// Kind is what happened.
	Kind Kind
	// Reason is the code of Rejected, Refused (of 5.0) and Disconnect.
	Reason mqttwire.Reason
	// Journal is what must be durable before the bytes that the step appended
	// are written, for a session that is to survive a crash of this end: a line
	// for [Session.ReplaySent], of a PUBREL for [Session.ReplayReceived].
	Journal qos.Op
}

// Ticket returns what [Server.Ack] and [Client.Ack] take, of a Deliver event.
// It is 0 for a message of QoS 0, which nobody acknowledges.
func (e Event) Ticket() qos.Ticket { return qos.Ticket(e.Token) }

// Kind is the kind of an Event.
type Kind uint8

// The kinds.
const (
	None Kind = iota

	Connect  // Server: a CONNECT; answer with Accept or Refuse, or go on with Auth
	Accepted // Client: the CONNACK accepts
	Refused  // Client: it does not; the phase is Closing

	Auth          // the peer wants an AUTH, or at a server another answer: 5.0 §4.12
	Authenticated // Client: the re-authentication is over

	Deliver   // a PUBLISH to act upon; Ack it if its Ticket is not 0
	Duplicate // a PUBLISH that is known already; nothing to do

	Released    // the receiver has the QoS 2 message: its payload may be freed
	Completed   // the message is delivered
	Rejected    // the receiver refused it
	Unsolicited // an acknowledgement of something that is not in flight; harmless, worth counting

	Subscribe    // Server: answer with Suback
	Unsubscribe  // Server: answer with Unsuback
	Subscribed   // Client: the SUBACK of Token
	Unsubscribed // Client: the UNSUBACK of Token

	Disconnect // a DISCONNECT; the phase is Closing

	Resend // a PUBLISH that is due again: give its message to Resend
	Will   // Session: the will is to be published now
	Ended  // Session: it is over, and with it its subscriptions and messages
)

var kindNames = [...]string{"none", "connect", "accepted", "refused", "auth", "authenticated", "deliver", "duplicate", "released",
	"completed", "rejected", "unsolicited", "subscribe", "unsubscribe", "subscribed", "unsubscribed", "disconnect", "resend",
	"will", "ended"}

// String returns the name in lower case, such as "deliver".
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown kind"
}

// kinds are the qos events as they are told here.
var kinds = [...]Kind{qos.Deliver: Deliver, qos.Duplicate: Duplicate, qos.Released: Released, qos.Completed: Completed,
	qos.Rejected: Rejected, qos.Unsolicited: Unsolicited}

// told is the Event of an Action.
func told(a qos.Action, p codec.Packet) Event {
	return Event{Packet: p, Token: a.Token, ID: a.ID, Kind: kinds[a.Event], Journal: a.Journal}
}
