package hub

import (
	"runtime"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/connack"
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
//
// A session is its owner's: another principal's CONNECT is refused, which
// [MQTT-3.1.4-2] allows before anything is taken over, except where the identifier
// is the newcomer's by rule. Then what the other has left behind is ended.
func (c *Conn) join(w *Worker) *client {
	for {
		cl := c.hub.clientOf(c.who.ClientID, c.account())
		cl.mu.Lock()
		switch old := cl.conn; {
		case cl.gone: // it leaves: look the identifier up again
			cl.mu.Unlock()
			runtime.Gosched()
		case !c.mayHave(cl) && (old != nil || !c.hub.isOwn(&c.who)):
			cl.mu.Unlock()
			c.entry = nil
			c.refuse(connack.ClientIdentifierNotValid, "the client id is another's")
			return nil
		case !c.mayHave(cl):
			cl.evict(w)
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

// mayHave reports whether a session is nobody else's. Who is not known yet has it
// until it is.
func (c *Conn) mayHave(cl *client) bool {
	if cl.owner == "" || cl.owner == c.who.Principal {
		return true
	}
	waiting, ok := c.entry.access.(WaitingAccess)
	return ok && waiting.Waiting()
}

// isOwn reports whether an identifier is a client's by rule.
func (h *Hub) isOwn(who *Peer) bool { return h.config.Own != nil && h.config.Own(who) }

// evict ends a session without a connection, whose lock is held, and releases it.
func (cl *client) evict(w *Worker) {
	cl.state.End()
	a := cl.settle(w.now)
	cl.mu.Unlock()
	cl.finish(w, a)
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

// known returns the client of an identifier, nil for none, and whether there are as many
// as may be.
func (h *Hub) known(id string) (cl *client, full bool) {
	h.locks.clients.Lock()
	defer h.locks.clients.Unlock()
	return h.clients[id], len(h.clients) >= h.config.MaxSessions
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
