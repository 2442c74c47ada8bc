package qos

import (
	"fmt"

	"github.com/mqttwire/mqttwire"
)

// What a receiver and its application do in a world, and what is right about
// it.

func (b *bounds) receive(w *world, d int) violation {
	q := &w.link[1-d]
	p := q.p[0]
	copy(q.p[:], q.p[1:q.n])
	q.n--
	q.p[q.n] = parcel{}
	switch p.kind {
	case mqttwire.PUBLISH:
		return b.published(w, d, p)
	case mqttwire.PUBREL:
		return b.pubrelCame(w, d, p)
	case mqttwire.SUBSCRIBE, mqttwire.UNSUBSCRIBE: // its answer is the type after it
		return b.send(w, d, Action{ID: uint16(p.id), ToWrite: ToWrite{Packet: p.kind + 1}}, false)
	case mqttwire.SUBACK, mqttwire.UNSUBACK:
		return b.answered(w, d, p)
	}
	return b.acknowledged(w, d, p)
}

// published: a PUBLISH came to end d.
func (b *bounds) published(w *world, d int, p parcel) violation {
	e := &w.ends[d]
	dup := p.dup && !b.dupless
	known := e.in.Knows(uint16(p.id), p.level, dup)
	a, err := e.in.Publish(uint16(p.id), p.level, dup)
	if err != nil {
		return violation(fmt.Sprintf("PUBLISH %d of an honest peer: %v", p.id, err))
	}
	if known != (a.Event == Duplicate) {
		return violation(fmt.Sprintf("PUBLISH %d: Knows says %v, the event is %v", p.id, known, a.Event))
	}
	waits := false
	for _, u := range e.unacked[:e.nUnacked] {
		waits = waits || u == p.id
	}
	if !waits {
		e.unacked[e.nUnacked] = p.id
		e.nUnacked++
	}
	if a.Event != Deliver {
		return ""
	}
	if p.level == ExactlyOnce && e.accepted[p.msg] != 0 {
		return violation(fmt.Sprintf("QoS 2 message %d delivered again after it was accepted", p.msg))
	}
	for _, o := range e.tickets[:e.nTickets] {
		if o.msg == p.msg && o.good && p.level == ExactlyOnce {
			return violation(fmt.Sprintf("QoS 2 message %d delivered again before it was decided", p.msg))
		}
	}
	if !e.delivered[p.msg] {
		for j := int(p.msg) + 1; j < len(b.levels[1-d]); j++ {
			if e.delivered[j] && !w.ends[1-d].wavering[p.msg] {
				return violation(fmt.Sprintf("message %d delivered after message %d", p.msg, j))
			}
		}
		e.delivered[p.msg] = true
	}
	if e.nTickets == maxTickets {
		panic("more tickets than the world holds")
	}
	e.tickets[e.nTickets] = open{ticket: a.Ticket(), msg: p.msg, good: true}
	e.nTickets++
	return ""
}

// pubrelCame: a PUBREL came to end d.
func (b *bounds) pubrelCame(w *world, d int, p parcel) violation {
	e := &w.ends[d]
	a, err := e.in.Pubrel(uint16(p.id), p.reason)
	if err != nil || a.Packet != mqttwire.PUBCOMP {
		return violation(fmt.Sprintf("PUBREL %d not answered with PUBCOMP", p.id))
	}
	if a.Event == Freed || a.Event == Withdrawn {
		e.settle(p.id)
	}
	n := note{}
	if a.Event == Withdrawn {
		for i := range e.tickets[:e.nTickets] {
			o := &e.tickets[i]
			if !o.good || o.ticket.ID() != a.ID || o.ticket.Level() != ExactlyOnce {
				continue
			}
			if !w.ends[1-d].messages[o.msg].gaveUp {
				return violation(fmt.Sprintf("message %d withdrawn, which was not given up", o.msg))
			}
			if n.msg, n.counts = o.msg, o.early; o.early {
				e.accepted[o.msg]--
			}
			o.good = false
		}
		b.bury(e)
	}
	b.keep(e, a.Record(), n)
	return b.send(w, d, a, false)
}

// ack pulls an acknowledgement, which must be that of the oldest PUBLISH.
func (b *bounds) ack(w *world, d int) (bool, violation) {
	e := &w.ends[d]
	a, ok := e.in.NextAck()
	if !ok {
		return false, ""
	}
	if e.nUnacked == 0 || uint16(e.unacked[0]) != a.ID {
		return false, violation(fmt.Sprintf("%v %d is not of the oldest PUBLISH of %v", a.Packet, a.ID, e.unacked[:e.nUnacked]))
	}
	e.settle(e.unacked[0])
	b.keep(e, a.Record(), note{})
	return true, b.send(w, d, a, false)
}

// settle strikes an id from the PUBLISHes that are not acknowledged.
func (e *end) settle(id uint8) {
	k := 0
	for _, u := range e.unacked[:e.nUnacked] {
		if u != id {
			e.unacked[k] = u
			k++
		}
	}
	clear(e.unacked[k:])
	e.nUnacked = uint8(k)
}

// hand takes a ticket from the application.
func (e *end) hand(i int) open {
	o := e.tickets[i]
	copy(e.tickets[i:], e.tickets[i+1:e.nTickets])
	e.nTickets--
	e.tickets[e.nTickets] = open{}
	return o
}

// finish: the application at end d decides a delivery.
func (b *bounds) finish(w *world, d, i int, accepts bool) violation {
	e := &w.ends[d]
	o := e.hand(i)
	reason := mqttwire.Success
	if !accepts {
		reason = mqttwire.QuotaExceeded
	}
	r, err := e.in.Finish(o.ticket, reason)
	if o.good != (err == nil) {
		return violation(fmt.Sprintf("ticket of message %d: %v", o.msg, err))
	}
	n := note{msg: o.msg}
	switch x := &e.accepted[o.msg]; {
	case accepts && !o.early && o.good:
		if *x < 2 {
			*x++
			n.counts = true
		}
	case !accepts && o.early && o.ticket.Level() == ExactlyOnce:
		*x--
		n.counts = true
	}
	b.keep(e, r, n)
	return ""
}

// keepEarly: the application keeps a message and the Record of its ticket,
// before it finishes the delivery.
func (b *bounds) keepEarly(w *world, d, i int) violation {
	e := &w.ends[d]
	o := &e.tickets[i]
	o.early = true
	n := note{msg: o.msg}
	if e.accepted[o.msg] < 2 {
		e.accepted[o.msg]++
		n.counts = true
	}
	b.keep(e, o.ticket.Record(), n)
	return ""
}

// abandonDelivery: the application ends the connection because of a message.
func (b *bounds) abandonDelivery(w *world, d, i int) violation {
	e := &w.ends[d]
	o := e.hand(i)
	r, err := e.in.Abandon(o.ticket)
	if err != nil {
		return violation(fmt.Sprintf("abandoning message %d: %v", o.msg, err))
	}
	n := note{msg: o.msg}
	if o.early && o.ticket.Level() == ExactlyOnce {
		e.accepted[o.msg]--
		n.counts = true
	}
	b.keep(e, r, n)
	b.disconnect(w)
	return ""
}
