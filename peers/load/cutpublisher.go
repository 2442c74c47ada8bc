package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/mqttwire/mqttwire"
)

// cutPublisher publishes to a session, and after a reconnect sends again what
// was not acknowledged, in its order (3.1.1 §4.4, §4.6).
type cutPublisher struct {
	cutLink
	message message
	to      *cutSubscriber

	next    int // the number of the next message
	total   int // how many to send
	taken   int // that the broker has said it has: PUBACK or PUBREC has come
	acked   int // with PUBACK or PUBCOMP
	pending []pending
}

// pending is a message that is not acknowledged. Packet ids are the numbers of
// the messages plus 1.
type pending struct {
	number   int
	released bool // PUBREC has come
}

func newCutPublisher(r *cutting, i int, to *cutSubscriber) *cutPublisher {
	p := &cutPublisher{
		cutLink: cutLink{run: r, id: fmt.Sprintf("cut-publisher-%d", i)},
		message: newMessage(fmt.Sprintf("cuts/%d/value", i), r.level, false),
		to:      to,
	}
	p.onUp = p.connected
	p.handle = p.packet
	return p
}

// keeps reports whether the publisher still has the message, since the broker
// has not said that it has.
func (p *cutPublisher) keeps(number int) bool {
	return slices.ContainsFunc(p.pending, func(e pending) bool { return e.number == number && !e.released })
}

func (p *cutPublisher) append(number int, dup bool) {
	at := len(p.c.out)
	p.c.out = p.message.append(p.c.out, uint16(number+1), stamp{number: uint32(number)})
	if dup {
		p.c.out[at] |= flagDup
	}
}

func (p *cutPublisher) connected() {
	for _, e := range p.pending {
		if e.released {
			p.c.out = appendAck(p.c.out, firstPubrel, uint16(e.number+1))
		} else {
			p.append(e.number, true)
		}
	}
	p.c.touch()
}

// tick reconnects and sends what may be sent: so many unacknowledged, and so
// many more than was queued between sent and received that a session's queue
// does not grow beyond what it has had.
func (p *cutPublisher) tick(now time.Time) {
	p.cutLink.tick(now)
	if p.c == nil || !p.c.up {
		return
	}
	n := min(p.total-p.next, maxUnacked-len(p.pending), p.run.b.settings.messages+maxUnacked-(p.next-p.to.different))
	if n <= 0 || n < maxUnacked/2 && n < p.total-p.next {
		return
	}
	for range n {
		p.append(p.next, false)
		p.pending = append(p.pending, pending{number: p.next})
		p.next++
	}
	p.c.touch()
}

func (p *cutPublisher) packet(first byte, body []byte) {
	id := ackID(body)
	at := slices.IndexFunc(p.pending, func(e pending) bool { return uint16(e.number+1) == id })
	switch {
	case first == firstPuback && p.run.level == 1, first == firstPubcomp && p.run.level == 2:
		if at >= 0 {
			if !p.pending[at].released {
				p.taken++
			}
			p.pending = slices.Delete(p.pending, at, at+1)
			p.acked++
			p.cutIfDue(p.acked)
		}
	case first == firstPubrec && p.run.level == 2:
		if at >= 0 && !p.pending[at].released {
			p.taken++
			p.pending[at].released = true
		}
		p.c.out = appendAck(p.c.out, firstPubrel, id)
		p.c.touch()
	default:
		p.c.fail(fmt.Errorf("unexpected %v", mqttwire.PacketType(first>>4)))
	}
}
