package server

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/session"
)

// journal tells the Store what happens, if there is one. A session that ends
// with its connection is not kept. A client's lock is held, but in sync and
// retain.
type journal struct {
	store    Store
	server   *Server
	appended atomic.Uint64 // records that ever were
	syncing  sync.Mutex
	synced   atomic.Uint64 // of them are durable
}

func (j *journal) keeps(cl *client) bool { return j.store != nil && !cl.volatile }

func (j *journal) append(r *Record) {
	j.store.Append(r)
	j.appended.Add(1)
}

// sync returns when all that bytes about to be written promise is durable.
func (j *journal) sync() {
	if j.store == nil {
		return
	}
	want := j.appended.Load()
	if j.synced.Load() >= want {
		return
	}
	j.syncing.Lock()
	defer j.syncing.Unlock()
	if j.synced.Load() >= want {
		return // another's Sync was for this too
	}
	want = j.appended.Load()
	if err := j.store.Sync(); err != nil {
		j.server.config.Log.Error("store", "error", err)
	}
	j.synced.Store(want)
}

func (j *journal) message(m *message) *Message {
	return &Message{m.topic, m.payload, m.properties, m.level, false, m.from}
}

// wall returns a moment of the server's clock as one of the day.
func (j *journal) wall(at time.Duration) time.Time { return j.server.started.Add(at) }

// session keeps the state of a session, at its beginning, its end, and whenever
// it changes hands.
func (j *journal) session(cl *client, now time.Duration) {
	if !j.keeps(cl) {
		return
	}
	r := Record{Kind: SessionKept, Client: cl.id, Session: cl.state.AppendSnapshot(nil, now)}
	if cl.conn == nil {
		r.At = j.wall(now)
	}
	j.append(&r)
}

func (j *journal) ended(cl *client) {
	if j.store != nil {
		j.append(&Record{Kind: SessionEnded, Client: cl.id})
	}
}

func (j *journal) subscribed(cl *client, filter []byte, sub subscription) {
	if j.keeps(cl) {
		j.append(&Record{Kind: SubscriptionKept, Client: cl.id, Filter: string(filter), Options: sub.options, SubscriptionID: sub.id})
	}
}

func (j *journal) unsubscribed(cl *client, filter []byte) {
	if j.keeps(cl) {
		j.append(&Record{Kind: SubscriptionEnded, Client: cl.id, Filter: string(filter)})
	}
}

func (j *journal) will(cl *client, m *message, retain bool) {
	switch {
	case !j.keeps(cl):
	case m == nil:
		j.append(&Record{Kind: WillEnded, Client: cl.id})
	default:
		r := Record{Kind: WillKept, Client: cl.id, Message: j.message(m), At: j.wall(m.at)}
		r.Message.Retain = retain
		j.append(&r)
	}
}

func (j *journal) queued(cl *client, d *delivery) {
	if !j.keeps(cl) {
		return
	}
	cl.keys++
	d.key = cl.keys
	r := Record{Kind: MessageQueued, Client: cl.id, Key: d.key, Message: j.message(d.m), At: j.wall(d.m.at),
		Level: d.level, Retain: d.retain, SubscriptionIDs: d.ids()}
	if d.shared() {
		r.Filter = d.to.share.filter
	}
	j.append(&r)
}

// unqueued notes that a message that waited is not sent.
func (j *journal) unqueued(cl *client, d *delivery) {
	if j.keeps(cl) && d.key != 0 {
		j.append(&Record{Kind: MessageDone, Client: cl.id, Key: d.key})
	}
}

func (j *journal) sent(cl *client, d *delivery, a qos.Action) {
	if !j.keeps(cl) {
		return
	}
	if d.key == 0 {
		j.queued(cl, d)
	}
	j.append(&Record{Kind: MessageSent, Client: cl.id, Key: d.key, Token: a.Token, ID: a.ID, Level: d.level})
}

// acknowledged notes what became of a message in flight.
func (j *journal) acknowledged(cl *client, d *delivery, ev session.Event) {
	if !j.keeps(cl) {
		return
	}
	r := Record{Client: cl.id, Key: d.key, Token: ev.Token, ID: ev.ID}
	switch ev.Journal {
	case qos.Release:
		r.Kind = MessageReleased
	case qos.Forget:
		r.Kind = MessageDone
	default:
		return
	}
	j.append(&r)
}

// accepted notes that a message of the client's is the server's now.
func (j *journal) accepted(cl *client, t qos.Ticket, reason mqttwire.Reason) {
	if j.keeps(cl) && t.Level() == qos.ExactlyOnce && !reason.IsError() {
		j.append(&Record{Kind: MessageAccepted, Client: cl.id, ID: t.ID()})
	}
}

func (j *journal) freed(cl *client, id uint16) {
	if j.keeps(cl) {
		j.append(&Record{Kind: IdentifierFreed, Client: cl.id, ID: id})
	}
}

// retain notes a retained message, or with no payload that there is none.
func (j *journal) retain(m *message) {
	switch {
	case j.store == nil || m.topic[0] == '$': // the server's own
	case len(m.payload) == 0:
		j.append(&Record{Kind: RetainedRemoved, Message: &Message{Topic: m.topic}})
	default:
		j.append(&Record{Kind: MessageRetained, Message: j.message(m), At: j.wall(m.at)})
	}
}
