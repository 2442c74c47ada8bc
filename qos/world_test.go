package qos

import "github.com/mqttwire/mqttwire"

// The world of the model checker: two ends with the real machines, a link that
// keeps order and may break, and beside them what an observer remembers
// (called the ghost) to judge by. A world is a flat value, so that millions can
// be kept and copied; the slices of its machines point into itself while it is
// worked on, see wake and sleep.

const (
	maxMessages = 4 // a direction
	maxTickets  = 4
	maxPackets  = 12
	maxPending  = 5
	ring        = 8 // slots and ids that a machine may come to use
)

// bounds is what a search explores.
type bounds struct {
	name       string
	version    mqttwire.Version
	levels     [2][]Level // of the messages of each end, in the order published
	maxima     []uint16   // the Receive Maximums that an end may announce; the last is the largest
	window     uint16     // of both machines; in 5.0 0 is for the receiver the largest Receive Maximum
	refuse     bool       // the receiving application may refuse a message (5.0)
	abandon    bool       // it may end the connection because of a message
	early      bool       // it may keep a message and its Record before it finishes the delivery
	giveUp     bool       // a sender may give a message up, in its turn or out of it, online or offline
	lose       bool       // the session may be lost at the server
	crash      bool       // an end may fall back to its last snapshot and any of the Records since that it had to make durable
	checkpoint bool       // with crash: an end may take a snapshot at any time
	retry      uint8      // timed re-sending, at most so often a message and connection
	dupless    bool       // senders set no DUP, and receivers know it
	pull       bool       // what can be pulled is not pulled at once
	stale      bool       // applications finish deliveries too that are void by now
	requests   bool       // the client subscribes or unsubscribes, once a connection
	compact    bool       // an end may be compacted at any time
	probe      bool       // in every state, what has to be refused is tried
	inOrder    bool       // applications finish deliveries in order
	small      int        // slots that a ring starts with
}

type status uint8

const (
	unpublished status = iota
	inFlight
	handedOver // PUBREC came, or the message was given up
	dropping   // lost with the session, and not yet told
	completed
	rejected
	lost // with the session
)

// message is what the ghost knows of one at its sender.
type message struct {
	status  status
	id      uint8
	gaveUp  bool
	sent    bool  // ever
	here    bool  // PUBLISH sent on this connection
	relHere bool  // PUBREL sent on this connection
	resent  uint8 // on this connection, by the clock
	owes    bool  // sent on this connection and not acknowledged: counts against the Receive Maximum
}

// open is a delivery that an application has.
type open struct {
	ticket Ticket
	msg    uint8
	good   bool // by the ghost's account the ticket decides something
	early  bool // the application has kept the message already
}

// memory is what an end has beside the machines, as far as it survives a crash
// once durable.
type memory struct {
	messages [maxMessages]message
	accepted [maxMessages]uint8 // how often the application has each of the other end's messages, up to 2
	released [maxMessages]uint8 // messages handed over and not completed, in the order of their PUBRELs
	nReleasd uint8
}

type end struct {
	out      Outbound
	in       Inbound
	slots    [ring]slot
	entries  [ring + 1]entry
	timers   timers
	timer    [ring]timer
	nSlots   uint8
	nEntries uint8
	nTimers  uint8
	retrying bool

	memory
	delivered [maxMessages]bool // of the other end's messages; no crash undoes that
	wavering  [maxMessages]bool // own messages that were given up, though a crash may have undone that
	tickets   [maxTickets]open
	nTickets  uint8
	unacked   [maxMessages]uint8 // ids whose PUBLISH came and whose PUBACK or PUBREC has not left, in order
	nUnacked  uint8
	subID     uint8 // of the request in flight
	unsub     bool  // it is an UNSUBSCRIBE
	subbed    bool  // on this connection

	journal
}

type parcel struct {
	kind   mqttwire.PacketType
	id     uint8
	msg    uint8
	level  Level
	dup    bool
	reason mqttwire.Reason
}

type queue struct {
	p [maxPackets]parcel
	n uint8
}

type world struct {
	ends    [2]end
	link    [2]queue // link[d] leads from end d to the other
	maximum [2]uint16
	up      bool
}

// A violation is a rule broken, in words.
type violation string

// wake points the machines' slices into the world, sleep undoes it.
func (w *world) wake() {
	for d := range w.ends {
		e := &w.ends[d]
		if e.nSlots != 0 {
			e.out.window.slots = e.slots[:e.nSlots]
		}
		if e.nEntries != 0 {
			e.in.index.entries = e.entries[:e.nEntries]
		}
		if e.retrying {
			e.out.timers = &e.timers
			if e.nTimers != 0 {
				e.timers.slots = e.timer[:e.nTimers]
			}
		}
	}
}

func (w *world) sleep() {
	for d := range w.ends {
		e := &w.ends[d]
		e.nSlots = uint8(copy(e.slots[:], e.out.window.slots))
		e.nEntries = uint8(copy(e.entries[:], e.in.index.entries))
		if len(e.out.window.slots) > ring || len(e.in.index.entries) > ring+1 {
			panic("the bounds are larger than the world")
		}
		e.out.window.slots, e.in.index.entries = nil, nil
		if e.retrying = e.out.timers != nil; e.retrying {
			e.timers = *e.out.timers
			e.nTimers = uint8(copy(e.timer[:], e.timers.slots))
			e.timers.slots, e.out.timers = nil, nil
		}
	}
}

func (b *bounds) initial() world {
	var w world
	for d := range w.ends {
		b.shrink(&w.ends[d])
		w.ends[d].checkpoint()
	}
	largest := b.maxima[len(b.maxima)-1]
	b.connect(&w, true, largest, largest)
	w.sleep()
	return w
}

// shrink makes an empty ring so small that ids meet and it has to grow.
func (b *bounds) shrink(e *end) {
	if b.small != 0 && e.out.window.used == 0 && len(e.out.window.slots) != b.small {
		e.out.window.slots = make([]slot, b.small)
	}
	e.tidy()
}

// tidy makes the sender reuse ids as early as the standard allows, not as late
// as it can: each free slot offers its lowest id. And its clock stands at 0, so
// that what is polled is due.
func (e *end) tidy() {
	if t := e.out.timers; t != nil {
		for i := range t.slots {
			t.slots[i].at = 0
		}
	}
	if w := &e.out.window; len(w.slots) != 0 {
		w.last = 0
		for i := range w.slots {
			if w.slots[i].state == free {
				w.slots[i] = slot{}
			}
		}
		w.refill()
		w.last = 0
	}
}
