package hub

import (
	"runtime"
	"time"
)

// A timer has something done at a moment: by who calls [Hub.Poll], without a lock.
type timer struct {
	at   time.Duration
	slot int             // where it stands in the heap, from 1; 0 where it is not set
	ring func(w *Worker) // as much as nothing may have to be done any more
}

// timers are those that are set, as a heap: the next first.
type timers struct {
	heap    []*timer
	host    Host
	polling bool // somebody is at it
	closed  bool
}

// set has a timer ring at a moment, and not at an earlier one that was set.
func (h *Hub) set(t *timer, at time.Duration) {
	h.locks.timers.Lock()
	defer h.locks.timers.Unlock()
	q := &h.timers
	if q.closed {
		return
	}
	t.at = at
	if t.slot == 0 {
		q.heap = append(q.heap, t)
		t.slot = len(q.heap)
	}
	if q.fix(t); t.slot == 1 && !q.polling {
		q.host.Alarm(at)
	}
}

// stop has a timer ring no more, unless it does so already.
func (h *Hub) stop(t *timer) {
	h.locks.timers.Lock()
	defer h.locks.timers.Unlock()
	h.timers.remove(t)
}

// Deadline returns when Poll has something to do. ok is false where there is
// nothing to wait for.
func (h *Hub) Deadline() (at time.Duration, ok bool) {
	h.locks.timers.Lock()
	defer h.locks.timers.Unlock()
	if len(h.timers.heap) == 0 {
		return 0, false
	}
	return h.timers.heap[0].at, true
}

// Poll does what is due by now, the time of the worker: wills, sessions, retained
// messages and an Access that end, a farewell that waits no longer, $SYS. The
// alarm is set for what is next. A spurious call is harmless, and returns where another
// is under way: so what is long takes one processor at most.
func (h *Hub) Poll(w *Worker) {
	for first := true; ; first = false {
		h.locks.timers.Lock()
		q := &h.timers
		if first && q.polling {
			h.locks.timers.Unlock()
			return
		}
		if len(q.heap) == 0 || q.heap[0].at > w.now {
			if q.polling = false; len(q.heap) > 0 {
				q.host.Alarm(q.heap[0].at)
			}
			h.locks.timers.Unlock()
			return
		}
		q.polling = true
		t := q.heap[0]
		q.remove(t)
		h.locks.timers.Unlock()
		t.ring(w)
		w.Flush()
		runtime.Gosched() // what is due proceeds in slices, and others are to have their turn between them
	}
}

// closeTimers has nothing ring any more.
func (h *Hub) closeTimers() {
	h.locks.timers.Lock()
	defer h.locks.timers.Unlock()
	for _, t := range h.timers.heap {
		t.slot = 0
	}
	h.timers.heap, h.timers.closed = nil, true
}

func (q *timers) remove(t *timer) {
	if t.slot == 0 {
		return
	}
	last := q.heap[len(q.heap)-1]
	q.put(last, t.slot)
	q.heap[len(q.heap)-1] = nil
	q.heap = q.heap[:len(q.heap)-1]
	if t.slot = 0; last != t {
		q.fix(last)
	}
}

func (q *timers) put(t *timer, slot int) { q.heap[slot-1], t.slot = t, slot }

// fix moves a timer to where its moment belongs.
func (q *timers) fix(t *timer) {
	for t.slot > 1 {
		parent := q.heap[t.slot/2-1]
		if parent.at <= t.at {
			break
		}
		slot := parent.slot
		q.put(parent, t.slot)
		q.put(t, slot)
	}
	for {
		child := 2 * t.slot
		if child > len(q.heap) {
			return
		}
		if child < len(q.heap) && q.heap[child].at < q.heap[child-1].at {
			child++
		}
		c := q.heap[child-1]
		if t.at <= c.at {
			return
		}
		q.put(c, t.slot)
		q.put(t, child)
	}
}
