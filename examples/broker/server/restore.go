package server

import (
	"math"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/examples/broker/keep"
	"github.com/mqttwire/mqttwire/qos"
)

// Restore brings back what the Store has kept. Call it before Serve. With an
// error, that of the Store or mqttwire.ErrSnapshot for records that do not fit
// each other, the server is not to be used.
func (s *Server) Restore() error {
	if s.config.Store == nil {
		return nil
	}
	s.journal.replaying.Store(true)
	err := s.config.Store.Replay(s.replay)
	s.journal.replaying.Store(false)
	if err != nil {
		return err
	}
	for _, cl := range s.all() {
		cl.mu.Lock()
		cl.flight.relink()
		var a aftermath
		if !cl.gone {
			a = cl.settle(s.now())
			if cl.will != nil && !cl.state.State().Will { // it was due, and may not have been published
				a.wills, a.retain = append(a.wills, cl.will), append(a.retain, cl.willKeep)
				cl.will = nil
			}
		}
		cl.mu.Unlock()
		cl.finish(a)
	}
	return nil
}

func (s *Server) replay(r *keep.Record) error {
	if err := r.Check(); err != nil {
		return err
	}
	switch r.Kind {
	case keep.MessageRetained, keep.RetainedRemoved:
		var p posting
		p.restore(r, s.clock(r.At))
		p.retain = true
		s.retained.mu.Lock()
		defer s.retained.mu.Unlock()
		s.retained.store(s, &p)
		return nil
	}
	if r.Kind == keep.MessageQueued {
		s.requeue(r)
		if r.Exchange == (qos.Record{}) {
			return nil
		}
	}
	cl := s.clientOf(r.Client)
	cl.mu.Lock()
	defer cl.mu.Unlock()
	return cl.replay(r)
}

// maximumQoS is the highest level that the server sends at. The run before may
// have granted a higher one.
func (s *Server) maximumQoS() qos.Level {
	switch {
	case s.config.NoQoS1:
		return qos.AtMostOnce
	case s.config.NoQoS2:
		return qos.AtLeastOnce
	}
	return qos.ExactlyOnce
}

// requeue has a message wait again at all who are to get it.
func (s *Server) requeue(r *keep.Record) {
	m := kept(r, s.clock(r.At))
	for i := range r.To {
		x := &r.To[i]
		d := delivery{m: m, key: x.Key, level: min(x.Level, s.maximumQoS()), retain: x.Retain}
		if len(x.SubscriptionIDs) > 0 || x.Share != "" {
			d.to = (&recipient{ids: x.SubscriptionIDs}).clone()
			if x.Share != "" {
				d.to.share = &share{x.Share}
			}
		}
		cl := s.clientOf(x.Client)
		cl.mu.Lock()
		if cl.state.Exists() { // else it had ended before the message came to it
			cl.waiting.push(d)
			cl.weigh(m.size())
		}
		cl.mu.Unlock()
		if node, n := keep.SplitKey(x.Key); node == 0 {
			s.journal.keys.Store(max(s.journal.keys.Load(), n))
		}
	}
}

// clock returns a moment of the day as one of the server's clock, before 0 for
// one before its start, and no further off than can be reckoned with.
func (s *Server) clock(at time.Time) time.Duration {
	const far = math.MaxInt64 / 2
	return min(max(at.Sub(s.started.Round(0)), -far), far)
}

func (p *posting) restore(r *keep.Record, at time.Duration) {
	m := r.Message
	p.topic, p.payload, p.properties = m.Topic, m.Payload, m.Properties
	p.from, p.level, p.now = m.From, m.QoS, at
}

func (cl *client) replay(r *keep.Record) error {
	s := cl.server
	switch r.Kind {
	case keep.SubscriptionKept, keep.WillKept, keep.MessageQueued, keep.Exchanged:
		if !cl.state.Exists() {
			return mqttwire.ErrSnapshot
		}
	}
	switch r.Kind {
	case keep.SessionKept:
		st := r.State
		st.Lost = s.clock(r.At)
		return cl.state.Resume(st, s.now())
	case keep.SessionEnded:
		s.unsubscribeAll(cl)
		cl.weigh(-cl.bytes)
		cl.gone = true
		s.forget(cl) // a new one takes its place
	case keep.SubscriptionKept:
		options := r.Options&^3 | codec.SubscriptionOptions(min(r.Options.QoS(), s.maximumQoS()))
		_, err := cl.addSubscription([]byte(r.Filter), subscription{id: r.SubscriptionID, options: options})
		return err
	case keep.SubscriptionEnded:
		cl.removeSubscription([]byte(r.Filter))
	case keep.WillKept:
		cl.will, cl.willKeep = kept(r, s.clock(r.At)), r.Message.Retain
	case keep.WillEnded:
		cl.will = nil
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
			cl.weigh(d.m.size())
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
		cl.weigh(-x.m.size())
		return true
	}
	if cl.waiting.n > 0 && take(cl.waiting.at(0)) {
		cl.waiting.pop()
	} else {
		cl.waiting.remove(take)
	}
	return d, ok
}
