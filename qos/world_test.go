package qos

import (
	"fmt"
	"strings"

	"github.com/mqttwire/mqttwire"
)

// The world of the model checker: two ends with the real machines, a link that
// keeps order and may break, and beside them what an observer remembers
// (called the ghost) to judge by. A world is a flat value, so that millions can
// be kept and copied; the slices of its machines point into itself while it is
// worked on, see wake and sleep.

const (
	maxMessages = 4 // a direction
	maxTickets  = 4
	maxPackets  = 12
	ring        = 8 // slots and ids that a machine may come to use
)

// bounds is what a search explores.
type bounds struct {
	name     string
	version  mqttwire.Version
	levels   [2][]Level // of the messages of each end, in the order published
	maxima   []uint16   // the Receive Maximums that an end may announce; the last is the largest
	window   uint16
	refuse   bool  // the receiving application may refuse a message (5.0)
	lose     bool  // the session may be lost at the server
	restore  bool  // an end may be replaced by its snapshot
	crash    bool  // an end may fall back to what the journal lines made durable
	retry    uint8 // timed re-sending, at most so often a message and connection
	pull     bool  // NextResend and NextAck are steps of their own
	stale    bool  // applications finish QoS 1 deliveries of earlier connections too
	requests bool  // the client subscribes, once a connection
	inOrder  bool  // applications finish deliveries in order
	small    int   // slots that a ring starts with
}

type status uint8

const (
	unpublished status = iota
	inFlight
	handedOver // PUBREC came
	completed
	rejected
	lost // with the session
)

// message is what the ghost knows of one at its sender.
type message struct {
	status  status
	id      uint8
	sent    bool  // ever
	here    bool  // PUBLISH sent on this connection
	relHere bool  // PUBREL sent on this connection
	resent  uint8 // on this connection, by the clock
	owes    bool  // sent on this connection and not acknowledged: counts against the Receive Maximum
}

// receipt is what the ghost knows of a message at its receiver.
type receipt struct {
	accepted  uint8 // up to 2
	delivered bool
}

type open struct {
	ticket Ticket
	msg    uint8
	good   bool // by the ghost's account it decides something
}

// memory is what an end has beside the machines, as far as it survives a crash
// once durable.
type memory struct {
	messages [maxMessages]message
	receipts [maxMessages]receipt // of the other end's messages
	released [maxMessages]uint8   // messages handed over and not completed, in PUBREC order
	nReleasd uint8
}

type end struct {
	out      Outbound
	in       Inbound
	slots    [ring]slot
	entries  [ring + 1]entry
	timers   timers
	timer    [ring]timer
	nSlots   uint8
	nEntries uint8
	nTimers  uint8
	retrying bool

	memory
	tickets  [maxTickets]open
	nTickets uint8
	unacked  [maxMessages]uint8 // ids whose PUBLISH came and whose PUBACK or PUBREC has not left, in order
	nUnacked uint8
	subID    uint8 // of the SUBSCRIBE in flight
	subbed   bool  // on this connection

	durable  memory
	outSnap  [64]byte
	inSnap   [32]byte
	nOutSnap uint8
	nInSnap  uint8
}

type parcel struct {
	kind   mqttwire.PacketType
	id     uint8
	msg    uint8
	level  Level
	dup    bool
	reason mqttwire.Reason
}

type queue struct {
	p [maxPackets]parcel
	n uint8
}

type world struct {
	ends    [2]end
	link    [2]queue // link[d] leads from end d to the other
	maximum [2]uint16
	up      bool
}

// wake points the machines' slices into the world, sleep undoes it.
func (w *world) wake() {
	for d := range w.ends {
		e := &w.ends[d]
		if e.nSlots != 0 {
			e.out.window.slots = e.slots[:e.nSlots]
		}
		if e.nEntries != 0 {
			e.in.index.entries = e.entries[:e.nEntries]
		}
		if e.retrying {
			e.out.timers = &e.timers
			if e.nTimers != 0 {
				e.timers.slots = e.timer[:e.nTimers]
			}
		}
	}
}

func (w *world) sleep() {
	for d := range w.ends {
		e := &w.ends[d]
		e.nSlots = uint8(copy(e.slots[:], e.out.window.slots))
		e.nEntries = uint8(copy(e.entries[:], e.in.index.entries))
		if len(e.out.window.slots) > ring || len(e.in.index.entries) > ring+1 {
			panic("the bounds are larger than the world")
		}
		e.out.window.slots, e.in.index.entries = nil, nil
		if e.retrying = e.out.timers != nil; e.retrying {
			e.timers = *e.out.timers
			e.nTimers = uint8(copy(e.timer[:], e.timers.slots))
			e.timers.slots, e.out.timers = nil, nil
		}
	}
}

func (b *bounds) initial() world {
	var w world
	for d := range w.ends {
		e := &w.ends[d]
		b.shrink(e)
		e.flush()
	}
	b.connect(&w, true, b.maxima[len(b.maxima)-1], b.maxima[len(b.maxima)-1])
	w.sleep()
	return w
}

// shrink makes an empty ring so small that ids meet and it has to grow.
func (b *bounds) shrink(e *end) {
	if b.small != 0 && e.out.window.used == 0 && len(e.out.window.slots) != b.small {
		e.out.window.slots = make([]slot, b.small)
	}
	e.tidy()
}

// tidy makes the sender reuse ids as early as the standard allows, not as late
// as it can: each free slot offers its lowest id. And its clock stands at 0, so
// that what is polled is due.
func (e *end) tidy() {
	if t := e.out.timers; t != nil {
		for i := range t.slots {
			t.slots[i].at = 0
		}
	}
	if w := &e.out.window; len(w.slots) != 0 {
		w.last = 0
		for i := range w.slots {
			if w.slots[i].state == free {
				w.slots[i] = slot{}
			}
		}
		w.refill()
		w.last = 0
	}
}

// flush makes durable what an end has.
func (e *end) flush() {
	e.durable = e.memory
	e.nOutSnap = uint8(len(e.out.AppendSnapshot(e.outSnap[:0])))
	e.nInSnap = uint8(len(e.in.AppendSnapshot(e.inSnap[:0])))
	if int(e.nOutSnap) > len(e.outSnap) || int(e.nInSnap) > len(e.inSnap) {
		panic("the snapshots are larger than the world")
	}
}

// A violation is a rule broken, in words.
type violation string

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
	pullResend
	pullAck
	poll
	subscribe
	breakLink
	reconnect // arg: the Receive Maximums
	reconnectAnew
	restore
	crash
)

// moves appends what can happen.
func (b *bounds) moves(dst []move, w *world) []move {
	add := func(k kind, d, arg int) { dst = append(dst, move{k, uint8(d), uint8(arg)}) }
	for d := range 2 {
		e := &w.ends[d]
		if w.up {
			room := w.link[d].n < maxPackets-4
			if next := b.next(e, d); room && next >= 0 {
				add(publishNext, d, next)
			}
			if w.link[1-d].n > 0 {
				add(receive, d, 0)
			}
			if b.pull && room {
				if e.out.nextRelease != 0 || e.out.nextPublish != 0 && e.out.quota != 0 {
					add(pullResend, d, 0)
				}
				if p := e.in.order.head; p != 0 && e.in.index.entries[p].state&decided != 0 {
					add(pullAck, d, 0)
				}
			}
			if e.out.timers != nil && room {
				if id := e.out.timers.list.head; id != 0 && e.messages[e.out.window.at(id).token].resent < b.retry {
					add(poll, d, 0)
				}
			}
			if b.requests && d == 0 && !e.subbed {
				add(subscribe, d, 0)
			}
		}
		for i := range int(e.nTickets) {
			add(accept, d, i)
			if b.refuse {
				add(refuse, d, i)
			}
			if b.inOrder {
				break
			}
		}
		if b.restore {
			add(restore, d, 0)
		}
		if b.crash {
			add(crash, d, 0)
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
		case pullResend, pullAck:
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
// more but failures.
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
	}
	return ""
}

// do makes a move. The world is awake.
func (b *bounds) do(w *world, m move) violation {
	d := int(m.d)
	e := &w.ends[d]
	var v violation
	switch m.kind {
	case publishNext:
		v = b.publish(w, d, int(m.arg))
	case receive:
		v = b.receive(w, d)
	case accept, refuse:
		v = b.finish(w, d, int(m.arg), m.kind == accept)
	case pullResend:
		_, v = b.resend(w, d)
	case pullAck:
		_, v = b.ack(w, d)
	case poll:
		due, ok := e.out.Poll(1 << 40)
		if !ok {
			return "nothing to poll"
		}
		a, err := e.out.Resend(due.ID, 0)
		if err != nil || a != due {
			return violation(fmt.Sprintf("Resend %+v, %v; Poll %+v", a, err, due))
		}
		e.messages[a.Token].resent++
		v = b.send(w, d, a, true)
	case subscribe:
		a, err := e.out.Subscribe(uint64(maxMessages))
		if err != nil {
			return violation(fmt.Sprintf("SUBSCRIBE refused: %v", err))
		}
		if e.subbed = true; e.uses(a.ID) {
			return violation(fmt.Sprintf("id %d handed out to a SUBSCRIBE while in use", a.ID))
		}
		e.subID = uint8(a.ID)
		v = b.send(w, d, a, false)
	case breakLink:
		b.disconnect(w)
	case reconnect:
		n := len(b.maxima)
		v = b.connect(w, true, b.maxima[int(m.arg)/n], b.maxima[int(m.arg)%n])
	case reconnectAnew:
		v = b.connect(w, false, b.maxima[len(b.maxima)-1], b.maxima[len(b.maxima)-1])
	case restore:
		e.flush()
		v = b.restart(w, d)
	case crash:
		v = b.restart(w, d)
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
	for _, pull := range []func(*world, int) (bool, violation){b.resend, b.ack} {
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

func (b *bounds) resend(w *world, d int) (bool, violation) {
	o := &w.ends[d].out
	next, ok := o.NextResend()
	if !ok {
		return false, ""
	}
	a, err := o.Resend(next.ID, 0)
	if err != nil || a != next {
		return false, violation(fmt.Sprintf("Resend %+v, %v; NextResend %+v", a, err, next))
	}
	if m := &w.ends[d].messages[a.Token]; a.Packet == mqttwire.PUBLISH && m.here || a.Packet == mqttwire.PUBREL && m.relHere {
		return false, violation(fmt.Sprintf("%v %d sent twice on one connection", a.Packet, a.ID))
	}
	return true, b.send(w, d, a, true)
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
	e.unacked[k] = 0
	e.nUnacked = uint8(k)
}

// uses reports whether an id is in use by the ghost's account.
func (e *end) uses(id uint16) bool {
	for i := range e.messages {
		if m := &e.messages[i]; (m.status == inFlight || m.status == handedOver) && uint16(m.id) == id {
			return true
		}
	}
	return uint16(e.subID) == id && id != 0
}

func (b *bounds) publish(w *world, d, i int) violation {
	e := &w.ends[d]
	quota := e.out.Quota()
	a, err := e.out.Publish(b.levels[d][i], uint64(i), 0)
	if quota == 0 && (err == mqttwire.ErrSendQuota || err == mqttwire.ErrResuming) {
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
	return b.send(w, d, a, false)
}

// send journals and writes the packet of an action.
func (b *bounds) send(w *world, d int, a Action, again bool) violation {
	e := &w.ends[d]
	p := parcel{kind: a.Packet, id: uint8(a.ID), reason: a.Reason}
	switch a.Packet {
	case mqttwire.PUBLISH:
		i := a.Token
		m := &e.messages[i]
		p.msg, p.level, p.dup = uint8(i), a.Level(), a.Dup()
		if p.level != b.levels[d][i] || m.id != p.id {
			return violation(fmt.Sprintf("message %d changed: %v, id %d", i, p.level, p.id))
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
				if uint64(j) > i && o.here {
					return violation(fmt.Sprintf("PUBLISH %d overtaken by message %d", p.id, j))
				}
				if uint64(j) < i && o.status == inFlight && !o.here {
					return violation(fmt.Sprintf("PUBLISH %d overtook message %d", p.id, j))
				}
			}
			if b.version == mqttwire.V50 && owed > w.maximum[1-d] || b.window != 0 && owed > b.window {
				return violation(fmt.Sprintf("PUBLISH %d exceeds the Receive Maximum %d", p.id, w.maximum[1-d]))
			}
		}
		m.sent, m.here, m.owes = true, true, true
	case mqttwire.PUBREL:
		if v := b.pubrelSent(e, &p); v != "" {
			return v
		}
	}
	if b.crash {
		e.flush()
	}
	q := &w.link[d]
	if q.n == maxPackets {
		panic("the link is longer than the world")
	}
	q.p[q.n] = p
	q.n++
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

func (b *bounds) receive(w *world, d int) violation {
	q := &w.link[1-d]
	p := q.p[0]
	copy(q.p[:], q.p[1:q.n])
	q.n--
	q.p[q.n] = parcel{}
	e := &w.ends[d]
	var a Action
	var err error
	switch p.kind {
	case mqttwire.PUBLISH:
		return b.published(w, d, p)
	case mqttwire.PUBREL:
		if a, err = e.in.Pubrel(uint16(p.id), p.reason); err == nil && a.Packet != mqttwire.PUBCOMP {
			return violation(fmt.Sprintf("PUBREL %d not answered with PUBCOMP", p.id))
		}
		if a.Event == Freed {
			e.settle(p.id)
		}
	case mqttwire.SUBSCRIBE:
		return b.send(w, d, Action{ID: uint16(p.id), ToWrite: ToWrite{Packet: mqttwire.SUBACK}}, false)
	case mqttwire.SUBACK:
		if a, err = e.out.Suback(uint16(p.id)); err == nil && (a.Event != Completed || p.id != e.subID) {
			return violation(fmt.Sprintf("SUBACK %d is %v", p.id, a.Event))
		}
		e.subID = 0
	default:
		return b.acknowledged(w, d, p)
	}
	if err != nil {
		return violation(fmt.Sprintf("%v %d of an honest peer: %v", p.kind, p.id, err))
	}
	if a.Packet != 0 {
		return b.send(w, d, a, false)
	}
	return ""
}

// published: a PUBLISH came to end d.
func (b *bounds) published(w *world, d int, p parcel) violation {
	e := &w.ends[d]
	a, err := e.in.Publish(uint16(p.id), p.level, p.dup)
	if err != nil {
		return violation(fmt.Sprintf("PUBLISH %d of an honest peer: %v", p.id, err))
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
	if p.level == ExactlyOnce && e.receipts[p.msg].accepted != 0 {
		return violation(fmt.Sprintf("QoS 2 message %d delivered again after it was accepted", p.msg))
	}
	for _, o := range e.tickets[:e.nTickets] {
		if o.msg == p.msg && o.good && p.level == ExactlyOnce {
			return violation(fmt.Sprintf("QoS 2 message %d delivered again before it was decided", p.msg))
		}
	}
	if !e.receipts[p.msg].delivered {
		for j := int(p.msg) + 1; j < len(b.levels[1-d]); j++ {
			if e.receipts[j].delivered {
				return violation(fmt.Sprintf("message %d delivered after message %d", p.msg, j))
			}
		}
		e.receipts[p.msg].delivered = true
	}
	if e.nTickets == maxTickets {
		panic("more tickets than the world holds")
	}
	e.tickets[e.nTickets] = open{a.Ticket(), p.msg, true}
	e.nTickets++
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
		m := &e.messages[a.Token]
		if m.id != p.id || m.status != inFlight && m.status != handedOver {
			return violation(fmt.Sprintf("%v of message %d, which is %v", a.Event, a.Token, m.status))
		}
		if a.Event != Released {
			m.owes = false
		}
		switch a.Event {
		case Released:
			m.status = handedOver
			e.released[e.nReleasd] = uint8(a.Token)
			e.nReleasd++
		case Completed:
			m.status = completed
		case Rejected:
			m.status = rejected
		}
		if a.Event != Released {
			m.id, m.resent, m.relHere = 0, 0, false
			e.unrelease(uint8(a.Token))
		}
	}
	if a.Packet != 0 {
		return b.send(w, d, a, false)
	}
	return ""
}

func (e *end) unrelease(i uint8) {
	k := 0
	for _, r := range e.released[:e.nReleasd] {
		if r != i {
			e.released[k] = r
			k++
		}
	}
	for j := k; j < int(e.nReleasd); j++ {
		e.released[j] = 0
	}
	e.nReleasd = uint8(k)
}

// finish: the application at end d decides a delivery.
func (b *bounds) finish(w *world, d, i int, accepts bool) violation {
	e := &w.ends[d]
	o := e.tickets[i]
	copy(e.tickets[i:], e.tickets[i+1:e.nTickets])
	e.nTickets--
	e.tickets[e.nTickets] = open{}
	reason := mqttwire.Success
	if !accepts {
		reason = mqttwire.QuotaExceeded
	}
	_, err := e.in.Finish(o.ticket, reason)
	if o.good != (err == nil) {
		return violation(fmt.Sprintf("ticket of message %d: %v", o.msg, err))
	}
	if r := &e.receipts[o.msg]; accepts && (err == nil || o.ticket.Level() == AtLeastOnce) && r.accepted < 2 {
		r.accepted++
	}
	return ""
}

func (b *bounds) disconnect(w *world) {
	w.up = false
	w.link = [2]queue{}
	for d := range w.ends {
		e := &w.ends[d]
		e.out.Disconnect()
		e.in.Disconnect()
		for {
			if _, ok := e.out.NextDropped(); !ok { // the SUBSCRIBE
				break
			}
		}
		e.unacked, e.nUnacked, e.subID, e.subbed = [maxMessages]uint8{}, 0, 0, false
		for i := range e.messages {
			m := &e.messages[i]
			m.here, m.relHere, m.owes, m.resent = false, false, false, 0
		}
		// Of the deliveries that nobody can decide any more, one is enough.
		k, olds := uint8(0), 0
		for _, o := range e.tickets[:e.nTickets] {
			o.good = o.good && o.ticket.Level() == ExactlyOnce
			if !o.good {
				if olds++; !b.stale || olds > 1 {
					continue
				}
			}
			e.tickets[k] = o
			k++
		}
		for j := k; j < e.nTickets; j++ {
			e.tickets[j] = open{}
		}
		e.nTickets = k
	}
}

func (b *bounds) connect(w *world, resumed bool, max0, max1 uint16) violation {
	if w.up {
		b.disconnect(w)
	}
	w.up = true
	w.maximum = [2]uint16{max0, max1}
	for d := range w.ends {
		e := &w.ends[d]
		c := Connection{Version: b.version, Resumed: resumed, ReceiveMaximum: w.maximum[1-d], Window: b.window}
		if b.retry != 0 {
			c.Retry = 1
		}
		err := e.out.Connect(c)
		c.ReceiveMaximum, c.Window = w.maximum[d], 0
		if err != nil || e.in.Connect(c) != nil {
			return "Connect failed"
		}
		if !resumed {
			for i := range e.tickets[:e.nTickets] {
				e.tickets[i].good = false
			}
		}
		for {
			drop, ok := e.out.NextDropped()
			if !ok {
				break
			}
			m := &e.messages[drop.Token]
			known := drop.Await == AwaitPubcomp
			if resumed || m.id != uint8(drop.ID) || m.status != inFlight && m.status != handedOver || known != (m.status == handedOver) {
				return violation(fmt.Sprintf("message %d dropped in %v, which is %v", drop.Token, drop.Await, m.status))
			}
			*m = message{status: lost}
			e.unrelease(uint8(drop.Token))
		}
		if !resumed {
			for i := range e.messages {
				if s := e.messages[i].status; s == inFlight || s == handedOver {
					return violation(fmt.Sprintf("message %d lost without a word", i))
				}
			}
		}
		e.flush()
	}
	if !b.pull {
		for d := range w.ends {
			if v := b.drain(w, d); v != "" {
				return v
			}
		}
	}
	return ""
}

// restart replaces an end by what was durable.
func (b *bounds) restart(w *world, d int) violation {
	if w.up {
		b.disconnect(w)
	}
	e := &w.ends[d]
	var out Outbound
	var in Inbound
	if out.Restore(e.outSnap[:e.nOutSnap]) != nil || in.Restore(e.inSnap[:e.nInSnap]) != nil {
		return "snapshot refused"
	}
	e.out, e.in = out, in
	e.memory = e.durable
	for i := range e.messages {
		m := &e.messages[i]
		m.here, m.relHere, m.owes, m.resent = false, false, false, 0
	}
	e.tickets, e.nTickets = [maxTickets]open{}, 0
	return ""
}

// check holds in every world.
func (b *bounds) check(w *world) violation {
	for d := range w.ends {
		e, peer := &w.ends[d], &w.ends[1-d]
		n := 0
		for i, level := range b.levels[d] {
			m, r := &e.messages[i], peer.receipts[i]
			if level == ExactlyOnce && r.accepted > 1 {
				return violation(fmt.Sprintf("QoS 2 message %d delivered twice", i))
			}
			if (m.status == completed || m.status == handedOver) && r.accepted == 0 {
				return violation(fmt.Sprintf("message %d is %v and was not delivered", i, m.status))
			}
			if level == ExactlyOnce && m.status == rejected && r.accepted != 0 {
				return violation(fmt.Sprintf("message %d is rejected and was delivered", i))
			}
			if m.status == inFlight || m.status == handedOver {
				n++
				x := e.out.Find(uint16(m.id))
				want := AwaitPubcomp
				if m.status == inFlight {
					want = Await(level)
				}
				if x != (Exchange{uint64(i), uint16(m.id), want}) {
					return violation(fmt.Sprintf("message %d, id %d: %+v", i, m.id, x))
				}
			}
		}
		used := n
		if e.subID != 0 {
			used++
		}
		if e.out.timers != nil {
			for id := e.out.timers.lingers.head; id != 0; id = e.out.timers.of(id).next {
				used++
			}
		}
		if used != int(e.out.window.used) {
			return violation(fmt.Sprintf("end %d has %d ids in use, and thinks %d", d, used, e.out.window.used))
		}
		if n != e.out.InFlight() {
			return violation(fmt.Sprintf("end %d has %d in flight, and thinks %d", d, n, e.out.InFlight()))
		}
	}
	return ""
}

// key appends all that the future of a world depends on. Connections are
// numbered by how old they are to a ticket, clocks by their order.
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
		bit(o.up, o.timers != nil, e.subbed)
		k = append(k, byte(len(o.window.slots)), byte(o.quota), byte(o.held), byte(o.nextRelease), byte(o.nextPublish), e.subID)
		for _, l := range [...]list{o.release, o.publish, o.requests} {
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
		for i := range b.levels[d] {
			m := &e.messages[i]
			bit(m.sent, m.here, m.relHere, m.owes)
			k = append(k, byte(m.status), m.id, m.resent)
		}
		k = append(k, e.released[:e.nReleasd]...)
		for i := range b.levels[1-d] {
			r := &e.receipts[i]
			bit(r.delivered)
			k = append(k, r.accepted)
		}
		for _, t := range e.tickets[:e.nTickets] {
			bit(t.good, e.in.undecided(t.ticket) != 0)
			k = append(k, byte(t.ticket.ID()), t.msg)
		}
		k = append(k, 255)
		k = append(k, e.unacked[:e.nUnacked]...)
		k = append(k, 255)
		if b.crash {
			// Without the serial of the receiver and the checksums.
			k = append(k, e.outSnap[4:e.nOutSnap-4]...)
			k = append(k, e.inSnap[6:e.nInSnap-4]...)
			for i := range b.levels[d] {
				k = append(k, byte(e.durable.messages[i].status), e.durable.messages[i].id)
			}
			for i := range b.levels[1-d] {
				bit(e.durable.receipts[i].delivered)
				k = append(k, e.durable.receipts[i].accepted)
			}
			k = append(k, e.durable.released[:e.durable.nReleasd]...)
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

var statusNames = [...]string{"unpublished", "in flight", "handed over", "completed", "rejected", "lost"}

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
	case pullResend:
		return who + " pulls NextResend"
	case pullAck:
		return who + " pulls NextAck"
	case poll:
		return who + "'s clock runs out"
	case subscribe:
		return who + " subscribes"
	case breakLink:
		return "the connection breaks"
	case reconnect:
		n := len(b.maxima)
		return fmt.Sprintf("a new connection, Receive Maximum %d of the client, %d of the server", b.maxima[int(m.arg)/n], b.maxima[int(m.arg)%n])
	case reconnectAnew:
		return "a new connection, session not present"
	case restore:
		return who + " is replaced by its snapshot"
	}
	return who + " crashes"
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
