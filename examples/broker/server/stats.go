package server

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
func (s *stats) add(w *worker) {
	addTo(&s.packetsIn, &w.packetsIn)
	addTo(&s.bytesIn, &w.bytesIn)
	addTo(&s.messagesIn, &w.messagesIn)
	addTo(&s.messagesOut, &w.messagesOut)
}

func addTo(total *atomic.Int64, n *int) {
	if *n != 0 {
		total.Add(int64(*n))
		*n = 0
	}
}

// Version is what $SYS/broker/version says.
const Version = "mqttwire broker"

// startTicker has $SYS/broker published now and then, once somebody has
// connected. The lock of the connections is held.
func (s *Server) startTicker() {
	if s.ticker == nil && s.config.SysInterval > 0 {
		s.ticker = time.AfterFunc(0, s.tick)
	}
}

func (s *Server) tick() {
	s.publishStats()
	s.life.Lock()
	defer s.life.Unlock()
	if !s.closing {
		s.ticker.Reset(s.config.SysInterval)
	}
}

// publishStats publishes what $SYS/broker tells, retained.
func (s *Server) publishStats() {
	s.mu.Lock()
	clients := int64(len(s.clients))
	s.mu.Unlock()
	connected := s.stats.connected.Load()
	s.stats.maxClients.Store(max(s.stats.maxClients.Load(), connected))
	w := s.worker()
	defer w.finish()
	w.now = s.now()
	tell := func(topic, value string) {
		w.pub.set(&codec.Publish{Topic: []byte("$SYS/broker/" + topic), Payload: []byte(value), Retain: true}, "", w.now)
		s.publishHere(w, &w.pub)
	}
	number := func(topic string, n int64) { tell(topic, strconv.FormatInt(n, 10)) }
	tell("version", Version)
	tell("uptime", strconv.FormatInt(int64(w.now/time.Second), 10)+" seconds")
	number("clients/connected", connected)
	number("clients/disconnected", max(clients-connected, 0))
	number("clients/total", clients)
	number("clients/maximum", s.stats.maxClients.Load())
	number("connections/total", s.stats.connections.Load())
	number("messages/received", s.stats.packetsIn.Load())
	number("messages/sent", s.stats.messagesOut.Load())
	number("publish/messages/received", s.stats.messagesIn.Load())
	number("publish/messages/sent", s.stats.messagesOut.Load())
	number("publish/messages/dropped", s.stats.dropped.Load())
	number("publish/messages/refused", s.stats.refused.Load())
	number("publish/messages/expired", s.stats.expired.Load())
	number("bytes/received", s.stats.bytesIn.Load())
	number("bytes/sent", s.stats.bytesOut.Load())
	number("subscriptions/count", int64(s.subscriptions.Len()))
	number("retained messages/count", int64(s.retained.messages.Len()))
}

// Subscriptions returns how many subscriptions there are.
func (s *Server) Subscriptions() int { return s.subscriptions.Len() }
