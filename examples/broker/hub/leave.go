package hub

import (
	"log/slog"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/session"
)

// disconnect ends the connection for a reason of the hub's own.
func (c *Conn) disconnect(why mqttwire.Reason, text string) {
	c.lock()
	defer c.unlock()
	if text == "" {
		text = why.String()
	}
	c.ending, c.linger = text, true
	if c.machine.Phase() == session.Connecting {
		c.refuseLocked(why, text)
		return
	}
	out, _ := c.machine.Disconnect(c.out.Bytes(), why, c.say(text))
	if c.out.Gather(out); why == mqttwire.ServerShuttingDown {
		c.leaveWill()
	}
}

// leaveWill has the will not published now: a server that goes is no news of its
// clients. With a Store it is when the server is back (5.0 §3.1.2.5).
func (c *Conn) leaveWill() {
	if c.client != nil {
		c.client.keepWill(nil, false)
		c.deferred = true
	}
}

// dropWill removes the will of the connection.
func (c *Conn) dropWill() {
	if c.client != nil {
		c.client.setWill(nil, false)
	}
}

// Leave takes the client off the connection, which is over. Take, Wrote and
// Unwritten go on.
func (c *Conn) Leave(w *Worker) {
	cl := c.client
	if cl == nil {
		c.logStranger(w.now)
		return
	}
	h := c.hub
	if by := c.hold.by.Load(); by != nil {
		by.mu.Lock()
		by.letGo(c, w.now)
		by.mu.Unlock()
	}
	h.journal.Begin()
	cl.mu.Lock()
	h.stop(&c.expiry)
	h.stop(&c.last)
	c.machine.Close(w.now)
	cl.conn = nil
	cl.online.Store(false)
	cl.flight.compact()
	cl.keepBacklogs(true)
	if !c.deferred && !h.keeps(cl.warrant, cl.id, ToStay, nil) {
		cl.state.End() // an audit may have passed while it was there
	}
	a := cl.settle(w.now)
	if !cl.gone && !c.deferred { // else as if the server had crashed
		h.journal.session(cl)
	}
	cl.letAllGo(w.now)
	dropped, heirs := c.dropped, c.heirs
	c.heirs = nil
	cl.mu.Unlock()
	h.stats.connected.Add(-1)
	cl.finish(w, a) // the will comes before anything that an heir does
	h.journal.End()
	for _, heir := range heirs {
		heir.await()
	}
	line := []any{"client", cl.id, "why", c.ending, "dropped", dropped}
	if c.ordered {
		c.log(slog.LevelDebug, "disconnected", line...) // no news: "connected" has told
	} else {
		c.logKnown("disconnected", w.now, line...)
	}
}
