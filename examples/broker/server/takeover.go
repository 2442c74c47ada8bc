package server

import (
	"time"

	"github.com/mqttwire/mqttwire"
)

const (
	maxDrain = 64 // reads, before a connection that is taken over ends
	// takeoverGrace is how long a connection that cannot be looked at without
	// waiting may take to say that it has ended.
	takeoverGrace = 20 * time.Millisecond
)

// drain handles what a client whose session is taken over has sent before: its
// DISCONNECT may have come before the other's CONNECT, and its will is not to
// be published then.
func (c *conn) drain() {
	c.draining = true
	defer func() { c.draining = false }()
	w := c.server.worker()
	c.received(w, 0) // what had been read
	w.finish()
	if c.raw != nil {
		c.net.SetReadDeadline(time.Time{})
		c.drainRaw()
		return
	}
	c.net.SetReadDeadline(time.Now().Add(takeoverGrace))
	for c.ending == "" {
		n, err := c.net.Read(c.framer.Buffer())
		if n == 0 || err != nil {
			return
		}
		w := c.server.worker()
		c.received(w, n)
		w.finish()
	}
}

// takeOver has the connection that a client has now, if any, let it go
// (3.1.1 [MQTT-3.1.4-2], 5.0 [MQTT-3.1.4-3]), and returns once it has: its will
// comes before anything that the new one does.
func (cl *client) takeOver() {
	for {
		cl.mu.Lock()
		old := cl.conn
		cl.mu.Unlock()
		if old == nil {
			return
		}
		old.kick(mqttwire.SessionTakenOver, "")
		<-old.left
	}
}
