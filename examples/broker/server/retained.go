package server

import (
	"bytes"

	"github.com/mqttwire/mqttwire/topicmatch"
)

// maxLevels is how many levels a Topic Name or Topic Filter may have that the
// server keeps: each takes it tens of bytes, and a client one.
const maxLevels = 128

func tooDeep(topic []byte) bool { return bytes.Count(topic, []byte("/")) >= maxLevels }

// retained are the retained messages by Topic Name.
type retained struct {
	messages topicmatch.Names[*message]
	stored   uint64 // how many ever were: numbers them
}

// store keeps a copy of a message, or removes what its topic has where the
// payload is empty (3.1.1 [MQTT-3.3.1-10], 5.0 [MQTT-3.3.1-6]).
func (r *retained) store(m *message) {
	if len(m.payload) == 0 || tooDeep(m.topic) { // QoS 0 messages may be discarded at any time (3.1.1 §3.3.1.3)
		r.messages.Delete(m.topic)
		return
	}
	r.stored++
	kept := m.clone()
	kept.number = r.stored
	r.messages.Set(m.topic, kept)
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
	if r.has(m) {
		r.messages.Delete(m.topic)
	}
}
