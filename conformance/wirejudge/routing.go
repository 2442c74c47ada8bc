package wirejudge

import (
	"fmt"
	"hash/maphash"
	"slices"
	"strings"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/topicmatch"
)

// A subscription is one of a session, or was.
type subscription struct {
	filter  string // what topics are matched with
	pending int    // SUBSCRIBEs that are not answered
	current bool   // granted, and not ended by an UNSUBSCRIBE that was answered
	qos     uint8  // the most that was granted or is asked for
	changed int    // how many SUBSCRIBEs and UNSUBSCRIBEs there were
	times   int    // how often retained messages were asked for
	noLocal bool
	asPub   bool // one SUBSCRIBE had Retain As Published
	ids     []uint32
	without bool // one SUBSCRIBE had no Subscription Identifier
}

// subscribing notes a SUBSCRIBE to a filter. It returns nil where there is no
// room for it.
func (c *Conn) subscribing(f filter, id uint32, hasID bool) *subscription {
	s := c.session
	sub := s.subs[string(f.text)]
	if sub == nil {
		if len(s.subs) >= c.j.Limits.subscriptions() {
			s.blind = true
			return nil
		}
		sub = &subscription{filter: string(f.text)}
		if _, inner, ok := topicmatch.SplitShared(f.text); ok && c.version == mqttwire.V50 {
			sub.filter = string(inner)
		}
		if s.subs == nil {
			s.subs = map[string]*subscription{}
		}
		s.subs[string(f.text)] = sub
	}
	if f.handling == 0 || f.handling == 1 && (!sub.current || !s.whole) {
		sub.times++
	}
	sub.pending++
	sub.changed++
	sub.qos = max(sub.qos, min(f.qos, 2))
	sub.noLocal = f.noLocal
	sub.asPub = sub.asPub || f.asPub
	if !hasID {
		sub.without = true
	} else if !slices.Contains(sub.ids, id) && len(sub.ids) < 16 {
		sub.ids = append(sub.ids, id)
	}
	return sub
}

// answered notes a code of the SUBACK.
func (s *subscription) answered(code uint8) {
	s.pending--
	switch {
	case code > 2:
	case s.changed == 1:
		s.qos, s.current = code, true
	default: // a message may have been queued before
		s.qos, s.current = max(s.qos, code), true
	}
}

// unsubscribed notes an UNSUBACK.
func (c *Conn) unsubscribed(r *request) {
	for _, a := range r.filters {
		if sub := c.session.subs[a.filter]; sub != nil {
			sub.current = false
			sub.changed++
		}
	}
}

// resubscribe takes over what this connection has asked for before CONNACK.
func (c *Conn) resubscribe(s, old *session) {
	for filter, sub := range old.subs {
		if sub.pending > 0 {
			if s.subs == nil {
				s.subs = map[string]*subscription{}
			}
			s.subs[filter] = sub
		}
	}
}

// topicOf returns the topic of a PUBLISH, nil where it is not known, and keeps
// what an alias stands for.
func (c *Conn) topicOf(s *side, p *Packet) []byte {
	alias, has := p.property(codec.TopicAlias)
	if !has || p.In.Version != mqttwire.V50 {
		return p.topic
	}
	if len(p.topic) == 0 {
		if t, ok := s.aliases[uint16(alias)]; ok {
			return []byte(t)
		}
		return nil
	}
	const cost = 64
	if old, ok := s.aliases[uint16(alias)]; ok {
		s.aliasBytes -= len(old) + cost
	}
	if s.aliasBytes+len(p.topic)+cost > c.j.Limits.aliases() {
		delete(s.aliases, uint16(alias))
		s.aliasBytes = c.j.Limits.aliases() // full: an alias that is not there may be one
		return p.topic
	}
	if s.aliases == nil {
		s.aliases = map[uint16]string{}
	}
	s.aliases[uint16(alias)] = string(p.topic)
	s.aliasBytes += len(p.topic) + cost
	return p.topic
}

// publish judges a PUBLISH.
func (c *Conn) publish(s *side, p *Packet) {
	if c.version == mqttwire.V50 {
		c.alias(s, p)
	}
	if s.from == mqttwire.Client {
		if p.qos > c.can.qos && p.qos <= 2 {
			c.limit(QoSNotSupported, s.from, fmt.Sprintf("PUBLISH of QoS %d, the Maximum QoS of the server is %d", p.qos, c.can.qos))
		}
		if p.retain && !c.can.retain {
			c.limit(RetainNotSupported, s.from, "PUBLISH with RETAIN, the server has no retained messages")
		}
		c.j.messages.published(c, p)
	} else if c.accepted && c.session != nil && p.Topic != nil && p.qos <= 2 {
		c.route(p)
	}
	c.deliver(s, p)
}

func (c *Conn) alias(s *side, p *Packet) {
	n, has := p.property(codec.TopicAlias)
	if !has || n == 0 {
		return
	}
	most := c.side[other(s.from)].aliasMaximum
	switch {
	case most == 0:
		c.limit(AliasNotTaken, s.from, fmt.Sprintf("PUBLISH with Topic Alias %d, and its receiver takes none", n))
	case n > most:
		c.limit(AliasOverMaximum, s.from, fmt.Sprintf("PUBLISH with Topic Alias %d, the Topic Alias Maximum is %d", n, most))
	case p.Topic == nil && s.aliasBytes < c.j.Limits.aliases()-64:
		c.found(AliasUnknown, s.from, fmt.Sprintf("PUBLISH with Topic Alias %d, which stands for nothing", n))
	}
}

// matches is what the subscriptions to a topic say together.
type matches struct {
	n, times        int
	qos             uint8
	settled         bool // each is current and was made once
	asPub, allAsPub bool
	allNoLocal      bool
	allWithID       bool
	ids             []uint32
}

func (s *session) match(topic []byte) matches {
	m := matches{settled: true, allAsPub: true, allNoLocal: true, allWithID: true}
	for _, sub := range s.subs {
		if !topicmatch.Match(sub.filter, topic) {
			continue
		}
		m.n++
		m.times += sub.times
		m.qos = max(m.qos, sub.qos)
		m.settled = m.settled && sub.current && sub.pending == 0 && sub.changed == 1
		m.asPub = m.asPub || sub.asPub
		m.allAsPub = m.allAsPub && sub.asPub
		m.allNoLocal = m.allNoLocal && sub.noLocal
		m.allWithID = m.allWithID && !sub.without
		m.ids = append(m.ids, sub.ids...)
	}
	return m
}

// route judges a PUBLISH of a server by the subscriptions of its receiver, and
// by what was published.
func (c *Conn) route(p *Packet) {
	const by = mqttwire.Server
	s := c.session
	if !s.whole || s.blind {
		return
	}
	m := s.match(p.Topic)
	name := "PUBLISH to " + quote(p.Topic)
	if m.n == 0 {
		if !strings.HasPrefix(string(p.Topic), "$SYS/token") && once(&c.told.unasked) { // which come unasked, see tokenauth
			c.found(NotSubscribed, by, name+", which no subscription matches")
		}
		return
	}
	if p.qos > m.qos {
		c.found(QoSOverGrant, by, fmt.Sprintf("%s at QoS %d, granted is %d", name, p.qos, m.qos))
	}
	if p.retain && !p.dup && !m.asPub && !c.bridge {
		c.retained(p, m, name)
	}
	for _, id := range p.ids[:min(p.idCount, len(p.ids))] {
		if !slices.Contains(m.ids, id) {
			c.found(SubscriptionIDUnknown, by, fmt.Sprintf("%s with Subscription Identifier %d, which no SUBSCRIBE to it gave", name, id))
		}
	}
	if m.settled && m.allWithID && p.idCount == 0 && c.version == mqttwire.V50 {
		c.found(SubscriptionIDMissing, by, name+" without a Subscription Identifier, and the subscription has one")
	}
	if !p.dup {
		c.compare(p, m, name)
	}
}

func quote(topic []byte) string {
	if len(topic) > 60 {
		return fmt.Sprintf("%q...", topic[:60])
	}
	return fmt.Sprintf("%q", topic)
}

// retained judges a PUBLISH with RETAIN.
func (c *Conn) retained(p *Packet, m matches, name string) {
	const by = mqttwire.Server
	s := c.session
	switch {
	case p.payload == 0:
		c.found(RetainedEmpty, by, name+" with RETAIN and without a payload")
		return
	case m.times == 0:
		c.found(RetainedUnwanted, by, name+" with RETAIN, and no SUBSCRIBE asked for retained messages")
		return
	}
	key := maphash.Bytes(seed, p.Topic)
	if s.retained == nil {
		s.retained = map[uint64]int{}
	}
	if n := s.retained[key]; n > 0 || len(s.retained) < 4096 {
		s.retained[key] = n + 1
		if n+1 > m.times {
			c.found(RetainOnLive, by, fmt.Sprintf("%s with RETAIN %d times, after %d SUBSCRIBEs that ask for retained messages", name, n+1, m.times))
		}
	}
}
