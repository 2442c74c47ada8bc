package hub

import (
	"bytes"

	"github.com/mqttwire/mqttwire/topicmatch"
)

// A fan is how much one message can become for a client: it is limited when it
// subscribes, so that nobody is left out later.
type fan struct {
	shared     int // Shared Subscriptions: a copy each
	identified int // subscriptions with wildcards and an identifier, which all may match
}

// fansOut reports whether one more subscription of its kind is too much.
func (cl *client) fansOut(filter []byte, identified bool) bool {
	c := &cl.hub.config
	if topicmatch.IsShared(filter) {
		return c.MaxShared > 0 && cl.fan.shared >= c.MaxShared
	}
	return identified && isWild(filter) && c.MaxIdentified > 0 && cl.fan.identified >= c.MaxIdentified
}

// countFan counts a subscription more or less.
func (cl *client) countFan(filter []byte, identified bool, n int) {
	switch {
	case topicmatch.IsShared(filter):
		cl.fan.shared += n
		cl.hub.stats.shared.Add(int64(n))
	case identified && isWild(filter):
		cl.fan.identified += n
	}
}

func isWild(filter []byte) bool { return bytes.ContainsAny(filter, "+#") }
