package hub

import (
	"bytes"
	"time"

	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/topicmatch"
)

// retained are the retained messages by Topic Name. Its lock is held, except to match
// and to look one up.
type retained struct {
	messages topicmatch.Names[*message]
	stored   uint64 // how many ever were: numbers them
	count    int    // without the server's own

	suspects []*message // are to be judged by an audit that goes on
	audit    timer
}

// store keeps a message, or removes what its topic has where the payload is
// empty (3.1.1 [MQTT-3.3.1-10], 5.0 [MQTT-3.3.1-6]). It reports false where there
// is no room.
func (r *retained) store(h *Hub, pub *posting) bool {
	own := isServers(pub.topic)
	if len(pub.payload) == 0 || tooDeep(pub.topic, h.config.MaxLevels) {
		if old, had := r.messages.Delete(pub.topic); had {
			r.forget(h, old)
			h.journal.retain(&message{topic: pub.topic})
		}
		return true
	}
	if !own && h.config.MaxRetained > 0 && r.count >= h.config.MaxRetained {
		if _, replaces := r.messages.Get(pub.topic); !replaces {
			return false
		}
	}
	k := pub.keep()
	if !own && !h.hasRoom(pub.payer, k.retainedSize()) {
		return false
	}
	m := &message{topic: k.topic, payload: k.payload, properties: k.properties, from: k.from, at: k.at, expiry: k.expiry, expires: k.expires, level: k.level, payer: pub.payer, principal: pub.principal}
	r.stored++
	m.number = r.stored
	if m.expires {
		m.timer = &timer{ring: func(*Worker) { r.remove(h, m) }}
		h.set(m.timer, m.ends())
	}
	h.charge(m.payer, m.retainedSize())
	if old, had, _ := r.messages.Set(m.topic, m); had {
		r.forget(h, old)
	}
	if !own {
		r.count++
	}
	h.stats.retained.Add(int64(m.size()))
	h.journal.retain(m)
	return true
}

// retainedSize is what it counts for while it is retained, in bytes.
func (m *message) retainedSize() int { return m.size() + levelSize*(1+bytes.Count(m.topic, slash)) }

// forget takes a message that is not retained any more out of account.
func (r *retained) forget(h *Hub, m *message) {
	h.charge(m.payer, -m.retainedSize())
	if !isServers(m.topic) {
		r.count--
	}
	h.stats.retained.Add(int64(-m.size()))
	if m.timer != nil {
		h.stop(m.timer)
	}
}

// match returns what a filter matches of the messages up to a number.
func (r *retained) match(filter []byte, upTo uint64) []*message {
	var found []*message
	r.messages.Visit(filter, func(_ []byte, m *message) bool {
		if m.number <= upTo {
			found = append(found, m)
		}
		return true
	})
	return found
}

// has reports whether a message has neither been replaced nor removed.
func (r *retained) has(m *message) bool {
	kept, _ := r.messages.Get(m.topic)
	return kept == m
}

// remove removes a message unless it has been replaced.
func (r *retained) remove(h *Hub, m *message) {
	h.locks.retained.Lock()
	defer h.locks.retained.Unlock()
	if r.has(m) {
		r.drop(h, m)
	}
}

// drop removes a message that is there.
func (r *retained) drop(h *Hub, m *message) {
	r.messages.Delete(m.topic)
	r.forget(h, m)
	h.journal.retain(&message{topic: m.topic})
}

// A backlog is the retained messages that a new subscription brings, sent as
// fast as the client takes them.
type backlog struct {
	filter   string
	newest   uint64 // messages with a greater number come as they are published
	matched  bool   // messages are those that the filter matches, else nobody has looked
	messages []*message
	to       *recipient
	level    qos.Level
	noLocal  bool // not those that the client itself has published
}

type backlogState uint8

const (
	backlogDone  backlogState = iota
	backlogWaits              // for an acknowledgement, or to be found
	backlogFull               // of the connection's buffer
)

// send sends what the client takes. One that is replaced or removed while it
// waits is left out: the client gets what came in its place as it is published,
// and nothing older after that.
func (b *backlog) send(c *Conn, now time.Duration) backlogState {
	h, cl := c.hub, c.client
	if !b.matched {
		c.await() // for findRetained
		return backlogWaits
	}
	for len(b.messages) > 0 {
		if c.out.Len() >= h.ahead {
			return backlogFull
		}
		m := b.messages[0]
		_, expired := m.waited(now)
		if !expired && !(b.noLocal && m.from == cl.id) && h.retained.has(m) && (cl.access == nil || cl.access.Receive(m.topic)) {
			if !c.sendWaiting(delivery{m: m, to: b.to, level: min(b.level, m.level), retain: true}, now) {
				return backlogWaits
			}
		}
		b.messages = b.messages[1:]
	}
	return backlogDone
}

// wantRetained has the retained messages of new subscriptions sent.
func (c *Conn) wantRetained(w *Worker, wants []*backlog) {
	cl := c.client
	cl.mu.Lock()
	inline := len(cl.backlog) == 0
	cl.mu.Unlock()
	if inline { // mostly there is one, and nothing to wait for
		wants[0].find(c.hub)
	}
	cl.mu.Lock()
	for _, b := range wants {
		cl.addBacklog(b)
	}
	cl.mu.Unlock()
	w.acked = true // pump
}

// find looks for the messages that the filter matches.
func (b *backlog) find(h *Hub) {
	b.messages, b.matched = h.retained.match([]byte(b.filter), b.newest), true
}

// findRetained finds the messages of the backlog whose turn has come, without the
// lock of the client: there may be very many.
func (c *Conn) findRetained(w *Worker) {
	cl := c.client
	cl.mu.Lock()
	if len(cl.backlog) == 0 || cl.backlog[0].matched {
		cl.mu.Unlock()
		return
	}
	b, found := cl.backlog[0], *cl.backlog[0]
	cl.mu.Unlock()
	found.find(c.hub)
	cl.mu.Lock()
	if cl.backlogs[b.filter] == b && b.newest == found.newest && !b.matched {
		b.messages, b.matched = found.messages, true
	}
	cl.mu.Unlock()
	w.acked = true // pump
}

// addBacklog has retained messages sent. They replace what an earlier
// subscription to the same filter has not been sent yet.
func (cl *client) addBacklog(b *backlog) {
	if old := cl.backlogs[b.filter]; old != nil {
		*old = *b
		return
	}
	if cl.backlogs == nil {
		cl.backlogs = make(map[string]*backlog)
	}
	cl.backlogs[b.filter] = b
	cl.backlog = append(cl.backlog, b)
}

// dropBacklog drops what waits for a subscription that has ended.
func (cl *client) dropBacklog(filter []byte) {
	if b := cl.backlogs[string(filter)]; b != nil {
		b.messages, b.matched = nil, true
	}
}

// backlogDone removes the first backlog.
func (cl *client) backlogDone() {
	b := cl.backlog[0]
	delete(cl.backlogs, b.filter)
	cl.backlog[0] = nil
	if cl.backlog = cl.backlog[1:]; len(cl.backlog) == 0 {
		cl.backlog, cl.backlogs = nil, nil
	}
}

// keepBacklog drops what does not outlive a connection: messages of QoS 0 are no
// part of the session (3.1.1 §4.1, 5.0 §4.1).
func (cl *client) keepBacklog() {
	all := cl.backlog
	cl.backlog, cl.backlogs = nil, nil
	for _, b := range all {
		if b.level > qos.AtMostOnce {
			cl.addBacklog(b)
		}
	}
}
