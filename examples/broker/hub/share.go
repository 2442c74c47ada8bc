package hub

import (
	"slices"

	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
)

// A share is one client's part in a Shared Subscription, by its whole filter.
type share struct{ filter string }

// decideShare decides which member of a group gets a publication: the one whose
// turn it is, or where that cannot send it now, another.
func (h *Hub) decideShare(w *Worker, pub *posting, turn []match, to sink) outcome {
	result, first := dropped, turn[0].Key.canSend(&turn[0], pub)
	if first {
		if result = h.decideClient(w, pub, turn, to); result == taken {
			return taken
		}
	}
	// The others, from a different one each time.
	w.members = h.subscriptions.AppendSubscribers(w.members[:0], []byte(turn[0].Value.share.filter))
	if first {
		w.members = slices.DeleteFunc(w.members, func(m match) bool { return m.Key == turn[0].Key })
	}
	if o := h.decideMembers(w, pub, w.members, to); o != dropped {
		result = o
	}
	clear(w.members)
	return result
}

// maxReady is how many members of a group are asked whether they can send now, and
// maxAsked how many one message is offered to.
const maxReady, maxAsked = 32, 64

// decideMembers asks each of the members once, until one has taken the publication:
// first who can send it now, as far as that is looked at, then who is there, then
// who is away.
func (h *Hub) decideMembers(w *Worker, pub *posting, members []match, to sink) outcome {
	result := dropped
	start := int(h.turns.Add(1) % uint64(max(len(members), 1)))
	var asked uint32 // of the first maxReady
	offers := 0
	for _, state := range [...]readiness{ready, busy, away} {
		n := len(members)
		if state == ready {
			n = min(n, maxReady)
		}
		for i := range n {
			one := members[(start+i)%len(members):][:1]
			m := &one[0]
			switch {
			case i < maxReady && asked>>i&1 != 0:
				continue
			case state == ready && !m.Key.canSend(m, pub):
				continue
			case state != ready && m.Key.online.Load() == (state == away):
				continue
			}
			asked |= 1 << i
			if offers++; offers > maxAsked {
				return result
			}
			switch h.decideClient(w, pub, one, to) {
			case taken:
				return taken
			case refused:
				result = refused
			}
		}
	}
	return result
}

// readiness says how soon a member could be sent a message.
type readiness uint8

const (
	ready readiness = iota
	busy            // it is there, and messages wait for it
	away
)

// canSend reports whether a member of a group, by its subscription, could be sent a
// publication now: each has its turn as long as it can.
func (cl *client) canSend(m *match, pub *posting) bool {
	if !cl.online.Load() {
		return false
	}
	cl.mu.Lock()
	defer cl.mu.Unlock()
	c := cl.conn
	switch {
	case c == nil || cl.held:
		return false
	case min(m.Value.options.QoS(), pub.level) == qos.AtMostOnce:
		return c.out.Len() < cl.hub.config.MaxQueue
	}
	return cl.idle() && c.out.Len() < cl.hub.ahead && c.machine.Quota() > 0
}

// decideOther has a member of a group other than one get a publication, now.
func (h *Hub) decideOther(w *Worker, pub *posting, of *share, not *client) outcome {
	members := h.subscriptions.AppendSubscribers(nil, []byte(of.filter))
	members = slices.DeleteFunc(members, func(m match) bool { return m.Key == not })
	return h.decideMembers(w, pub, members, live{})
}

// adopt gives a message that a lost member never took over to another member of
// its group (5.0 §4.8.2).
func (h *Hub) adopt(w *Worker, d *delivery, lost *client) {
	if d.m == nil {
		return
	}
	waited, expired := d.m.waited(w.now)
	if expired {
		h.stats.expired.Add(1)
		return
	}
	w.pub.republish(d.m, w.now)
	w.pub.level = d.level
	if waited > 0 {
		w.pub.kept = nil
		w.pub.properties = propertiesAfter(d.m.properties, waited, nil, codec.Properties{})
	}
	if h.decideOther(w, &w.pub, d.to.share, lost) != taken {
		h.stats.dropped.Add(1)
	}
}
