package hub

import (
	"slices"
	"sync/atomic"
	"time"
)

// Who publishes faster than a connected subscriber takes it is held back: nothing
// more is read from it until that has caught up, so that its messages need not be
// dropped. It is held only while the subscriber makes progress, and never for
// itself; so two that publish to each other without reading hold each other for
// holdPatience. Where others wait for what the publisher has for them, the
// subscriber's account has a budget for that, and it is nobody's concern when that is
// spent. No Keep Alive runs out meanwhile, as nothing is polled.
type pressure struct {
	held     []*Conn       // publishers that wait for it
	progress time.Duration // when it has last taken something, or began to have to
}

// A budget is what the subscribers of an account have made others wait.
type budget struct {
	spent   time.Duration
	counted time.Duration // when that was reckoned
}

const (
	holdPatience = 100 * time.Millisecond // without progress
	holdWindow   = 10 * time.Second       // in which HoldBudget may be spent
)

// A hold is what a publisher waits with.
type hold struct {
	by     atomic.Pointer[client]
	since  time.Duration
	others bool // that others wait too
	timer  timer
	sole   uint64        // the serial of the only one that it has had something for, 0 for none
	shared time.Duration // until when others count
}

// behind reports whether a connected client is far behind, or still a little.
func (cl *client) behind(part int) bool {
	c := &cl.hub.config
	return cl.conn != nil && !cl.held && (cl.waiting.n > c.MaxQueuedMessages/part || cl.bytes > c.MaxQueuedBytes/part)
}

// holdBack holds a publisher back whose message has come to somebody who is far
// behind.
func (c *Conn) holdBack(w *Worker) {
	switch x := &c.hold; {
	case w.takers == 0:
	case w.takers > 1 || x.sole != 0 && x.sole != w.taker:
		x.shared = w.now + holdWindow
		fallthrough
	default:
		x.sole = w.taker
	}
	cl := w.behind
	w.behind = nil
	if cl == nil || cl == c.client || c.farewell != nil {
		return
	}
	cl.mu.Lock()
	defer cl.mu.Unlock()
	c.hold.others = c.hold.shared > w.now
	if c.hold.since = w.now; !cl.behind(8) || !c.mayWait(cl, w.now) {
		return
	}
	c.hold.by.Store(cl)
	c.hold.timer.ring = c.waitOn
	cl.pressure.held = append(cl.pressure.held, c)
	c.waits.Store(true)
	c.hub.set(&c.hold.timer, w.now+holdPatience)
}

// mayWait reports whether the publisher may be held for a client, or longer.
func (c *Conn) mayWait(cl *client, now time.Duration) bool {
	if now-cl.pressure.progress >= holdPatience {
		return false
	}
	return !c.hold.others || cl.spend(0, now)+now-c.hold.since < c.hub.config.HoldBudget
}

// spend has the client's account spend more of its budget, and returns how much of it
// is spent.
func (cl *client) spend(more, now time.Duration) time.Duration {
	h := cl.hub
	h.locks.accounts.Lock()
	defer h.locks.accounts.Unlock()
	b := &cl.account.budget
	back := float64(now-b.counted) / float64(holdWindow) * float64(h.config.HoldBudget)
	b.spent = max(0, b.spent-time.Duration(back)) + more
	b.counted = now
	return b.spent
}

// waitOn has the publisher be held on, or not.
func (c *Conn) waitOn(w *Worker) {
	cl := c.hold.by.Load()
	if cl == nil {
		return
	}
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if slices.Contains(cl.pressure.held, c) && cl.conn != nil && c.mayWait(cl, w.now) {
		c.hub.set(&c.hold.timer, w.now+holdPatience)
	} else {
		cl.letGo(c, w.now)
	}
}

// letGo lets a publisher go on.
func (cl *client) letGo(c *Conn, now time.Duration) {
	p := &cl.pressure
	i := slices.Index(p.held, c)
	if i < 0 {
		return
	}
	if p.held = slices.Delete(p.held, i, i+1); c.hold.others {
		cl.spend(now-c.hold.since, now)
	}
	c.hold.by.Store(nil) // it may be forgotten
	c.hub.stop(&c.hold.timer)
	c.waits.Store(false)
	c.await()
}

// letAllGo lets all go on that wait for the client, if it has caught up.
func (cl *client) letAllGo(now time.Duration) {
	if len(cl.pressure.held) > 0 && !cl.behind(16) {
		for _, c := range slices.Clone(cl.pressure.held) {
			cl.letGo(c, now)
		}
	}
}
