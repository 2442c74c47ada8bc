package wirejudge

import (
	"fmt"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
)

// messages are those that clients have published of late, by topic and payload.
type messages struct {
	byHash map[uint64]*message
	order  []uint64
	next   int // the oldest in order, once it is full
}

// A message is what all that have published it have in common.
type message struct {
	qos        uint8 // the highest
	retained   bool  // one had RETAIN
	live       bool  // one had not
	expires    bool  // one had an expiry interval
	lasts      bool  // one had none
	expiry     uint32
	at         time.Duration // of the last
	forward    [len(forwarded)]uint64
	differs    [len(forwarded)]bool
	publisher  string
	publishers int
}

func (m *messages) get(hash uint64, limit int) *message {
	if x := m.byHash[hash]; x != nil {
		return x
	}
	if m.byHash == nil {
		m.byHash = map[uint64]*message{}
	}
	if len(m.order) < limit {
		m.order = append(m.order, hash)
	} else {
		delete(m.byHash, m.order[m.next])
		m.order[m.next] = hash
		m.next = (m.next + 1) % limit
	}
	x := new(message)
	m.byHash[hash] = x
	return x
}

// published notes a PUBLISH of a client.
func (m *messages) published(c *Conn, p *Packet) {
	if p.Topic == nil || p.qos > 2 {
		return
	}
	x := m.get(hashOf(p.Topic, p.hash, p.payload), c.j.Limits.messages())
	x.add(c, p.qos, p.retain)
	if n, has := p.property(codec.MessageExpiryInterval); has {
		x.expires = true
		x.expiry = max(x.expiry, n)
	} else {
		x.lasts = true
	}
	for i, h := range p.forward {
		if x.publishers > 1 && x.forward[i] != h {
			x.differs[i] = true
		}
		x.forward[i] = h
	}
}

func (x *message) add(c *Conn, qos uint8, retain bool) {
	x.qos = max(x.qos, qos)
	x.retained, x.live = x.retained || retain, x.live || !retain
	x.at = c.now
	x.publishers++
	if x.publishers == 1 {
		x.publisher = c.clientID
	} else if x.publisher != c.clientID {
		x.publisher = ""
	}
}

// publishWill notes a will: it may be published from now on.
func (c *Conn) publishWill() {
	w := c.will
	if w == nil || w.willTopic == nil {
		return
	}
	x := c.j.messages.get(hashOf(w.willTopic, w.willHash, w.willSize), c.j.Limits.messages())
	x.add(c, w.willQoS, w.flag.willRetain)
	x.lasts, x.live = true, true // when it is published, nobody says
	for i := range x.differs {
		x.differs[i] = true
	}
	x.publisher, c.will = "", nil
}

// compare judges a PUBLISH of a server by what was published.
func (c *Conn) compare(p *Packet, m matches, name string) {
	const by = mqttwire.Server
	x := c.j.messages.byHash[hashOf(p.Topic, p.hash, p.payload)]
	if x == nil {
		return
	}
	tell := func(r Rule, clause, format string, args ...any) {
		c.foundAt(c.among(r), clause, r, by, name+fmt.Sprintf(format, args...))
	}
	if p.qos > x.qos {
		tell(QoSOverPublished, "", " at QoS %d, published at %d", p.qos, x.qos)
	}
	if x.publisher != "" && x.publisher == c.clientID && m.settled && m.allNoLocal && !p.retain {
		tell(OwnMessage, "", ", which this client has published, to a subscription with No Local")
	}
	if c.version != mqttwire.V50 {
		return
	}
	if m.settled && m.allAsPub && (p.retain && !x.retained || !p.retain && !x.live) {
		tell(RetainNotAsPublished, "", " with RETAIN %t, published with %t", p.retain, x.retained)
	}
	for i, h := range p.forward {
		if !x.differs[i] && x.forward[i] != h {
			tell(PropertyChanged, forwardedClause[i], ", its %s is not as published", forwarded[i])
		}
	}
	n, has := p.property(codec.MessageExpiryInterval)
	waited := c.now - x.at
	switch {
	case has && !x.expires:
		tell(ExpiryAdded, "", " with a Message Expiry Interval of %d, published without one", n)
	case x.lasts || !x.expires:
	case waited > secondsOf(x.expiry)+expirySlack:
		tell(Expired, "", ", %v after it was published with a Message Expiry Interval of %d", waited.Round(time.Second), x.expiry)
	case !has:
		tell(ExpiryNotCounted, "", " without a Message Expiry Interval, published with %d", x.expiry)
	case n > x.expiry || secondsOf(n) > secondsOf(x.expiry)-waited+2*time.Second:
		tell(ExpiryNotCounted, "", " with a Message Expiry Interval of %d, published with %d and %v ago", n, x.expiry, waited.Round(time.Second))
	}
}
