package hub

import (
	"errors"
	"sync/atomic"

	"github.com/mqttwire/mqttwire/examples/broker/keep"
	"github.com/mqttwire/mqttwire/qos"
)

// journal tells the Store what happens, if there is one. A session that ends
// with its connection is not kept. A client's lock is held, except in retain.
type journal struct {
	keep.Journal
	on        bool // there is a Store
	hub       *Hub
	replaying atomic.Bool
	keys      atomic.Uint64 // of messages that this node has queued
}

func (j *journal) keeps(cl *client) bool { return j.on && !cl.volatile }

func (j *journal) append(r *keep.Record) {
	if !j.replaying.Load() { // what it tells is not told back
		j.Append(r)
	}
}

// Sync returns when all that a batch owes is durable, see [keep.Journal.Sync]. It
// may take its time: the hub calls it for a CONNECT alone, while the Store is full.
func (h *Hub) Sync(owes uint64) error {
	j := &h.journal
	full := j.Full()
	err := j.Sync(owes)
	switch {
	case errors.Is(err, keep.ErrFull) && !full:
		h.config.Log.Error("the store takes nothing", "error", err)
	case full && !j.Full():
		h.config.Log.Info("the store has room again")
	}
	return err
}

func (j *journal) message(m *message) *keep.Message {
	return &keep.Message{Topic: m.topic, Payload: m.payload, Properties: m.properties, QoS: m.level, From: m.from}
}

// session keeps what is to be known of a session, when it gets a connection and
// when it loses that.
func (j *journal) session(cl *client) {
	if !j.keeps(cl) {
		return
	}
	r := keep.Record{Kind: keep.SessionKept, Client: cl.id, Owner: cl.owner, Warrant: cl.warrant, State: cl.state.State()}
	if !r.State.Connected {
		r.At = j.hub.wall(r.State.Lost)
	}
	r.State.Lost = 0
	j.append(&r)
}

func (j *journal) ended(cl *client) {
	if j.on {
		j.append(&keep.Record{Kind: keep.SessionEnded, Client: cl.id})
	}
}

func (j *journal) subscribed(cl *client, filter []byte, sub subscription) {
	if j.keeps(cl) {
		j.append(&keep.Record{Kind: keep.SubscriptionKept, Client: cl.id, Filter: string(filter), Options: sub.options, SubscriptionID: sub.id})
	}
}

func (j *journal) unsubscribed(cl *client, filter []byte) {
	if j.keeps(cl) {
		j.append(&keep.Record{Kind: keep.SubscriptionEnded, Client: cl.id, Filter: string(filter)})
	}
}

func (j *journal) will(cl *client, m *message, retain bool) {
	switch {
	case !j.keeps(cl):
	case m == nil:
		j.append(&keep.Record{Kind: keep.WillEnded, Client: cl.id})
	default:
		r := keep.Record{Kind: keep.WillKept, Client: cl.id, Message: j.message(m), At: j.hub.wall(m.at)}
		r.Message.Retain = retain
		j.append(&r)
	}
}

// published keeps a message for all who are to get it, and what that means for its
// origin: that it was accepted from its publisher, or that the will is over. It is
// all of it or nothing. It reports whether there was anything to keep.
func (j *journal) published(pub *posting, plan []intent, from origin) bool {
	r := keep.Record{Kind: keep.MessageQueued, Exchange: from.accepted}
	for i := range plan {
		if in := &plan[i]; in.key != 0 {
			r.To = append(r.To, in.recipient())
		}
	}
	switch {
	case len(r.To) > 0:
		m := pub.keep()
		r.Message, r.At = j.message(m), j.hub.wall(m.at)
	case from.client != nil:
		r.Kind = keep.Exchanged
	default:
		return false
	}
	if from.client != nil {
		r.Client = from.client.id
	}
	if !from.will {
		j.append(&r)
		return true
	}
	cl := from.client
	cl.mu.Lock()
	defer cl.mu.Unlock()
	over := cl.will == nil && j.keeps(cl) // else a later one has voided it
	switch {
	case r.Message != nil:
		r.Client, r.Message.Will = "", over
	case over:
		r.Kind = keep.WillEnded
	default:
		return false
	}
	j.append(&r)
	return true
}

// recipient returns an intent as the Store keeps it.
func (in *intent) recipient() keep.Recipient {
	r := keep.Recipient{Client: in.client.id, Key: in.key, Level: in.level, Retain: in.retain, SubscriptionIDs: in.ids}
	if in.share != nil {
		r.Share = in.share.filter
	}
	return r
}

// queued keeps a message for one client, unless it is kept already.
func (j *journal) queued(cl *client, d *delivery) {
	if !j.keeps(cl) || d.key != 0 {
		return
	}
	d.key = j.key()
	in := intent{client: cl, key: d.key, level: d.level, retain: d.retain, ids: d.ids(), share: d.share()}
	j.append(&keep.Record{Kind: keep.MessageQueued, Message: j.message(d.m), At: j.hub.wall(d.m.at), To: []keep.Recipient{in.recipient()}})
}

func (j *journal) key() uint64 { return j.keys.Add(1) }

// unqueued notes that a message that waited is not sent.
func (j *journal) unqueued(cl *client, key uint64) {
	if j.keeps(cl) && key != 0 {
		j.append(&keep.Record{Kind: keep.MessageDropped, Client: cl.id, Key: key})
	}
}

// exchanged notes a step of an exchange, of a message that is sent with its key.
func (j *journal) exchanged(cl *client, key uint64, r qos.Record) {
	if j.keeps(cl) && r != (qos.Record{}) {
		j.append(&keep.Record{Kind: keep.Exchanged, Client: cl.id, Key: key, Exchange: r})
	}
}

// decided notes what was answered to a message of the client's at QoS 2. The
// Store may have been told already that it is accepted.
func (j *journal) decided(cl *client, r qos.Record, told bool) {
	if r.Level() == qos.ExactlyOnce && (r.Op() == qos.Accept) != told {
		j.exchanged(cl, 0, r)
	}
}

// retain notes a retained message, or with no payload that there is none.
func (j *journal) retain(m *message) {
	switch {
	case !j.on || isServers(m.topic):
	case len(m.payload) == 0:
		j.append(&keep.Record{Kind: keep.RetainedRemoved, Message: &keep.Message{Topic: m.topic}})
	default:
		r := keep.Record{Kind: keep.MessageRetained, Message: j.message(m), At: j.hub.wall(m.at)}
		r.Message.Warrant = m.warrant
		j.append(&r)
	}
}
