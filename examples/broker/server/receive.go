package server

import (
	"io"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/session"
)

// receive reads and handles what comes until the connection ends, or returns
// why nothing can be read now. A connection that waits holds no buffer.
func (c *conn) receive() error {
	if c.raw != nil {
		return c.receiveRaw()
	}
	for c.ending == "" {
		n, err := c.net.Read(c.framer.Buffer())
		if n == 0 && err != nil {
			return err
		}
		w := c.server.worker()
		c.received(w, n)
		w.finish()
		if c.interruptedBy() {
			return nil
		}
		// What a large packet has taken is not kept for the next.
		if b := c.framer.Release(); len(b) <= workerBuffer/4 {
			c.framer.Use(b)
		}
	}
	return nil
}

// readable reads and handles what there is, without waiting. It reports false
// where more may come.
func (c *conn) readable(read func([]byte) (n int, wait bool, err error), failed *error) bool {
	w := c.server.worker()
	defer w.finish()
	for {
		if c.framer.Buffered() == 0 {
			c.park(w)
		}
		c.framer.Use(w.buf)
		n, wait, err := read(c.framer.Buffer())
		if wait {
			c.park(w)
			return false
		}
		if n == 0 {
			if err == nil {
				err = io.EOF
			}
			*failed = err
			c.park(w)
			return true
		}
		w.renew()
		c.received(w, n)
		if c.ending != "" || c.interruptedBy() {
			c.park(w)
			return true
		}
		w.flush()
	}
}

// park gives the framer's buffer back, and keeps what is in it.
func (c *conn) park(w *worker) {
	if c.framer.Buffered() > 0 {
		c.framer.Detach()
		return
	}
	if b := c.framer.Release(); cap(b) > cap(w.buf) && cap(b) <= maxWorkerBuffer {
		w.buf = b // large packets come here
	}
}

// received handles what has come, and has it answered.
func (c *conn) received(w *worker, n int) {
	c.framer.Filled(n)
	w.bytesIn += n
	for c.ending == "" && !c.interruptedBy() {
		if !c.handle(w) {
			break
		}
		w.packetsIn++
		if !c.draining && !c.roomy() {
			w.flush()
			c.await()
		}
	}
	c.lock()
	if cl := c.client; cl != nil && w.acked {
		cl.pump(w.now)
	}
	w.acked = false
	if len(c.out) == 0 {
		c.recycle(c.take())
	}
	w.touch(c)
	c.unlock()
	c.partNow()
}

// roomy reports whether the client reads what it asks for.
func (c *conn) roomy() bool {
	c.lock()
	defer c.unlock()
	return len(c.out)-c.server.ahead < c.server.config.MaxQueue
}

// await waits until the client has read something, so that one that does not
// read is not read from.
func (c *conn) await() {
	for !c.interruptedBy() && !c.roomy() {
		c.waitProgress(c.stop)
	}
}

// failed notes the error of a packet that has ended the connection.
func (c *conn) failed(t mqttwire.PacketType, err error) {
	c.ending, c.linger = t.String()+": "+err.Error(), err != mqttwire.ErrConnectFirst
	c.server.bans.malformed(c)
}

// handle handles the next packet, and reports whether there was one.
func (c *conn) handle(w *worker) bool {
	c.lock()
	mark := c.server.journal.Mark()
	out, ev, ok, err := c.machine.Next(c.buffer(), &c.framer, &w.decoder, w.now)
	c.out = out
	switch ev.Kind {
	case session.Completed, session.Rejected, session.Released:
		c.acknowledged(ev)
		w.acked = true
	case session.Freed, session.Withdrawn: // the PUBCOMP lets the client use the identifier again
		if c.farewell != nil {
			delete(c.farewell.handshakes, ev.ID)
		}
		c.server.journal.exchanged(c.client, 0, ev.Record())
		c.owe(mark)
	}
	c.unlock()
	if c.server.debug && ev.Packet != nil {
		c.trace("received", ev.Packet)
	}
	switch {
	case err != nil:
		c.failed(ev.Type, err)
		return true
	case !ok:
		return c.impatient()
	}
	if c.farewell != nil && (ev.Kind == session.Subscribe || ev.Kind == session.Unsubscribe || ev.Kind == session.Auth) {
		return true // it counts no more
	}
	switch ev.Kind {
	case session.Deliver:
		c.deliver(w, ev.Packet.(*codec.Publish), ev.Ticket())
	case session.Subscribe:
		c.subscribe(w, ev.Packet.(*codec.Subscribe), ev.Request())
	case session.Unsubscribe:
		c.unsubscribe(ev.Packet.(*codec.Unsubscribe), ev.Request())
	case session.Connect:
		c.connect(w, ev.Packet.(*codec.Connect))
	case session.Auth:
		data, _ := ev.Packet.(*codec.Auth).Properties.AuthenticationData()
		c.authenticate(w, data)
	case session.Disconnect:
		p := ev.Packet.(*codec.Disconnect)
		if p.Code == mqttwire.NormalDisconnection {
			c.lock()
			c.dropWill() // [MQTT-3.14.4-3]
			c.unlock()
		}
		c.ending, c.ordered = "DISCONNECT: "+p.Code.Name(mqttwire.DISCONNECT), p.Code == mqttwire.NormalDisconnection
	}
	return true
}

// impatient ends the connection of a client that sends another packet than AUTH
// before its CONNECT is answered: while it authenticates only DISCONNECT is one
// that it may send [MQTT-3.1.2-30]. It reports whether there was one.
func (c *conn) impatient() bool {
	if c.machine.Phase() != session.Connecting {
		return false
	}
	h, _, ok, _ := c.framer.Peek()
	switch {
	case !ok || h.Type == mqttwire.AUTH:
		return false
	case h.Type == mqttwire.DISCONNECT:
		c.ending = "DISCONNECT while it authenticates"
		return true
	}
	c.lock()
	c.out = c.machine.Fail(c.buffer(), h.Type, mqttwire.ErrAuthUnexpected)
	c.unlock()
	c.failed(h.Type, mqttwire.ErrAuthUnexpected)
	return true
}
