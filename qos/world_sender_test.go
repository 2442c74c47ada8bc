package qos

import (
	"fmt"

	"github.com/mqttwire/mqttwire"
)

// What a sender does in a world, and what is right about it.

func (b *bounds) publish(w *world, d, i int) violation {
	e := &w.ends[d]
	_, resuming := e.out.NextResend()
	quota := e.out.Quota()
	a, err := e.out.Publish(b.levels[d][i], uint64(i), 0)
	if quota == 0 && (err == mqttwire.ErrResuming || err == mqttwire.ErrSendQuota && !resuming) {
		return ""
	}
	if err != nil {
		return violation(fmt.Sprintf("PUBLISH refused: %v", err))
	}
	if e.uses(a.ID) {
		return violation(fmt.Sprintf("id %d handed out while in use", a.ID))
	}
	m := &e.messages[i]
	m.status, m.id = inFlight, uint8(a.ID)
	b.keep(e, a.Record(), note{})
	return b.send(w, d, a, false)
}

// uses reports whether an id is in use by the ghost's account.
func (e *end) uses(id uint16) bool {
	for i := range e.messages {
		if m := &e.messages[i]; (m.status == inFlight || m.status == handedOver || m.status == dropping) && uint16(m.id) == id {
			return true
		}
	}
	return uint16(e.subID) == id && id != 0
}

func (b *bounds) request(w *world, d int, unsub bool) violation {
	e := &w.ends[d]
	ask := e.out.Subscribe
	if unsub {
		ask = e.out.Unsubscribe
	}
	a, err := ask(uint64(maxMessages))
	if err != nil {
		return violation(fmt.Sprintf("request refused: %v", err))
	}
	if e.subbed = true; e.uses(a.ID) {
		return violation(fmt.Sprintf("id %d handed out to a request while in use", a.ID))
	}
	e.subID, e.unsub = uint8(a.ID), unsub
	return b.send(w, d, a, false)
}

func (b *bounds) resend(w *world, d int) (bool, violation) {
	e := &w.ends[d]
	next, ok := e.out.NextResend()
	if !ok {
		return false, ""
	}
	a, err := e.out.Resend(next.ID, 0)
	if err != nil || a != next {
		return false, violation(fmt.Sprintf("Resend %+v, %v; NextResend %+v", a, err, next))
	}
	if m := &e.messages[a.Token]; a.Packet == mqttwire.PUBLISH && m.here || a.Packet == mqttwire.PUBREL && m.relHere {
		return false, violation(fmt.Sprintf("%v %d sent twice on one connection", a.Packet, a.ID))
	}
	return true, b.send(w, d, a, true)
}

// pollClock has an exchange wait too long.
func (b *bounds) pollClock(w *world, d int) violation {
	e := &w.ends[d]
	a, ok := e.out.Poll(1 << 40)
	if !ok {
		return "nothing to poll"
	}
	e.messages[a.Token].resent++
	if b.pull {
		return ""
	}
	return b.resendDue(w, d, a.ID)
}

func (b *bounds) resendDue(w *world, d int, id uint16) violation {
	a, err := w.ends[d].out.Resend(id, 0)
	if err != nil {
		return violation(fmt.Sprintf("Resend of %d, which is due: %v", id, err))
	}
	return b.send(w, d, a, true)
}

// giveUpMessage gives up a message that this connection has not carried.
func (b *bounds) giveUpMessage(w *world, d, i int) violation {
	e := &w.ends[d]
	m := &e.messages[i]
	a, err := e.out.GiveUp(uint16(m.id), 0)
	if err != nil || a.Event != GivenUp || a.Token != uint64(i) || a.ID != uint16(m.id) {
		return violation(fmt.Sprintf("giving up message %d: %+v, %v", i, a, err))
	}
	m.gaveUp, e.wavering[i] = true, true
	b.keep(e, a.Record(), note{status: completed, gaveUp: true})
	if e.out.Find(a.ID).Await == 0 { // right at QoS 1; at QoS 2 it will be seen what comes of it
		*m = message{status: completed, gaveUp: true, sent: true}
		return ""
	}
	m.status = handedOver
	e.release(uint8(i))
	if a.Packet == 0 {
		return ""
	}
	if !w.up {
		return "a packet without a connection"
	}
	return b.send(w, d, a, false)
}

// send makes durable what has to be, and writes the packet of an action.
func (b *bounds) send(w *world, d int, a Action, again bool) violation {
	e := &w.ends[d]
	p := parcel{kind: a.Packet, id: uint8(a.ID), reason: a.Reason}
	direction := Received
	switch a.Packet {
	case mqttwire.PUBLISH:
		direction = Sent
		p.msg, p.level, p.dup = uint8(a.Token), a.Level(), a.Dup()
		if v := b.publishSent(w, d, p, again); v != "" {
			return v
		}
	case mqttwire.PUBREL:
		direction = Sent
		if v := b.pubrelSent(e, &p); v != "" {
			return v
		}
	}
	if v := e.flushFor(direction, p.id); v != "" {
		return v
	}
	q := &w.link[d]
	if q.n == maxPackets {
		panic("the link is longer than the world")
	}
	q.p[q.n] = p
	q.n++
	return ""
}

func (b *bounds) publishSent(w *world, d int, p parcel, again bool) violation {
	e := &w.ends[d]
	m := &e.messages[p.msg]
	if p.level != b.levels[d][p.msg] || m.id != p.id {
		return violation(fmt.Sprintf("message %d changed: %v, id %d", p.msg, p.level, p.id))
	}
	if p.dup != again {
		return violation(fmt.Sprintf("PUBLISH %d: DUP is %v", p.id, p.dup))
	}
	if m.status != inFlight {
		return violation(fmt.Sprintf("PUBLISH %d sent when its message was %v", p.id, m.status))
	}
	if m.sent && !p.dup {
		return violation(fmt.Sprintf("PUBLISH %d sent again without DUP", p.id))
	}
	if m.here && b.retry == 0 {
		return violation(fmt.Sprintf("PUBLISH %d sent twice on one connection", p.id))
	}
	if !m.here {
		owed := uint16(1)
		for j := range e.messages {
			o := &e.messages[j]
			if o.owes {
				owed++
			}
			if j > int(p.msg) && o.here {
				return violation(fmt.Sprintf("PUBLISH %d overtaken by message %d", p.id, j))
			}
			if j < int(p.msg) && o.status == inFlight && !o.here {
				return violation(fmt.Sprintf("PUBLISH %d overtook message %d", p.id, j))
			}
		}
		if b.version == mqttwire.V50 && owed > w.maximum[1-d] || b.window != 0 && owed > b.window {
			return violation(fmt.Sprintf("PUBLISH %d exceeds the Receive Maximum %d", p.id, w.maximum[1-d]))
		}
	}
	m.sent, m.here, m.owes = true, true, true
	return ""
}

// pubrelSent checks that the first PUBRELs on a connection are in the order of
// their PUBRECs.
func (b *bounds) pubrelSent(e *end, p *parcel) violation {
	for _, i := range e.released[:e.nReleasd] {
		m := &e.messages[i]
		if m.id == p.id {
			m.relHere = true
			return ""
		}
		if !m.relHere {
			return violation(fmt.Sprintf("PUBREL %d before that of message %d", p.id, i))
		}
	}
	if p.reason != mqttwire.PacketIdentifierNotFound && b.version == mqttwire.V50 {
		return violation(fmt.Sprintf("PUBREL %d for nothing", p.id))
	}
	return ""
}

// acknowledged: a PUBACK, PUBREC or PUBCOMP came to end d.
func (b *bounds) acknowledged(w *world, d int, p parcel) violation {
	e := &w.ends[d]
	var a Action
	var err error
	switch p.kind {
	case mqttwire.PUBACK:
		a, err = e.out.Puback(uint16(p.id), p.reason)
	case mqttwire.PUBREC:
		a, err = e.out.Pubrec(uint16(p.id), p.reason, 0)
	case mqttwire.PUBCOMP:
		a, err = e.out.Pubcomp(uint16(p.id), p.reason)
	}
	if err != nil {
		return violation(fmt.Sprintf("%v %d of an honest peer: %v", p.kind, p.id, err))
	}
	if a.Event == Released || a.Event == Completed || a.Event == Rejected {
		i := uint8(a.Token)
		m := &e.messages[i]
		if m.id != p.id || m.status != inFlight && m.status != handedOver {
			return violation(fmt.Sprintf("%v of message %d, which is %v", a.Event, i, m.status))
		}
		over := completed
		if a.Event == Rejected {
			over = rejected
		}
		b.keep(e, a.Record(), note{status: over, gaveUp: m.gaveUp})
		if a.Event == Released {
			m.status = handedOver
			e.release(i)
		} else {
			*m = message{status: over, gaveUp: m.gaveUp, sent: true, here: m.here}
			e.unrelease(i)
		}
	}
	if a.Packet != 0 {
		return b.send(w, d, a, false)
	}
	return ""
}

// answered: a SUBACK or UNSUBACK came to end d.
func (b *bounds) answered(w *world, d int, p parcel) violation {
	e := &w.ends[d]
	answered := e.out.Suback
	if p.kind == mqttwire.UNSUBACK {
		answered = e.out.Unsuback
	}
	a, err := answered(uint16(p.id))
	if err != nil || a.Event != Completed || p.id != e.subID {
		return violation(fmt.Sprintf("%v %d: %+v, %v", p.kind, p.id, a, err))
	}
	e.subID = 0
	return ""
}
