package server

import (
	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/qos"
)

// With a Store a message is routed in two steps: first who is to get it, which
// is kept as a whole, together with what it means for the publisher; then it is
// delivered.

// planned is a delivery that is decided and not made.
type planned struct {
	client     *client
	generation uint16
	delivery
}

// origin is the exchange of QoS 2 that a message comes from, where the session
// of its publisher is kept.
type origin struct {
	client   *client
	accepted qos.Record
	told     bool // the Store has been told that it is accepted
}

// give gives a publication to a client, or plans to.
func (s *Server) give(w *worker, pub *posting, cl *client, level qos.Level, retain bool, to *recipient) publishResult {
	if !w.planning {
		return cl.offer(w, pub, level, retain, to, 0)
	}
	p := planned{cl, w.generation, delivery{to: to.clone(), level: level, retain: retain}}
	if level > qos.AtMostOnce {
		cl.mu.Lock()
		if !cl.gone && !cl.volatile {
			p.key = s.journal.key()
		}
		cl.mu.Unlock()
	}
	w.plan = append(w.plan, p)
	return taken
}

// routeAsPlanned is route with a Store.
func (s *Server) routeAsPlanned(w *worker, pub *posting) mqttwire.Reason {
	w.plan, w.planning = w.plan[:0], true
	s.route(w, pub)
	w.planning = false
	clear(w.matches)
	told := s.journal.published(pub, w.plan, w.origin.client, w.origin.accepted)
	w.origin.told = told && w.origin.client != nil

	plan := w.plan
	w.plan = nil // a member of a share that takes its place may plan again
	reason := mqttwire.NoMatchingSubscribers
	for i := range plan {
		p := &plan[i]
		w.generation = p.generation
		result := p.client.offer(w, pub, p.level, p.retain, p.to, p.key)
		if result != taken {
			p.client.mu.Lock()
			s.journal.unqueued(p.client, &p.delivery)
			p.client.mu.Unlock()
			if p.shared() {
				result = s.shareOther(w, pub, p.to.share, p.client)
			}
		}
		reason = worse(reason, result)
	}
	clear(plan)
	w.plan = plan
	return reason
}
