package keeptest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mqttwire/mqttwire/examples/broker/keep"
	"github.com/mqttwire/mqttwire/qos"
)

// State returns, as text, what a server has in mind after a sequence of Records:
// of each session its state, subscriptions, will, queue in its order, what is in
// flight in its order, and which identifiers it holds; and the retained messages
// in theirs. Two sequences that restore the same have the same State. It is
// written without regard to speed, and shares nothing with package keep.
func State(records []keep.Record) string {
	sessions := map[string]*state{}
	var retained []keep.Record
	at := func(client string) *state {
		s := sessions[client]
		if s == nil {
			s = &state{subscriptions: map[string]string{}, held: map[uint16]bool{}}
			sessions[client] = s
		}
		return s
	}
	for i := range records {
		r := &records[i]
		x := r.Exchange
		switch r.Kind {
		case keep.SessionKept:
			at(r.Client).kept = fmt.Sprint(r.State, r.At.Unix(), r.At.Nanosecond(), r.Owner, r.Warrant)
		case keep.SessionEnded:
			delete(sessions, r.Client)
		case keep.SubscriptionKept:
			at(r.Client).subscriptions[r.Filter] = fmt.Sprint(r.Options, r.SubscriptionID)
		case keep.SubscriptionEnded:
			delete(at(r.Client).subscriptions, r.Filter)
		case keep.WillKept:
			at(r.Client).will = text(r)
		case keep.WillEnded:
			at(r.Client).will = ""
		case keep.MessageQueued:
			for _, to := range r.To {
				if s := sessions[to.Client]; s != nil && s.kept != "" { // else it had ended before
					s.queue = append(s.queue, waiting{to.Key, text(r) + fmt.Sprint(to.Level, to.Retain, to.SubscriptionIDs, to.Share)})
				}
			}
			if s := sessions[r.Message.From]; s != nil && r.Message.Will {
				s.will = ""
			}
			if x.Op() == qos.Accept && x.Level() == qos.ExactlyOnce {
				at(r.Client).held[x.ID] = true
			}
		case keep.MessageDropped:
			at(r.Client).unqueue(r.Key)
		case keep.Exchanged:
			s := at(r.Client)
			switch {
			case x.Op() == qos.Store:
				s.sent = append(s.sent, flying{x.ID, x.Token, r.Key, s.unqueue(r.Key)})
			case x.Op() == qos.Release:
				if f, ok := s.land(x.ID); ok {
					s.released = append(s.released, f)
				}
			case x.Op() == qos.Forget && x.Direction() == qos.Sent:
				s.land(x.ID)
			case x.Op() == qos.Forget:
				delete(s.held, x.ID)
			case x.Level() == qos.ExactlyOnce:
				s.held[x.ID] = true
			}
		case keep.MessageRetained, keep.RetainedRemoved:
			retained = slices.DeleteFunc(retained, func(o keep.Record) bool { return string(o.Message.Topic) == string(r.Message.Topic) })
			if r.Kind == keep.MessageRetained {
				retained = append(retained, *r)
			}
		}
	}
	var b strings.Builder
	for _, client := range slices.Sorted(maps.Keys(sessions)) {
		s := sessions[client]
		if s.kept == "" {
			if s.will+fmt.Sprint(s.queue, s.sent, s.released)+fmt.Sprint(len(s.subscriptions), len(s.held)) != "[] [] []0 0" {
				fmt.Fprintf(&b, "%s: something is left of a session that is gone: %+v\n", client, *s)
			}
			continue
		}
		fmt.Fprintf(&b, "%s: %s\n subscriptions %v\n will %s\n queue %v\n sent %v\n released %v\n held %v\n", client, s.kept, s.subscriptions, s.will, s.queue, s.sent, s.released, s.held)
	}
	for i := range retained {
		fmt.Fprintf(&b, "retained %s\n", text(&retained[i]))
	}
	return b.String()
}

type state struct {
	kept, will     string
	subscriptions  map[string]string
	queue          []waiting
	sent, released []flying
	held           map[uint16]bool
}

type waiting struct {
	key  uint64
	text string
}

type flying struct {
	id    uint16
	token uint64
	key   uint64
	text  string
}

func (s *state) unqueue(key uint64) string {
	i := slices.IndexFunc(s.queue, func(w waiting) bool { return w.key == key })
	if i < 0 {
		return ""
	}
	t := s.queue[i].text
	s.queue = slices.Delete(s.queue, i, i+1)
	return t
}

func (s *state) land(id uint16) (f flying, ok bool) {
	for _, list := range []*[]flying{&s.sent, &s.released} {
		if i := slices.IndexFunc(*list, func(f flying) bool { return f.id == id }); i >= 0 {
			f, ok = (*list)[i], true
			*list = slices.Delete(*list, i, i+1)
		}
	}
	return f, ok
}

func text(r *keep.Record) string {
	m := r.Message
	return fmt.Sprintf("{%s %q %x %d %v %s %s %d.%d}", m.Topic, m.Payload, m.Properties.Bytes(), m.QoS, m.Retain, m.From, m.Warrant, r.At.Unix(), r.At.Nanosecond())
}
