package server

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/mqttwire/mqttwire/examples/broker/keep"
	"github.com/mqttwire/mqttwire/qos"
)

// journal tells the Store what happens, if there is one. A session that ends
// with its connection is not kept. A client's lock is held, except in retain.
type journal struct {
	keep.Journal
	on        bool // there is a Store
	server    *Server
	replaying atomic.Bool
	keys      atomic.Uint64 // of messages that this node has queued
}

func (j *journal) keeps(cl *client) bool { return j.on && !cl.volatile }

func (j *journal) append(r *keep.Record) {
	if !j.replaying.Load() { // what it tells is not told back
		j.Append(r)
	}
}

// sync returns when all that bytes about to be written promise is durable. With
// an error they must not be written.
func (j *journal) sync(want uint64) error {
	full := j.Full()
	err := j.Sync(want)
	switch {
	case errors.Is(err, keep.ErrFull) && !full:
		j.server.config.Log.Error("the store takes nothing", "error", err)
	case full && !j.Full():
		j.server.config.Log.Info("the store has room again")
	}
	return err
}

func (j *journal) message(m *message) *keep.Message {
	return &keep.Message{Topic: m.topic, Payload: m.payload, Properties: m.properties, QoS: m.level, From: m.from}
}

// wall returns a moment of the server's clock as one of the day.
func (j *journal) wall(at time.Duration) time.Time { return j.server.started.Add(at) }

// session keeps what is to be known of a session, when it gets a connection and
// when it loses that.
func (j *journal) session(cl *client) {
	if !j.keeps(cl) {
		return
	}
	r := keep.Record{Kind: keep.SessionKept, Client: cl.id, State: cl.state.State()}
	if !r.State.Connected {
		r.At = j.wall(r.State.Lost)
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
		r := keep.Record{Kind: keep.WillKept, Client: cl.id, Message: j.message(m), At: j.wall(m.at)}
		r.Message.Retain = retain
		j.append(&r)
	}
}

// published keeps a message for all who are to get it, and that it was accepted
// from its publisher, if accepted says so: all of it or nothing. It reports
// whether there was anything to keep.
func (j *journal) published(pub *posting, plan []planned, from *client, accepted qos.Record) bool {
	r := keep.Record{Kind: keep.MessageQueued, Exchange: accepted}
	for i := range plan {
		if p := &plan[i]; p.key != 0 {
			r.To = append(r.To, p.recipient(p.client.id))
		}
	}
	switch {
	case len(r.To) > 0:
		m := pub.keep()
		r.Message, r.At = j.message(m), j.wall(m.at)
	case from != nil:
		r.Kind = keep.Exchanged
	default:
		return false
	}
	if from != nil {
		r.Client = from.id
	}
	j.append(&r)
	return true
}

func (d *delivery) recipient(client string) keep.Recipient {
	r := keep.Recipient{Client: client, Key: d.key, Level: d.level, Retain: d.retain, SubscriptionIDs: d.ids()}
	if d.shared() {
		r.Share = d.to.share.filter
	}
	return r
}

// queued keeps a message for one client, unless it is kept already.
func (j *journal) queued(cl *client, d *delivery) {
	if !j.keeps(cl) || d.key != 0 {
		return
	}
	d.key = j.key()
	j.append(&keep.Record{Kind: keep.MessageQueued, Message: j.message(d.m), At: j.wall(d.m.at), To: []keep.Recipient{d.recipient(cl.id)}})
}

func (j *journal) key() uint64 { return j.keys.Add(1) }

// unqueued notes that a message that waited is not sent.
func (j *journal) unqueued(cl *client, d *delivery) {
	if j.keeps(cl) && d.key != 0 {
		j.append(&keep.Record{Kind: keep.MessageDropped, Client: cl.id, Key: d.key})
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
	case !j.on || m.topic[0] == '$': // the server's own
	case len(m.payload) == 0:
		j.append(&keep.Record{Kind: keep.RetainedRemoved, Message: &keep.Message{Topic: m.topic}})
	default:
		j.append(&keep.Record{Kind: keep.MessageRetained, Message: j.message(m), At: j.wall(m.at)})
	}
}
