package session

import (
	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
)

// received are the Topic Aliases that the peer has given to topics on this
// connection (5.0 §3.3.2.3.4): number n at n-1, nil where there is none.
type received struct {
	topics [][]byte
	bytes  int              // that they take
	list   codec.Properties // memory for those of a PUBLISH without its alias
}

// ReceivedAliasBytes returns how many bytes the topics take that the peer has given
// Topic Aliases to on this connection: each up to 64 KiB (5.0 §3.3.2.3.4).
func (e *end) ReceivedAliasBytes() int {
	if e.aliases == nil {
		return 0
	}
	return e.aliases.bytes
}

// GivenAliasBytes returns how many bytes the topics take that this end has given
// Topic Aliases to on this connection.
func (e *end) GivenAliasBytes() int { return e.givenBytes }

// maxList is how many bytes of memory for properties a connection keeps.
const maxList = 1 << 10

// without returns the properties of a PUBLISH without its alias, valid until the
// next PUBLISH.
func (r *received) without(p codec.Properties) codec.Properties {
	if p.Size() == 3 {
		return codec.Properties{} // the alias is all there is
	}
	list := codec.Edit{Without: []codec.PropertyID{codec.TopicAlias}}.Append(r.list.Reset(), p)
	if list.Size() <= maxList {
		r.list = list
	}
	return list
}

// resolve returns the topic of a PUBLISH with an alias, 1 up to maximum, and
// keeps it where the PUBLISH names it. What it returns for an empty topic is
// valid until the next PUBLISH (5.0 §3.3.4).
func (r *received) resolve(alias uint16, topic []byte) ([]byte, error) {
	i := int(alias) - 1
	if len(topic) == 0 {
		if i >= len(r.topics) || r.topics[i] == nil {
			return nil, mqttwire.ErrTopicAliasUnknown // 5.0 §3.3.4
		}
		return r.topics[i], nil
	}
	for i >= len(r.topics) {
		r.topics = append(r.topics, nil)
	}
	r.bytes -= cap(r.topics[i])
	r.topics[i] = append(r.topics[i][:0], topic...)
	r.bytes += cap(r.topics[i])
	return topic, nil
}

// given are the Topic Aliases that this end has given, first come, first
// served: they stay for the connection.
type given map[string]uint16

// alias returns the alias of a topic and whether the peer knows it; 0 where
// there is none and no room for one.
func (g given) alias(topic []byte, maximum uint16) (alias uint16, known bool) {
	if alias, known = g[string(topic)]; known {
		return alias, true
	}
	if len(g) >= int(maximum) {
		return 0, false
	}
	return uint16(len(g)) + 1, false
}
