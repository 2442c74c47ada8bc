package qos

import (
	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/fixedheader"
)

// Action is what one step of a machine asks of its caller: at most one packet
// to write, at most one thing to be told, at most one Record to keep. The zero
// Action asks for nothing. It is in parts so that it travels in registers;
// their fields are its own: a.Packet, a.Event, a.Change.
type Action struct {
	// Token is the caller's handle of the message, as given to
	// Outbound.Publish, Outbound.Subscribe or Outbound.Unsubscribe. In a
	// Deliver event it is the Ticket of the delivery, and in other Actions of
	// an Inbound 0.
	Token uint64
	// ID is the Packet Identifier of the packet, of the event and of the Record.
	ID uint16
	ToWrite
	ToTell
}

// ToWrite is the packet that an Action has its caller write.
type ToWrite struct {
	// Packet is its type, 0 for none: PUBACK, PUBREC, PUBREL or PUBCOMP, and
	// for a step that sends, PUBLISH, SUBSCRIBE or UNSUBSCRIBE.
	Packet mqttwire.PacketType
	// Flags are the flags of its fixed header. Of a PUBLISH the QoS and DUP:
	// RETAIN is the caller's to add.
	Flags uint8
	// Reason is its Reason Code. Always Success before 5.0.
	Reason mqttwire.Reason
}

// ToTell is what an Action has to tell.
type ToTell struct {
	// Event is what happened.
	Event Event
	// Change is what changed of that which must outlive the process; see
	// Action.Record.
	Change Change
}

// Record returns what a caller keeps of the step for a session that is to
// survive a crash of this end, the zero Record where there is nothing to keep.
func (a Action) Record() Record {
	if a.Change == 0 {
		return Record{}
	}
	return Record{Token: a.Token, ID: a.ID, Change: a.Change}
}

// Dup reports the DUP flag of a PUBLISH.
func (p ToWrite) Dup() bool { return p.Flags&fixedheader.FlagDup != 0 }

// Level returns the QoS of a PUBLISH.
func (p ToWrite) Level() Level { return Level(p.Flags & fixedheader.FlagQoS >> 1) }

// Ticket returns the ticket of a Deliver event.
func (a Action) Ticket() Ticket { return Ticket(a.Token) }

// Event is what a step has to tell.
type Event uint8

// The events.
const (
	None        Event = iota
	Deliver           // Inbound: a message that was not here before; Token is the Ticket to finish it with
	Duplicate         // the packet repeats one that is known; nothing to do except to write Packet
	Freed             // Inbound: the PUBREL of a message that was decided: its id is free
	Withdrawn         // Inbound: the PUBREL of a delivery that is not decided: its Ticket is stale, its id is free
	Released          // Outbound: the receiver has the message (PUBREC): its payload may be freed, its id may not
	Completed         // Outbound: the exchange is over, its id is free
	Rejected          // Outbound: the same, except that the receiver refused the message (0x80 or greater, 5.0)
	GivenUp           // Outbound: this end does not send the message again; the receiver may have it
	Unsolicited       // an acknowledgement of something that is not in flight; harmless, worth counting
)

var eventNames = [...]string{"none", "deliver", "duplicate", "freed", "withdrawn", "released", "completed", "rejected", "given up", "unsolicited"}

// String returns the name in lower case, such as "deliver".
func (e Event) String() string {
	if int(e) < len(eventNames) {
		return eventNames[e]
	}
	return "unknown event"
}
