package server

import (
	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/topicmatch"
)

func (c *client) handleSubscribe(p *codec.Subscribe) *ending {
	ack := &codec.Suback{ID: p.ID}
	var id uint32
	if c.version == mqttwire.V50 {
		id, _ = p.Properties.SubscriptionIdentifier()
	}
	// wants lists the subscriptions that retained messages are sent for.
	type want struct {
		filter []byte
		route  [1]route
	}
	var wants []want

	s := c.server
	s.mu.Lock()
	newest := s.retained.stored // later ones come as they are published
	for x := range p.Subscriptions.All() {
		if c.version == mqttwire.V50 && topicmatch.IsShared(x.Filter) {
			ack.Codes = ack.Codes.Append(mqttwire.SharedSubscriptionsNotSupported)
			continue
		}
		sub := subscription{id, x.Options}
		if c.bridge {
			sub.options |= codec.NoLocal | codec.RetainAsPublished // it wants no echo, and the flag as it was
		}
		existed := false
		if s.clients[c.id] == c {
			existed = s.routes.add(c, x.Filter, sub)
		}
		handling := x.Options.RetainHandling()
		if handling == codec.SendRetained || handling == codec.SendRetainedIfNew && !existed {
			wants = append(wants, want{x.Filter, [1]route{{c, sub}}})
		}
		ack.Codes = ack.Codes.Append(mqttwire.GrantedQoS0)
	}
	end := c.reply(ack)
	s.mu.Unlock()
	if end != nil {
		return end
	}
	for i := range wants {
		w := &wants[i]
		if !c.sendRetained(w.filter, w.route[:], newest) {
			return c.stopped()
		}
	}
	return nil
}

// sendRetained sends the retained messages that a filter matches, as fast as
// the client takes them. It returns false if the connection is to end.
//
// One that is replaced or removed while it waits is left out: the client gets
// what came in its place as it is published, and nothing older after that.
func (c *client) sendRetained(filter []byte, to []route, upTo uint64) bool {
	s := c.server
	s.mu.RLock()
	messages := s.retained.match(filter, upTo)
	s.mu.RUnlock()
	for _, m := range messages {
		waited, expired := m.waited()
		if expired {
			s.mu.Lock()
			s.retained.remove(m)
			s.mu.Unlock()
			continue
		}
		if to[0].sub.options.NoLocal() && m.from == c.id {
			continue
		}
		if !c.out.wait() {
			return false
		}
		s.mu.RLock()
		if s.retained.has(m) && !c.out.publish(m, true, to, waited) {
			s.dropped.Add(1)
		}
		s.mu.RUnlock()
	}
	return true
}

func (c *client) handleUnsubscribe(p *codec.Unsubscribe) *ending {
	ack := &codec.Unsuback{ID: p.ID}
	s := c.server
	s.mu.Lock()
	for filter := range p.Filters.All() {
		existed := s.routes.remove(c, filter)
		switch {
		case c.version != mqttwire.V50: // UNSUBACK has no codes
		case existed:
			ack.Codes = ack.Codes.Append(mqttwire.Success)
		default:
			ack.Codes = ack.Codes.Append(mqttwire.NoSubscriptionExisted)
		}
	}
	end := c.reply(ack)
	s.mu.Unlock()
	return end
}
