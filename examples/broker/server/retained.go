package server

import (
	"sync"
	"time"

	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/topicmatch"
)

// retained are the retained messages by Topic Name.
type retained struct {
	// mu is held while a message to be retained is stored and routed, and while
	// a client subscribes: nobody gets it twice, or not at all. A client's lock
	// comes after it.
	mu       sync.Mutex
	messages topicmatch.Names[*message]
	stored   uint64 // how many ever were: numbers them
	limit    int
}

// store keeps a message, or removes what its topic has where the payload is
// empty (3.1.1 [MQTT-3.3.1-10], 5.0 [MQTT-3.3.1-6]).
func (r *retained) store(s *Server, pub *posting) {
	if len(pub.payload) == 0 || tooDeep(pub.topic, s.config.MaxLevels) {
		if old, had := r.messages.Delete(pub.topic); had {
			old.stop()
			s.journal.retain(&message{topic: pub.topic})
		}
		return
	}
	m := *pub.keep()
	r.stored++
	m.number = r.stored
	if m.expires {
		at := m.at + time.Duration(m.expiry)*time.Second
		m.timer = time.AfterFunc(at-s.now(), func() { r.remove(&m) })
	}
	if old, had, _ := r.messages.Set(m.topic, &m); had {
		old.stop()
	}
	s.journal.retain(&m)
}

// stop stops the timer of a message that is not retained any more.
func (m *message) stop() {
	if m.timer != nil {
		m.timer.Stop()
	}
}

// isFull reports whether a message cannot be retained for lack of room.
func (r *retained) isFull(pub *posting) bool {
	if r.limit <= 0 || len(pub.payload) == 0 || r.messages.Len() < r.limit {
		return false
	}
	_, replaces := r.messages.Get(pub.topic)
	return !replaces
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
func (r *retained) remove(m *message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.has(m) {
		r.messages.Delete(m.topic)
	}
}

// A backlog is the retained messages that a new subscription brings, sent as
// fast as the client takes them.
type backlog struct {
	filter   string
	messages []*message
	to       *recipient
	level    qos.Level
}

type backlogState uint8

const (
	backlogDone  backlogState = iota
	backlogWaits              // for an acknowledgement
	backlogFull               // of the connection's buffer
)

// send sends what the client takes. One that is replaced or removed while it
// waits is left out: the client gets what came in its place as it is published,
// and nothing older after that.
func (b *backlog) send(c *conn, now time.Duration) backlogState {
	s, cl := c.server, c.client
	for len(b.messages) > 0 {
		if len(c.out) >= s.ahead {
			return backlogFull
		}
		m := b.messages[0]
		_, expired := m.waited(now)
		if !expired && s.retained.has(m) && (cl.access == nil || cl.access.Receive(m.topic)) {
			if !c.sendWaiting(delivery{m: m, to: b.to, level: min(b.level, m.level), retain: true}, now) {
				return backlogWaits
			}
		}
		b.messages = b.messages[1:]
	}
	return backlogDone
}

// maxBacklog is how many retained messages may wait for one client, for all of
// its new subscriptions, before it is taken to ask for more than it reads.
const maxBacklog = 4 << 20

// addBacklog has retained messages sent. They replace what an earlier
// subscription to the same filter has not been sent yet. It reports false where
// more would wait than there should.
func (cl *client) addBacklog(b *backlog) bool {
	n := len(b.messages)
	for i, old := range cl.backlog {
		if old.filter == b.filter {
			cl.backlog[i] = b
			return true
		}
		n += len(old.messages)
	}
	if len(cl.backlog) > 0 && n > maxBacklog {
		return false
	}
	cl.backlog = append(cl.backlog, b)
	return true
}

// keptBacklog returns what of the backlogs outlives a connection: messages above
// QoS 0 are part of the session (3.1.1 §4.1, 5.0 §4.1).
func keptBacklog(all []*backlog) (kept []*backlog) {
	for _, b := range all {
		if b.level > qos.AtMostOnce && len(b.messages) > 0 {
			kept = append(kept, b)
		}
	}
	return kept
}
