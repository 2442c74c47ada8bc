package server

import (
	"encoding/binary"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/session"
)

// How messages leave. The client's lock is held throughout.

// sendFirst sends a publication to the client for the first time: as it was
// encoded for all, where nothing is different for this one.
func (c *conn) sendFirst(w *worker, pub *posting, level qos.Level, retain bool, to *recipient, key uint64) error {
	if c.machine.Phase() != session.Connected {
		return mqttwire.ErrNotConnected
	}
	cl := c.client
	var token uint64 // 0: nobody will send it again
	if level != qos.AtMostOnce {
		if c.machine.Quota() == 0 {
			return mqttwire.ErrSendQuota
		}
		if cl.keeps(to) {
			token = cl.flight.next()
		}
	}
	var a qos.Action
	var err error
	if c.aliases || to != nil && len(to.ids) > 0 {
		p := codec.Publish{Topic: pub.topic, Payload: pub.payload, QoS: level, Retain: retain}
		if c.machine.Version() == v5 {
			var ids []uint32
			if to != nil {
				ids = to.ids
			}
			p.Properties = propertiesAfter(pub.properties, 0, ids, w.scratch)
			if len(ids) > 0 {
				w.scratch = p.Properties
			}
		}
		start := len(c.buffer())
		c.out, a, err = c.machine.Publish(c.out, &p, token, w.now)
		if at, ok := pub.ends(); ok && err == nil {
			c.expires(start, at)
		}
	} else {
		a, err = c.sendEncoded(pub, level, retain, token, w.now)
	}
	if err != nil {
		return err
	}
	if token != 0 {
		c.sent(delivery{m: pub.keep(), to: to.clone(), key: key, level: level, retain: retain}, a)
	}
	w.messagesOut++
	w.touch(c)
	return nil
}

// sendEncoded copies the encoded PUBLISH and writes what is this client's.
func (c *conn) sendEncoded(pub *posting, level qos.Level, retain bool, token uint64, now time.Duration) (qos.Action, error) {
	e := pub.encode(codec.Rules{Version: c.machine.Version(), From: mqttwire.Server}, level > qos.AtMostOnce)
	if e == nil {
		return qos.Action{}, mqttwire.ErrPacketTooLarge
	}
	a, err := c.machine.Reserve(level, retain, len(e.b), token, now)
	if err != nil {
		return a, err
	}
	start := len(c.buffer())
	c.out = append(c.out, e.b...)
	first := byte(mqttwire.PUBLISH)<<4 | byte(level)<<1
	if retain {
		first |= 1
	}
	c.out[start] = first
	if level > qos.AtMostOnce {
		binary.BigEndian.PutUint16(c.out[start+e.id:], a.ID)
	}
	if e.expiry > 0 {
		at, _ := pub.ends()
		c.box.aging = append(c.box.aging, aging{start + e.expiry, at})
	}
	return a, nil
}

// sent keeps a message that has been sent, in case that it has to be again.
func (c *conn) sent(d delivery, a qos.Action) {
	mark := c.server.journal.Mark()
	c.server.journal.queued(c.client, &d)
	c.server.journal.exchanged(c.client, d.key, a.Record())
	c.owe(mark)
	c.client.weigh(d.m.size())
	c.client.flight.put(d)
}

// sendWaiting sends a delivery from the queue. It reports false where it has to
// go on waiting.
func (c *conn) sendWaiting(d delivery, now time.Duration) bool {
	cl := c.client
	if d.level > qos.AtMostOnce && c.machine.Quota() == 0 {
		return false
	}
	token := uint64(0)
	if d.level > qos.AtMostOnce && cl.keeps(d.to) {
		token = cl.flight.next()
	}
	p := d.publish(c.machine.Version() == v5, now)
	start := len(c.buffer())
	out, a, err := c.machine.Publish(c.out, &p, token, now)
	c.out = out
	switch err {
	case nil:
		if d.m.expires {
			c.expires(start, d.m.ends())
		}
		if token != 0 {
			c.sent(d, a)
		} else { // one of an earlier run, with a higher Maximum QoS, may be in the Store
			mark := c.server.journal.Mark()
			c.server.journal.unqueued(cl, &d)
			c.owe(mark)
		}
		c.server.stats.messagesOut.Add(1)
		return true
	case mqttwire.ErrSendQuota, mqttwire.ErrResuming, mqttwire.ErrPacketIDsExhausted, mqttwire.ErrNotConnected:
		return false
	}
	c.server.journal.unqueued(cl, &d)
	c.server.stats.dropped.Add(1)
	return true // the client takes no such packet: as if delivered [MQTT-3.1.2-25]
}

// resend answers a Resend event: the message goes again as it went, except for
// the time it has waited. One that this connection cannot carry, or must not, is
// given up. It reports false where neither can be done now.
func (c *conn) resend(ev session.Event, now time.Duration) bool {
	cl := c.client
	d := cl.flight.get(ev.Token)
	var again *codec.Publish
	if d != nil && d.m != nil && (cl.access == nil || cl.access.Receive(d.m.topic)) {
		p := d.publish(c.machine.Version() == v5, now)
		again = &p
	}
	start := len(c.buffer())
	out, gone, err := c.machine.Resend(c.out, ev, again, now)
	c.out = out
	if err != nil { // what a Store brought back may be no message at all
		if c.out, gone, err = c.machine.GiveUp(c.buffer(), ev.ID, now); err != nil {
			return false
		}
	}
	if gone.Kind != session.GivenUp {
		if again != nil && d.m.expires {
			c.expires(start, d.m.ends())
		}
		c.server.stats.messagesOut.Add(1)
		return true
	}
	c.acknowledged(gone)
	c.server.stats.dropped.Add(1)
	return true
}

// landed lets go of a message that is not to be sent again. nil is none.
func (cl *client) landed(d *delivery) {
	if d != nil && d.m != nil {
		cl.weigh(-d.m.size())
		d.m = nil
	}
}

// acknowledged takes note of what became of a message.
func (c *conn) acknowledged(ev session.Event) {
	cl := c.client
	d := cl.flight.get(ev.Token)
	if d == nil {
		return
	}
	mark := c.server.journal.Mark()
	r := ev.Record()
	c.server.journal.exchanged(cl, d.key, r)
	c.owe(mark)
	cl.landed(d) // nobody sends it again
	if r.Op() == qos.Forget {
		cl.flight.remove(ev.Token)
	}
}
