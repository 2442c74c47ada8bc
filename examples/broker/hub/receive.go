package hub

import (
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/session"
)

// Buffer returns where to read to: the worker's own memory, for a connection that
// holds none while it waits.
func (c *Conn) Buffer(w *Worker) []byte {
	if c.framer.Buffered() == 0 {
		c.Park(w)
	}
	c.framer.Use(w.buf)
	return c.framer.Buffer()
}

// Park gives the memory back to the worker, and keeps what is in it.
func (c *Conn) Park(w *Worker) {
	if c.framer.Buffered() > 0 {
		c.framer.Detach()
		return
	}
	if b := c.framer.Release(); cap(b) > cap(w.buf) && cap(b) <= maxWorkerBuffer {
		w.buf = b // large packets come here
	}
}

// OwnBuffer returns where to read to, for a connection that waits with it.
func (c *Conn) OwnBuffer() []byte {
	if c.framer.Buffered() == 0 { // what a large packet has taken is not kept for the next
		if b := c.framer.Release(); len(b) <= workerBuffer/4 {
			c.framer.Use(b)
		}
	}
	return c.framer.Buffer()
}

// Receive handles so many bytes that have come, in what Buffer or OwnBuffer gave,
// and has them answered. Of what has come it leaves the rest where something else
// is called for.
func (c *Conn) Receive(w *Worker, n int, now time.Duration) {
	w.now = now
	c.framer.Filled(n)
	w.counted.bytesIn += n
	c.received += n
	for c.ending == "" && c.entry == nil && !c.called() && !c.waits.Load() && c.receivePacket(w) {
		w.counted.packetsIn++
		if c.kicked.Load() == 0 && c.isFull() {
			c.stalled = true // one that does not read is not read from
			break
		}
	}
	c.lock()
	if cl := c.client; cl != nil && w.acked {
		cl.pump(w.now)
		c.moved = true
		c.drained()
	}
	w.acked = false
	c.out.Rest()
	w.touch(c)
	searches := c.searches()
	c.unlock()
	yield(searches)
	if c.ending == "" && !c.weighInput() {
		c.disconnect(mqttwire.QuotaExceeded, "a packet is more than there is room for")
	}
	c.partNow()
}

func (c *Conn) isFull() bool {
	c.lock()
	defer c.unlock()
	return c.full()
}

// failed notes the error of a packet that has ended the connection.
func (c *Conn) failed(w *Worker, t mqttwire.PacketType, err error) {
	c.ending, c.linger = t.String()+": "+err.Error(), err != mqttwire.ErrConnectFirst
	c.hub.bans.malformed(c, w.now)
}

// receivePacket handles the next packet, and reports whether there was one.
func (c *Conn) receivePacket(w *Worker) bool {
	c.lock()
	mark := c.hub.journal.Mark()
	out, ev, ok, err := c.machine.Next(c.out.Bytes(), &c.framer, &w.decoder, w.now)
	c.out.Gather(out)
	switch ev.Kind {
	case session.Completed, session.Rejected, session.Released:
		c.acknowledged(ev)
		w.acked = true
		c.client.pressure.progress = w.now
	case session.Freed, session.Withdrawn: // the PUBCOMP lets the client use the identifier again
		if c.farewell != nil {
			delete(c.farewell.handshakes, ev.ID)
		}
		c.hub.journal.exchanged(c.client, 0, ev.Record())
		c.owe(mark)
	}
	c.unlock()
	if c.hub.debug && ok {
		c.traceReceived(ev.Type, ev.Packet)
	}
	switch {
	case err != nil:
		c.failed(w, ev.Type, err)
		return true
	case !ok:
		return c.impatient(w)
	}
	if c.farewell != nil && (ev.Kind == session.Subscribe || ev.Kind == session.Unsubscribe || ev.Kind == session.Auth) {
		return true // it counts no more
	}
	switch ev.Kind {
	case session.Deliver:
		c.receivePublish(w, ev.Packet.(*codec.Publish), ev.Ticket())
	case session.Subscribe:
		c.receiveSubscribe(w, ev.Packet.(*codec.Subscribe), ev.Request())
	case session.Unsubscribe:
		c.receiveUnsubscribe(ev.Packet.(*codec.Unsubscribe), ev.Request())
	case session.Connect:
		c.receiveConnect(w, ev.Packet.(*codec.Connect))
	case session.Auth:
		data, _ := ev.Packet.(*codec.Auth).Properties.AuthenticationData()
		c.receiveAuth(w, data)
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
func (c *Conn) impatient(w *Worker) bool {
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
	c.out.Gather(c.machine.Fail(c.out.Bytes(), h.Type, mqttwire.ErrAuthUnexpected))
	c.unlock()
	c.failed(w, h.Type, mqttwire.ErrAuthUnexpected)
	return true
}
