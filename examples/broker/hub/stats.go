package hub

import (
	"strconv"
	"sync/atomic"
	"time"

	"github.com/mqttwire/mqttwire/codec"
)

// stats are what $SYS/broker tells.
type stats struct {
	connections, connected                atomic.Int64
	packetsIn                             atomic.Int64
	bytesIn, bytesOut                     atomic.Int64
	messagesIn, messagesOut               atomic.Int64
	dropped, refused, expired, maxClients atomic.Int64
}

// add counts what a worker has counted.
func (s *stats) add(w *Worker) {
	addTo(&s.packetsIn, &w.counted.packetsIn)
	addTo(&s.bytesIn, &w.counted.bytesIn)
	addTo(&s.messagesIn, &w.counted.messagesIn)
	addTo(&s.messagesOut, &w.counted.messagesOut)
}

// counts are what a worker counts for itself.
type counts struct{ packetsIn, bytesIn, messagesIn, messagesOut int }

func addTo(total *atomic.Int64, n *int) {
	if *n != 0 {
		total.Add(int64(*n))
		*n = 0
	}
}

// Version is what $SYS/broker/version says.
const Version = "mqttwire broker"

// tick publishes what $SYS/broker tells, retained, now and then.
func (h *Hub) tick(w *Worker) {
	h.set(&h.sys, w.now+h.config.SysInterval)
	h.locks.clients.Lock()
	clients := int64(len(h.clients))
	h.locks.clients.Unlock()
	connected := h.stats.connected.Load()
	h.stats.maxClients.Store(max(h.stats.maxClients.Load(), connected))
	tell := func(topic, value string) {
		w.pub.set(&codec.Publish{Topic: []byte("$SYS/broker/" + topic), Payload: []byte(value), Retain: true}, "", w.now)
		h.routeHere(w, &w.pub, origin{})
	}
	number := func(topic string, n int64) { tell(topic, strconv.FormatInt(n, 10)) }
	tell("version", Version)
	tell("uptime", strconv.FormatInt(int64(w.now/time.Second), 10)+" seconds")
	number("clients/connected", connected)
	number("clients/disconnected", max(clients-connected, 0))
	number("clients/total", clients)
	number("clients/maximum", h.stats.maxClients.Load())
	number("connections/total", h.stats.connections.Load())
	number("messages/received", h.stats.packetsIn.Load())
	number("messages/sent", h.stats.messagesOut.Load())
	number("publish/messages/received", h.stats.messagesIn.Load())
	number("publish/messages/sent", h.stats.messagesOut.Load())
	number("publish/messages/dropped", h.stats.dropped.Load())
	number("publish/messages/refused", h.stats.refused.Load())
	number("publish/messages/expired", h.stats.expired.Load())
	number("bytes/received", h.stats.bytesIn.Load())
	number("bytes/sent", h.stats.bytesOut.Load())
	number("subscriptions/count", int64(h.subscriptions.Len()))
	number("retained messages/count", int64(h.retained.messages.Len()))
}

// Stats are what the hub has and has done.
type Stats struct {
	Clients       int // connected or not
	Connected     int // of them
	Connections   int // open, before their CONNECT too
	Subscriptions int
	Retained      int   // messages
	Kept          int64 // bytes of messages that are queued and in flight
	Charged       int64 // bytes of all that is kept for somebody
	Dropped       int64 // messages whose reader was slow, or takes none of that size
}

// Stats returns them as they are now.
func (h *Hub) Stats() Stats {
	h.locks.clients.Lock()
	clients := len(h.clients)
	h.locks.clients.Unlock()
	h.locks.doors.Lock()
	open := h.doors.open
	h.locks.doors.Unlock()
	return Stats{
		Clients:       clients,
		Connected:     int(h.stats.connected.Load()),
		Connections:   open,
		Subscriptions: h.subscriptions.Len(),
		Retained:      h.retained.messages.Len(),
		Kept:          h.kept.Load(),
		Charged:       h.accounts.whole.Load(),
		Dropped:       h.stats.dropped.Load(),
	}
}
