package qos

import (
	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/fixedheader"
)

// Action is what one step of a machine asks of its caller: at most one packet
// to write, at most one thing to be told, at most one thing to make durable.
// The zero Action asks for nothing. It is in parts so that it travels in
// registers; their fields are its own: a.Reply, a.Event.
type Action struct {
	// Token is the caller's handle of the message, as given to
	// [Outbound.Publish], [Outbound.Subscribe] or [Outbound.Unsubscribe]. In an
	// Action of an [Inbound] it is the Ticket of a delivery, 0 elsewhere.
	Token uint64
	// ID is the Packet Identifier, that of Reply and that of the event.
	ID uint16
	Packet
	Outcome
}

// Packet is what an Action has its caller write.
type Packet struct {
	// Reply is the packet's type, 0 for none: PUBACK, PUBREC, PUBREL or
	// PUBCOMP, and for a step that sends, PUBLISH, SUBSCRIBE or UNSUBSCRIBE.
	Reply mqttwire.PacketType
	// Flags are the flags of its fixed header. Of a PUBLISH the QoS and DUP:
	// RETAIN is the caller's to add.
	Flags uint8
	// Reason is its Reason Code. Always Success before 5.0.
	Reason mqttwire.Reason
}

// Outcome is what an Action has to tell.
type Outcome struct {
	// Event is what happened.
	Event Event
	// Journal is what must be durable before Reply is written, for a session
	// that is to survive a crash of this end; others ignore it.
	Journal Op
}

// Dup reports the DUP flag of a PUBLISH.
func (p Packet) Dup() bool { return p.Flags&fixedheader.FlagDup != 0 }

// Level returns the QoS of a PUBLISH.
func (p Packet) Level() Level { return Level(p.Flags & fixedheader.FlagQoS >> 1) }

// Ticket returns the ticket of a Deliver event.
func (a Action) Ticket() Ticket { return Ticket(a.Token) }

// Event is what a step has to tell.
type Event uint8

// The events.
const (
	None        Event = iota
	Deliver           // Inbound: a message that was not here before; Token is the Ticket to finish it with
	Duplicate         // the packet repeats one that is known; nothing to do but write Reply
	Released          // Outbound: the receiver has the message (PUBREC): its payload may be freed, its id may not
	Completed         // the exchange is over, its id is free
	Rejected          // Outbound: the same, but the receiver refused the message (0x80 or greater, 5.0)
	Unsolicited       // an acknowledgement of something that is not in flight; harmless, worth counting
)

var eventNames = [...]string{"none", "deliver", "duplicate", "released", "completed", "rejected", "unsolicited"}

// String returns the name in lower case, such as "deliver".
func (e Event) String() string {
	if int(e) < len(eventNames) {
		return eventNames[e]
	}
	return "unknown event"
}

// Op is a line for the journal of a caller that keeps sessions over a crash.
// Lines have to become durable in the order of their steps; a line that comes
// with a Reply, before the Reply is written. A line without Reply may be
// written with the next one: to lose it costs a repetition on the wire that the
// other end knows how to answer. Where a session is lost its journal ends.
// [Outbound.Replay] and [Inbound.Replay] read it back.
type Op uint8

// The operations.
const (
	Nothing Op = iota
	Store      // Outbound: keep the message, its id and QoS
	Release    // Outbound: the message is not needed any more, its id is: the PUBREL is owed
	Accept     // Inbound: the message is ours now; at QoS 2 so is its id, until the PUBREL
	Forget     // the id is free
)

var opNames = [...]string{"nothing", "store", "release", "accept", "forget"}

// String returns the name in lower case, such as "store".
func (o Op) String() string {
	if int(o) < len(opNames) {
		return opNames[o]
	}
	return "unknown operation"
}
