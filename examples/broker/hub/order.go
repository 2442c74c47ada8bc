package hub

import (
	"time"

	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/session"
)

// recheck asks a RevocableAccess whether it is still good.
func (c *Conn) recheck(w *Worker) {
	cl := c.client
	cl.mu.Lock()
	var order Order
	if access, ok := cl.access.(RevocableAccess); ok && cl.conn == c {
		order = access.Recheck()
	}
	cl.mu.Unlock()
	c.obey(w, order)
}

// watch sees to it that an Access is polled when its time comes.
func (c *Conn) watch() {
	cl := c.client
	cl.mu.Lock()
	defer cl.mu.Unlock()
	c.answering = false
	timed, ok := cl.access.(TimedAccess)
	if !ok || cl.conn != c {
		return
	}
	if at, ok := timed.Deadline(); ok {
		if c.expiry.ring == nil {
			c.expiry.ring = c.pollAccess
		}
		c.hub.set(&c.expiry, c.hub.clock(at))
	} else {
		c.hub.stop(&c.expiry)
	}
}

func (c *Conn) pollAccess(w *Worker) {
	cl := c.client
	cl.mu.Lock()
	timed, ok := cl.access.(TimedAccess)
	if !ok || cl.conn != c || c.answering { // watch will follow
		cl.mu.Unlock()
		return
	}
	order := timed.Poll(c.hub.wall(w.now))
	cl.mu.Unlock()
	c.obey(w, order)
	if order.End == 0 {
		c.watch()
	}
}

// obey does what an Access or a Handler wants. Any goroutine may call it.
func (c *Conn) obey(w *Worker, o Order) {
	if len(o.Tell) == 0 && o.End == 0 {
		return
	}
	cl := c.client
	cl.mu.Lock()
	if cl.conn == c {
		c.tell(o.Tell, w.now)
		w.touch(c)
	}
	cl.mu.Unlock()
	if o.End != 0 {
		c.Kick(o.End, o.Text)
	}
}

// tell sends messages of the server's own. The client's lock is held.
func (c *Conn) tell(all []Told, now time.Duration) {
	if c.machine.Phase() != session.Connected {
		return
	}
	for _, t := range all {
		p := codec.Publish{Topic: []byte(t.Topic), Payload: t.Payload}
		out, _, _ := c.machine.Publish(c.out.Bytes(), &p, 0, now)
		c.out.Gather(out)
	}
}
