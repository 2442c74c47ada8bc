package hub

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/topicmatch"
)

// A Hub is a broker without sockets. Its methods may be called by many
// goroutines. Every moment is given and returned as a time on one clock, of
// whoever runs it, which never goes back.
type Hub struct {
	config  Config
	started time.Time // the moment 0 of the clock
	debug   bool      // packets are logged
	ahead   int       // bytes of messages above QoS 0 that are encoded ahead of a write

	locks   locks
	clients map[string]*client // by Client Identifier
	joined  uint64             // clients that ever were

	retained      retained
	subscriptions topicmatch.Index[*client, subscription]
	interests     map[string]int // who wants a Topic Filter, for a Router
	turns         atomic.Uint64  // of Shared Subscriptions

	kept     atomic.Int64 // bytes of messages that are queued and in flight, each once
	accounts accounts
	audits   audit

	doors   doors
	bans    bans
	timers  timers
	sys     sys
	stats   stats
	journal journal
	workers sync.Pool // of *Worker
}

// A Host runs a hub.
type Host interface {
	// Alarm has Poll called at a moment, instead of the one that was said before.
	// Locks are held: it must not block, nor call the hub.
	Alarm(at time.Duration)
	// Failed says, once, that the Store has failed for good: nothing that must
	// last can be promised any more. It is called from within Sync, and may Kick.
	Failed(err error)
}

// New returns a Hub that nobody is connected to. What its Store has kept is not
// there before [Hub.Restore]. started is the moment 0 of its clock.
func New(c Config, started time.Time, host Host) *Hub {
	h := &Hub{
		config:    c.withDefaults(),
		started:   started,
		clients:   make(map[string]*client),
		interests: make(map[string]int),
	}
	h.debug = h.config.Log.Enabled(context.Background(), slog.LevelDebug)
	h.workers.New = func() any { return &Worker{hub: h, buf: make([]byte, workerBuffer)} }
	h.ahead = min(maxAhead, h.config.MaxQueue)
	h.timers.host = host
	h.sys.timer.ring = h.tick
	h.accounts.all, h.accounts.relief.timer.ring = make(map[string]*account), h.relieve
	h.audits.timer.ring = h.auditSome
	h.bans.init(&h.config)
	h.journal.hub = h
	if h.config.Store != nil {
		h.journal.on = true
		h.journal.Open(h.config.Store, host.Failed)
	}
	return h
}

// Mark returns what Sync takes, for all that the Store was given so far.
func (h *Hub) Mark() uint64 { return h.journal.Mark() }

// Config returns what the hub was told, with the defaults of what it was not.
func (h *Hub) Config() *Config { return &h.config }

// Recheck asks every RevocableAccess whether it is still good.
func (h *Hub) Recheck(w *Worker) {
	for _, cl := range h.all() {
		cl.mu.Lock()
		c := cl.conn
		cl.mu.Unlock()
		if c != nil {
			c.recheck(w)
		}
	}
	h.audit(w)
}

// Stop has nothing ring any more: sessions and wills wait for the next run.
func (h *Hub) Stop() { h.closeTimers() }

// all returns the clients there are, in the order they came.
func (h *Hub) all() []*client {
	h.locks.clients.Lock()
	defer h.locks.clients.Unlock()
	return slices.SortedFunc(maps.Values(h.clients), func(a, b *client) int { return cmp.Compare(a.serial, b.serial) })
}

// wall returns a moment of the hub's clock as one of the day.
func (h *Hub) wall(at time.Duration) time.Time { return h.started.Add(at) }

// doors count the connections there are, before their CONNECT too, and how many
// each address opens.
type doors struct {
	open    int
	refused int // of those that hold no place: they are only told so
	rates   rates
	quota   logQuota
}

// Open takes a connection in, from an address such as 192.0.2.1:1883. It returns
// nil where there are too many to tell one more so.
func (h *Hub) Open(carrier Carrier, address string, now time.Duration) *Conn {
	c := &Conn{hub: h, carrier: carrier, who: Peer{Address: address}, door: h.addressAccount(address)}
	c.machine.Open(&h.config.ServerOptions, now)
	h.locks.doors.Lock()
	defer h.locks.doors.Unlock()
	limit, own := h.config.MaxConnections, h.config.MaxAddressConnections
	switch {
	case !c.door.exempt && own > 0 && int(c.door.connections.Load()) >= 2*own:
		return nil
	case limit > 0 && h.doors.open >= limit && (h.doors.open >= limit+limit/slack || c.door.connections.Load() > 0):
		c.denied = mqttwire.ServerBusy // one from an address that has none is let in as long as it can be
	case !c.door.exempt && own > 0 && int(c.door.connections.Load()) >= own:
		c.denied = mqttwire.QuotaExceeded
	case !c.door.exempt:
		open, told := h.doors.rates.allow(&h.config, c.door.name, now)
		if !open && !told {
			return nil
		}
		if !open {
			c.denied = mqttwire.ConnectionRateExceeded
		}
	}
	if c.placeless = c.denied != 0; !c.placeless {
		h.doors.open++
	} else if h.doors.refused++; limit > 0 && h.doors.refused > limit {
		h.doors.refused--
		return nil
	}
	c.door.connections.Add(1)
	if h.stats.accepted.Add(1) == 1 && h.config.SysInterval > 0 {
		h.set(&h.sys.timer, now)
	}
	return c
}

// Closed says that nothing is carried any more: what Open gave is over.
func (c *Conn) Closed() {
	c.settleAccount()
	c.hub.locks.doors.Lock()
	defer c.hub.locks.doors.Unlock()
	c.door.connections.Add(-1)
	if c.placeless {
		c.hub.doors.refused--
	} else {
		c.hub.doors.open--
	}
}
