package keeptest

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/examples/broker/keep"
	"github.com/mqttwire/mqttwire/qos"
)

// A Life makes up Records as a server writes them: sessions come and go, messages
// are queued for many, sent, released and forgotten.
type Life struct {
	Rand *rand.Rand
	// Clients is how many there may be, Payload the most bytes of one, and Busy
	// how much more often a message is done with than queued: 1 lets queues grow
	// by chance.
	Clients, Payload, Busy int

	clients []*lifeClient
	keys    uint64
	tokens  uint64
}

type lifeClient struct {
	name     string
	lives    bool
	filters  []string
	will     bool
	queued   []lifeMessage
	sent     []lifeMessage
	held     []uint16
	ids      uint16
	heldLast uint16
}

type lifeMessage struct {
	key, token uint64
	id         uint16
	level      qos.Level
	released   bool
}

// NewLife returns a Life of a few clients, from a seed.
func NewLife(seed uint64) *Life {
	return &Life{Rand: rand.New(rand.NewPCG(seed, 77)), Clients: 8, Payload: 100, Busy: 1}
}

// Next returns the next Record.
func (l *Life) Next() keep.Record {
	for len(l.clients) < l.Clients {
		l.clients = append(l.clients, &lifeClient{name: fmt.Sprint("client", len(l.clients))})
	}
	for {
		c := l.clients[l.Rand.IntN(len(l.clients))]
		if r := l.step(c); r.Kind != 0 {
			return r
		}
	}
}

func (l *Life) step(c *lifeClient) (r keep.Record) {
	r.Client = c.name
	if !c.lives {
		if l.Rand.IntN(3) == 0 {
			c.lives = true
			return l.session(r)
		}
		return keep.Record{}
	}
	switch k := l.Rand.IntN(30 + 10*l.Busy); {
	case k == 0:
		if l.Rand.IntN(5) == 0 {
			*c = lifeClient{name: c.name, ids: c.ids, heldLast: c.heldLast}
			r.Kind = keep.SessionEnded
			return r
		}
		return l.session(r)
	case k == 1:
		r.Kind, r.Filter = keep.SubscriptionKept, fmt.Sprint("f/", l.Rand.IntN(6))
		r.Options, r.SubscriptionID = codec.SubscriptionOptions(l.Rand.IntN(3)), l.Rand.Uint32N(3)
		c.filters = append(c.filters, r.Filter)
		return r
	case k == 2 && len(c.filters) > 0:
		r.Kind, r.Filter = keep.SubscriptionEnded, c.filters[0]
		c.filters = c.filters[1:]
		return r
	case k == 3:
		if c.will {
			if c.will = false; l.Rand.IntN(2) == 0 {
				if r = l.queue(c, keep.Record{}); r.Exchange.Change == 0 {
					r.Message.Will = true
					return r
				}
				c.will = true
				return r
			}
			r.Kind = keep.WillEnded
			return r
		}
		c.will, r.Kind, r.Message, r.At = true, keep.WillKept, l.message(c), moment(l.Rand)
		return r
	case k == 4:
		r.Client = ""
		r.Kind, r.Message, r.At = keep.MessageRetained, l.message(c), moment(l.Rand)
		r.Message.Topic = fmt.Append(nil, "r/", l.Rand.IntN(5))
		return r
	case k == 5 && l.Rand.IntN(3) == 0:
		r.Client = ""
		r.Kind, r.Message = keep.RetainedRemoved, &keep.Message{Topic: fmt.Append(nil, "r/", l.Rand.IntN(5))}
		return r
	case k < 16:
		return l.queue(c, r)
	case k < 18 && len(c.queued) > 0:
		i := l.Rand.IntN(len(c.queued))
		r.Kind, r.Key = keep.MessageDropped, c.queued[i].key
		c.queued = append(c.queued[:i:i], c.queued[i+1:]...)
		return r
	case k < 20 && len(c.held) > 0:
		r.Kind, r.Exchange = keep.Exchanged, qos.Record{ID: c.held[0], Change: qos.Forget.Of(qos.Received, qos.ExactlyOnce)}
		c.held = c.held[1:]
		return r
	case k%2 == 0 && len(c.queued) > 0: // the first, as mostly
		m := c.queued[0]
		c.queued = c.queued[1:]
		c.ids++
		l.tokens++
		m.token, m.id = l.tokens, max(c.ids, 1)
		c.sent = append(c.sent, m)
		return m.step(r, qos.Store)
	case len(c.sent) > 0:
		i := l.Rand.IntN(min(len(c.sent), 3))
		m := c.sent[i]
		if m.level == qos.ExactlyOnce && !m.released && l.Rand.IntN(10) > 0 {
			c.sent[i].released = true
			return m.step(r, qos.Release)
		}
		c.sent = append(c.sent[:i:i], c.sent[i+1:]...)
		return m.step(r, qos.Forget)
	}
	return keep.Record{}
}

func (m lifeMessage) step(r keep.Record, op qos.Op) keep.Record {
	r.Kind, r.Key = keep.Exchanged, m.key
	r.Exchange = qos.Record{ID: m.id, Token: m.token, Change: op.Of(qos.Sent, m.level)}
	return r
}

func (l *Life) session(r keep.Record) keep.Record {
	r.Kind, r.At = keep.SessionKept, moment(l.Rand)
	r.State.Exists, r.State.Expiry = true, 1+l.Rand.Uint32N(1000)
	return r
}

// queue queues a message for some, now and then for one whose session is gone.
func (l *Life) queue(from *lifeClient, r keep.Record) keep.Record {
	r.Client = ""
	r.Kind, r.Message, r.At = keep.MessageQueued, l.message(from), moment(l.Rand)
	if l.Rand.IntN(4) == 0 {
		from.heldLast = max(from.heldLast+1, 1)
		from.held = append(from.held, from.heldLast)
		r.Client, r.Exchange = from.name, qos.Record{ID: from.heldLast, Change: qos.Accept.Of(qos.Received, qos.ExactlyOnce)}
	}
	many := l.Rand.IntN(3) == 0
	for _, c := range l.clients {
		if c.lives && (c == from || many && l.Rand.IntN(2) == 0) || l.Rand.IntN(100) == 0 {
			l.keys++
			m := lifeMessage{key: l.keys, level: qos.Level(1 + l.Rand.IntN(2))}
			to := keep.Recipient{Client: c.name, Key: m.key, Level: m.level, Retain: l.Rand.IntN(4) == 0}
			if l.Rand.IntN(4) == 0 {
				to.SubscriptionIDs = []uint32{1 + l.Rand.Uint32N(9)}
			}
			r.To = append(r.To, to)
			if c.lives {
				c.queued = append(c.queued, m)
			}
		}
	}
	return r
}

func (l *Life) message(c *lifeClient) *keep.Message {
	m := &keep.Message{Topic: fmt.Append(nil, "t/", l.Rand.IntN(9)), QoS: qos.Level(l.Rand.IntN(3)), From: c.name}
	m.Payload = fmt.Append(nil, l.keys, strings.Repeat(".", l.Rand.IntN(l.Payload+1)))
	if l.Rand.IntN(4) == 0 {
		m.Properties = codec.AppendMessageExpiryInterval(codec.Properties{}, l.Rand.Uint32())
	}
	return m
}
