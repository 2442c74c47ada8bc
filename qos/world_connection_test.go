package qos

import "fmt"

// disconnect breaks the connection.
func (b *bounds) disconnect(w *world) {
	if !w.up {
		return
	}
	w.up = false
	w.link = [2]queue{}
	for d := range w.ends {
		e := &w.ends[d]
		e.out.Disconnect()
		e.in.Disconnect()
		if b.requests {
			e.out.NextDropped() // the request
		}
		e.unacked, e.nUnacked, e.subID, e.unsub, e.subbed = [maxMessages]uint8{}, 0, 0, false, false
		for i := range e.messages {
			e.messages[i].forgetConnection()
		}
		e.spoil(func(o *open) bool { return o.ticket.Level() == AtLeastOnce })
		b.bury(e)
	}
}

// spoil notes that tickets are void.
func (e *end) spoil(which func(*open) bool) {
	for i := range e.tickets[:e.nTickets] {
		if o := &e.tickets[i]; which(o) {
			o.good = false
		}
	}
}

// bury takes tickets that are void away; one may stay, to be finished late.
func (b *bounds) bury(e *end) {
	k, void := uint8(0), 0
	for _, o := range e.tickets[:e.nTickets] {
		if !o.good {
			if void++; !b.stale || void > 1 {
				continue
			}
		}
		e.tickets[k] = o
		k++
	}
	clear(e.tickets[k:])
	e.nTickets = k
}

// connect makes a new connection. A session that is lost is lost durably at
// both ends, before either of them sends anything: between the two, the
// standard has no answer to a crash.
func (b *bounds) connect(w *world, resumed bool, max0, max1 uint16) violation {
	b.disconnect(w)
	w.up = true
	w.maximum = [2]uint16{max0, max1}
	for d := range w.ends {
		e := &w.ends[d]
		c := Connection{Version: b.version, Resumed: resumed, ReceiveMaximum: w.maximum[1-d], Window: b.window, RepeatWithoutDup: b.dupless}
		if b.retry != 0 {
			c.Retry = 1
		}
		// One machine of each end is told to End, the other by Connect.
		if !resumed && (d == 0 && e.in.End() != c.Record() || d == 1 && e.out.End() != c.Record()) {
			return "End failed"
		}
		err := e.out.Connect(c)
		c.ReceiveMaximum = w.maximum[d]
		switch {
		case b.retry != 0:
			c.Window = 0 // what is sent again comes on top
		case c.Window == 0:
			c.Window = b.maxima[len(b.maxima)-1]
		}
		if err != nil || e.in.Connect(c) != nil {
			return "Connect failed"
		}
		b.keep(e, c.Record(), note{})
		if resumed {
			continue
		}
		if v := e.flush(int(e.nPending)); v != "" {
			return v
		}
		e.spoil(func(*open) bool { return true })
		b.bury(e)
		for i := range e.messages {
			if m := &e.messages[i]; m.status == inFlight || m.status == handedOver {
				m.sent = m.status == handedOver // how far it got
				m.status = dropping
			}
		}
		e.released, e.nReleasd = [maxMessages]uint8{}, 0
	}
	if b.pull {
		return ""
	}
	for d := range w.ends {
		if v := b.drain(w, d); v != "" {
			return v
		}
	}
	return ""
}

// drop pulls an exchange that went with its session.
func (b *bounds) drop(w *world, d int) (bool, violation) {
	e := &w.ends[d]
	drop, ok := e.out.NextDropped()
	if !ok {
		for i := range e.messages {
			if e.messages[i].status == dropping {
				return false, violation(fmt.Sprintf("message %d lost without a word", i))
			}
		}
		return false, ""
	}
	m := &e.messages[drop.Token]
	want := Await(b.levels[d][drop.Token])
	if m.sent {
		want = AwaitPubcomp
	}
	if m.status != dropping || m.id != uint8(drop.ID) || drop.Await != want {
		return false, violation(fmt.Sprintf("message %d dropped in %q, which is %v", drop.Token, drop.Await, m.status))
	}
	*m = message{status: lost}
	return true, ""
}
