package hub

import (
	"log/slog"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
)

// receivePublish takes a PUBLISH from the client to all who want it, and
// acknowledges it.
func (c *Conn) receivePublish(w *Worker, p *codec.Publish, t qos.Ticket) {
	w.counted.messagesIn++
	w.counted.payloadIn += len(p.Payload)
	if c.farewell != nil {
		c.receiveLate(w, p, t)
		return
	}
	mark := c.hub.journal.Mark()
	var reason mqttwire.Reason
	var order Order
	told := false // the Store has been told that it is accepted
	toServer := isServersTo(p.Topic, c.who.ClientID)
	if toServer {
		defer c.watch() // what is due by time comes after the acknowledgement
		name, principal, held := c.who.UserName, c.who.Principal, c.client.held
		order = c.publishToServer(p)
		reason = order.Answer
		w.acked = w.acked || held // what has waited may go on
		if c.who.Principal != principal {
			order = c.known(order)
		}
		if c.who.UserName != name {
			c.log(slog.LevelInfo, "known by now", "client", c.who.ClientID, "user", c.who.UserName, "tokens", c.who.Tokens)
		}
	} else if reason = c.mayPublish(p.Topic); reason.IsError() {
		order = c.refused(mqttwire.PUBLISH, p.Topic, p.QoS != qos.AtMostOnce && c.who.Version == v5)
	} else {
		w.pub.set(p, c.who.ClientID, w.now)
		w.takers, w.behind = 0, nil
		w.pub.payer, w.pub.warrant, w.pub.tellable = c.client.account, c.client.warrant, t != 0 && c.who.Version == v5
		var from origin
		if t.Level() == qos.ExactlyOnce && c.hub.journal.keeps(c.client) {
			from = origin{client: c.client, accepted: t.Record()}
		}
		reason, told = c.hub.route(w, &w.pub, from)
		c.holdBack(w)
	}
	c.part(order)
	if t != 0 {
		c.acknowledge(w, t, p.ID, reason, told, mark)
	}
	if toServer { // what has waited for it comes after the acknowledgement
		c.lock()
		c.client.hold()
		c.unlock()
	}
	if order.End == 0 { // else what it is told comes last
		c.obey(w, order)
	}
}

// known has the session be that of who the client has proven to be since it came,
// and ends the connection where it is another's.
func (c *Conn) known(order Order) Order {
	cl := c.client
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.owner != "" && cl.owner != c.who.Principal {
		order.End, order.Text = mqttwire.NotAuthorized, "the session is another's"
		return order
	}
	cl.owner = c.who.Principal
	cl.hub.journal.session(cl)
	return order
}

func (c *Conn) mayPublish(topic []byte) mqttwire.Reason {
	cl := c.client
	if cl.access == nil {
		return mqttwire.Success
	}
	cl.mu.Lock()
	defer cl.mu.Unlock()
	return cl.access.Publish(topic)
}

// refused says what else is to be done about what the client's access has
// refused.
func (c *Conn) refused(what mqttwire.PacketType, topic []byte, said bool) Order {
	strict, ok := c.client.access.(StrictAccess)
	if !ok {
		return Order{}
	}
	c.lock()
	defer c.unlock()
	return strict.Refused(what, topic, said)
}

// publishToServer takes a PUBLISH to a topic that starts with $: they are the
// server's own (3.1.1 and 5.0 §4.7.2), and its handlers'.
func (c *Conn) publishToServer(p *codec.Publish) Order {
	handler, ok := c.hub.config.Handlers[string(p.Topic)]
	if !ok {
		return Order{Answer: mqttwire.TopicNameInvalid}
	}
	c.lock()
	defer c.unlock()
	c.answering = true
	order := handler(&c.who, c.client.access, p.QoS, p.Payload)
	c.client.entitle(&c.who)
	return order
}
