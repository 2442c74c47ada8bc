package qos

import "github.com/mqttwire/mqttwire"

// Inbound is the receiving end of a session: it tells a QoS 2 message that is
// new from one sent again, puts the acknowledgements into the order of their
// PUBLISHes however the caller finishes them, and watches the Receive Maximum
// (5.0 §4.3, §4.6, §4.9). It keeps ids, no payloads.
//
// A message is delivered by [Inbound.Publish], once, with a [Ticket]. With that
// the caller says, at once or as late as it likes, that it has taken the
// message over or will not: [Inbound.Finish]. Then [Inbound.NextAck] hands out
// the PUBACK or PUBREC, and after it those that waited for it.
//
// The zero Inbound is a new session without a connection. It must not be
// copied once used. It has no lock: one owner at a time.
type Inbound struct {
	index   index
	order   list   // what is to be acknowledged, in the order of the PUBLISHes
	serial  uint32 // of the last Ticket
	counted uint16 // PUBLISHes of this connection that are not finished
	maximum uint16 // the most of them
	limit   uint16 // the most entries
	version mqttwire.Version
	up      bool
	repeats bool // Connection.RepeatWithoutDup
}

// Connect puts the machine on a network connection: at a client when a CONNACK
// accepts, at a server when it sends one. On one already there it does what
// Disconnect does first. Where not c.Resumed the ids of the session before are
// forgotten, and its tickets are stale. c.Retry is not used. The only error is
// [mqttwire.ErrVersion], and then nothing has changed.
func (in *Inbound) Connect(c Connection) error {
	if !c.Version.Valid() {
		return mqttwire.ErrVersion
	}
	in.Disconnect()
	if !c.Resumed {
		in.End()
	}
	in.limit = orMax(c.Window)
	in.maximum = 65535
	if c.Version == mqttwire.V50 {
		in.maximum = orMax(c.ReceiveMaximum)
	}
	in.version, in.up, in.repeats = c.Version, true, c.RepeatWithoutDup
	return nil
}

// Disconnect takes the machine off its connection, once that is gone. No
// acknowledgement that was not handed out ever is: its PUBLISH will come again,
// at QoS 1 as a new delivery, so the open tickets of QoS 1 are stale. Those of
// QoS 2 stay good [MQTT-4.3.3-10]. Without a connection it does nothing.
func (in *Inbound) Disconnect() {
	if !in.up {
		return
	}
	in.up = false
	for p := in.order.head; p != 0; {
		e := &in.index.entries[p]
		if e.state&twice == 0 {
			in.index.remove(p)
		}
		p = e.next
	}
	in.order = list{}
	in.counted = 0
	for i := range in.index.entries {
		in.index.entries[i].state &^= queued | counted
	}
	in.Compact()
}

// End ends the session of a machine without a connection: no id is held, and
// every Ticket is stale. See [Outbound.End].
func (in *Inbound) End() Record {
	if in.up {
		return Record{}
	}
	in.index = index{}
	return Record{Change: Change(Clear)}
}

// Publish takes a PUBLISH of QoS 1 or 2; another level is [mqttwire.ErrQoS], id
// 0 [mqttwire.ErrPacketID], and without a connection it is
// [mqttwire.ErrNotConnected]. The event is
//
//   - Deliver for a new message, with its Ticket;
//   - Duplicate for one that is known: at QoS 2 by its id, whatever DUP says
//     [MQTT-4.3.3-10], until the PUBREL or a PUBREC of 0x80 or greater; at QoS 1
//     by its id and DUP, until the PUBACK, or by its id alone with
//     Connection.RepeatWithoutDup. There is one acknowledgement for
//     both, except for a QoS 2 message whose PUBREC has been handed out: that
//     leaves again.
//
// There is no reply at once: pull NextAck.
//
// The other errors are the peer's doing: answer them as [mqttwire.Error.Answer]
// says and close. The machine has not changed. They are
// [mqttwire.ErrPacketIDInUse] for an id that is held at the other QoS, or by an
// unfinished QoS 1 message without DUP set, unless
// Connection.RepeatWithoutDup; [mqttwire.ErrReceiveMaximum] for
// more unfinished PUBLISHes on this connection than announced, where one that
// comes twice counts once (5.0 §3.3.4); [mqttwire.ErrInFlightLimit] for more on all
// connections than Connection.Window.
func (in *Inbound) Publish(id uint16, level Level, dup bool) (Action, error) {
	switch {
	case level != AtLeastOnce && level != ExactlyOnce:
		return Action{}, mqttwire.ErrQoS
	case id == 0:
		return Action{}, mqttwire.ErrPacketID
	case !in.up:
		return Action{}, mqttwire.ErrNotConnected
	}
	if p := in.index.find(id); p != 0 {
		return in.publishAgain(p, level, dup)
	}
	if in.counted >= in.maximum {
		return Action{}, mqttwire.ErrReceiveMaximum
	}
	if in.index.n >= in.limit {
		return Action{}, mqttwire.ErrInFlightLimit
	}
	p := in.index.insert(id)
	if in.serial++; in.serial == 0 {
		in.serial = 1 // no Ticket is 0
	}
	e := &in.index.entries[p]
	e.state, e.serial = uint8(level)>>1|counted, in.serial // twice is 1
	in.counted++
	in.push(p)
	return Action{Token: uint64(e.ticket()), ID: id, ToTell: ToTell{Event: Deliver}}, nil
}

// Knows reports whether [Inbound.Publish] would say Duplicate, of a PUBLISH that
// has not all come yet.
func (in *Inbound) Knows(id uint16, level Level, dup bool) bool {
	p := in.index.find(id)
	return p != 0 && in.index.entries[p].state&twice == uint8(level)>>1 && (level == ExactlyOnce || dup || in.repeats)
}

func (in *Inbound) publishAgain(p uint16, level Level, dup bool) (Action, error) {
	e := &in.index.entries[p]
	switch {
	case e.state&twice != uint8(level)>>1:
		return Action{}, mqttwire.ErrPacketIDInUse
	case level == AtLeastOnce && !dup && !in.repeats:
		return Action{}, mqttwire.ErrPacketIDInUse
	}
	if e.state&counted == 0 {
		if in.counted >= in.maximum {
			return Action{}, mqttwire.ErrReceiveMaximum
		}
		in.counted++
		e.state |= counted
	}
	if e.state&queued == 0 {
		in.push(p)
	}
	return Action{ID: e.id, ToTell: ToTell{Event: Duplicate}}, nil
}

// Finish decides a delivery: with a reason below 0x80 the caller has taken the
// message over, from 0x80 it has not. Only 5.0 can tell the sender so; before,
// every reason is Success on the wire, and the id is kept as for one.
//
// The Record is Accept for a message that was taken over. For one of QoS 2 that
// was refused it is Forget, in case that Ticket.Record was kept before. A refusal
// of an earlier connection that leaves on one before 5.0 keeps the id without a
// Record: to lose it in a crash costs one more delivery of what was refused.
//
// A ticket of an earlier connection of the session decides a QoS 2 message
// still, and the PUBREC leaves when the PUBLISH comes on this connection.
// [mqttwire.ErrStaleTicket] says that there is nothing to decide: the delivery
// is finished already, its sender has withdrawn it, its session is over, or it
// is of QoS 1 and its connection is gone.
func (in *Inbound) Finish(t Ticket, reason mqttwire.Reason) (Record, error) {
	p := in.undecided(t)
	if p == 0 {
		return Record{}, mqttwire.ErrStaleTicket
	}
	e := &in.index.entries[p]
	e.state |= decided
	if in.up && in.version != mqttwire.V50 {
		reason = mqttwire.Success
	}
	e.reason = uint8(reason)
	switch {
	case !reason.IsError():
		return t.Record(), nil
	case e.state&twice != 0:
		return Record{ID: e.id, Change: receivedForget.at(ExactlyOnce)}, nil
	}
	return Record{}, nil
}

// Abandon forgets a delivery without deciding it: a message that comes again is
// delivered again, as if it had never come. It is for a caller that ends the
// connection because of the message, and so never acknowledges it; on a
// connection that goes on an acknowledgement would be missing [MQTT-4.6.0-2,
// MQTT-4.6.0-3]. The Record is Forget at QoS 2, in case that Ticket.Record was
// kept before; the error is that of Finish.
func (in *Inbound) Abandon(t Ticket) (Record, error) {
	p := in.undecided(t)
	if p == 0 {
		return Record{}, mqttwire.ErrStaleTicket
	}
	in.forget(p)
	if t.Level() == ExactlyOnce {
		return Record{ID: t.ID(), Change: receivedForget.at(ExactlyOnce)}, nil
	}
	return Record{}, nil
}

// undecided returns the entry of a delivery that is still to be decided, 0
// where there is none.
func (in *Inbound) undecided(t Ticket) uint16 {
	p := in.index.find(t.ID())
	if p == 0 {
		return 0
	}
	if e := &in.index.entries[p]; e.state&decided != 0 || e.ticket() != t {
		return 0
	}
	return p
}

// NextAck hands out the next PUBACK or PUBREC, in the order of the PUBLISHes
// [MQTT-4.6.0-2, MQTT-4.6.0-3]. ok is false when there is none, or none before
// the caller finishes an earlier delivery.
func (in *Inbound) NextAck() (a Action, ok bool) {
	p := in.order.head
	if p == 0 {
		return Action{}, false
	}
	e := &in.index.entries[p]
	if e.state&decided == 0 {
		return Action{}, false
	}
	if in.version != mqttwire.V50 {
		e.reason = uint8(mqttwire.Success)
	}
	a = Action{ID: e.id, ToWrite: ToWrite{Packet: mqttwire.PUBACK, Reason: mqttwire.Reason(e.reason)}}
	if e.state&twice != 0 {
		a.Packet = mqttwire.PUBREC
		if !a.Reason.IsError() {
			in.remove(e)
			return a, true // held until the PUBREL
		}
	}
	in.forget(p)
	return a, true
}

// Pubrel takes a PUBREL (5.0 §3.6), whatever its reason. The reply is PUBCOMP,
// always [MQTT-4.3.3-11], and whatever QoS 2 message had the id, its sender has
// done with it: the id is free, the Record is Forget.
//
//   - If the caller has decided the message, the event is Freed.
//   - If not, it is Withdrawn: the sender has given the message up, and the
//     Ticket is stale.
//   - If the id is not held, or by a QoS 1 message, it is Unsolicited and there
//     is no Record: the PUBCOMP before this one may have been lost.
//
// In 5.0 the PUBCOMP says 0x92 unless the message was taken over. The only
// error is [mqttwire.ErrNotConnected].
func (in *Inbound) Pubrel(id uint16, _ mqttwire.Reason) (Action, error) {
	if !in.up {
		return Action{}, mqttwire.ErrNotConnected
	}
	a := Action{ID: id, ToWrite: ToWrite{Packet: mqttwire.PUBCOMP}, ToTell: ToTell{Event: Unsolicited}}
	p := in.index.find(id)
	held := p != 0 && in.index.entries[p].held()
	if !held && in.version == mqttwire.V50 {
		a.Reason = mqttwire.PacketIdentifierNotFound
	}
	if p == 0 || in.index.entries[p].state&twice == 0 {
		return a, nil
	}
	a.Event, a.Change = Freed, receivedForget.at(ExactlyOnce)
	if in.index.entries[p].state&decided == 0 {
		a.Event = Withdrawn
	}
	in.forget(p)
	return a, nil
}

// forget ends the exchange of an entry. A PUBREC that waits to be sent again
// would be for an id that the sender may use for something else.
func (in *Inbound) forget(p uint16) {
	e := &in.index.entries[p]
	if e.state&queued != 0 {
		in.remove(e)
	}
	if e.state&counted != 0 {
		in.counted--
	}
	in.index.remove(p)
}

// push appends an entry to the order.
func (in *Inbound) push(p uint16) {
	e := &in.index.entries[p]
	e.state |= queued
	e.next, e.prev = 0, in.order.tail
	if in.order.tail == 0 {
		in.order.head = p
	} else {
		in.index.entries[in.order.tail].next = p
	}
	in.order.tail = p
}

// remove takes an entry out of the order.
func (in *Inbound) remove(e *entry) {
	e.state &^= queued
	if e.prev == 0 {
		in.order.head = e.next
	} else {
		in.index.entries[e.prev].next = e.next
	}
	if e.next == 0 {
		in.order.tail = e.prev
	} else {
		in.index.entries[e.next].prev = e.prev
	}
}

// InFlight returns how many ids are held, 0 to 65,535: of deliveries that are
// not acknowledged, and of QoS 2 messages that wait for their PUBREL.
func (in *Inbound) InFlight() int { return int(in.index.n) }

// Compact gives the memory back if no id is held. Disconnect does so too; a
// server may want it for a connection that has gone quiet.
func (in *Inbound) Compact() {
	if in.index.n == 0 {
		in.index = index{}
	}
}
