package hub

import (
	"bytes"

	"github.com/mqttwire/mqttwire/topicmatch"
)

// retained are the retained messages by Topic Name. Its lock is held, except to match
// and to look one up.
type retained struct {
	messages topicmatch.Names[*message]
	stored   uint64 // how many ever were: numbers them
	count    int    // without the server's own

}

// store keeps a message, or removes what its topic has where the payload is
// empty (3.1.1 [MQTT-3.3.1-10], 5.0 [MQTT-3.3.1-6]). It reports false where there
// is no room.
func (r *retained) store(h *Hub, pub *posting) bool {
	own := isServers(pub.topic)
	if len(pub.payload) == 0 {
		r.clear(h, pub.topic)
		return true
	}
	if tooDeep(pub.topic, h.config.MaxLevels) {
		return false
	}
	if !own && h.config.MaxRetained > 0 && r.count >= h.config.MaxRetained {
		if _, replaces := r.messages.Get(pub.topic); !replaces {
			return false
		}
	}
	k := pub.keep()
	if !own && !h.journal.replaying.Load() && !h.hasRoom(pub.payer, k.retainedSize()) {
		return false
	}
	m := &message{topic: k.topic, payload: k.payload, properties: k.properties, from: k.from, at: k.at, expiry: k.expiry, expires: k.expires, level: k.level, payer: pub.payer, warrant: pub.warrant}
	r.stored++
	m.number = r.stored
	if m.expires {
		m.timer = &timer{ring: func(*Worker) { r.remove(h, m) }}
		h.set(m.timer, m.ends())
	}
	h.charge(m.payer, m.retainedSize())
	m.payer.retains(m)
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

// retains adds a message to those of the account, nil for the server's.
func (a *account) retains(m *message) {
	if a == nil {
		return
	}
	if m.older = a.newest; m.older == nil {
		a.oldest = m
	} else {
		m.older.newer = m
	}
	a.newest = m
}

// lets takes a message out of those of the account.
func (a *account) lets(m *message) {
	if a == nil {
		return
	}
	older, newer := &a.oldest, &a.newest
	if m.older != nil {
		older = &m.older.newer
	}
	if m.newer != nil {
		newer = &m.newer.older
	}
	*older, *newer = m.newer, m.older
	m.older, m.newer = nil, nil
}

// retainedSize is what it counts for while it is retained, in bytes.
func (m *message) retainedSize() int { return m.size() + levelSize*(1+bytes.Count(m.topic, slash)) }

// forget takes a message that is not retained any more out of account.
func (r *retained) forget(h *Hub, m *message) {
	h.charge(m.payer, -m.retainedSize())
	m.payer.lets(m)
	if !isServers(m.topic) {
		r.count--
	}
	h.stats.retained.Add(int64(-m.size()))
	if m.timer != nil {
		h.stop(m.timer)
	}
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
		r.clear(h, m.topic)
	}
}

// clear removes what is retained on a topic, if anything is.
func (r *retained) clear(h *Hub, topic []byte) {
	if old, had := r.messages.Delete(topic); had {
		r.forget(h, old)
		h.journal.retain(&message{topic: topic})
	}
}
