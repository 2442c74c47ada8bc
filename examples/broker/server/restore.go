package server

import (
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/topicmatch"
)

// Restore brings back what the Store has kept. Call it before Serve. With an
// error, that of the Store or mqttwire.ErrSnapshot for records that do not fit
// each other, the server is not to be used.
func (s *Server) Restore() error {
	if s.config.Store == nil {
		return nil
	}
	s.journal.store = nil // what it tells is not told back
	if err := s.config.Store.Replay(s.replay); err != nil {
		return err
	}
	s.journal.store = s.config.Store
	for _, cl := range s.all() {
		cl.mu.Lock()
		cl.flight.relink()
		var a aftermath
		if !cl.gone {
			a = cl.settle(s.now())
		}
		cl.mu.Unlock()
		cl.finish(a)
	}
	return nil
}

func (s *Server) replay(r *Record) error {
	switch r.Kind {
	case MessageRetained, RetainedRemoved:
		var p posting
		p.restore(r, s.clock(r.At))
		p.retain = true
		s.retained.mu.Lock()
		defer s.retained.mu.Unlock()
		s.retained.store(s, &p)
		return nil
	}
	cl := s.clientOf(r.Client)
	cl.mu.Lock()
	defer cl.mu.Unlock()
	return cl.replay(r)
}

// clock returns a moment of the day as one of the server's clock, before 0 for
// one before its start.
func (s *Server) clock(at time.Time) time.Duration { return at.Sub(s.started.Round(0)) }

func (p *posting) restore(r *Record, at time.Duration) {
	m := r.Message
	p.topic, p.payload, p.properties = m.Topic, m.Payload, m.Properties
	p.from, p.level, p.now = m.From, m.QoS, at
}

func (cl *client) replay(r *Record) error {
	s := cl.server
	switch r.Kind {
	case SessionKept:
		at := s.now()
		if !r.At.IsZero() {
			at = s.clock(r.At)
		}
		return cl.state.Restore(r.Session, at)
	case SessionEnded:
		s.unsubscribeAll(cl)
		cl.gone = true
		s.forget(cl) // a new one takes its place
	case SubscriptionKept:
		sub := subscription{id: r.SubscriptionID, options: r.Options}
		if topicmatch.IsShared(r.Filter) {
			sub.share = &share{r.Filter}
		}
		_, existed, err := s.subscriptions.Subscribe(cl, []byte(r.Filter), sub)
		if err != nil {
			return err
		}
		cl.noteSubscription([]byte(r.Filter), existed)
	case SubscriptionEnded:
		if _, existed := s.subscriptions.Unsubscribe(cl, []byte(r.Filter)); existed {
			cl.noteUnsubscription([]byte(r.Filter))
		}
	case WillKept:
		cl.will, cl.willKeep = kept(r, s.clock(r.At)), r.Message.Retain
	case WillEnded:
		cl.will = nil
	case MessageQueued:
		d := delivery{m: kept(r, s.clock(r.At)), key: r.Key, level: r.Level, retain: r.Retain}
		if len(r.SubscriptionIDs) > 0 || r.Filter != "" {
			d.to = (&recipient{ids: r.SubscriptionIDs}).clone()
			if r.Filter != "" {
				d.to.share = &share{r.Filter}
			}
		}
		cl.waiting.push(d)
		cl.bytes += d.m.size()
		cl.keys = max(cl.keys, r.Key)
	case MessageSent:
		d, ok := cl.unqueue(r.Key)
		if !ok {
			return mqttwire.ErrSnapshot
		}
		cl.flight.place(r.Token, d)
		return cl.state.ReplaySent(qos.Store, r.ID, r.Level, r.Token)
	case MessageReleased:
		if d := cl.flight.get(r.Token); d != nil {
			d.m = nil
		}
		return cl.state.ReplaySent(qos.Release, r.ID, qos.ExactlyOnce, r.Token)
	case MessageDone:
		if r.ID == 0 {
			cl.unqueue(r.Key)
			return nil
		}
		cl.flight.clear(r.Token)
		return cl.state.ReplaySent(qos.Forget, r.ID, 0, r.Token)
	case MessageAccepted:
		return cl.state.ReplayReceived(qos.Accept, r.ID, qos.ExactlyOnce)
	case IdentifierFreed:
		return cl.state.ReplayReceived(qos.Forget, r.ID, qos.ExactlyOnce)
	default:
		return mqttwire.ErrSnapshot
	}
	return nil
}

// kept returns the message of a record.
func kept(r *Record, at time.Duration) *message {
	var p posting
	p.restore(r, at)
	return p.keep()
}

// unqueue takes a message out of the queue by its key: mostly the first.
func (cl *client) unqueue(key uint64) (d delivery, ok bool) {
	old := cl.waiting
	for i := range old.n {
		if old.at(i).key != key {
			continue
		}
		d, ok = *old.at(i), true
		cl.bytes -= d.m.size()
		if i == 0 {
			cl.waiting.pop()
			break
		}
		cl.waiting = deque{}
		for k := range old.n {
			if k != i {
				cl.waiting.push(*old.at(k))
			}
		}
		break
	}
	return d, ok
}
