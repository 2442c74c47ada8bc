package qos_test

import (
	"slices"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/qos"
)

// The twins are the machines the slow, obvious way: slices and maps. They know
// a message by its token; which id it has is the machine's business.

// answer is what a step says, without the id.
type answer struct {
	Packet mqttwire.PacketType
	Dup    bool
	Reason mqttwire.Reason
	Event  qos.Event
	Op     qos.Op
	Err    error
}

func answerOf(a qos.Action, err error) answer {
	return answer{a.Packet, a.Packet == mqttwire.PUBLISH && a.Dup(), a.Reason, a.Event, a.Change.Op(), err}
}

func failed(err mqttwire.Error) answer { return answer{Err: err} }

type exchange struct {
	token   uint64
	await   qos.Await
	carried bool // this connection carried the PUBLISH
	owed    bool // to be resumed
}

type twinOut struct {
	up, five       bool
	publish        []exchange // in the order of their PUBLISHes
	release        []exchange // in the order of their PUBRECs
	requests, gone []exchange
	quota, window  int
}

func (o *twinOut) clone() *twinOut {
	c := *o
	c.publish, c.release = slices.Clone(o.publish), slices.Clone(o.release)
	c.requests, c.gone = slices.Clone(o.requests), slices.Clone(o.gone)
	return &c
}

// inFlight returns all there is to acknowledge.
func (o *twinOut) inFlight() []exchange { return slices.Concat(o.publish, o.release, o.requests) }

func (o *twinOut) find(token uint64) (*[]exchange, int) {
	for _, l := range []*[]exchange{&o.publish, &o.release, &o.requests} {
		if i := slices.IndexFunc(*l, func(x exchange) bool { return x.token == token }); i >= 0 {
			return l, i
		}
	}
	return nil, 0
}

func (o *twinOut) resuming() bool {
	owed := func(x exchange) bool { return x.owed }
	return slices.ContainsFunc(o.publish, owed) || slices.ContainsFunc(o.release, owed)
}

func (o *twinOut) disconnect() {
	if !o.up {
		return
	}
	o.up = false
	o.gone = append(o.gone, o.requests...)
	o.requests = nil
	for _, l := range [][]exchange{o.publish, o.release} {
		for i := range l {
			l[i].owed, l[i].carried = false, false
		}
	}
}

func (o *twinOut) connect(c qos.Connection) {
	o.disconnect()
	if !c.Resumed {
		o.gone = slices.Concat(o.gone, o.release, o.publish)
		o.release, o.publish = nil, nil
	}
	for _, l := range [][]exchange{o.publish, o.release} {
		for i := range l {
			l[i].owed = true
		}
	}
	o.up, o.five = true, c.Version == mqttwire.V50
	if o.window = int(c.Window); o.window == 0 {
		o.window = 65535
	}
	o.quota = o.window
	if o.five && c.ReceiveMaximum != 0 {
		o.quota = min(o.quota, int(c.ReceiveMaximum))
	}
}

func (o *twinOut) send(level qos.Level, token uint64) answer {
	switch {
	case !o.up:
		return failed(mqttwire.ErrNotConnected)
	case o.resuming():
		return failed(mqttwire.ErrResuming)
	case o.quota == 0 || len(o.publish)+len(o.release) >= o.window:
		return failed(mqttwire.ErrSendQuota)
	}
	o.quota--
	await := qos.AwaitPuback
	if level == q2 {
		await = qos.AwaitPubrec
	}
	o.publish = append(o.publish, exchange{token: token, await: await, carried: true})
	return answer{Packet: mqttwire.PUBLISH, Op: qos.Store}
}

func (o *twinOut) request(p qos.Await, token uint64) answer {
	if !o.up {
		return failed(mqttwire.ErrNotConnected)
	}
	o.requests = append(o.requests, exchange{token: token, await: p})
	if p == qos.AwaitSuback {
		return answer{Packet: mqttwire.SUBSCRIBE}
	}
	return answer{Packet: mqttwire.UNSUBSCRIBE}
}

// acknowledge takes an acknowledgement of a message, or of none if the token is
// not in flight.
func (o *twinOut) acknowledge(t mqttwire.PacketType, token uint64, reason mqttwire.Reason) answer {
	if !o.up {
		return failed(mqttwire.ErrNotConnected)
	}
	stray := answer{Event: qos.Unsolicited}
	l, i := o.find(token)
	if l == nil {
		if t == mqttwire.PUBREC && reason < 0x80 {
			stray.Packet = mqttwire.PUBREL
			if o.five {
				stray.Reason = mqttwire.PacketIdentifierNotFound
			}
		}
		return stray
	}
	x := (*l)[i]
	finish := func(event qos.Event, op qos.Op) answer {
		if x.carried {
			o.quota++
		}
		*l = slices.Delete(*l, i, i+1)
		return answer{Event: event, Op: op}
	}
	over := qos.Completed
	if reason >= 0x80 {
		over = qos.Rejected
	}
	switch {
	case t == mqttwire.PUBACK && x.await == qos.AwaitPuback:
		return finish(over, qos.Forget)
	case t == mqttwire.PUBREC && x.await == qos.AwaitPubrec && reason < 0x80:
		now := !slices.ContainsFunc(o.release, func(x exchange) bool { return x.owed })
		*l = slices.Delete(*l, i, i+1)
		o.release = append(o.release, exchange{token, qos.AwaitPubcomp, x.carried, !now})
		a := answer{Event: qos.Released, Op: qos.Release}
		if now {
			a.Packet = mqttwire.PUBREL
		}
		return a
	case t == mqttwire.PUBREC && reason >= 0x80 && (x.await == qos.AwaitPubrec || x.await == qos.AwaitPubcomp):
		return finish(qos.Rejected, qos.Forget)
	case t == mqttwire.PUBREC && x.await == qos.AwaitPubcomp:
		a := answer{Event: qos.Duplicate}
		if !x.owed {
			a.Packet = mqttwire.PUBREL
		}
		return a
	case t == mqttwire.PUBCOMP && x.await == qos.AwaitPubcomp:
		return finish(qos.Completed, qos.Forget)
	case t == mqttwire.PUBCOMP:
		return stray
	case t == mqttwire.SUBACK && x.await == qos.AwaitSuback, t == mqttwire.UNSUBACK && x.await == qos.AwaitUnsuback:
		return finish(qos.Completed, qos.Nothing)
	}
	return failed(mqttwire.ErrAckMismatch)
}

// giveUp gives up a message that this connection has not carried.
func (o *twinOut) giveUp(token uint64) answer {
	l, i := o.find(token)
	if l != &o.publish {
		return failed(mqttwire.ErrStaleTicket)
	}
	x := o.publish[i]
	if x.carried {
		return failed(mqttwire.ErrAwaitingAck)
	}
	o.publish = slices.Delete(o.publish, i, i+1)
	if x.await == qos.AwaitPuback {
		return answer{Event: qos.GivenUp, Op: qos.Forget}
	}
	now := o.up && !slices.ContainsFunc(o.release, func(x exchange) bool { return x.owed })
	o.release = append(o.release, exchange{token, qos.AwaitPubcomp, false, o.up && !now})
	a := answer{Event: qos.GivenUp, Op: qos.Release}
	if now {
		a.Packet = mqttwire.PUBREL
	}
	return a
}

// resend returns the packet and its message; no packet if there is none now.
func (o *twinOut) resend() (answer, uint64) {
	if !o.up {
		return answer{}, 0
	}
	for i := range o.release {
		if x := &o.release[i]; x.owed {
			x.owed = false
			return answer{Packet: mqttwire.PUBREL}, x.token
		}
	}
	for i := range o.publish {
		if x := &o.publish[i]; x.owed && o.quota > 0 {
			x.owed, x.carried = false, true
			o.quota--
			return answer{Packet: mqttwire.PUBLISH, Dup: true}, x.token
		}
	}
	return answer{}, 0
}

// received is an id at the receiver.
type received struct {
	level                    qos.Level
	decided, queued, counted bool
	reason                   mqttwire.Reason
	delivery                 int // which it is of all
}

type twinIn struct {
	up, five   bool
	repeats    bool
	ids        map[uint16]*received
	order      []uint16
	maximum    int
	deliveries int
}

func (in *twinIn) counted() (n int) {
	for _, r := range in.ids {
		if r.counted {
			n++
		}
	}
	return n
}

func (in *twinIn) disconnect() {
	for id, r := range in.ids {
		if r.queued = false; r.level == q1 {
			delete(in.ids, id)
		}
		r.counted = false
	}
	in.order = nil
	in.up = false
}

func (in *twinIn) connect(c qos.Connection) {
	in.disconnect()
	if !c.Resumed {
		in.ids = map[uint16]*received{}
	}
	in.up, in.five, in.repeats = true, c.Version == mqttwire.V50, c.RepeatWithoutDup
	if in.maximum = 65535; in.five && c.ReceiveMaximum != 0 {
		in.maximum = int(c.ReceiveMaximum)
	}
}

func (in *twinIn) publish(id uint16, level qos.Level, dup bool) answer {
	if !in.up {
		return failed(mqttwire.ErrNotConnected)
	}
	r, known := in.ids[id]
	if known && (r.level != level || level == q1 && !dup && !in.repeats) {
		return failed(mqttwire.ErrPacketIDInUse)
	}
	if (!known || !r.counted) && in.counted() >= in.maximum {
		return failed(mqttwire.ErrReceiveMaximum)
	}
	a := answer{Event: qos.Duplicate}
	if !known {
		in.deliveries++
		r = &received{level: level, delivery: in.deliveries}
		in.ids[id] = r
		a.Event = qos.Deliver
	}
	r.counted = true
	if !r.queued {
		r.queued = true
		in.order = append(in.order, id)
	}
	return a
}

func (in *twinIn) finish(id uint16, delivery int, reason mqttwire.Reason) answer {
	r := in.ids[id]
	if r == nil || r.decided || r.delivery != delivery {
		return failed(mqttwire.ErrStaleTicket)
	}
	r.decided, r.reason = true, reason
	if in.up && !in.five {
		r.reason = 0
	}
	switch {
	case r.reason < 0x80:
		return answer{Op: qos.Accept}
	case r.level == q2:
		return answer{Op: qos.Forget}
	}
	return answer{}
}

func (in *twinIn) abandon(id uint16, delivery int) answer {
	r := in.ids[id]
	if r == nil || r.decided || r.delivery != delivery {
		return failed(mqttwire.ErrStaleTicket)
	}
	in.forget(id)
	if r.level == q2 {
		return answer{Op: qos.Forget}
	}
	return answer{}
}

func (in *twinIn) forget(id uint16) {
	delete(in.ids, id)
	in.order = slices.DeleteFunc(in.order, func(o uint16) bool { return o == id })
}

func (in *twinIn) ack() (answer, uint16) {
	if len(in.order) == 0 || !in.ids[in.order[0]].decided {
		return answer{}, 0
	}
	id := in.order[0]
	in.order = in.order[1:]
	r := in.ids[id]
	r.queued = false
	if !in.five {
		r.reason = 0
	}
	a := answer{Packet: mqttwire.PUBACK, Reason: r.reason}
	if r.level == q2 {
		a.Packet = mqttwire.PUBREC
	}
	if r.level == q1 || r.reason >= 0x80 {
		delete(in.ids, id)
	}
	return a, id
}

func (in *twinIn) pubrel(id uint16) answer {
	if !in.up {
		return failed(mqttwire.ErrNotConnected)
	}
	a := answer{Packet: mqttwire.PUBCOMP, Event: qos.Unsolicited}
	r := in.ids[id]
	if in.five && (r == nil || r.level == q1 || !r.decided || r.reason >= 0x80) {
		a.Reason = mqttwire.PacketIdentifierNotFound
	}
	if r != nil && r.level == q2 {
		a.Event, a.Op = qos.Freed, qos.Forget
		if !r.decided {
			a.Event = qos.Withdrawn
		}
		in.forget(id)
	}
	return a
}

// restart is a snapshot and its restoration.
func (in *twinIn) restart() {
	in.disconnect()
	for id, r := range in.ids {
		if !r.decided || r.reason >= 0x80 {
			delete(in.ids, id)
		}
	}
}
