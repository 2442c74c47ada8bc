package server

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/topicmatch"
)

// A Server is a broker. Its methods may be called by many goroutines.
type Server struct {
	config Config

	// mu guards clients, joined and what is retained. Who holds it may be sure
	// that no retained message is on its way, and that no one else subscribes.
	mu       sync.RWMutex
	clients  map[string]*client // who is connected, by Client Identifier
	joined   uint64             // clients that ever were
	retained retained

	subscriptions topicmatch.Index[*client, subscription]
	lists         sync.Pool // of *[]match

	life      sync.Mutex
	closing   bool
	listeners map[net.Listener]struct{}
	conns     map[*client]struct{} // those before their CONNECT too
	running   sync.WaitGroup

	dropped atomic.Uint64
}

// New returns a Server that serves nothing yet.
func New(c Config) *Server {
	return &Server{
		config:    c.withDefaults(),
		clients:   make(map[string]*client),
		lists:     sync.Pool{New: func() any { return new([]match) }},
		listeners: make(map[net.Listener]struct{}),
		conns:     make(map[*client]struct{}),
	}
}

// Dropped returns how many messages were not delivered because their reader
// was slow or takes no packets of that size.
func (s *Server) Dropped() uint64 { return s.dropped.Load() }

// Serve accepts connections from l, which it closes, until Shutdown. It
// returns nil then, else why l cannot accept.
func (s *Server) Serve(l net.Listener) error {
	defer l.Close()
	if !s.addListener(l) {
		return nil
	}
	defer s.removeListener(l)
	var pause time.Duration
	for {
		conn, err := l.Accept()
		switch {
		case err == nil:
			pause = 0
			if c := s.admit(conn); c != nil {
				go c.serve()
			}
		case s.isClosing():
			return nil
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
func (s *Server) ServeConn(conn net.Conn) {
	if c := s.admit(conn); c != nil {
		c.serve()
	}
}

// Shutdown closes the listeners, tells every client that the server is going
// (in 5.0 with DISCONNECT 0x8B), and returns when all connections have ended.
// Wills are not published. Connections that are still there when ctx ends are
// cut, and Shutdown returns the error of ctx.
func (s *Server) Shutdown(ctx context.Context) error {
	s.life.Lock()
	s.closing = true
	for l := range s.listeners {
		l.Close()
	}
	for c := range s.conns {
		c.kick(mqttwire.ServerShuttingDown)
	}
	s.life.Unlock()

	cut := context.AfterFunc(ctx, func() {
		s.life.Lock()
		defer s.life.Unlock()
		for c := range s.conns {
			c.conn.Close()
		}
	})
	defer cut()
	s.running.Wait()
	return ctx.Err()
}

// admit takes a connection in, or closes it and returns nil.
func (s *Server) admit(conn net.Conn) *client {
	c := newClient(s, conn)
	s.life.Lock()
	defer s.life.Unlock()
	if s.closing {
		conn.Close()
		return nil
	}
	s.conns[c] = struct{}{}
	s.running.Add(1)
	return c
}

func (s *Server) dismiss(c *client) {
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
