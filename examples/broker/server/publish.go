package server

import (
	"cmp"
	"log/slog"
	"slices"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
)

// deliver takes a PUBLISH from the client to all who want it, and acknowledges
// it.
func (c *conn) deliver(w *worker, p *codec.Publish, t qos.Ticket) {
	w.messagesIn++
	if c.farewell != nil {
		c.deliverLate(w, p, t)
		return
	}
	mark := c.server.journal.Mark()
	var reason mqttwire.Reason
	var order Order
	if p.Topic[0] == '$' {
		defer c.watch() // what is due by time comes after the acknowledgement
		name, held := c.who.UserName, c.client.held
		order = c.publishToServer(p)
		reason = order.Answer
		w.acked = w.acked || held // what has waited may go on
		if c.who.UserName != name {
			c.log(slog.LevelInfo, "known by now", "client", c.who.ClientID, "user", c.who.UserName, "tokens", c.who.Tokens)
		}
	} else if reason = c.mayPublish(p.Topic); reason.IsError() {
		order = c.refused(mqttwire.PUBLISH, p.Topic, p.QoS != qos.AtMostOnce && c.who.Version == v5)
	} else {
		w.pub.set(p, c.who.ClientID, w.now)
		if t.Level() == qos.ExactlyOnce && c.server.journal.keeps(c.client) {
			w.origin = origin{client: c.client, accepted: t.Record()}
		}
		reason = c.server.publish(w, &w.pub)
	}
	told := w.origin.told
	w.origin = origin{}
	c.part(order)
	if t != 0 {
		c.acknowledge(w, t, p.ID, reason, told, mark)
	}
	if p.Topic[0] == '$' { // what has waited for it comes after the acknowledgement
		c.lock()
		c.client.hold()
		c.unlock()
	}
	if order.End == 0 { // else what it is told comes last
		c.obey(w, order)
	}
}

func (c *conn) mayPublish(topic []byte) mqttwire.Reason {
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
func (c *conn) refused(what mqttwire.PacketType, topic []byte, said bool) Order {
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
func (c *conn) publishToServer(p *codec.Publish) Order {
	handler, ok := c.server.config.Handlers[string(p.Topic)]
	if !ok {
		return Order{Answer: mqttwire.TopicNameInvalid}
	}
	c.lock()
	defer c.unlock()
	c.answering = true
	return handler(&c.who, c.client.access, p.QoS, p.Payload)
}

// publish takes a message to all who want it, retains it if it is to be, and
// says so to other nodes. The code is that of the acknowledgement.
func (s *Server) publish(w *worker, pub *posting) mqttwire.Reason {
	if s.config.Router != nil {
		s.config.Router.Publish(messageOf(pub))
	}
	return s.publishHere(w, pub)
}

func (s *Server) publishHere(w *worker, pub *posting) mqttwire.Reason {
	if !pub.retain {
		return s.publishNow(w, pub)
	}
	// Who subscribes meanwhile gets it once.
	s.retained.mu.Lock()
	defer s.retained.mu.Unlock()
	stored := s.retained.store(s, pub)
	reason := s.publishNow(w, pub)
	if !stored {
		s.stats.refused.Add(1)
		return mqttwire.QuotaExceeded
	}
	return reason
}

// publishNow takes a message to all who want it now.
func (s *Server) publishNow(w *worker, pub *posting) mqttwire.Reason {
	w.matches = s.subscriptions.AppendTurns(w.matches[:0], pub.topic)
	if s.journal.on {
		return s.routeAsPlanned(w, pub)
	}
	reason := mqttwire.NoMatchingSubscribers
	if len(w.matches) > 0 {
		reason = s.route(w, pub)
	}
	clear(w.matches)
	return reason
}

// route gives a publication to the clients of w.matches: to each once, whatever
// the number of its subscriptions (3.1.1 §3.3.5, 5.0 §3.3.4), except for what it
// gets as a member of Shared Subscriptions.
func (s *Server) route(w *worker, pub *posting) mqttwire.Reason {
	several := w.several[:0]
	reason := mqttwire.NoMatchingSubscribers
	for i := range w.matches {
		m := &w.matches[i]
		switch {
		case m.Group != 0:
			reason = worse(reason, s.share(w, pub, m))
		case m.Key.subscribed.Load() > 1:
			several = append(several, *m)
		default:
			reason = worse(reason, s.offer(w, pub, w.matches[i:i+1]))
		}
	}
	if len(several) > 0 {
		slices.SortFunc(several, func(a, b match) int {
			return cmp.Or(cmp.Compare(a.Key.serial, b.Key.serial), cmp.Compare(a.Value.id, b.Value.id))
		})
		for rest := several; len(rest) > 0; {
			n := 1
			for n < len(rest) && rest[n].Key == rest[0].Key {
				n++
			}
			reason = worse(reason, s.offer(w, pub, rest[:n]))
			rest = rest[n:]
		}
		clear(several)
	}
	w.several = several
	return reason
}

// worse returns what a publisher is told after one more subscriber: that one
// could not take the message, or that one could.
func worse(reason mqttwire.Reason, r publishResult) mqttwire.Reason {
	switch {
	case r == refused:
		return mqttwire.QuotaExceeded
	case reason == mqttwire.NoMatchingSubscribers && r == taken:
		return mqttwire.Success
	}
	return reason
}

// offer gives a publication to one client, which these subscriptions of it
// match.
func (s *Server) offer(w *worker, pub *posting, matches []match) publishResult {
	cl := matches[0].Key
	level, retain, wanted := qos.AtMostOnce, false, false
	ids := w.ids[:0]
	for i := range matches {
		v := &matches[i].Value
		if v.options.NoLocal() && pub.from == cl.id {
			continue // [MQTT-3.8.3-3]
		}
		wanted = true
		level = max(level, v.options.QoS())                            // [MQTT-3.3.5-1; 5.0 MQTT-3.3.4-2]
		retain = retain || pub.retain && v.options.RetainAsPublished() // else 0 [MQTT-3.3.1-9; 5.0 MQTT-3.3.1-12]
		if v.id != 0 {
			ids = append(ids, v.id)
		}
	}
	w.ids = ids
	if !wanted {
		return dropped
	}
	w.generation = matches[0].Value.generation
	var to *recipient
	if len(ids) > 0 {
		w.to = recipient{ids: ids}
		to = &w.to
	}
	return s.give(w, pub, cl, min(level, pub.level), retain, to)
}
