package qos

// slot is an exchange in flight, or a free place for one. It has no pointers,
// and is 16 bytes.
type slot struct {
	token uint64
	id    uint16 // in use; in a free slot, the next to hand out
	next  uint16 // in the slot's list: an id, 0 at the end
	prev  uint16
	state uint8 // free, an Await, or one of those below
	flags uint8
}

const (
	free      = 0
	lingering = 0x40 // finished, but acknowledgements are to come that would hit the id's next user
	dropped   = 0x80 // added to the Await: gone with its session, not yet handed out
)

const (
	carried  = 1 << iota // this connection carried the PUBLISH: it counts against the quota
	released             // this connection carried the PUBREL
	due                  // Poll asked for the PUBLISH again
)

// level returns the QoS of a message.
func (s *slot) level() Level {
	if s.state == uint8(AwaitPuback) {
		return AtLeastOnce
	}
	return ExactlyOnce
}

// list is a chain of slots by id, or of entries by place.
type list struct{ head, tail uint16 }

const (
	minSlots = 8
	maxSlots = 1 << 16
)

// window is the ring of slots. An id lives in the slot of its low bits, so no
// two ids in use share one, and an id in use cannot be handed out. A slot that
// becomes free goes to the end of a queue, with the id one round on: ids rise
// from 1, wrap after 65,535, and are reused as late as the ring allows.
type window struct {
	slots []slot // none, or a power of two of them
	free  list
	last  uint16 // handed out last
	used  uint16 // slots that are not free
}

// at returns the slot of an id that is linked or in use.
func (w *window) at(id uint16) *slot { return &w.slots[int(id)&(len(w.slots)-1)] }

// find returns the slot of an id in flight, or nil.
func (w *window) find(id uint16) *slot {
	i := int(id) & (len(w.slots) - 1)
	if uint(i) >= uint(len(w.slots)) {
		return nil // no slots at all
	}
	if s := &w.slots[i]; s.id == id && s.state-1 < lingering-1 {
		return s
	}
	return nil
}

// take hands out an id, or returns nil when all are in use. The caller sets the
// state.
func (w *window) take() *slot {
	if w.free.head == 0 && !w.grow() {
		return nil
	}
	s := w.at(w.free.head)
	// The turn of slot 0 would be id 0. No packet may have that: the slot skips
	// to its first id, which comes after those of the other slots.
	if w.last == 65535 && int(s.id) == len(w.slots) && s.next != 0 {
		w.free.head = s.next
		s.next = 0
		w.at(w.free.tail).next = s.id
		w.free.tail = s.id
		s = w.at(w.free.head)
	}
	if w.free.head = s.next; s.next == 0 {
		w.free.tail = 0
	}
	w.last = s.id
	w.used++
	return s
}

// give takes a slot back.
func (w *window) give(s *slot) {
	s.state, s.flags = free, 0
	if s.id += uint16(len(w.slots)); s.id == 0 {
		s.id = uint16(len(w.slots))
	}
	w.enqueue(s)
	w.used--
}

func (w *window) enqueue(s *slot) {
	s.next = 0
	if w.free.tail == 0 {
		w.free.head = s.id
	} else {
		w.at(w.free.tail).next = s.id
	}
	w.free.tail = s.id
}

// claim makes a slot that of a certain id, in a ring large enough that no other
// in use is in the way. The queue is void until refill. It returns nil if the
// id itself is in use.
func (w *window) claim(id uint16) *slot {
	for len(w.slots) == 0 || w.at(id).state != free {
		if len(w.slots) != 0 && w.at(id).id == id || !w.grow() {
			return nil
		}
	}
	s := w.at(id)
	s.id = id
	w.free = list{}
	w.used++
	return s
}

// grow doubles the ring.
func (w *window) grow() bool {
	n := max(minSlots, 2*len(w.slots))
	if n > maxSlots {
		return false
	}
	old := w.slots
	w.slots = make([]slot, n)
	for _, s := range old {
		if s.state != free {
			*w.at(s.id) = s
		}
	}
	w.refill()
	return true
}

// refill makes the queue of the free slots, in the order of the ids that follow
// the last.
func (w *window) refill() {
	w.free = list{}
	n := len(w.slots)
	if n == 0 {
		return
	}
	id := w.last
	for range n {
		if id++; id == 0 {
			continue
		}
		if s := w.at(id); s.state == free {
			s.id = id
			w.enqueue(s)
		}
	}
	// Slot 0, where its turn would have been id 0. Of 65,536 slots it has no
	// other id.
	if s := &w.slots[0]; s.state == free && s.id == 0 && n < maxSlots {
		s.id = uint16(n)
		w.enqueue(s)
	}
}

// push appends a slot to a list.
func (w *window) push(l *list, s *slot) {
	s.next, s.prev = 0, l.tail
	if l.tail == 0 {
		l.head = s.id
	} else {
		w.at(l.tail).next = s.id
	}
	l.tail = s.id
}

// remove takes a slot out of a list.
func (w *window) remove(l *list, s *slot) {
	if s.prev == 0 {
		l.head = s.next
	} else {
		w.at(s.prev).next = s.next
	}
	if s.next == 0 {
		l.tail = s.prev
	} else {
		w.at(s.next).prev = s.prev
	}
}
