package access

import "github.com/mqttwire/mqttwire/topicmatch"

// Rights is what one client may do, by the rules as they were when [ACL.For]
// made it. It cannot be changed and is safe for concurrent use. The zero Rights
// allow nothing.
//
// No method allocates, blocks or keeps its argument, which is taken to be
// valid, as what was decoded is. Each takes time in proportion to the levels of its
// argument where the rules have no wildcards, and to the levels of the rules at
// most.
type Rights struct {
	everyone, user, own *tree
}

// Publish reports whether the client may publish to a Topic Name, as its will
// too. Where it may not, 5.0 has Not authorized, 0x87, for PUBACK, PUBREC and
// CONNACK (5.0 §3.4.2.1, §3.5.2.1, §3.2.2.2), and 3.1.1 says to acknowledge the
// message all the same or to close the connection [3.1.1 MQTT-3.3.5-2].
func (r *Rights) Publish(topic []byte) bool { return r.allows(write, topic) }

// Receive reports whether the client may be sent a message with a Topic Name,
// whatever it has subscribed to.
func (r *Rights) Receive(topic []byte) bool { return r.allows(read, topic) }

func (r *Rights) allows(a access, topic []byte) bool {
	if len(topic) == 0 {
		return false
	}
	var w walk
	l := levels{rest: topic, top: true, bare: true}
	found := w.matching(r.everyone, l) | w.matching(r.user, l) | w.matching(r.own, l)
	return found&a != 0 && found&deny == 0
}

// Subscribe reports whether the client may subscribe to a Topic Filter or, by
// the filter behind its ShareName, to a Shared Subscription: whether
// [Rights.Receive] holds for all that it can match, by one rule. Where it may
// not, SUBACK has Not authorized, 0x87, in 5.0 and Failure, 0x80, in 3.1.1 (5.0
// §3.9.3, 3.1.1 §3.9.3).
func (r *Rights) Subscribe(filter []byte) bool {
	if topicmatch.IsShared(filter) {
		_, inner, ok := topicmatch.SplitShared(filter)
		if !ok {
			return false
		}
		filter = inner
	}
	return r.subscribe(filter, &walk{})
}

func (r *Rights) subscribe(filter []byte, w *walk) bool {
	if len(filter) == 0 {
		return false
	}
	l := levels{rest: filter, top: true, bare: true}
	if (w.covering(r.everyone, l)|w.covering(r.user, l)|w.covering(r.own, l))&read == 0 {
		return false
	}
	return (w.touching(r.everyone, l)|w.touching(r.user, l)|w.touching(r.own, l))&deny == 0
}
