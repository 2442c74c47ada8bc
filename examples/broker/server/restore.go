package server

import (
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/session"
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
	if r.Kind == MessageQueued {
		s.requeue(r)
		if r.ID == 0 {
			return nil
		}
	}
	cl := s.clientOf(r.Client)
	cl.mu.Lock()
	defer cl.mu.Unlock()
	return cl.replay(r)
}

// requeue has a message wait again at all who are to get it.
func (s *Server) requeue(r *Record) {
	m := kept(r, s.clock(r.At))
	for i := range r.To {
		x := &r.To[i]
		d := delivery{m: m, key: x.Key, level: x.Level, retain: x.Retain}
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
		s.journal.keys.Store(max(s.journal.keys.Load(), x.Key))
	}
}

// relive has the session of a client on a connection that it lost at a moment,
// which says of it all that a record does. What is in flight stays.
func (cl *client) relive(r *Record, lost time.Duration) error {
	was := lost
	if cl.state.Exists() {
		was = cl.relived
	}
	for cl.state.Poll(was).Kind != session.None {
		// It was told in its time.
	}
	connect := codec.Connect{Version: v5, ClientID: []byte(cl.id), WillFlag: r.Will,
		Properties: codec.AppendSessionExpiryInterval(codec.Properties{}, r.Expiry)}
	if r.Will {
		connect.Will.Topic = []byte("will")
		connect.Will.Properties = codec.AppendWillDelayInterval(codec.Properties{}, r.WillDelay)
	}
	b, err := connect.Append(nil, codec.Rules{From: mqttwire.Client})
	if err != nil {
		return err
	}
	var machine session.Server
	var d codec.Decoder
	machine.Open(new(session.ServerOptions), was)
	h, body, _, err := codec.Split(machine.Rules(), b, 0)
	if err == nil {
		_, _, err = machine.Receive(nil, &d, h, body, was)
	}
	if err == nil {
		_, err = machine.Accept(nil, &cl.state, nil, was)
	}
	machine.Close(lost)
	cl.relived, cl.willDelay = lost, r.WillDelay
	return err
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
		return cl.relive(r, at)
	case SessionEnded:
		s.unsubscribeAll(cl)
		cl.weigh(-cl.bytes)
		cl.gone = true
		s.forget(cl) // a new one takes its place
	case SubscriptionKept:
		_, err := cl.addSubscription([]byte(r.Filter), subscription{id: r.SubscriptionID, options: r.Options})
		return err
	case SubscriptionEnded:
		cl.removeSubscription([]byte(r.Filter))
	case WillKept:
		cl.will, cl.willKeep = kept(r, s.clock(r.At)), r.Message.Retain
	case WillEnded:
		cl.will = nil
	case MessageSent:
		d, ok := cl.unqueue(r.Key)
		if !ok {
			return mqttwire.ErrSnapshot
		}
		cl.weigh(d.m.size())
		cl.flight.place(r.Token, d)
		return cl.state.ReplaySent(qos.Store, r.ID, r.Level, r.Token)
	case MessageReleased:
		cl.landed(cl.flight.get(r.Token))
		return cl.state.ReplaySent(qos.Release, r.ID, qos.ExactlyOnce, r.Token)
	case MessageDone:
		if r.ID == 0 {
			cl.unqueue(r.Key)
			return nil
		}
		cl.landed(cl.flight.get(r.Token))
		cl.flight.remove(r.Token)
		return cl.state.ReplaySent(qos.Forget, r.ID, 0, r.Token)
	case MessageAccepted, MessageQueued:
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
