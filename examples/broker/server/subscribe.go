package server

import (
	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/topicmatch"
)

// A subscription is what a client asked for with a Topic Filter.
type subscription struct {
	id      uint32 // Subscription Identifier, 0 for none
	options codec.SubscriptionOptions
}

// A match is a subscription that a message matches, and whose it is.
type match = topicmatch.Subscription[*client, subscription]

func (c *client) handleSubscribe(p *codec.Subscribe) *ending {
	ack := &codec.Suback{ID: p.ID}
	var id uint32
	if c.version == mqttwire.V50 {
		id, _ = p.Properties.SubscriptionIdentifier()
		for x := range p.Subscriptions.All() {
			if topicmatch.IsShared(x.Filter) {
				return c.disconnect(mqttwire.SharedSubscriptionsNotSupported, "SUBSCRIBE: shared subscriptions are not available") // 5.0 §3.2.2.3.13
			}
		}
	}
	// wants lists the subscriptions that retained messages are sent for.
	type want struct {
		filter []byte
		match  [1]match
	}
	var wants []want

	s := c.server
	s.mu.Lock()
	c.out.mu.Lock()                 // the SUBACK comes before what it lets through
	newest := s.retained.stored     // later ones come as they are published
	present := s.clients[c.id] == c // not taken over
	for x := range p.Subscriptions.All() {
		if topicmatch.IsShared(x.Filter) || tooDeep(x.Filter) {
			ack.Codes = ack.Codes.Append(refusal(c.version))
			continue
		}
		sub := subscription{id, x.Options}
		if c.bridge {
			sub.options |= codec.NoLocal | codec.RetainAsPublished // it wants no echo, and the flag as it was
		}
		existed := false
		if present {
			_, existed, _ = s.subscriptions.Subscribe(c, x.Filter, sub) // Decode has found the filter valid
		}
		handling := x.Options.RetainHandling()
		if handling == codec.SendRetained || handling == codec.SendRetainedIfNew && !existed {
			wants = append(wants, want{x.Filter, [1]match{{Key: c, Value: sub}}})
		}
		ack.Codes = ack.Codes.Append(mqttwire.GrantedQoS0)
	}
	end := c.replyLocked(ack)
	c.out.mu.Unlock()
	s.mu.Unlock()
	c.trace("sent", ack)
	if end != nil {
		return end
	}
	for i := range wants {
		w := &wants[i]
		if !c.sendRetained(w.filter, w.match[:], newest) {
			return c.stopped()
		}
	}
	return nil
}

// refusal returns how a filter is refused. In 3.1 nothing can be (3.1 §3.8).
//
// Before 5.0 a filter that starts with $share/ is one like any other, but the
// index of subscriptions has no place for it: a server need not let clients use
// topics that start with "$" (3.1.1 §4.7.2).
func refusal(v mqttwire.Version) mqttwire.Reason {
	switch v {
	case mqttwire.V31:
		return mqttwire.GrantedQoS0
	case mqttwire.V311:
		return mqttwire.UnspecifiedError // 0x80, Failure
	}
	return mqttwire.TopicFilterInvalid
}

// sendRetained sends the retained messages that a filter matches, as fast as
// the client takes them. It returns false if the connection is to end.
//
// One that is replaced or removed while it waits is left out: the client gets
// what came in its place as it is published, and nothing older after that.
func (c *client) sendRetained(filter []byte, to []match, upTo uint64) bool {
	s := c.server
	for _, m := range s.retained.match(filter, upTo) {
		if !c.out.wait() {
			return false
		}
		waited, expired := m.waited()
		if expired {
			s.mu.Lock()
			s.retained.remove(m)
			s.mu.Unlock()
			continue
		}
		if to[0].Value.options.NoLocal() && m.from == c.id {
			continue
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
	for filter := range p.Filters.All() {
		_, existed := c.server.subscriptions.Unsubscribe(c, filter)
		switch {
		case c.version != mqttwire.V50: // UNSUBACK has no codes
		case existed:
			ack.Codes = ack.Codes.Append(mqttwire.Success)
		default:
			ack.Codes = ack.Codes.Append(mqttwire.NoSubscriptionExisted)
		}
	}
	return c.reply(ack)
}
