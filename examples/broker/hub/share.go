package hub

import (
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
)

// A share is one client's part in a Shared Subscription, by its whole filter.
type share struct{ filter string }

// decideShare decides which member of a group gets a publication: the one whose
// turn it is, or where that cannot send it now, another.
func (h *Hub) decideShare(w *Worker, pub *posting, turn *match, to sink) outcome {
	if turn.Key.readiness(min(turn.Value.options.QoS(), pub.level)) == ready && h.decideMember(w, pub, turn, to) == taken {
		return taken
	}
	// The others: those who can send now first, as far as that is looked at, then
	// those who are there; from a different one each time.
	w.members = h.subscriptions.AppendSubscribers(w.members[:0], []byte(turn.Value.share.filter))
	members := w.members
	first := int(h.turns.Add(1) % uint64(max(len(members), 1)))
	result := dropped
	for _, state := range [...]readiness{ready, busy, away} {
		n := len(members)
		if state == ready {
			n = min(n, maxReady)
		}
		for i := range n {
			m := &members[(first+i)%len(members)]
			switch {
			case state == ready && m.Key.readiness(min(m.Value.options.QoS(), pub.level)) != ready:
				continue
			case state != ready && m.Key.online.Load() == (state == away):
				continue
			}
			switch h.decideMember(w, pub, m, to) {
			case taken:
				return taken
			case refused:
				result = refused
			}
		}
	}
	clear(members)
	return result
}

func (h *Hub) decideMember(w *Worker, pub *posting, m *match, to sink) outcome {
	v := &m.Value
	w.ids = w.ids[:0]
	if v.id != 0 {
		w.ids = append(w.ids, v.id)
	}
	w.intent = intent{
		client:     m.Key,
		generation: v.generation,
		level:      min(v.options.QoS(), pub.level),
		retain:     pub.retain && v.options.RetainAsPublished(),
		ids:        w.ids,
		share:      v.share,
	}
	return to.execute(w, pub, &w.intent)
}

// decideOther has a member of a group other than one get a publication, now.
func (h *Hub) decideOther(w *Worker, pub *posting, of *share, not *client) outcome {
	for _, m := range h.subscriptions.AppendSubscribers(nil, []byte(of.filter)) {
		if m.Key != not {
			return h.decideShare(w, pub, &m, live{})
		}
	}
	return dropped
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

// readiness says how soon a client could be sent a message.
type readiness uint8

const (
	ready readiness = iota
	busy            // it is there, and messages wait for it
	away
)

// maxReady is how many members of a group are asked whether they can send now.
const maxReady = 32

// readiness is asked of the members of a group: each has its turn as long as it
// can send what it is given.
func (cl *client) readiness(level qos.Level) readiness {
	if !cl.online.Load() {
		return away
	}
	cl.mu.Lock()
	defer cl.mu.Unlock()
	switch c := cl.conn; {
	case c == nil || cl.held:
		return away
	case level == qos.AtMostOnce && c.out.Len() < cl.hub.config.MaxQueue,
		level > qos.AtMostOnce && cl.idle() && c.out.Len() < cl.hub.ahead && c.machine.Quota() > 0:
		return ready
	}
	return busy
}
