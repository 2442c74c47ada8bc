package server

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/topicmatch"
)

// A Server is a broker. Its methods may be called by many goroutines.
//
// Locks are taken in this order: that of the retained messages, a client's, one
// of the rest.
type Server struct {
	config  Config
	started time.Time
	debug   bool // packets are logged
	ahead   int  // bytes of messages above QoS 0 that are encoded ahead of a socket

	mu      sync.Mutex
	clients map[string]*client // by Client Identifier
	joined  uint64             // clients that ever were

	retained      retained
	subscriptions topicmatch.Index[*client, subscription]
	interests     interests
	turns         atomic.Uint64 // of Shared Subscriptions

	kept atomic.Int64 // bytes of messages that are queued and in flight, at all clients

	workers sync.Pool // of *worker
	buffers sync.Pool // of *buffer

	life      sync.Mutex
	closing   bool
	failed    error // of the Store
	listeners map[net.Listener]struct{}
	conns     map[*conn]struct{} // those before their CONNECT too
	running   sync.WaitGroup
	ticker    *time.Timer

	bans    bans
	rates   rates
	stats   stats
	journal journal
}

// New returns a Server that serves nothing yet. What its Store has kept is not
// there before [Server.Restore].
func New(c Config) *Server {
	s := &Server{
		config:    c.withDefaults(),
		started:   time.Now(),
		clients:   make(map[string]*client),
		listeners: make(map[net.Listener]struct{}),
		conns:     make(map[*conn]struct{}),
	}
	s.debug = s.config.Log.Enabled(context.Background(), slog.LevelDebug)
	s.workers.New = func() any { return &worker{server: s, buf: make([]byte, workerBuffer)} }
	s.buffers.New = func() any { return &buffer{b: make([]byte, 0, 1024)} }
	s.ahead = min(maxAhead, s.config.MaxQueue)
	s.retained.limit = s.config.MaxRetained
	s.bans.init(&s.config)
	s.journal.server = s
	if s.config.Store != nil {
		s.journal.on = true
		s.journal.Open(s.config.Store, s.fail)
	}
	return s
}

// now is the time since the server was made.
func (s *Server) now() time.Duration { return time.Since(s.started) }

// Dropped returns how many messages were not delivered because their reader
// was slow or takes no packets of that size.
func (s *Server) Dropped() uint64 { return uint64(s.stats.dropped.Load()) }

// Serve accepts connections from l, which it closes, until Shutdown. It
// returns nil then, else why l cannot accept, or that the Store has failed.
func (s *Server) Serve(l net.Listener) error {
	defer l.Close()
	if !s.addListener(l) {
		return s.failure()
	}
	defer s.removeListener(l)
	var pause time.Duration
	for {
		n, err := l.Accept()
		switch {
		case err == nil:
			pause = 0
			if c := s.take(n); c != nil {
				go c.serve()
			}
		case s.isClosing():
			return s.failure()
		case errors.Is(err, net.ErrClosed):
			return err
		default: // such as too many open files: it may pass
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			s.config.Log.Error("accept", "error", err, "pause", pause)
			time.Sleep(pause)
		}
	}
}

// ServeConn serves one connection, which it closes, until it ends.
func (s *Server) ServeConn(n net.Conn) {
	if c := s.take(n); c != nil {
		c.serve()
	}
}

// Shutdown closes the listeners, tells every client that the server is going
// (in 5.0 with DISCONNECT 0x8B), and returns when all connections have ended.
// Wills are not published, and sessions stay in the Store. Connections that are
// still there when ctx ends are cut, and Shutdown returns the error of ctx; that
// of the Store, where not all could be kept.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stop(nil)
	cut := context.AfterFunc(ctx, func() {
		s.life.Lock()
		defer s.life.Unlock()
		for c := range s.conns {
			c.lost.Store(true)
			go c.net.Close() // which waits for who reads
		}
	})
	defer cut()
	s.running.Wait()
	s.stopTimers()
	if err := s.journal.sync(s.journal.Mark()); err != nil {
		return err
	}
	return ctx.Err()
}

// stop takes no more connections, and has those there are end. With an error,
// that is why.
func (s *Server) stop(why error) {
	text := ""
	if why != nil {
		text = "the store has failed"
	}
	s.life.Lock()
	defer s.life.Unlock()
	s.closing = true
	if s.failed == nil {
		s.failed = why
	}
	if s.ticker != nil {
		s.ticker.Stop()
	}
	for l := range s.listeners {
		l.Close()
	}
	for c := range s.conns {
		c.kick(mqttwire.ServerShuttingDown, text)
	}
}

// fail ends the server because its Store has failed: nothing that must last can
// be promised any more.
func (s *Server) fail(err error) {
	s.config.Log.Error("the store has failed: start again", "error", err)
	s.stop(err)
}

func (s *Server) failure() error {
	s.life.Lock()
	defer s.life.Unlock()
	return s.failed
}

// all returns the clients there are.
func (s *Server) all() []*client {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.clients))
}

// stopTimers has the sessions that wait for nothing but time let go.
func (s *Server) stopTimers() {
	for _, cl := range s.all() {
		cl.mu.Lock()
		if cl.timer != nil {
			cl.timer.Stop()
		}
		cl.mu.Unlock()
	}
}

// take takes a connection in, or closes it and returns nil.
func (s *Server) take(n net.Conn) *conn {
	c := newConn(s, n)
	s.life.Lock()
	defer s.life.Unlock()
	limit := s.config.MaxConnections
	if s.closing || limit > 0 && len(s.conns) >= 2*limit {
		n.Close()
		return nil
	}
	switch {
	case limit > 0 && len(s.conns) >= limit:
		c.denied = mqttwire.ServerBusy
	case !s.rates.allow(&s.config, c):
		c.denied = mqttwire.ConnectionRateExceeded
	}
	s.conns[c] = struct{}{}
	s.running.Add(1)
	s.stats.connections.Add(1)
	s.startTicker()
	return c
}

func (s *Server) dismiss(c *conn) {
	s.life.Lock()
	delete(s.conns, c)
	s.life.Unlock()
	s.running.Done()
}

func (s *Server) isClosing() bool {
	s.life.Lock()
	defer s.life.Unlock()
	return s.closing
}

func (s *Server) addListener(l net.Listener) bool {
	s.life.Lock()
	defer s.life.Unlock()
	if s.closing {
		return false
	}
	s.listeners[l] = struct{}{}
	s.running.Add(1)
	return true
}

func (s *Server) removeListener(l net.Listener) {
	s.life.Lock()
	delete(s.listeners, l)
	s.life.Unlock()
	s.running.Done()
}

// Recheck asks every RevocableAccess whether it is still good.
func (s *Server) Recheck() {
	w := s.worker()
	for _, cl := range s.all() {
		cl.mu.Lock()
		c := cl.conn
		cl.mu.Unlock()
		if c != nil {
			c.recheck(w)
		}
	}
	w.finish()
}
