package hub

import (
	"sync/atomic"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/session"
)

// A client is what the server keeps under a Client Identifier: the session, its
// messages, and the connection that has it, if any.
type client struct {
	hub    *Hub
	id     string
	serial uint64 // tells clients apart, in the order they came

	subscribed atomic.Int32 // how many subscriptions it has
	online     atomic.Bool  // has a connection

	queued     atomic.Int32 // deliveries that wait
	mu         clientLock
	account    *account // who pays, from when it is made
	fan        fan
	pressure   pressure
	owner      string // the principal whose session it is, "" for nobody's
	warrant    string // by what right it is there, or was, see Auditor
	charged    int    // bytes besides messages: of its subscriptions and its will
	state      session.Session
	conn       *Conn  // nil without one
	generation uint16 // counts its sessions
	gone       bool   // the server has forgotten it: look the identifier up again
	resuming   bool   // there is more to send again, once there is room
	volatile   bool   // the session ends with the connection: nothing is sent twice
	access     Access
	held       bool // nothing goes to it yet: its access waits
	will       *message
	willKeep   bool  // Will Retain
	timer      timer // of a session without a connection

	filters map[string]struct{} // of its subscriptions, for a Router only

	waiting deque // for quota, for room, or for a connection
	bytes   int   // of the messages in waiting and in flight, each for itself
	purgeAt time.Duration
	flight  flight

	backlog *backlogs // retained messages for new subscriptions, nil for none
}

// offer gives a publication to the client. At a level above 0 it is kept until it
// can be sent.
func (cl *client) offer(w *Worker, pub *posting, in *intent) outcome {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	c := cl.conn
	if cl.gone || in.generation != cl.generation {
		return dropped
	}
	held := c != nil && cl.held
	if c != nil && !held && cl.access != nil && !cl.access.Receive(pub.topic) {
		return dropped
	}
	if in.level == qos.AtMostOnce {
		if c == nil || held {
			return dropped // QoS 0 is not kept (3.1.1 §4.1, 5.0 §4.1)
		}
		if c.out.Len() >= cl.hub.config.MaxQueue || c.out.Len()+c.writing >= cl.hub.ahead && !cl.hub.hasRoom(cl.account, len(pub.payload)) || c.sendNow(w, pub, in) != nil {
			c.dropped++
			cl.hub.stats.dropped.Add(1)
			return dropped
		}
		w.took(cl)
		return taken
	}
	if c != nil && !held && cl.idle() && c.out.Len() < cl.hub.ahead && c.writing < cl.hub.config.MaxQueue/2 && (!cl.keeps(in.share) || !cl.overweight()) {
		switch err := c.sendNow(w, pub, in); err {
		case nil:
			w.took(cl)
			return taken
		case mqttwire.ErrSendQuota, mqttwire.ErrResuming, mqttwire.ErrPacketIDsExhausted, mqttwire.ErrNotConnected:
		default: // the client takes no such packet: as if delivered [MQTT-3.1.2-25]
			cl.hub.stats.dropped.Add(1)
			return dropped
		}
	}
	o := cl.enqueue(in.delivery(pub), pub.now)
	if o == taken {
		w.took(cl)
		if cl.behind(8) {
			w.behind = cl
		}
	}
	return o
}

// hold has messages wait, or go, as the access says.
func (cl *client) hold() {
	waiting, ok := cl.access.(WaitingAccess)
	cl.held = ok && waiting.Waiting()
	cl.online.Store(cl.conn != nil && !cl.held)
}

// enqueue has a delivery wait.
func (cl *client) enqueue(d delivery, now time.Duration) outcome {
	if cl.full() && !cl.purge(now) {
		cl.hub.stats.refused.Add(1)
		if c := cl.conn; c != nil && cl.hub.config.DisconnectSlow {
			c.Kick(mqttwire.QuotaExceeded, "the queue of the session is full")
		}
		return refused
	}
	cl.hub.journal.queued(cl, &d)
	cl.take(&d)
	if cl.waiting.n == 0 {
		cl.pressure.progress = now // from here on it may fall behind
	}
	cl.push(d)
	return taken
}

// idle reports whether nothing waits that would come before a new message.
func (cl *client) idle() bool { return cl.waiting.n == 0 && cl.backlog == nil }

// hasMore reports whether something waits to be sent, or to be sent again.
func (cl *client) hasMore() bool { return cl.resuming || !cl.idle() }

// keeps reports whether what is sent is kept until it is acknowledged: to be
// sent again, or to go to another member of a share.
func (cl *client) keeps(of *share) bool {
	return !cl.volatile || of != nil || cl.hub.config.Retry > 0
}

// take charges a delivery that is queued or in flight.
func (cl *client) take(d *delivery) {
	if d.held == nil {
		d.held = &holding{m: d.m, by: cl.account}
	}
	d.held.take(cl.hub)
	cl.bytes += d.m.size()
	cl.hub.stats.queued.Add(1)
}

// release frees it.
func (cl *client) release(d *delivery) {
	d.held.give(cl.hub)
	cl.bytes -= d.m.size()
	cl.hub.stats.queued.Add(-1)
}

// push has a delivery wait that is charged.
func (cl *client) push(d delivery) {
	cl.waiting.push(d)
	cl.queued.Store(int32(cl.waiting.n))
}

// pop takes the first away.
func (cl *client) pop() {
	cl.waiting.pop()
	cl.queued.Store(int32(cl.waiting.n))
}

// remove takes those away that are gone.
func (cl *client) remove(gone func(*delivery) bool) {
	cl.waiting.remove(gone)
	cl.queued.Store(int32(cl.waiting.n))
}

// charge charges so many bytes more besides messages.
func (cl *client) charge(n int) {
	cl.charged += n
	cl.hub.charge(cl.account, n)
}

// overweight reports whether the session keeps as many bytes as it may, or whoever
// pays for it.
func (cl *client) overweight() bool {
	return cl.bytes >= cl.hub.config.MaxQueuedBytes || !cl.hub.hasRoom(cl.account, 0)
}

func (cl *client) full() bool {
	return cl.waiting.n >= cl.hub.config.MaxQueuedMessages || cl.overweight()
}

// purge removes what has expired from the queue, now and then, and reports
// whether there is room then.
func (cl *client) purge(now time.Duration) bool {
	if now < cl.purgeAt {
		return false
	}
	cl.purgeAt = now + time.Second
	cl.remove(func(d *delivery) bool { return cl.expired(d, now) })
	return !cl.full()
}

// expired reports whether a waiting delivery is too old, and takes it out of
// account then (5.0 [MQTT-3.3.2-5]).
func (cl *client) expired(d *delivery, now time.Duration) bool {
	_, expired := d.m.waited(now)
	if expired {
		cl.withdraw(d)
		cl.hub.stats.expired.Add(1)
	}
	return expired
}

// withdraw takes a delivery that is not sent out of account.
func (cl *client) withdraw(d *delivery) {
	cl.release(d)
	cl.hub.journal.unqueued(cl, d.key)
}

// maxAhead is how many bytes of messages above QoS 0 are encoded ahead of the
// socket: more wait in the queue, where they share their memory.
const maxAhead = 128 << 10

// pump sends what waits and the connection has room for: what the session has
// to send again, then the queue, then retained messages.
func (cl *client) pump(now time.Duration) {
	cl.sendMore(now)
	cl.letAllGo(now)
}

func (cl *client) sendMore(now time.Duration) {
	c := cl.conn
	if c == nil || cl.held || c.machine.Phase() != session.Connected {
		return
	}
	cl.resuming = true
	for cl.resuming {
		if c.out.Len() >= cl.hub.ahead {
			return
		}
		out, ev, ok := c.machine.NextResend(c.out.Bytes(), now)
		if c.out.Gather(out); !ok {
			cl.resuming = false // all, or none before an acknowledgement
		}
		if ev.Kind == session.Resend && !c.resend(ev, now) {
			return
		}
	}
	for cl.waiting.n > 0 && c.out.Len() < cl.hub.ahead {
		d := cl.waiting.at(0)
		switch {
		case cl.expired(d, now):
		case cl.access != nil && !cl.access.Receive(d.m.topic):
			cl.withdraw(d) // not any more
			cl.hub.stats.dropped.Add(1)
		default:
			if !c.sendWaiting(*d, now) {
				return
			}
			cl.release(d)
		}
		cl.pop()
	}
	cl.sendBacklog(now)
}

// aftermath is what is to be done for a client once its lock is free.
type aftermath struct {
	wills   []*message
	retain  []bool // Will Retain of each
	warrant string // by what right they are published
	orphans []delivery
	ended   bool // the Store is to be told
	forget  bool
}

// What follows from settle, down to finish, the Store is to keep together: a message
// that moves on to another session is in one of them.

// settle takes note of what the session has to tell: a will that is due, an end
// that has come.
func (cl *client) settle(now time.Duration) (a aftermath) {
	for {
		switch ev := cl.state.Poll(now); ev.Kind {
		case session.Will:
			if cl.will != nil {
				a.wills, a.retain = append(a.wills, cl.will), append(a.retain, cl.willKeep)
				a.warrant = cl.warrant
				cl.keepWill(nil, false)
			}
			continue
		case session.Ended:
			cl.end(&a)
			continue
		}
		break
	}
	cl.hub.stop(&cl.timer)
	if cl.conn == nil && !cl.gone {
		if !cl.state.Exists() {
			cl.gone, a.forget = true, true
			cl.charge(-cl.charged)
		} else if at, ok := cl.state.Deadline(); ok {
			if cl.timer.ring == nil {
				cl.timer.ring = cl.timeout
			}
			cl.hub.set(&cl.timer, at)
		}
	}
	return a
}

// end clears what went with a session. The messages of Shared Subscriptions
// that nobody has taken over go to other members: those never sent, and those
// of QoS 1 (5.0 §4.8.2); one of QoS 2 whose delivery has begun is nobody
// else's [MQTT-4.8.2-5].
func (cl *client) end(a *aftermath) {
	for {
		d, ok := cl.state.NextDropped()
		if !ok {
			break
		}
		if sent := cl.flight.get(d.Token); sent != nil && sent.share() != nil && d.Await == qos.AwaitPuback {
			a.orphans = append(a.orphans, *sent)
		}
	}
	for i := range cl.waiting.n {
		if d := cl.waiting.at(i); d.share() != nil {
			a.orphans = append(a.orphans, *d)
		}
	}
	cl.releaseAll()
	cl.keepBacklogs(false)
	cl.hub.unsubscribeAll(cl)
	cl.owner = ""
	cl.generation++ // what is on its way to the session before is not for the next
	switch {
	case cl.volatile:
	case cl.conn != nil: // a new session follows
		cl.hub.journal.ended(cl)
	default:
		a.ended = true
	}
}

// releaseAll lets go of all messages that are queued and in flight.
func (cl *client) releaseAll() {
	for i := range cl.waiting.n {
		cl.release(cl.waiting.at(i))
	}
	for i := range cl.flight.slots {
		if x := &cl.flight.slots[i]; x.used && x.m != nil {
			cl.release(&x.delivery)
		}
	}
	cl.flight, cl.waiting = flight{}, deque{}
	cl.queued.Store(0)
}

// finish does what settle found, without the lock.
func (cl *client) finish(w *Worker, a aftermath) {
	h := cl.hub
	for i, m := range a.wills {
		if !h.keeps(a.warrant, cl.id, ToPublish, m.topic) {
			h.stats.dropped.Add(1)
			h.config.Log.Debug("a will goes with the right to it", "client", cl.id, "topic", string(m.topic))
			continue
		}
		w.pub.republish(m, w.now)
		w.pub.payer, w.pub.warrant = cl.account, a.warrant
		w.pub.kept, w.pub.retain = nil, a.retain[i] // its time begins now (5.0 §3.1.3.2.4)
		h.route(w, &w.pub, origin{client: cl, will: true})
	}
	for i := range a.orphans {
		h.adopt(w, &a.orphans[i], cl)
	}
	if a.ended { // after what is left of it: a Store that keeps no groups has that done again after a crash
		h.journal.ended(cl)
	}
	if a.forget {
		h.forget(cl)
	}
}

// timeout is when a session without a connection has something to tell.
func (cl *client) timeout(w *Worker) {
	cl.hub.journal.Begin()
	defer cl.hub.journal.End()
	cl.mu.Lock()
	if cl.gone || cl.conn != nil {
		cl.mu.Unlock()
		return
	}
	a := cl.settle(w.now)
	if a.forget {
		cl.hub.stats.sessionsExpired.Add(1)
	}
	cl.mu.Unlock()
	cl.finish(w, a)
}

func (cl *client) setWill(m *message, retain bool) {
	if cl.will != nil || m != nil {
		cl.hub.journal.will(cl, m, retain)
	}
	cl.keepWill(m, retain)
}

// keepWill has a will kept, nil for none.
func (cl *client) keepWill(m *message, retain bool) {
	if cl.will != nil {
		cl.charge(-cl.will.size())
	}
	if m != nil {
		cl.charge(m.size())
	}
	cl.will, cl.willKeep = m, retain
}
