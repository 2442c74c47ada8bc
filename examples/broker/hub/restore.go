package hub

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/examples/broker/keep"
	"github.com/mqttwire/mqttwire/qos"
)

// Restore brings back what the Store has kept. Call it before Open. With an
// error, that of the Store or mqttwire.ErrSnapshot for records that do not fit
// each other, the hub is not to be used.
func (h *Hub) Restore(w *Worker) error {
	if h.config.Store == nil {
		return nil
	}
	h.journal.replaying.Store(true)
	p := player{Hub: h, now: w.now, payer: h.account("restored", true)}
	err := h.config.Store.Replay(p.replay)
	h.journal.replaying.Store(false)
	if err != nil {
		return err
	}
	defer h.audit(w) // rights may have been taken away meanwhile
	for _, cl := range h.all() {
		h.journal.Begin()
		cl.mu.Lock()
		cl.flight.relink()
		var a aftermath
		if !cl.gone {
			a = cl.settle(w.now)
			if cl.will != nil && !cl.state.State().Will { // it was due, and may not have been published
				a.wills, a.retain = append(a.wills, cl.will), append(a.retain, cl.willKeep)
				a.warrant = cl.warrant
				cl.keepWill(nil, false)
			}
		}
		cl.mu.Unlock()
		cl.finish(w, a)
		h.journal.End()
	}
	return nil
}

// A player takes in what the Store has kept.
type player struct {
	*Hub
	now   time.Duration
	payer *account // who pays for what nobody is known to have brought
	pub   posting
}

func (h *player) replay(r *keep.Record) error {
	if err := r.Check(); err != nil {
		return err
	}
	switch r.Kind {
	case keep.MessageRetained, keep.RetainedRemoved:
		var p posting
		p.restore(r, h.clock(r.At))
		p.retain, p.payer, p.warrant = true, h.payer, r.Message.Warrant
		h.locks.retained.Lock()
		defer h.locks.retained.Unlock()
		h.retained.store(h.Hub, &p)
		return nil
	}
	if r.Kind == keep.MessageQueued {
		h.requeue(r)
		if cl := h.clients[r.Message.From]; cl != nil && r.Message.Will {
			cl.keepWill(nil, false)
		}
		if r.Exchange == (qos.Record{}) {
			return nil
		}
	}
	payer := h.payer
	if r.Owner != "" {
		payer = h.principalAccount(r.Owner)
	}
	cl := h.clientOf(r.Client, payer)
	cl.mu.Lock()
	defer cl.mu.Unlock()
	return cl.replay(r, h.now)
}

// maximumQoS is the highest level that the server sends at. The run before may
// have granted a higher one.
func (h *Hub) maximumQoS() qos.Level {
	switch {
	case h.config.NoQoS1:
		return qos.AtMostOnce
	case h.config.NoQoS2:
		return qos.AtLeastOnce
	}
	return qos.ExactlyOnce
}

// requeue has a message wait again at all who are to get it.
func (h *player) requeue(r *keep.Record) {
	pub := &h.pub
	pub.restore(r, h.clock(r.At))
	pub.kept, pub.last = nil, nil
	clear(pub.holdings)
	for i := range r.To {
		x := &r.To[i]
		d := delivery{key: x.Key, level: min(x.Level, h.maximumQoS()), retain: x.Retain}
		if len(x.SubscriptionIDs) > 0 || x.Share != "" {
			d.to = &recipient{ids: slices.Clone(x.SubscriptionIDs)}
			if x.Share != "" {
				d.to.share = &share{x.Share}
			}
		}
		cl := h.clientOf(x.Client, h.payer)
		cl.mu.Lock()
		if cl.state.Exists() { // else it had ended before the message came to it
			d.held = pub.holding(cl.account)
			d.m = d.held.m
			cl.take(&d)
			cl.push(d)
		}
		cl.mu.Unlock()
		if node, n := keep.SplitKey(x.Key); node == 0 {
			h.journal.keys.Store(max(h.journal.keys.Load(), n))
		}
	}
}

// clock returns a moment of the day as one of the server's clock, before 0 for
// one before its start, and no further off than can be reckoned with.
func (h *Hub) clock(at time.Time) time.Duration {
	const far = math.MaxInt64 / 2
	return min(max(at.Sub(h.started.Round(0)), -far), far)
}

func (p *posting) restore(r *keep.Record, at time.Duration) {
	m := r.Message
	p.topic, p.payload, p.properties = m.Topic, m.Payload, m.Properties
	p.from, p.level, p.now = m.From, m.QoS, at
}

func (cl *client) replay(r *keep.Record, now time.Duration) error {
	h := cl.hub
	switch r.Kind {
	case keep.SubscriptionKept, keep.WillKept, keep.MessageQueued, keep.Exchanged:
		if !cl.state.Exists() {
			return mqttwire.ErrSnapshot
		}
	}
	switch r.Kind {
	case keep.SessionKept:
		st := r.State
		st.Lost = h.clock(r.At)
		cl.owner, cl.warrant = r.Owner, cmp.Or(r.Warrant, r.Owner)
		return cl.state.Resume(st, now)
	case keep.SessionEnded:
		cl.keepWill(nil, false)
		h.unsubscribeAll(cl)
		cl.releaseAll()
		cl.gone = true
		h.forget(cl) // a new one takes its place
	case keep.SubscriptionKept:
		options := r.Options&^3 | codec.SubscriptionOptions(min(r.Options.QoS(), h.maximumQoS()))
		_, err := cl.addSubscription([]byte(r.Filter), subscription{id: r.SubscriptionID, options: options})
		return err
	case keep.SubscriptionEnded:
		cl.removeSubscription([]byte(r.Filter))
	case keep.WillKept:
		cl.keepWill(kept(r, h.clock(r.At)), r.Message.Retain)
	case keep.WillEnded:
		cl.keepWill(nil, false)
	case keep.MessageDropped:
		cl.unqueue(r.Key)
	case keep.MessageQueued, keep.Exchanged:
		return cl.replayExchange(r)
	default:
		return mqttwire.ErrSnapshot
	}
	return nil
}

// replayExchange replays a step of a message in flight.
func (cl *client) replayExchange(r *keep.Record) error {
	x := r.Exchange
	if x.Direction() == qos.Sent {
		switch x.Op() {
		case qos.Store:
			d, ok := cl.unqueue(r.Key)
			if !ok || x.Token == 0 || x.Token > maxTokens || cl.flight.get(x.Token) != nil {
				return mqttwire.ErrSnapshot
			}
			cl.take(&d)
			cl.flight.place(x.Token, d)
		case qos.Release:
			cl.landed(cl.flight.get(x.Token))
		case qos.Forget:
			cl.landed(cl.flight.get(x.Token))
			cl.flight.remove(x.Token)
		}
	}
	return cl.state.Apply(x)
}

// maxTokens is the most messages that can be in flight at once.
const maxTokens = 65535

// kept returns the message of a record.
func kept(r *keep.Record, at time.Duration) *message {
	var p posting
	p.restore(r, at)
	return p.keep()
}

// unqueue takes a message out of the queue by its key: mostly the first.
func (cl *client) unqueue(key uint64) (d delivery, ok bool) {
	take := func(x *delivery) bool {
		if x.key != key {
			return false
		}
		d, ok = *x, true
		cl.release(x)
		return true
	}
	if cl.waiting.n > 0 && take(cl.waiting.at(0)) {
		cl.pop()
	} else {
		cl.remove(take)
	}
	return d, ok
}
