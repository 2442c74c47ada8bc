package hub

import "github.com/mqttwire/mqttwire"

// Drain has the connection end because the server does, once what waits for its
// client has been sent, for as long as that goes on: a session that is kept waits
// for the next run. Any goroutine may call it.
func (c *Conn) Drain() {
	c.drains.Store(true)
	c.await()
}

func (c *Conn) drain(w *Worker) {
	if !c.drains.Load() {
		return
	}
	if c.client == nil || c.farewell != nil {
		c.Kick(mqttwire.ServerShuttingDown, "")
		return
	}
	c.lock()
	defer c.unlock()
	if c.drained(); c.kicked.Load() == 0 && c.last.ring == nil {
		c.last.ring, c.moved = c.hurry, false
		c.hub.set(&c.last, w.now+c.hub.config.Linger)
	}
}

// drained ends a connection that drains where nothing waits any more. The lock is
// held.
func (c *Conn) drained() {
	if !c.drains.Load() {
		return
	}
	cl := c.client
	if !cl.hasMore() || cl.held || c.hub.journal.keeps(cl) {
		c.Kick(mqttwire.ServerShuttingDown, "")
	}
}

// hurry ends a connection that drains no more.
func (c *Conn) hurry(w *Worker) {
	c.lock()
	defer c.unlock()
	if !c.moved {
		c.Kick(mqttwire.ServerShuttingDown, "")
		return
	}
	c.moved = false
	c.hub.set(&c.last, w.now+c.hub.config.Linger)
}
