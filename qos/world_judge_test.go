package qos

import (
	"fmt"

	"github.com/mqttwire/mqttwire"
)

// check holds in every world.
func (b *bounds) check(w *world) violation {
	for d := range w.ends {
		e, peer := &w.ends[d], &w.ends[1-d]
		n, drops := 0, 0
		for i, level := range b.levels[d] {
			m, accepted := &e.messages[i], peer.accepted[i]
			if level == ExactlyOnce && accepted > 1 {
				return violation(fmt.Sprintf("QoS 2 message %d delivered twice", i))
			}
			if (m.status == completed || m.status == handedOver) && accepted == 0 && !m.gaveUp {
				return violation(fmt.Sprintf("message %d is %v and was not delivered", i, m.status))
			}
			if level == ExactlyOnce && m.status == rejected && accepted != 0 {
				return violation(fmt.Sprintf("message %d is rejected and was delivered", i))
			}
			switch m.status {
			case inFlight, handedOver:
				n++
				want := AwaitPubcomp
				if m.status == inFlight {
					want = Await(level)
				}
				if x := e.out.Find(uint16(m.id)); x != (Exchange{uint64(i), uint16(m.id), want}) {
					return violation(fmt.Sprintf("message %d, id %d: %+v", i, m.id, x))
				}
			case dropping:
				drops++
			}
		}
		if v := b.checkIDs(e, n, drops); v != "" {
			return v
		}
	}
	return ""
}

// checkIDs compares the ids that an end has in use with the ghost's account.
func (b *bounds) checkIDs(e *end, n, drops int) violation {
	if n != e.out.InFlight() {
		return violation(fmt.Sprintf("%d in flight, and the machine thinks %d", n, e.out.InFlight()))
	}
	if e.subID != 0 {
		n++
	}
	used := n + drops
	if t := e.out.timers; t != nil {
		for id := t.lingers.head; id != 0; id = t.of(id).next {
			used++
		}
		if _, ok := e.out.Deadline(); ok != (t.list.head != 0) {
			return "a deadline too many or too few"
		}
	}
	if used != int(e.out.window.used) {
		return violation(fmt.Sprintf("%d ids in use, and the machine thinks %d", used, e.out.window.used))
	}
	for x := range e.out.All() {
		if n--; !e.uses(x.ID) || x != e.out.Find(x.ID) {
			return violation(fmt.Sprintf("All says %+v", x))
		}
	}
	if n != 0 {
		return violation(fmt.Sprintf("All misses %d", n))
	}
	held := e.in.InFlight()
	for x := range e.in.All() {
		if held--; x != e.in.Find(x.ID) {
			return violation(fmt.Sprintf("All of the receiver says %+v", x))
		}
	}
	if held != 0 {
		return violation(fmt.Sprintf("All of the receiver misses %d", held))
	}
	return ""
}

// probeAll tries what has to be refused, and to change nothing. key is that of the
// world.
func (b *bounds) probeAll(w *world, key []byte) violation {
	for d := range w.ends {
		e := &w.ends[d]
		for id := range uint16(ring) {
			x := e.out.Find(id)
			var m message
			if x.Await != 0 && x.Await <= AwaitPubcomp {
				m = e.messages[x.Token]
			}
			var want error = mqttwire.ErrStaleTicket
			if m.status == inFlight && m.here {
				want = mqttwire.ErrAwaitingAck
			}
			if m.status != inFlight || m.here {
				if a, err := e.out.GiveUp(id, 0); a != (Action{}) || err != want {
					return violation(fmt.Sprintf("GiveUp of %+v: %+v, %v", x, a, err))
				}
			}
			next, ok := e.out.NextResend()
			want = mqttwire.ErrStaleTicket
			if !w.up {
				want = mqttwire.ErrNotConnected
			} else if ok && next.ID == id || x.Await != 0 && e.out.window.at(id).flags&due != 0 {
				continue
			}
			if a, err := e.out.Resend(id, 0); a != (Action{}) || err != want {
				return violation(fmt.Sprintf("Resend of %+v: %+v, %v", x, a, err))
			}
		}
		for _, o := range e.tickets[:e.nTickets] {
			if o.good {
				continue
			}
			if r, err := e.in.Abandon(o.ticket); r != (Record{}) || err != mqttwire.ErrStaleTicket {
				return violation(fmt.Sprintf("abandoning void message %d: %v, %v", o.msg, r, err))
			}
		}
		refused := e.out.Restore(nil) != nil && e.in.Restore(nil) != nil
		if w.up {
			clear, store := Record{Change: Change(Clear)}, Record{ID: ring, Change: sentStore.at(ExactlyOnce)}
			got := Record{ID: ring, Change: receivedAccept.at(ExactlyOnce)}
			refused = refused && e.out.Apply(clear) != nil && e.in.Apply(clear) != nil && e.out.Apply(store) != nil && e.in.Apply(got) != nil
		}
		if !refused {
			return "a Record or snapshot was taken that should not"
		}
	}
	if string(b.key(nil, w)) != string(key) {
		return "what was refused changed something"
	}
	return ""
}

// key appends all that the future of a world depends on. Clocks are in it by
// their order, tickets by what they decide.
func (b *bounds) key(k []byte, w *world) []byte {
	bit := func(bs ...bool) {
		v := byte(0)
		for i, x := range bs {
			if x {
				v |= 1 << i
			}
		}
		k = append(k, v)
	}
	bit(w.up)
	k = append(k, byte(w.maximum[0]), byte(w.maximum[1]))
	for d := range w.ends {
		e := &w.ends[d]
		o := &e.out
		bit(o.up, o.timers != nil, e.subbed, e.unsub)
		k = append(k, byte(len(o.window.slots)), byte(o.quota), byte(o.held), byte(o.nextRelease), byte(o.nextPublish), e.subID)
		for _, l := range [...]list{o.release, o.publish, o.requests, o.dropped} {
			for id := l.head; id != 0; {
				s := o.window.at(id)
				k = append(k, byte(id), s.state, s.flags, byte(s.token))
				id = s.next
			}
			k = append(k, 0)
		}
		if o.timers != nil {
			for _, l := range [...]list{o.timers.list, o.timers.lingers} {
				for id := l.head; id != 0; id = o.timers.of(id).next {
					k = append(k, byte(id), byte(o.timers.of(id).more))
				}
				k = append(k, 0)
			}
		}
		k = append(k, byte(e.in.counted), byte(e.in.index.n))
		for p := e.in.order.head; p != 0; {
			x := &e.in.index.entries[p]
			k = append(k, byte(x.id), x.state, x.reason)
			p = x.next
		}
		k = append(k, 0)
		for id := uint16(1); id <= ring; id++ {
			if p := e.in.index.find(id); p != 0 {
				if x := &e.in.index.entries[p]; x.state&queued == 0 {
					k = append(k, byte(id), x.state, x.reason)
				}
			}
		}
		k = append(k, 0)
		bit(e.delivered[:]...)
		bit(e.wavering[:]...)
		k = b.memoryKey(k, &e.memory, d)
		for _, t := range e.tickets[:e.nTickets] {
			bit(t.good, t.early, e.in.undecided(t.ticket) != 0)
			k = append(k, byte(t.ticket.ID()), t.msg)
		}
		k = append(k, 255)
		k = append(k, e.unacked[:e.nUnacked]...)
		k = append(k, 255)
		if b.crash {
			// Without the id handed out last, the serial and the checksums.
			k = append(k, e.outSnap[4:e.nOutSnap-4]...)
			k = append(k, e.inSnap[6:e.nInSnap-4]...)
			k = b.memoryKey(k, &e.durable, d)
			for _, p := range e.pending[:e.nPending] {
				bit(p.counts, p.gaveUp)
				k = append(k, byte(p.change), p.id, p.token, p.msg, byte(p.status))
			}
			k = append(k, 255)
		}
		k = append(k, w.link[d].n)
		for _, p := range w.link[d].p[:w.link[d].n] {
			bit(p.dup)
			k = append(k, byte(p.kind), p.id, p.msg, byte(p.level), byte(p.reason))
		}
	}
	return k
}

func (b *bounds) memoryKey(k []byte, x *memory, d int) []byte {
	for i := range b.levels[d] {
		m := &x.messages[i]
		v := byte(0)
		for i, x := range [...]bool{m.sent, m.here, m.relHere, m.owes, m.gaveUp} {
			if x {
				v |= 1 << i
			}
		}
		k = append(k, v, byte(m.status), m.id, m.resent)
	}
	k = append(k, x.released[:x.nReleasd]...)
	k = append(k, 255)
	return append(k, x.accepted[:len(b.levels[1-d])]...)
}
