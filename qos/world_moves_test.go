package qos

import (
	"fmt"
	"strings"

	"github.com/mqttwire/mqttwire"
)

// move is one thing that can happen in a world.
type move struct {
	kind kind
	d    uint8 // the end it happens at
	arg  uint8
}

type kind uint8

const (
	publishNext kind = iota
	receive
	accept // the ticket arg
	refuse
	keepEarly
	abandon
	giveUp // the message arg
	pullResend
	pullDue // the id arg
	pullDropped
	pullAck
	poll
	subscribe
	unsubscribe
	compact
	checkpoint
	breakLink
	reconnect // arg: the Receive Maximums
	reconnectAnew
	crash // arg: how many of the pending Records were durable
	kinds
)

// calls says which methods each kind of move is made of, O. of the Outbound, I.
// of the Inbound.
var calls = [kinds][]string{
	publishNext:   {"O.Publish"},
	receive:       {"O.Puback", "O.Pubrec", "O.Pubcomp", "O.Suback", "O.Unsuback", "I.Publish", "I.Pubrel"},
	accept:        {"I.Finish"},
	refuse:        {"I.Finish"},
	keepEarly:     nil, // Ticket.Record
	abandon:       {"I.Abandon"},
	giveUp:        {"O.GiveUp"},
	pullResend:    {"O.NextResend", "O.Resend"},
	pullDue:       {"O.Resend"},
	pullDropped:   {"O.NextDropped"},
	pullAck:       {"I.NextAck"},
	poll:          {"O.Poll"},
	subscribe:     {"O.Subscribe"},
	unsubscribe:   {"O.Unsubscribe"},
	compact:       {"O.Compact", "I.Compact"},
	checkpoint:    {"O.AppendSnapshot", "I.AppendSnapshot"},
	breakLink:     {"O.Disconnect", "I.Disconnect"},
	reconnect:     {"O.Connect", "I.Connect"},
	reconnectAnew: {"O.Connect", "I.Connect", "O.End", "I.End"},
	crash:         {"O.Restore", "O.Apply", "I.Restore", "I.Apply"},
}

// noMoves are the methods that are no moves, and why.
var noMoves = map[string]string{
	"O.All":      "changes nothing; asked in every state",
	"O.Find":     "changes nothing; asked in every state",
	"O.InFlight": "changes nothing; asked in every state",
	"O.Quota":    "changes nothing; asked before every Publish",
	"O.Deadline": "changes nothing; asked in every state",
	"I.All":      "changes nothing; asked in every state",
	"I.Find":     "changes nothing; asked in every state",
	"I.InFlight": "changes nothing; asked in every state",
	"I.Knows":    "changes nothing; asked before every Publish",
}

// moves appends what can happen.
func (b *bounds) moves(dst []move, w *world) []move {
	add := func(k kind, d, arg int) { dst = append(dst, move{k, uint8(d), uint8(arg)}) }
	for d := range 2 {
		e := &w.ends[d]
		room := w.link[d].n < maxPackets-4
		if w.up {
			if next := b.next(e, d); room && next >= 0 {
				add(publishNext, d, next)
			}
			if w.link[1-d].n > 0 {
				add(receive, d, 0)
			}
			if b.pull && room {
				if _, ok := e.out.NextResend(); ok {
					add(pullResend, d, 0)
				}
				if p := e.in.order.head; p != 0 && e.in.index.entries[p].state&decided != 0 {
					add(pullAck, d, 0)
				}
				for x := range e.out.All() {
					if e.out.window.at(x.ID).flags&due != 0 {
						add(pullDue, d, int(x.ID))
					}
				}
			}
			if e.out.timers != nil && room {
				if id := e.out.timers.list.head; id != 0 && e.messages[e.out.window.at(id).token].resent < b.retry {
					add(poll, d, 0)
				}
			}
			if b.requests && d == 0 && !e.subbed {
				add(subscribe, d, 0)
				add(unsubscribe, d, 0)
			}
			if b.compact {
				add(compact, d, 0)
			}
		}
		if b.pull && e.out.dropped.head != 0 {
			add(pullDropped, d, 0)
		}
		if b.giveUp && (room || !w.up) {
			for i := range b.levels[d] {
				if m := &e.messages[i]; m.status == inFlight && !m.here {
					add(giveUp, d, i)
				}
			}
		}
		for i, o := range e.tickets[:e.nTickets] {
			add(accept, d, i)
			if b.refuse && o.good {
				add(refuse, d, i)
			}
			if b.early && o.good && !o.early {
				add(keepEarly, d, i)
			}
			if b.abandon && o.good {
				add(abandon, d, i)
			}
			if b.inOrder {
				break
			}
		}
		if b.crash {
			for n := range int(e.nPending) + 1 {
				add(crash, d, n)
			}
			if b.checkpoint {
				add(checkpoint, d, 0)
			}
		}
	}
	if w.up {
		add(breakLink, 0, 0)
		return dst
	}
	for i := range len(b.maxima) * len(b.maxima) {
		add(reconnect, 0, i)
	}
	if b.lose {
		add(reconnectAnew, 0, 0)
	}
	return dst
}

// next returns the message that end d publishes next, -1 if there is none.
func (b *bounds) next(e *end, d int) int {
	for i := range b.levels[d] {
		if e.messages[i].status == unpublished {
			return i
		}
	}
	return -1
}

// fair picks the move of a world in which nothing goes wrong any more. ok is
// false where nothing is left to happen.
func (b *bounds) fair(w *world, moves []move) (pick int, ok bool) {
	best := -1
	rank := func(m move) int {
		switch m.kind {
		case receive:
			return 0
		case pullResend, pullAck, pullDue, pullDropped:
			return 1
		case accept:
			return 2
		case publishNext:
			if w.ends[m.d].out.Quota() > 0 {
				return 3
			}
		case reconnect:
			if int(m.arg) == len(b.maxima)*len(b.maxima)-1 {
				return 4
			}
		}
		return 99
	}
	for i, m := range moves {
		if r := rank(m); r < 99 && (best < 0 || r < rank(moves[best])) {
			best = i
		}
	}
	return best, best >= 0
}

// unfinished says what is left to do in a world where nothing can happen any
// more except failures.
func (b *bounds) unfinished(w *world) violation {
	for d := range w.ends {
		for i := range b.levels[d] {
			if s := w.ends[d].messages[i].status; s < completed {
				return violation(fmt.Sprintf("wedged: message %d of end %d is %v for ever", i, d, s))
			}
		}
		if n := w.ends[d].out.InFlight(); n != 0 {
			return violation(fmt.Sprintf("%d in flight at end %d for ever", n, d))
		}
		if n := w.ends[d].in.InFlight(); n != 0 {
			return violation(fmt.Sprintf("%d ids held at end %d for ever", n, d))
		}
	}
	return ""
}

// do makes a move. The world is awake.
func (b *bounds) do(w *world, m move) violation {
	d, i := int(m.d), int(m.arg)
	e := &w.ends[d]
	var v violation
	switch m.kind {
	case publishNext:
		v = b.publish(w, d, i)
	case receive:
		v = b.receive(w, d)
	case accept, refuse:
		v = b.finish(w, d, i, m.kind == accept)
	case keepEarly:
		v = b.keepEarly(w, d, i)
	case abandon:
		v = b.abandonDelivery(w, d, i)
	case giveUp:
		v = b.giveUpMessage(w, d, i)
	case pullResend:
		_, v = b.resend(w, d)
	case pullDue:
		v = b.resendDue(w, d, uint16(i))
	case pullDropped:
		_, v = b.drop(w, d)
	case pullAck:
		_, v = b.ack(w, d)
	case poll:
		v = b.pollClock(w, d)
	case subscribe, unsubscribe:
		v = b.request(w, d, m.kind == unsubscribe)
	case compact:
		e.out.Compact()
		e.in.Compact()
	case checkpoint:
		v = e.checkpoint()
	case breakLink:
		b.disconnect(w)
	case reconnect:
		n := len(b.maxima)
		v = b.connect(w, true, b.maxima[i/n], b.maxima[i%n])
	case reconnectAnew:
		v = b.connect(w, false, b.maxima[len(b.maxima)-1], b.maxima[len(b.maxima)-1])
	case crash:
		v = b.restart(w, d, i)
	}
	if v == "" && !b.pull && w.up {
		v = b.drain(w, d)
	}
	for d := range w.ends {
		b.shrink(&w.ends[d])
	}
	if v != "" {
		return v
	}
	return b.check(w)
}

// drain pulls all that an end has to say.
func (b *bounds) drain(w *world, d int) violation {
	for _, pull := range []func(*world, int) (bool, violation){b.drop, b.resend, b.ack} {
		for {
			ok, v := pull(w, d)
			if v != "" {
				return v
			}
			if !ok {
				break
			}
		}
	}
	return ""
}

var statusNames = [...]string{"unpublished", "in flight", "handed over", "dropping", "completed", "rejected", "lost"}

func (s status) String() string { return statusNames[s] }

var endNames = [2]string{"client", "server"}

// describe says in words what a move is.
func (b *bounds) describe(w *world, m move) string {
	e, who := &w.ends[m.d], endNames[m.d]
	switch m.kind {
	case publishNext:
		return fmt.Sprintf("%s publishes message %d at %v", who, m.arg, b.levels[m.d][m.arg])
	case receive:
		return fmt.Sprintf("%s receives %v", who, w.link[1-m.d].p[0])
	case accept:
		return fmt.Sprintf("%s's application accepts message %d", who, e.tickets[m.arg].msg)
	case refuse:
		return fmt.Sprintf("%s's application refuses message %d", who, e.tickets[m.arg].msg)
	case keepEarly:
		return fmt.Sprintf("%s's application keeps message %d before it accepts it", who, e.tickets[m.arg].msg)
	case abandon:
		return fmt.Sprintf("%s's application ends the connection because of message %d", who, e.tickets[m.arg].msg)
	case giveUp:
		return fmt.Sprintf("%s gives up message %d", who, m.arg)
	case pullResend:
		return who + " pulls NextResend"
	case pullDue:
		return fmt.Sprintf("%s sends %d again", who, m.arg)
	case pullDropped:
		return who + " pulls NextDropped"
	case pullAck:
		return who + " pulls NextAck"
	case poll:
		return who + "'s clock runs out"
	case subscribe:
		return who + " subscribes"
	case unsubscribe:
		return who + " unsubscribes"
	case compact:
		return who + " is compacted"
	case checkpoint:
		return who + " takes a snapshot"
	case breakLink:
		return "the connection breaks"
	case reconnect:
		n := len(b.maxima)
		return fmt.Sprintf("a new connection, Receive Maximum %d of the client, %d of the server", b.maxima[int(m.arg)/n], b.maxima[int(m.arg)%n])
	case reconnectAnew:
		return "a new connection, session not present"
	}
	s := fmt.Sprintf("%s crashes, %d of %d Records durable:", who, m.arg, e.nPending)
	for i, p := range e.pending[:e.nPending] {
		if i == int(m.arg) {
			s += " |"
		}
		s += fmt.Sprintf(" %v;", p.record())
	}
	return s
}

func (p parcel) String() string {
	var s strings.Builder
	fmt.Fprintf(&s, "%v %d", p.kind, p.id)
	if p.kind == mqttwire.PUBLISH {
		fmt.Fprintf(&s, " (%v, DUP %v, message %d)", p.level, p.dup, p.msg)
	}
	if p.reason != 0 {
		fmt.Fprintf(&s, " 0x%02X", byte(p.reason))
	}
	return s.String()
}
