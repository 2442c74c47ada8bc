package wirejudge

import (
	"fmt"
	"hash/maphash"
	"time"

	"github.com/mqttwire/mqttwire"
)

// An exchange is a message of QoS 1 or 2 in flight.
type exchange struct {
	id    uint16
	level uint8
	state exchangeState
	seq   int           // among the messages of its sender in this session
	conn  int           // the connection that last carried its PUBLISH or PUBREL
	copy  uint64        // what the message is
	topic uint64        // its topic
	size  int           // of the PUBLISH
	open  int           // PUBLISHes of this connection that are not answered
	recs  int           // PUBRECs of this connection that are not answered
	at    time.Duration // of the last packet
	told  bool          // that it waits
	quota bool          // it counts in the Receive Maximum of this connection
}

type exchangeState uint8

const (
	published exchangeState = iota // awaits PUBACK or PUBREC
	received                       // PUBREC has been seen, PUBREL is due
	released                       // PUBREL has been seen, PUBCOMP is due
)

// A flow is what one side publishes in a session.
type flow struct {
	exchanges map[uint16]*exchange
	seq       int
	// blind says that more was in flight than is kept: what is not known may be.
	blind bool
	// missed says that an earlier connection may have carried what the judge was
	// not given.
	missed bool
	// done are the ids that were finished on this connection, before those of the
	// last one: their acknowledgement may not have arrived.
	done, before *idSet
	// Of this connection:
	arrived [2]queue // PUBLISHes to be acknowledged, by level
	recs    queue    // PUBRECs to be answered with PUBREL
	resent  int      // the highest seq that was sent again
	byTopic map[uint64]int
}

type idSet [1 << 16 / 64]uint64

func (s *idSet) has(id uint16) bool { return s != nil && s[id>>6]>>(id&63)&1 != 0 }

func (s *idSet) add(id uint16) { s[id>>6] |= 1 << (id & 63) }

func (f *flow) finished(id uint16) {
	if f.done == nil {
		f.done = new(idSet)
	}
	f.done.add(id)
}

func (f *flow) forgetDone(id uint16) {
	for _, s := range []*idSet{f.done, f.before} {
		if s != nil {
			s[id>>6] &^= 1 << (id & 63)
		}
	}
}

// begin begins a connection of a session.
func (c *Conn) begin(s *session) {
	for i := range s.flow {
		f := &s.flow[i]
		if f.done != nil {
			f.before, f.done = f.done, nil
		}
		if c.early && f.resent == 0 { // what came before CONNACK stays
			continue
		}
		f.arrived, f.recs, f.resent, f.byTopic = [2]queue{}, queue{}, 0, nil
		for _, e := range f.exchanges {
			if e.conn != c.Number {
				e.open, e.recs, e.told, e.quota = 0, 0, false, false
			}
		}
	}
}

// adopt takes over what a connection has sent, or all, and returns how many
// exchanges these are.
func (f *flow) adopt(from *flow, conn int, all bool) (n int) {
	f.seq, f.arrived, f.recs = max(f.seq, from.seq), from.arrived, from.recs
	for id, e := range from.exchanges {
		if (all || e.conn == conn) && f.exchanges[id] == nil {
			f.put(id, e)
			n++
		}
	}
	return n
}

func (f *flow) put(id uint16, e *exchange) {
	if f.exchanges == nil {
		f.exchanges = map[uint16]*exchange{}
	}
	f.exchanges[id] = e
}

// A queue has ids in the order in which something about them came, those that
// are answered in between.
type queue struct {
	ids []queued
}

type queued struct {
	id  uint16
	seq int
}

// push appends an id, and drops what is answered where that has become much.
func (q *queue) push(id uint16, seq int, waits func(queued) bool) {
	if n := len(q.ids); n >= 64 && n == cap(q.ids) {
		kept := q.ids[:0]
		for _, x := range q.ids {
			if waits(x) {
				kept = append(kept, x)
			}
		}
		q.ids = kept
	}
	q.ids = append(q.ids, queued{id, seq})
}

// isFirst reports whether id is the first that waits.
func (q *queue) isFirst(id uint16, waits func(queued) bool) (first uint16, ok bool) {
	for len(q.ids) > 0 && !waits(q.ids[0]) {
		q.ids = q.ids[1:]
	}
	if len(q.ids) == 0 {
		return id, true
	}
	return q.ids[0].id, q.ids[0].id == id
}

func hashOf(topic []byte, payload uint64, size int) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	h.Write(topic)
	var b [16]byte
	for i := range 8 {
		b[i], b[8+i] = byte(payload>>(8*i)), byte(uint64(size)>>(8*i))
	}
	h.Write(b[:])
	return h.Sum64()
}

// deliver judges a PUBLISH of QoS 1 or 2 as a step of its exchange.
func (c *Conn) deliver(s *side, p *Packet) {
	if c.session == nil || !p.hasID || p.qos == 0 || p.qos > 2 {
		return
	}
	f := &c.session.flow[s.from]
	e := f.exchanges[p.id]
	what := hashOf(p.Topic, p.hash, p.payload)
	name := fmt.Sprintf("PUBLISH %d", p.id)
	same := e != nil && e.level == p.qos && e.copy == what
	switch {
	case e == nil:
		if s.from == mqttwire.Client && c.requests[p.id] != nil {
			c.found(IDInUse, s.from, fmt.Sprintf("%s, while %s %d is not answered", name, c.requests[p.id].kind, p.id))
		}
		known := f.done.has(p.id) || f.before.has(p.id)
		if p.dup && !known && !f.missed && c.trusts(s.from) {
			clause := ""
			if s.from == mqttwire.Client && p.qos == 2 && c.version == mqttwire.V311 {
				clause = "MQTT-4.3.3-1"
			} else if s.from == mqttwire.Client && p.qos == 2 && c.version == mqttwire.V50 {
				clause = "MQTT-4.3.3-2"
			}
			if s.from == mqttwire.Client && c.gone.has(p.id) {
				clause = "MQTT-3.2.2-5" // it goes on with a session that the server has not
			}
			c.foundAt(c.across(DupOnFirst), clause, DupOnFirst, s.from, name+" has DUP, and was not sent before")
		}
	case e.conn == c.Number && e.state == released && same:
		c.found(PublishAfterPubrel, s.from, name+" again, after its PUBREL")
	case !same:
		c.found(IDInUse, s.from, fmt.Sprintf("%s at QoS %d is another message than the one of QoS %d that is in flight", name, p.qos, e.level))
		c.settle(s.from, f, e, false)
		e = nil
	case e.conn == c.Number:
		if !p.dup {
			c.found(DupMissing, s.from, name+" again without DUP")
		} else {
			c.found(SentAgain, s.from, name+" again on the same connection")
		}
	default: // resumed
		if e.state == released {
			c.foundAt(c.across(PublishAfterPubrel), "", PublishAfterPubrel, s.from, name+" again, after the PUBREL of an earlier connection")
		}
		if !p.dup {
			c.foundAt(c.across(DupMissing), "", DupMissing, s.from, name+" of an earlier connection again without DUP")
		}
		if e.state == received {
			e.state = published // its PUBREC has not arrived
		}
		c.resentInOrder(s, f, e)
	}
	if e == nil {
		if c.accepted {
			s.fresh = true
		}
		if c.j.inFlight >= c.j.Limits.inFlight() {
			if f.blind = true; !c.told.room {
				c.told.room = true
				c.found(NotFollowed, s.from, "more messages are in flight than the judge keeps")
			}
			return
		}
		c.j.inFlight++
		f.seq++
		e = &exchange{id: p.id, level: p.qos, seq: f.seq, copy: what, topic: maphash.Bytes(seed, p.Topic)}
		f.put(p.id, e)
		f.forgetDone(p.id)
	}
	e.conn, e.at, e.size, e.told = c.Number, c.now, p.Size, false
	e.open++
	if e.open == 1 && e.state == published {
		f.arrived[e.level-1].push(e.id, e.seq, f.unanswered)
	}
	if !e.quota {
		e.quota = true
		s.inFlight++
		if limit := c.side[other(s.from)].receiveMaximum; c.version == mqttwire.V50 && s.inFlight > limit {
			c.limit(ReceiveMaximum, s.from, fmt.Sprintf("%s is number %d in flight, the Receive Maximum is %d", name, s.inFlight, limit))
		}
	}
}

// unanswered reports whether a PUBLISH of this connection awaits PUBACK or
// PUBREC.
func (f *flow) unanswered(x queued) bool {
	e := f.exchanges[x.id]
	return e != nil && e.seq == x.seq && e.state == published && e.open > 0
}

// unreleased reports whether a PUBREC awaits its PUBREL.
func (f *flow) unreleased(x queued) bool {
	e := f.exchanges[x.id]
	return e != nil && e.seq == x.seq && e.state == received
}

// resentInOrder judges the order of what is sent again: of a client among all of
// its messages, of a server among those of a topic and QoS.
func (c *Conn) resentInOrder(s *side, f *flow, e *exchange) {
	last := f.resent
	key := e.topic ^ uint64(e.level)
	if s.from == mqttwire.Server {
		last = f.byTopic[key]
	}
	if e.seq < last {
		c.foundAt(c.across(ResentOutOfOrder), "", ResentOutOfOrder, s.from, fmt.Sprintf("PUBLISH %d is sent again after one that was first sent later", e.id))
	}
	f.resent = max(f.resent, e.seq)
	if s.from == mqttwire.Server && len(f.byTopic) < 4096 {
		if f.byTopic == nil {
			f.byTopic = map[uint64]int{}
		}
		f.byTopic[key] = max(last, e.seq)
	}
}

// settle ends an exchange. What of it is not answered yet may still be.
func (c *Conn) settle(from mqttwire.Role, f *flow, e *exchange, finished bool) {
	if e.quota {
		c.side[from].inFlight--
	}
	kind := mqttwire.PUBACK
	if e.level == 2 {
		kind = mqttwire.PUBREC
	}
	for range min(e.open, 8) {
		c.allow(kind, e.id, other(from))
	}
	for range min(e.recs, 8) {
		c.allow(mqttwire.PUBREL, e.id, from)
	}
	delete(f.exchanges, e.id)
	c.j.inFlight--
	if finished {
		f.finished(e.id)
	}
}

// allow notes that a packet may come that answers no exchange.
func (c *Conn) allow(kind mqttwire.PacketType, id uint16, from mqttwire.Role) {
	if c.asides == nil {
		c.asides = map[aside]int{}
	}
	if len(c.asides) < maxAsides {
		c.asides[aside{kind, id, from}]++
	}
}

// allowed reports whether such a packet was allowed, and takes it back.
func (c *Conn) allowed(kind mqttwire.PacketType, id uint16, from mqttwire.Role) bool {
	a := aside{kind, id, from}
	n := c.asides[a]
	if n == 1 {
		delete(c.asides, a)
	} else if n > 1 {
		c.asides[a]--
	}
	return n > 0 || len(c.asides) >= maxAsides
}

// acknowledge judges PUBACK, PUBREC, PUBREL and PUBCOMP.
func (c *Conn) acknowledge(s *side, p *Packet) {
	if c.session == nil {
		return
	}
	sender := s.from // who publishes
	if p.kind != mqttwire.PUBREL {
		sender = other(s.from)
	}
	f := &c.session.flow[sender]
	e := f.exchanges[p.id]
	if e == nil {
		c.stray(s, p, f, sender)
		return
	}
	name := fmt.Sprintf("%s %d", p.kind, p.id)
	if (p.kind == mqttwire.PUBACK) != (e.level == 1) {
		c.found(AckOfWrongKind, s.from, fmt.Sprintf("%s for a PUBLISH of QoS %d", name, e.level))
		return
	}
	if e.conn != c.Number && p.kind != mqttwire.PUBREL {
		c.found(AckAcrossConnections, s.from, name+" for what an earlier connection has carried, and this one not yet")
	}
	e.at, e.told = c.now, false
	failed := c.version == mqttwire.V50 && p.code >= 0x80
	switch p.kind {
	case mqttwire.PUBACK:
		c.answered(s, f, e, name, PubackOrder)
		c.settle(sender, f, e, true)
	case mqttwire.PUBREC:
		if e.open == 0 && e.conn == c.Number && e.state != published {
			c.found(AckTwice, s.from, name+" a second time")
		}
		c.answered(s, f, e, name, PubrecOrder)
		if failed {
			c.settle(sender, f, e, true)
			return
		}
		if e.recs++; e.state != released {
			e.state = received
			if e.recs == 1 {
				f.recs.push(e.id, e.seq, f.unreleased)
			}
		}
	case mqttwire.PUBREL:
		c.release(s, f, e, name)
	case mqttwire.PUBCOMP:
		if e.state != released {
			c.found(PubcompTooEarly, s.from, name+" before the PUBREL")
		}
		c.settle(sender, f, e, true)
	}
}

// answered judges the order of a PUBACK or PUBREC.
func (c *Conn) answered(s *side, f *flow, e *exchange, name string, order Rule) {
	if s.from == mqttwire.Client && e.open > 0 && e.state == published {
		if first, ok := f.arrived[e.level-1].isFirst(e.id, f.unanswered); !ok {
			c.found(order, s.from, fmt.Sprintf("%s, while PUBLISH %d, which came before, is not acknowledged", name, first))
		}
	}
	if e.open > 0 {
		e.open--
	}
}

// release judges a PUBREL of an exchange.
func (c *Conn) release(s *side, f *flow, e *exchange, name string) {
	switch {
	case e.state == published && e.conn == c.Number:
		c.found(PubrelTooEarly, s.from, name+" before the PUBREC")
	case e.state == published:
		c.foundAt(Should, "", PubrelTooEarly, s.from, name+" gives up a message of an earlier connection, whose PUBREC has not come")
	case e.state == received && e.conn == c.Number && s.from == mqttwire.Client:
		if first, ok := f.recs.isFirst(e.id, f.unreleased); !ok {
			c.found(PubrelOrder, s.from, fmt.Sprintf("%s, while PUBREC %d, which came before, is not answered", name, first))
		}
	case e.state == released && e.conn == c.Number && e.recs == 0:
		c.found(SentAgain, s.from, name+" again on the same connection")
	}
	if e.recs > 0 {
		e.recs--
	}
	e.state, e.conn = released, c.Number
}

// stray judges an acknowledgement that fits no exchange.
func (c *Conn) stray(s *side, p *Packet, f *flow, sender mqttwire.Role) {
	name := fmt.Sprintf("%s %d", p.kind, p.id)
	// The answer to it is not its sender's fault.
	switch p.kind {
	case mqttwire.PUBREC:
		c.allow(mqttwire.PUBREL, p.id, sender)
	case mqttwire.PUBREL:
		c.allow(mqttwire.PUBCOMP, p.id, other(sender))
	}
	if c.allowed(p.kind, p.id, s.from) || !c.trusts(sender) {
		return
	}
	switch {
	case f.before.has(p.id) && p.kind == mqttwire.PUBREL: // its PUBCOMP may not have arrived
	case f.done.has(p.id) && p.kind == mqttwire.PUBREL:
		c.found(SentAgain, s.from, name+" after its PUBCOMP")
	case f.done.has(p.id), f.before.has(p.id):
		c.found(AckTwice, s.from, name+" for a message that is finished")
	default:
		level := AckOfNothing.Level()
		if p.kind == mqttwire.PUBREL { // its PUBLISH may have gone elsewhere
			level = c.across(AckOfNothing)
		}
		c.foundAt(level, "", AckOfNothing, s.from, name+", and there is no such message in flight")
	}
}
