package qos

import "github.com/mqttwire/mqttwire"

// entry is an id that the peer has in use, or a free place for one. It has no
// pointers, and is 16 bytes.
type entry struct {
	id     uint16
	next   uint16 // in the order of acknowledgement: a place, 0 at the end
	prev   uint16
	chain  uint16 // the next with the same low bits, or the next free place; 0 at the end
	bucket uint16 // where the ids begin whose low bits are this place
	state  uint8
	reason uint8  // what the caller decided
	serial uint32 // of the Ticket
}

// The bits of an entry's state.
const (
	twice   = 1 << iota // QoS 2
	decided             // the caller has finished the delivery
	queued              // its PUBLISH came on this connection and is not acknowledged
	counted             // it counts against the Receive Maximum of this connection
)

// level returns the QoS of the message.
func (e *entry) level() Level { return AtLeastOnce + Level(e.state&twice) }

func (e *entry) ticket() Ticket { return newTicket(e.id, e.level(), e.serial) }

// held reports whether the id is that of a QoS 2 message that was taken over.
// One that was refused is not, though it stays until its PUBREC can leave.
func (e *entry) held() bool {
	return e.state&(twice|decided) == twice|decided && !mqttwire.Reason(e.reason).IsError()
}

const minEntries = 8

// index finds entries by id. The ids are the peer's choice, so those with the
// same low bits are chained. A sender that lets its ids rise makes no chains; one
// that means harm gets none longer than 65,536 / (len(entries) - 1), as there are
// no more such ids.
type index struct {
	entries []entry // none, or a power of two of them and one; in place 0 is no id
	free    uint16  // a place
	n       uint16
}

// bucket is where the chain of an id begins.
func (x *index) bucket(id uint16) *uint16 { return &x.entries[int(id)&(len(x.entries)-2)].bucket }

// find returns the place of an id, 0 if it is not there.
func (x *index) find(id uint16) uint16 {
	if len(x.entries) == 0 {
		return 0
	}
	p := *x.bucket(id)
	for p != 0 && x.entries[p].id != id {
		p = x.entries[p].chain
	}
	return p
}

// insert adds an id that is not there.
func (x *index) insert(id uint16) uint16 {
	if x.free == 0 {
		x.grow()
	}
	p := x.free
	e := &x.entries[p]
	x.free = e.chain
	x.n++
	e.id, e.state, e.reason = id, 0, 0
	x.link(p)
	return p
}

func (x *index) link(p uint16) {
	e := &x.entries[p]
	b := x.bucket(e.id)
	e.chain, *b = *b, p
}

// grow doubles the places, when all are taken. 65,536 are enough for ever.
func (x *index) grow() {
	old := x.entries
	n := max(minEntries, 2*(len(old)-1))
	x.entries = make([]entry, n+1)
	first := max(1, len(old))
	for p := first; p < n; p++ {
		x.entries[p].chain = uint16(p + 1)
	}
	x.free = uint16(first)
	for p := 1; p < len(old); p++ {
		x.entries[p] = old[p]
		x.entries[p].bucket = 0
	}
	for p := 1; p < len(old); p++ {
		x.link(uint16(p))
	}
}

// remove frees the place of an id that is there.
func (x *index) remove(p uint16) {
	e := &x.entries[p]
	at := x.bucket(e.id)
	for *at != p {
		at = &x.entries[*at].chain
	}
	*at = e.chain
	e.id = 0
	e.chain, x.free = x.free, p
	x.n--
}
