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
		cl := c.hub.clientOf(c.who.ClientID, c.account())
		cl.mu.Lock()
		switch old := cl.conn; {
		case cl.gone: // it leaves: look the identifier up again
			cl.mu.Unlock()
			runtime.Gosched()
		case old == nil:
			c.settleAccount() // with the address
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

// clientOf returns the client of an identifier, a new one if need be, for which an
// account pays.
func (h *Hub) clientOf(id string, payer *account) *client {
	h.locks.clients.Lock()
	cl := h.clients[id]
	if cl != nil {
		h.locks.clients.Unlock()
		return cl
	}
	h.joined++
	cl = &client{hub: h, id: id, serial: h.joined, account: payer}
	h.clients[id] = cl
	payer.clients[cl] = struct{}{}
	h.locks.clients.Unlock()
	h.charge(payer, sizeOfClient(id))
	return cl
}

// knows reports whether there is a client of an identifier, and whether there is no
// room for one more.
func (h *Hub) knows(id string) (there, crowded bool) {
	h.locks.clients.Lock()
	defer h.locks.clients.Unlock()
	return h.clients[id] != nil, len(h.clients) >= h.config.MaxSessions
}

// forget removes a client that is gone.
func (h *Hub) forget(cl *client) {
	h.locks.clients.Lock()
	there := h.clients[cl.id] == cl
	if there {
		delete(h.clients, cl.id)
		delete(cl.account.clients, cl)
	}
	h.locks.clients.Unlock()
	if there {
		h.charge(cl.account, -sizeOfClient(cl.id))
	}
}
