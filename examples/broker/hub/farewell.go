package hub

import (
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
)

// A farewell is the end of a connection that an Order wants: what was refused is
// acknowledged before, so that the client does not send it again for ever.
type farewell struct {
	order Order
	// handshakes are the Packet Identifiers of what was refused at QoS 2 and is
	// not released yet.
	handshakes map[uint16]struct{}
}

// part has the connection end once what is under way is acknowledged: what has
// come by then is heard out, and each PUBREL is waited for as long as Linger.
func (c *Conn) part(o Order) {
	if o.End == 0 || c.farewell != nil {
		return
	}
	c.farewell = &farewell{order: o, handshakes: map[uint16]struct{}{}}
}

// parted reports whether the connection has been asked to end by its farewell,
// and by nobody else.
func (c *Conn) parted(why mqttwire.Reason) bool {
	if c.farewell == nil || c.farewell.order.End != why {
		return false
	}
	text := c.why.Load()
	return text == nil && c.farewell.order.Text == "" || text != nil && *text == c.farewell.order.Text
}

// partNow ends the connection where nothing is waited for any more.
func (c *Conn) partNow() {
	if f := c.farewell; f != nil && len(f.handshakes) == 0 {
		c.Kick(f.order.End, f.order.Text)
	}
}

// tellLast tells the client what the farewell has for it.
func (c *Conn) tellLast(now time.Duration) {
	c.lock()
	defer c.unlock()
	c.tell(c.farewell.order.Tell, now)
}

// acknowledge answers a PUBLISH of QoS 1 or 2.
func (c *Conn) acknowledge(w *Worker, t qos.Ticket, id uint16, reason mqttwire.Reason, told bool, mark uint64) {
	c.lock()
	defer c.unlock()
	if !reason.AllowedIn(mqttwire.PUBACK) {
		reason = mqttwire.UnspecifiedError
	}
	out, r, err := c.machine.Ack(c.out.Bytes(), t, reason, codec.Properties{}, w.now)
	if c.out.Gather(out); err != nil { // it has been taken all the same: the answer is for when it comes again
		r, _ = c.client.state.Finish(t, reason)
		c.ending = "acknowledgement: " + err.Error()
	}
	c.hub.journal.decided(c.client, r, told)
	c.owe(mark)
	// In 5.0 a PUBREC that refuses is the end of the exchange (5.0 §4.3.3).
	if f := c.farewell; f != nil && t.Level() == qos.ExactlyOnce && !(c.who.Version == v5 && reason.IsError()) {
		f.handshakes[id] = struct{}{}
		if c.last.ring == nil {
			c.last.ring = func(*Worker) { c.Kick(f.order.End, f.order.Text) }
			c.hub.set(&c.last, w.now+c.hub.config.Linger)
		}
	}
}

// receiveLate answers a PUBLISH that comes when the connection is about to end.
// What is refused would only come again: it is acknowledged. What would be taken
// may come again, and is taken then.
func (c *Conn) receiveLate(w *Worker, p *codec.Publish, t qos.Ticket) {
	if t == 0 {
		return
	}
	mark := c.hub.journal.Mark()
	reason := mqttwire.TopicNameInvalid
	if !isServersTo(p.Topic, c.who.ClientID) {
		reason = c.mayPublish(p.Topic)
	} else if _, ok := c.hub.config.Handlers[string(p.Topic)]; ok {
		reason = mqttwire.Success // it is not asked twice
	}
	if reason.IsError() {
		c.acknowledge(w, t, p.ID, reason, false, mark)
		return
	}
	c.lock()
	defer c.unlock()
	r, _ := c.client.state.Abandon(t)
	c.hub.journal.decided(c.client, r, false)
}
