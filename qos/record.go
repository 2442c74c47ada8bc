package qos

import (
	"strconv"

	"github.com/mqttwire/mqttwire"
)

// Record is one line of the journal of a caller whose sessions survive a crash
// of this end: what a step changed of that which must outlive the process. It
// is comparable; the zero Record says that there is nothing to keep. Every step
// that changes something says its Record, and [Outbound.Apply] and
// [Inbound.Apply] take it back.
//
// Records have to become durable in the order of their steps, each before the
// next packet of its exchange is written: Store before the PUBLISH, Accept
// before the PUBACK or PUBREC, Release before the PUBREL, Forget before the
// PUBCOMP. A Forget without a packet may be written with the next Record: to
// lose it costs a repetition on the wire that the other end knows how to answer.
// Clear comes before anything of the new session.
type Record struct {
	// Token is the handle of a message that this end sends. It is 0 in a
	// Record about a message that it received.
	Token uint64
	// ID is the Packet Identifier, 0 in a Clear.
	ID uint16
	Change
}

// Change is the operation of a Record, its direction and the QoS of its
// message, in one byte, which a journal may keep as it is. The zero Change is
// none.
type Change uint8

// Bits of a Change.
const (
	changeOp       = 7
	changeReceived = 1 << 3
	changeLevel    = 4 // how far to shift
)

// Op is an operation on what must outlive the process.
type Op uint8

// The operations.
const (
	Nothing Op = iota
	Store      // Sent: keep the message, its id and QoS
	Release    // Sent: the message is not needed any more, its id is: the PUBREL is owed
	Accept     // Received: the message is ours now; at QoS 2 so is its id, until the PUBREL
	Forget     // the exchange is over, its id is free
	Clear      // all Records before are void, of both directions: the session is gone. The messages are still the caller's, to publish again
)

var opNames = [...]string{"nothing", "store", "release", "accept", "forget", "clear"}

// String returns the name in lower case, such as "store".
func (o Op) String() string {
	if int(o) < len(opNames) {
		return opNames[o]
	}
	return "unknown operation"
}

// Of returns the Change of an operation on a message of a direction and level.
// It is for a caller that keeps the parts of a Record apart.
func (o Op) Of(d Direction, l Level) Change {
	return Change(o)&changeOp | Change(d)&1<<3 | Change(l)&3<<changeLevel
}

// Direction says which end of the session sends a message. Packet Identifiers
// are counted for each direction.
type Direction uint8

// The directions.
const (
	Sent     Direction = iota // this end sends it: the Record is for Outbound.Apply
	Received                  // this end receives it: the Record is for Inbound.Apply
)

// String returns "sent", "received", or "unknown direction".
func (d Direction) String() string {
	switch d {
	case Sent:
		return "sent"
	case Received:
		return "received"
	}
	return "unknown direction"
}

// Op returns the operation.
func (c Change) Op() Op { return Op(c & changeOp) }

// Direction returns the direction of the message.
func (c Change) Direction() Direction { return Direction(c >> 3 & 1) }

// Level returns the QoS of the message, AtMostOnce in a Clear.
func (c Change) Level() Level { return Level(c >> changeLevel & 3) }

// String returns such as "store sent QoS 1".
func (c Change) String() string {
	switch c.Op() {
	case Nothing, Clear:
		return c.Op().String()
	}
	return c.Op().String() + " " + c.Direction().String() + " " + c.Level().String()
}

// String returns such as "store sent QoS 1 id 5 token 7".
func (r Record) String() string {
	s := r.Change.String()
	if r.ID != 0 {
		s += " id " + strconv.Itoa(int(r.ID))
	}
	if r.Token != 0 {
		s += " token " + strconv.FormatUint(r.Token, 10)
	}
	return s
}

// Changes that lack only the level.
const (
	sentStore      = Change(Store)
	sentRelease    = Change(Release)
	sentForget     = Change(Forget)
	receivedAccept = Change(Accept) | changeReceived
	receivedForget = Change(Forget) | changeReceived
)

func (c Change) at(l Level) Change { return c | Change(l)<<changeLevel }

// Apply replays a Record to a machine without a connection. A session comes
// back from its Records in their order, from the zero Outbound or from a
// snapshot on: Store, Release and Forget of the direction Sent, and Clear, which
// leaves nothing, not even what NextDropped has still to tell. The zero Record
// changes nothing.
//
// A Record that does not fit what was applied before is
// [mqttwire.ErrSnapshot], and changes nothing.
func (o *Outbound) Apply(r Record) error {
	level := r.Level()
	s := o.window.find(r.ID)
	switch {
	case r == Record{}:
		return nil
	case o.up:
	case r.Change == Change(Clear) && r.ID == 0 && r.Token == 0:
		o.clear()
		return nil
	case r.Direction() != Sent || r.Change>>changeLevel > 3:
	case r.Op() == Store && s == nil && r.ID != 0 && (level == AtLeastOnce || level == ExactlyOnce):
		if s = o.window.claim(r.ID); s == nil {
			// A dropped exchange had the id before it was told, without a Record.
			s = o.window.at(r.ID)
			o.window.remove(&o.dropped, s)
		}
		s.token, s.state, s.flags = r.Token, uint8(level), 0
		o.window.push(&o.publish, s)
		o.window.last = r.ID
		o.held++
		return nil
	case s == nil || s.token != r.Token || s.level() != level && s.state != uint8(AwaitPubcomp):
	case r.Op() == Release && s.state == uint8(AwaitPubrec):
		o.window.remove(&o.publish, s)
		s.state = uint8(AwaitPubcomp)
		o.window.push(&o.release, s)
		return nil
	case r.Op() == Forget:
		l := &o.publish
		if s.state == uint8(AwaitPubcomp) {
			l = &o.release
		}
		o.window.remove(l, s)
		o.window.give(s)
		o.held--
		return nil
	}
	return mqttwire.ErrSnapshot
}

// clear makes a machine without a connection a new one. Identifiers go on from
// the last, so that those of the session before are not handed out at once.
func (o *Outbound) clear() { *o = Outbound{window: window{last: o.window.last}} }

// Apply replays a Record to a machine without a connection, as
// [Outbound.Apply] does: Accept and Forget of the direction Received, and Clear.
// An Accept of QoS 1 changes nothing, since no id is kept for it. Nor does a
// second Accept of an id, for a PUBREC that left again, or a Forget of an id
// that is not held.
func (in *Inbound) Apply(r Record) error {
	level := r.Level()
	p := in.index.find(r.ID)
	switch {
	case r == Record{}:
		return nil
	case in.up:
	case r.Change == Change(Clear) && r.ID == 0 && r.Token == 0:
		in.index = index{}
		return nil
	case r.Direction() != Received || r.ID == 0 || r.Token != 0 || level != AtLeastOnce && level != ExactlyOnce || r.Change>>changeLevel > 3:
	case r.Op() == Accept:
		if level == ExactlyOnce {
			if p == 0 {
				p = in.index.insert(r.ID)
			}
			in.index.entries[p].state, in.index.entries[p].reason = twice|decided, 0
		}
		return nil
	case r.Op() == Forget:
		if p != 0 {
			in.index.remove(p)
		}
		return nil
	}
	return mqttwire.ErrSnapshot
}
