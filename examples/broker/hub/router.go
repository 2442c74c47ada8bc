package hub

import (
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/examples/broker/keep"
)

// A Router takes messages to the other nodes of a cluster. The server calls it
// with what its own clients publish; what comes from other nodes it is given by
// [Hub.Inject]. It is called by many goroutines at once, must not block,
// and must not call the server from within.
type Router interface {
	// Publish takes a message that a client of this node has published, or its
	// will, which the Router may read during the call only.
	Publish(m keep.Message)
	// Interest says that somebody on this node wants what a Topic Filter
	// matches, or that nobody does any more. A Shared Subscription is its whole
	// filter, with $share.
	Interest(filter string, wanted bool)
}

func messageOf(pub *posting) keep.Message {
	return keep.Message{Topic: pub.topic, Payload: pub.payload, Properties: pub.properties, QoS: pub.level, Retain: pub.retain, From: pub.from}
}

// Inject takes a message that came from another node to the clients of this one,
// and retains it if it is to be. Nothing of it is kept by reference. It must not
// be called from within a Router, Store, Access or Handler.
func (h *Hub) Inject(w *Worker, m keep.Message) {
	w.pub.set(&codec.Publish{Topic: m.Topic, Payload: m.Payload, Properties: m.Properties, QoS: m.QoS, Retain: m.Retain}, m.From, w.now)
	h.routeHere(w, &w.pub, origin{})
}

// interest notes a subscription more or less to a filter.
func (h *Hub) interest(filter []byte, n int) {
	h.locks.interests.Lock()
	defer h.locks.interests.Unlock()
	was := h.interests[string(filter)]
	is := was + n
	if is == 0 {
		delete(h.interests, string(filter))
	} else {
		h.interests[string(filter)] = is
	}
	if (was == 0) != (is == 0) {
		h.config.Router.Interest(string(filter), is > 0)
	}
}
