package server

import (
	"slices"

	"github.com/mqttwire/mqttwire/codec"
)

// A share is one client's part in a Shared Subscription, by its whole filter.
type share struct{ filter string }

func (d *delivery) shared() bool { return d.to != nil && d.to.share != nil }

// clone returns a recipient that does not borrow the worker's memory.
func (r *recipient) clone() *recipient {
	if r == nil {
		return nil
	}
	return &recipient{slices.Clone(r.ids), r.share}
}

// share gives a publication to one member of a group: the one whose turn it is,
// or where that is away or has no room, another.
func (s *Server) share(w *worker, pub *posting, turn *match) publishResult {
	if turn.Key.online.Load() && s.offerShare(w, pub, turn) == taken {
		return taken
	}
	// The others, those who are there first, from a different one each time.
	w.members = s.subscriptions.AppendSubscribers(w.members[:0], []byte(turn.Value.share.filter))
	members := w.members
	first := int(s.turns.Add(1) % uint64(max(len(members), 1)))
	result := dropped
	for _, online := range [...]bool{true, false} {
		for i := range members {
			m := &members[(first+i)%len(members)]
			if m.Key.online.Load() != online {
				continue
			}
			switch s.offerShare(w, pub, m) {
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

func (s *Server) offerShare(w *worker, pub *posting, m *match) publishResult {
	v := &m.Value
	w.ids = w.ids[:0]
	if v.id != 0 {
		w.ids = append(w.ids, v.id)
	}
	w.to = recipient{w.ids, v.share}
	w.generation = v.generation
	retain := pub.retain && v.options.RetainAsPublished()
	return s.give(w, pub, m.Key, min(v.options.QoS(), pub.level), retain, &w.to)
}

// adopt gives a message that a lost member never took over to another member of
// its group (5.0 §4.8.2).
func (s *Server) adopt(w *worker, d *delivery, lost *client) {
	if d.m == nil {
		return
	}
	waited, expired := d.m.waited(w.now)
	if expired {
		s.stats.expired.Add(1)
		return
	}
	w.pub.republish(d.m, w.now)
	w.pub.level = d.level
	if waited > 0 {
		w.pub.kept = nil
		w.pub.properties = propertiesAfter(d.m.properties, waited, nil, codec.Properties{})
	}
	if s.shareOther(w, &w.pub, d.to.share, lost) != taken {
		s.stats.dropped.Add(1)
	}
}

// shareOther gives a publication to a member of a group other than one.
func (s *Server) shareOther(w *worker, pub *posting, of *share, not *client) publishResult {
	for _, m := range s.subscriptions.AppendSubscribers(nil, []byte(of.filter)) {
		if m.Key != not {
			return s.share(w, pub, &m)
		}
	}
	return dropped
}
