package hub

import (
	"slices"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/qos"
)

// A plan is the sink of a hub with a Store: what is decided and not done.
type plan struct{ intents []intent }

// An origin is what a message comes from, where that is kept: the exchange of QoS 2
// of its publisher, or a will; else the zero origin.
type origin struct {
	client   *client
	accepted qos.Record
	will     bool
}

func (p *plan) execute(_ *Worker, _ *posting, decided *intent) outcome {
	in := *decided
	in.ids = slices.Clone(in.ids)
	if cl := in.client; in.level > qos.AtMostOnce {
		cl.mu.Lock()
		if !cl.gone && cl.hub.journal.keeps(cl) {
			in.key = cl.hub.journal.key()
		}
		cl.mu.Unlock()
	}
	p.intents = append(p.intents, in)
	return taken
}

// routePlanned plans, has the plan journalled, and executes it.
func (h *Hub) routePlanned(w *Worker, pub *posting, from origin) (reason mqttwire.Reason, told bool) {
	p := &w.plan
	p.intents = p.intents[:0]
	h.decide(w, pub, p)
	told = h.journal.published(pub, p.intents, from) && from.client != nil
	reason = mqttwire.NoMatchingSubscribers
	for i := range p.intents {
		in := &p.intents[i]
		result := in.client.offer(w, pub, in)
		if result != taken {
			in.client.mu.Lock()
			h.journal.unqueued(in.client, in.key)
			in.client.mu.Unlock()
			if in.share != nil {
				result = h.decideOther(w, pub, in.share, in.client)
			}
		}
		reason = h.answer(reason, result)
	}
	clear(p.intents)
	return reason, told
}
