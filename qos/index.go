package qos

import "github.com/mqttwire/mqttwire"

// entry is an id that the peer has in use, 8 bytes; id 0 is an empty place.
type entry struct {
	id     uint16
	next   uint16 // in the order of acknowledgement: an id, 0 at the end
	prev   uint16
	state  uint8
	reason uint8 // what the caller decided
}

// The bits of an entry's state.
const (
	twice   = 1 << iota // QoS 2
	decided             // the caller has finished the delivery
	queued              // its PUBLISH came on this connection and is not acknowledged
	counted             // it counts against the Receive Maximum of this connection
)

// held reports whether the id is that of a QoS 2 message that was taken over.
// One that was refused is not, though it stays until its PUBREC can leave.
func (e *entry) held() bool {
	return e.state&(twice|decided) == twice|decided && !mqttwire.Reason(e.reason).IsError()
}

const (
	minEntries = 8
	maxEntries = 1 << 16
)

// index is an open-addressed table of entries: the ids are the peer's choice,
// so two may want the same place, and the second takes the next that is empty.
// At most half of the places are taken, until there is one for every id and none
// is wanted by two.
// Entries move, so their lists are by id.
type index struct {
	entries []entry // none, or a power of two of them
	n       int
}

// find returns the entry of an id, or nil. The entry stays where it is until
// the next insert or remove.
func (x *index) find(id uint16) *entry {
	mask := len(x.entries) - 1
	for i := int(id) & mask; uint(i) < uint(len(x.entries)); i = (i + 1) & mask {
		switch e := &x.entries[i]; e.id {
		case 0:
			return nil
		case id:
			return e
		}
	}
	return nil
}

// insert adds an id that is not there.
func (x *index) insert(id uint16) *entry {
	if 2*x.n >= len(x.entries) && len(x.entries) < maxEntries {
		x.grow()
	}
	x.n++
	return x.place(entry{id: id})
}

func (x *index) place(e entry) *entry {
	mask := len(x.entries) - 1
	i := int(e.id) & mask
	for x.entries[i].id != 0 {
		i = (i + 1) & mask
	}
	x.entries[i] = e
	return &x.entries[i]
}

func (x *index) grow() {
	old := x.entries
	x.entries = make([]entry, max(minEntries, 2*len(old)))
	for _, e := range old {
		if e.id != 0 {
			x.place(e)
		}
	}
}

// remove empties the place of an id that is there, and moves into it what is
// further from home than that.
func (x *index) remove(id uint16) {
	mask := len(x.entries) - 1
	hole := int(id) & mask
	for x.entries[hole].id != id {
		hole = (hole + 1) & mask
	}
	x.n--
	for i := (hole + 1) & mask; x.entries[i].id != 0; i = (i + 1) & mask {
		home := int(x.entries[i].id) & mask
		if (i-home)&mask >= (i-hole)&mask {
			x.entries[hole] = x.entries[i]
			hole = i
		}
	}
	x.entries[hole] = entry{}
}
