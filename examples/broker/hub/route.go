package hub

import (
	"cmp"
	"slices"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/qos"
)

// route takes a message to all who want it, retains it if it is to be, and says so
// to other nodes. The reason is that of the acknowledgement; told reports whether
// the Store was told of what it comes from.
func (h *Hub) route(w *Worker, pub *posting, from origin) (reason mqttwire.Reason, told bool) {
	if h.config.Router != nil {
		h.config.Router.Publish(messageOf(pub))
	}
	return h.routeHere(w, pub, from)
}

// routeHere is route on this node alone.
func (h *Hub) routeHere(w *Worker, pub *posting, from origin) (reason mqttwire.Reason, told bool) {
	if !pub.retain {
		return h.routeLive(w, pub, from)
	}
	h.locks.retained.Lock()
	defer h.locks.retained.Unlock()
	if !h.retained.store(h, pub) {
		h.stats.refused.Add(1)
		if pub.tellable { // nobody gets what its publisher is told to be refused
			return mqttwire.QuotaExceeded, false
		}
		h.retained.clear(h, pub.topic) // nothing older is the last any more (3.1.1 [MQTT-3.3.1-7], 5.0 §3.3.1.3)
	}
	return h.routeLive(w, pub, from)
}

// routeLive takes a message to all who have subscribed. With a Store it is first
// decided who gets it, which is kept as a whole, together with what it means for
// the publisher; then it is sent.
func (h *Hub) routeLive(w *Worker, pub *posting, from origin) (reason mqttwire.Reason, told bool) {
	w.matches = h.subscriptions.AppendTurns(w.matches[:0], pub.topic)
	if h.journal.on {
		reason, told = h.routePlanned(w, pub, from)
	} else {
		reason = h.decide(w, pub, live{})
	}
	clear(w.matches)
	w.intent = intent{}
	return reason, told
}

// An intent is what is decided about one recipient of a publication. It borrows
// its identifiers until it is executed.
type intent struct {
	client     *client
	generation uint16 // of its session: what follows it has not subscribed
	level      qos.Level
	retain     bool     // RETAIN as it is sent
	ids        []uint32 // Subscription Identifiers
	share      *share   // the Shared Subscription, nil for others
	key        uint64   // in the Store, 0 where it is not there yet
}

// An outcome is what has become of an intent.
type outcome uint8

const (
	taken   outcome = iota // on its way, or queued
	dropped                // not delivered, and that is in order
	refused                // the queue is full
)

// A sink executes intents: at once, or later as a plan. The intent is the worker's,
// and another's after the call.
type sink interface {
	execute(w *Worker, pub *posting, in *intent) outcome
}

// live is the sink that gives a publication to its recipient at once.
type live struct{}

func (live) execute(w *Worker, pub *posting, in *intent) outcome {
	return in.client.offer(w, pub, in)
}

// decide makes the intents of a publication from w.matches: one for each client,
// whatever the number of its subscriptions (3.1.1 §3.3.5, 5.0 §3.3.4), except for
// what it gets as a member of Shared Subscriptions.
func (h *Hub) decide(w *Worker, pub *posting, to sink) mqttwire.Reason {
	several := w.several[:0]
	reason := mqttwire.NoMatchingSubscribers
	for i := range w.matches {
		m := &w.matches[i]
		switch {
		case m.Group != 0:
			reason = h.answer(reason, h.decideShare(w, pub, w.matches[i:i+1], to))
		case m.Key.subscribed.Load() > 1:
			several = append(several, *m)
		default:
			reason = h.answer(reason, h.decideClient(w, pub, w.matches[i:i+1], to))
		}
	}
	if len(several) > 0 {
		slices.SortFunc(several, func(a, b match) int {
			return cmp.Or(cmp.Compare(a.Key.serial, b.Key.serial), cmp.Compare(a.Value.id, b.Value.id))
		})
		for rest := several; len(rest) > 0; {
			n := 1
			for n < len(rest) && rest[n].Key == rest[0].Key {
				n++
			}
			reason = h.answer(reason, h.decideClient(w, pub, rest[:n], to))
			rest = rest[n:]
		}
		clear(several)
	}
	w.several = several
	return reason
}

// answer returns what a publisher is told after one more subscriber: that it is
// refused only if nobody has taken the message, or who sends it again would make
// others have it twice; with RefusedByAny, if anybody has not.
func (h *Hub) answer(reason mqttwire.Reason, o outcome) mqttwire.Reason {
	switch {
	case o == refused && (h.config.RefusedByAny || reason != mqttwire.Success):
		return mqttwire.QuotaExceeded
	case o == taken && !(h.config.RefusedByAny && reason == mqttwire.QuotaExceeded):
		return mqttwire.Success
	}
	return reason
}

// decideClient decides what one client gets, which these subscriptions of it match, or
// one as a member of a group.
func (h *Hub) decideClient(w *Worker, pub *posting, matches []match, to sink) outcome {
	in := &w.intent
	*in = intent{client: matches[0].Key, generation: matches[0].Value.generation, share: matches[0].Value.share, ids: w.ids[:0]}
	wanted := false
	for i := range matches {
		v := &matches[i].Value
		if v.options.NoLocal() && pub.from == in.client.id {
			continue // [MQTT-3.8.3-3]
		}
		wanted = true
		in.level = max(in.level, v.options.QoS())                            // [MQTT-3.3.5-1; 5.0 MQTT-3.3.4-2]
		in.retain = in.retain || pub.retain && v.options.RetainAsPublished() // else 0 [MQTT-3.3.1-9; 5.0 MQTT-3.3.1-12]
		if v.id != 0 {
			in.ids = append(in.ids, v.id)
		}
	}
	w.ids = in.ids
	if !wanted {
		return dropped
	}
	in.level = min(in.level, pub.level)
	return to.execute(w, pub, in)
}
