package qos

import (
	"math"
	"time"
)

// timers is the clock of an Outbound that sends again on the same connection.
// It is beside the window, and there only when it is wanted.
type timers struct {
	after   time.Duration
	list    list // what waits for an acknowledgement, sent longest ago first
	lingers list // ids kept out of use
	slots   []timer
}

// timer is what the slot of the same place lacks.
type timer struct {
	at         time.Duration // of the last sending
	next, prev uint16
	more       uint16 // acknowledgements to expect beyond one
	on         bool
}

func (t *timers) of(id uint16) *timer { return &t.slots[int(id)&(len(t.slots)-1)] }

// fit follows the growth of the window.
func (t *timers) fit(w *window) {
	if len(t.slots) == len(w.slots) {
		return
	}
	old := *t
	t.slots = make([]timer, len(w.slots))
	for _, l := range [...]list{old.list, old.lingers} {
		for id := l.head; id != 0; id = old.of(id).next {
			*t.of(id) = *old.of(id)
		}
	}
}

func (t *timers) push(l *list, id uint16) {
	e := t.of(id)
	e.next, e.prev = 0, l.tail
	if l.tail == 0 {
		l.head = id
	} else {
		t.of(l.tail).next = id
	}
	l.tail = id
}

func (t *timers) remove(l *list, id uint16) {
	e := t.of(id)
	if e.prev == 0 {
		l.head = e.next
	} else {
		t.of(e.prev).next = e.next
	}
	if e.next == 0 {
		l.tail = e.prev
	} else {
		t.of(e.next).prev = e.prev
	}
}

// start notes that the packet of s goes out now.
func (t *timers) start(w *window, s *slot, now time.Duration) {
	t.fit(w)
	e := t.of(s.id)
	if !e.on {
		e.on, e.more = true, 0
	} else {
		t.remove(&t.list, s.id)
	}
	e.at = now
	t.push(&t.list, s.id)
}

// stop takes s off the clock.
func (t *timers) stop(w *window, s *slot) {
	t.fit(w)
	if e := t.of(s.id); e.on {
		t.remove(&t.list, s.id)
		e.on = false
	}
}

// due returns what is to be sent again, and starts its clock anew.
func (t *timers) due(w *window, now time.Duration) *slot {
	id := t.list.head
	if id == 0 || now-t.of(id).at < t.after {
		return nil
	}
	s := w.at(id)
	t.start(w, s, now)
	return s
}

// again notes that the packet of s goes out once more.
func (t *timers) again(s *slot) {
	if e := t.of(s.id); s.state == uint8(AwaitPuback) && e.more < 65535 {
		e.more++
	}
}

func (t *timers) deadline() (at time.Duration, ok bool) {
	if t.list.head == 0 {
		return 0, false
	}
	at = t.of(t.list.head).at
	if at > math.MaxInt64-t.after {
		return math.MaxInt64, true
	}
	return at + t.after, true
}

// linger keeps the id of a finished QoS 1 message out of use if more
// acknowledgements of it may come.
func (t *timers) linger(w *window, s *slot) bool {
	t.fit(w)
	e := t.of(s.id)
	if s.state != uint8(AwaitPuback) || e.more == 0 {
		return false
	}
	s.state = lingering
	t.push(&t.lingers, s.id)
	return true
}

// late takes a PUBACK for an id that may be lingering.
func (t *timers) late(w *window, id uint16) {
	if len(t.slots) == 0 || len(w.slots) == 0 {
		return // the window may have been compacted
	}
	t.fit(w)
	s := w.at(id)
	if s.id != id || s.state != lingering {
		return
	}
	e := t.of(id)
	if e.more--; e.more == 0 {
		t.remove(&t.lingers, id)
		w.give(s)
	}
}

// endLingering frees the ids whose last acknowledgements went with the
// connection.
func (t *timers) endLingering(w *window) {
	for id := t.lingers.head; id != 0; {
		next := t.of(id).next
		w.give(w.at(id))
		id = next
	}
}
