package server

import "github.com/mqttwire/mqttwire/topicmatch"

// retained are the retained messages by Topic Name.
type retained struct {
	messages map[string]*message
	stored   uint64 // how many ever were: numbers them
}

// store keeps a copy of a message, or removes what its topic has where the
// payload is empty (3.1.1 [MQTT-3.3.1-10], 5.0 [MQTT-3.3.1-6]).
func (r *retained) store(m *message) {
	if len(m.payload) == 0 {
		delete(r.messages, string(m.topic))
		return
	}
	r.stored++
	kept := m.clone()
	kept.number = r.stored
	r.messages[string(m.topic)] = kept
}

// match returns what a filter matches of the messages up to a number.
func (r *retained) match(filter []byte, upTo uint64) []*message {
	var found []*message
	for name, m := range r.messages {
		if m.number <= upTo && topicmatch.Match(filter, name) {
			found = append(found, m)
		}
	}
	return found
}

// has reports whether a message has neither been replaced nor removed.
func (r *retained) has(m *message) bool { return r.messages[string(m.topic)] == m }

// remove removes a message unless it has been replaced.
func (r *retained) remove(m *message) {
	if r.has(m) {
		delete(r.messages, string(m.topic))
	}
}
