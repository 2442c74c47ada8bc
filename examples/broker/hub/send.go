package hub

import (
	"encoding/binary"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/session"
)

// How messages leave. The client's lock is held throughout.

// owe notes that what is to be written promises what the journal has got since a
// mark.
func (c *Conn) owe(since uint64) {
	if now := c.hub.journal.Mark(); now != since {
		c.out.Owe(now)
	}
}

// sendNow sends a publication to the client for the first time: as it was encoded
// for all, where nothing is different for this one.
func (c *Conn) sendNow(w *Worker, pub *posting, in *intent) error {
	if c.machine.Phase() != session.Connected {
		return mqttwire.ErrNotConnected
	}
	cl := c.client
	var token uint64 // 0: nobody will send it again
	if in.level != qos.AtMostOnce {
		if c.machine.Quota() == 0 {
			return mqttwire.ErrSendQuota
		}
		if cl.keeps(in.share) {
			token = cl.flight.next()
		}
	}
	var a qos.Action
	var err error
	if c.aliases || len(in.ids) > 0 {
		p := codec.Publish{Topic: pub.topic, Payload: pub.payload, QoS: in.level, Retain: in.retain}
		if c.machine.Version() == v5 {
			p.Properties = propertiesAfter(pub.properties, 0, in.ids, w.scratch)
			if len(in.ids) > 0 {
				w.scratch = p.Properties
			}
		}
		start := c.out.Len()
		var out []byte
		out, a, err = c.machine.Publish(c.out.Bytes(), &p, token, w.now)
		c.out.Gather(out)
		if at, ok := pub.ends(); ok && err == nil {
			c.expires(start, at)
		}
	} else {
		a, err = c.sendEncoded(pub, in.level, in.retain, token, w.now)
	}
	if err != nil {
		return err
	}
	if token != 0 {
		c.sent(in.delivery(pub), a)
	}
	w.counted.messagesOut++
	w.counted.payloadOut += len(pub.payload)
	w.touch(c)
	return nil
}

// sendEncoded copies the encoded PUBLISH and writes what is this client's.
func (c *Conn) sendEncoded(pub *posting, level qos.Level, retain bool, token uint64, now time.Duration) (qos.Action, error) {
	e := pub.encode(codec.Rules{Version: c.machine.Version(), From: mqttwire.Server}, level > qos.AtMostOnce)
	if e == nil {
		return qos.Action{}, mqttwire.ErrPacketTooLarge
	}
	a, err := c.machine.Reserve(level, retain, len(e.b), token, now)
	if err != nil {
		return a, err
	}
	start := c.out.Len()
	out := append(c.out.Bytes(), e.b...)
	first := byte(mqttwire.PUBLISH)<<4 | byte(level)<<1
	if retain {
		first |= 1
	}
	out[start] = first
	if level > qos.AtMostOnce {
		binary.BigEndian.PutUint16(out[start+e.id:], a.ID)
	}
	if c.out.Gather(out); e.expiry > 0 {
		at, _ := pub.ends()
		c.out.CountDown(start+e.expiry, at)
	}
	return a, nil
}

// sent keeps a message that has been sent, in case that it has to be again.
func (c *Conn) sent(d delivery, a qos.Action) {
	mark := c.hub.journal.Mark()
	c.hub.journal.queued(c.client, &d)
	c.hub.journal.exchanged(c.client, d.key, a.Record())
	c.owe(mark)
	c.client.take(&d)
	c.client.flight.put(d)
	c.sooner()
}

// sendWaiting sends a delivery from the queue. It reports false where it has to
// go on waiting.
func (c *Conn) sendWaiting(d delivery, now time.Duration) bool {
	cl := c.client
	if d.level > qos.AtMostOnce && c.machine.Quota() == 0 {
		return false
	}
	token := uint64(0)
	if d.level > qos.AtMostOnce && cl.keeps(d.share()) {
		token = cl.flight.next()
	}
	p := d.publish(c.machine.Version() == v5, now)
	start := c.out.Len()
	out, a, err := c.machine.Publish(c.out.Bytes(), &p, token, now)
	c.out.Gather(out)
	switch err {
	case nil:
		if d.m.expires {
			c.expires(start, d.m.ends())
		}
		if token != 0 {
			c.sent(d, a)
		} else { // one of an earlier run, with a higher Maximum QoS, may be in the Store
			mark := c.hub.journal.Mark()
			c.hub.journal.unqueued(cl, d.key)
			c.owe(mark)
		}
		c.hub.stats.sent(p.Payload)
		return true
	case mqttwire.ErrSendQuota, mqttwire.ErrResuming, mqttwire.ErrPacketIDsExhausted, mqttwire.ErrNotConnected:
		return false
	}
	c.hub.journal.unqueued(cl, d.key)
	c.hub.stats.dropped.Add(1)
	return true // the client takes no such packet: as if delivered [MQTT-3.1.2-25]
}

// resend answers a Resend event: the message goes again as it went, except for
// the time it has waited. One that this connection cannot carry, or must not, is
// given up. It reports false where neither can be done now.
func (c *Conn) resend(ev session.Event, now time.Duration) bool {
	cl := c.client
	d := cl.flight.get(ev.Token)
	var again *codec.Publish
	if d != nil && d.m != nil && (cl.access == nil || cl.access.Receive(d.m.topic)) {
		p := d.publish(c.machine.Version() == v5, now)
		again = &p
	}
	start := c.out.Len()
	out, gone, err := c.machine.Resend(c.out.Bytes(), ev, again, now)
	c.out.Gather(out)
	if err != nil { // what a Store brought back may be no message at all
		out, gone, err = c.machine.GiveUp(c.out.Bytes(), ev.ID, now)
		if c.out.Gather(out); err != nil {
			return false
		}
	}
	if gone.Kind != session.GivenUp {
		if again != nil && d.m.expires {
			c.expires(start, d.m.ends())
		}
		if again != nil {
			c.hub.stats.sent(again.Payload)
		}
		return true
	}
	c.acknowledged(gone)
	c.hub.stats.dropped.Add(1)
	return true
}

// landed lets go of a message that is not to be sent again. nil is none.
func (cl *client) landed(d *delivery) {
	if d != nil && d.m != nil {
		cl.release(d)
		d.m = nil
	}
}

// acknowledged takes note of what became of a message.
func (c *Conn) acknowledged(ev session.Event) {
	cl := c.client
	d := cl.flight.get(ev.Token)
	if d == nil {
		return
	}
	mark := c.hub.journal.Mark()
	r := ev.Record()
	c.hub.journal.exchanged(cl, d.key, r)
	c.owe(mark)
	cl.landed(d) // nobody sends it again
	if r.Op() == qos.Forget {
		cl.flight.remove(ev.Token)
	}
}
