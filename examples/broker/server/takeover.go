package server

import "github.com/mqttwire/mqttwire"

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

// hearOut handles what a client whose session is taken over has sent before: its
// DISCONNECT may have come before the other's CONNECT, and its will is not to
// be published then.
func (c *conn) hearOut() {
	c.draining = true
	w := c.server.worker()
	c.received(w, 0) // what had been read
	w.finish()
	c.drain()
	c.draining = false
}
