package qos

import (
	"fmt"
)

// journal is what an end keeps for the case that it crashes: a snapshot, and
// the Records since. It makes a Record durable as late as its documentation
// allows, or when the world is full, and a crash may find any more of them
// durable, in their order.
type journal struct {
	durable  memory
	outSnap  [64]byte
	inSnap   [32]byte
	nOutSnap uint8
	nInSnap  uint8
	pending  [maxPending]note // not yet in the snapshot
	nPending uint8
}

// note is a Record, and what the ghost wants to know with it.
type note struct {
	change Change
	id     uint8
	token  uint8
	msg    uint8 // Received: the message
	counts bool  // Accept: the application has it once more; Forget: it has it no more
	status status
	gaveUp bool
}

func (n note) record() Record {
	return Record{Token: uint64(n.token), ID: uint16(n.id), Change: n.change}
}

// keep takes the Record of a step.
func (b *bounds) keep(e *end, r Record, n note) {
	if !b.crash || r == (Record{}) {
		return
	}
	if e.nPending == maxPending {
		if v := e.flush(1); v != "" {
			panic(v)
		}
	}
	n.change, n.id, n.token = r.Change, uint8(r.ID), uint8(r.Token)
	e.pending[e.nPending] = n
	e.nPending++
}

// checkpoint makes durable what an end has, as a snapshot, and after it the
// Records that were kept before their deliveries are decided.
func (e *end) checkpoint() violation {
	e.durable = e.memory
	for i := range e.durable.messages {
		e.durable.messages[i].forgetConnection()
	}
	e.save(&e.out, &e.in)
	e.pending, e.nPending = [maxPending]note{}, 0
	for _, o := range e.tickets[:e.nTickets] {
		if o.good && o.early {
			r := o.ticket.Record()
			e.pending[e.nPending] = note{change: r.Change, id: uint8(r.ID), msg: o.msg}
			e.nPending++
		}
	}
	return e.flush(int(e.nPending))
}

func (e *end) save(out *Outbound, in *Inbound) {
	e.nOutSnap = uint8(len(out.AppendSnapshot(e.outSnap[:0])))
	e.nInSnap = uint8(len(in.AppendSnapshot(e.inSnap[:0])))
	if int(e.nOutSnap) > len(e.outSnap) || int(e.nInSnap) > len(e.inSnap) {
		panic("the snapshots are larger than the world")
	}
}

// flushFor makes durable what has to be before a packet of an exchange is
// written.
func (e *end) flushFor(d Direction, id uint8) violation {
	n := 0
	for i, p := range e.pending[:e.nPending] {
		if p.change.Direction() == d && p.id == id {
			n = i + 1
		}
	}
	return e.flush(n)
}

// flush makes the first n of what is pending durable: it applies them to the
// snapshot.
func (e *end) flush(n int) violation {
	if n == 0 {
		return ""
	}
	out, in, v := e.restored()
	if v != "" {
		return v
	}
	for _, p := range e.pending[:n] {
		r := p.record()
		var err error
		switch {
		case r.Op() == Clear:
			if err = out.Apply(r); err == nil {
				err = in.Apply(r)
			}
		case r.Direction() == Sent:
			err = out.Apply(r)
		default:
			err = in.Apply(r)
		}
		if err != nil {
			return violation(fmt.Sprintf("%v does not fit what is durable: %v", r, err))
		}
		e.durable.note(p)
	}
	e.save(&out, &in)
	k := copy(e.pending[:], e.pending[n:e.nPending])
	clear(e.pending[k:])
	e.nPending = uint8(k)
	return ""
}

func (e *end) restored() (out Outbound, in Inbound, v violation) {
	if out.Restore(e.outSnap[:e.nOutSnap]) != nil || in.Restore(e.inSnap[:e.nInSnap]) != nil {
		v = "snapshot refused"
	}
	return out, in, v
}

// note changes the memory as a Record says.
func (m *memory) note(n note) {
	switch n.change.Op() {
	case Store:
		for i := range m.messages {
			if x := &m.messages[i]; x.status == dropping && x.id == n.id {
				*x = message{status: lost}
			}
		}
		m.messages[n.token] = message{status: inFlight, id: n.id, sent: true}
	case Release:
		x := &m.messages[n.token]
		x.status, x.gaveUp = handedOver, n.gaveUp
		m.release(n.token)
	case Accept:
		if n.counts {
			m.accepted[n.msg]++
		}
	case Forget:
		if n.change.Direction() == Sent {
			m.messages[n.token] = message{status: n.status, gaveUp: n.gaveUp, sent: true}
			m.unrelease(n.token)
		} else if n.counts {
			m.accepted[n.msg]--
		}
	case Clear:
		for i := range m.messages {
			if x := &m.messages[i]; x.status == inFlight || x.status == handedOver || x.status == dropping {
				*x = message{status: lost}
			}
		}
		m.released, m.nReleasd = [maxMessages]uint8{}, 0
	}
}

func (m *memory) release(i uint8) {
	m.released[m.nReleasd] = i
	m.nReleasd++
}

func (m *memory) unrelease(i uint8) {
	k := 0
	for _, r := range m.released[:m.nReleasd] {
		if r != i {
			m.released[k] = r
			k++
		}
	}
	clear(m.released[k:])
	m.nReleasd = uint8(k)
}

func (m *message) forgetConnection() { m.here, m.relHere, m.owes, m.resent = false, false, false, 0 }

// restart ends a process at end d, when the first n of its pending Records were
// durable, and starts another.
func (b *bounds) restart(w *world, d, n int) violation {
	b.disconnect(w)
	e := &w.ends[d]
	if v := e.flush(n); v != "" {
		return v
	}
	e.pending, e.nPending = [maxPending]note{}, 0
	var v violation
	e.out, e.in, v = e.restored()
	e.memory = e.durable
	e.tickets, e.nTickets = [maxTickets]open{}, 0
	return v
}
