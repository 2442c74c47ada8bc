package hub

import (
	"runtime"

	"github.com/mqttwire/mqttwire"
)

// dropLost takes what a session has lost, such as a request that went with its
// connection, off the list.
func (cl *client) dropLost() {
	for {
		if _, ok := cl.state.NextDropped(); !ok {
			return
		}
	}
}

// join makes the connection that of the client of its Client Identifier, which it
// returns locked. One that has it now lets it go first (3.1.1 [MQTT-3.1.4-2], 5.0
// [MQTT-3.1.4-3]): join returns nil then, and is to be called again by Attend.
func (c *Conn) join() *client {
	for {
		cl := c.hub.clientOf(c.who.ClientID)
		cl.mu.Lock()
		switch old := cl.conn; {
		case cl.gone: // it leaves: look the identifier up again
			cl.mu.Unlock()
			runtime.Gosched()
		case old == nil:
			cl.conn, c.client = c, cl
			return cl
		default:
			old.heirs = append(old.heirs, c)
			cl.mu.Unlock()
			old.Kick(mqttwire.SessionTakenOver, "")
			return nil
		}
	}
}

// clientOf returns the client of an identifier, a new one if need be.
func (h *Hub) clientOf(id string) *client {
	h.locks.clients.Lock()
	defer h.locks.clients.Unlock()
	cl := h.clients[id]
	if cl == nil {
		h.joined++
		cl = &client{hub: h, id: id, serial: h.joined}
		h.clients[id] = cl
	}
	return cl
}

// isCrowded reports whether there is no room for one more client.
func (h *Hub) isCrowded(id string) bool {
	h.locks.clients.Lock()
	defer h.locks.clients.Unlock()
	return len(h.clients) >= h.config.MaxSessions && h.clients[id] == nil
}

// forget removes a client that is gone.
func (h *Hub) forget(cl *client) {
	h.locks.clients.Lock()
	defer h.locks.clients.Unlock()
	if h.clients[cl.id] == cl {
		delete(h.clients, cl.id)
	}
}
