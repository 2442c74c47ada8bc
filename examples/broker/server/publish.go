package server

import (
	"cmp"
	"slices"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
)

func (c *client) handlePublish(p *codec.Publish) *ending {
	if c.version == mqttwire.V50 {
		if p.QoS > qos.AtMostOnce {
			return c.disconnect(mqttwire.QoSNotSupported, "PUBLISH: the maximum QoS is 0") // 5.0 §3.2.2.3.4
		}
		if _, ok := p.Properties.TopicAlias(); ok {
			return c.disconnect(mqttwire.TopicAliasInvalid, "PUBLISH: the topic alias maximum is 0") // 5.0 [MQTT-3.3.2-9]
		}
	}
	open := c.unreleased[p.ID] // never where the QoS is 0: it has no id
	switch {
	case open && p.QoS != qos.ExactlyOnce:
		return c.disconnect(mqttwire.ProtocolError, "PUBLISH: packet identifier in use")
	case !open:
		c.server.publish(newMessage(c.id, p))
	}
	switch p.QoS {
	case qos.AtLeastOnce:
		return c.reply(&codec.Puback{ID: p.ID})
	case qos.ExactlyOnce:
		if c.unreleased == nil {
			c.unreleased = make(map[uint16]bool)
		}
		c.unreleased[p.ID] = true
		return c.reply(&codec.Pubrec{ID: p.ID})
	}
	return nil
}

func (c *client) handlePubrel(p *codec.Pubrel) *ending {
	ack := &codec.Pubcomp{ID: p.ID}
	if !c.unreleased[p.ID] && c.version == mqttwire.V50 {
		ack.Code = mqttwire.PacketIdentifierNotFound
	}
	delete(c.unreleased, p.ID)
	return c.reply(ack)
}

// handlePubrec answers a PUBREC for a PUBLISH that the server has not sent: it
// sends none that wants one.
func (c *client) handlePubrec(p *codec.Pubrec) *ending {
	if p.Code.IsError() {
		return nil
	}
	ack := &codec.Pubrel{ID: p.ID}
	if c.version == mqttwire.V50 {
		ack.Code = mqttwire.PacketIdentifierNotFound
	}
	return c.reply(ack)
}

// publish gives a message to everyone who has subscribed to its topic, and
// keeps it if it is to be retained.
func (s *Server) publish(m *message) {
	if m.retain {
		s.mu.Lock() // who subscribes meanwhile gets it once
		defer s.mu.Unlock()
		s.retained.store(m)
	}
	list := s.lists.Get().(*[]match)
	all := s.subscriptions.AppendMatches((*list)[:0], m.topic)
	slices.SortFunc(all, func(a, b match) int { // by client
		return cmp.Or(cmp.Compare(a.Key.serial, b.Key.serial), cmp.Compare(a.Value.id, b.Value.id))
	})
	for rest := all; len(rest) > 0; {
		to, n := rest[0].Key, 1
		for n < len(rest) && rest[n].Key == to {
			n++
		}
		s.deliver(to, m, rest[:n])
		rest = rest[n:]
	}
	clear(all)
	*list = all
	s.lists.Put(list)
}

// deliver sends a message to a client with these subscriptions that it matches.
func (s *Server) deliver(c *client, m *message, matches []match) {
	wanted := matches[:0]
	retain := false
	for _, x := range matches {
		if x.Value.options.NoLocal() && m.from == c.id {
			continue // 5.0 [MQTT-3.8.3-3]
		}
		wanted = append(wanted, x)
		retain = retain || m.retain && x.Value.options.RetainAsPublished() // else 0: 3.1.1 [MQTT-3.3.1-9], 5.0 [MQTT-3.3.1-12]
	}
	if len(wanted) > 0 && !c.out.publish(m, retain, wanted, 0) {
		s.dropped.Add(1)
	}
}
