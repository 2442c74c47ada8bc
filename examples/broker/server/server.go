package server

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/examples/broker/hub"
	"github.com/mqttwire/mqttwire/examples/broker/keep"
)

// Config is what a Server is told: what its hub is.
type Config = hub.Config

// A Server is a broker. Its methods may be called by many goroutines.
type Server struct {
	hub    *hub.Hub
	config *Config
	now    func() time.Duration // since the server was made

	life      sync.Mutex
	closing   bool
	failed    error // of the Store
	listeners map[net.Listener]struct{}
	conns     map[*conn]struct{} // those before their CONNECT too
	running   sync.WaitGroup

	alarm alarm
	hands hands
	ebb   ebb
}

// New returns a Server that serves nothing yet. What its Store has kept is not
// there before [Server.Restore].
func New(c Config) *Server {
	started := time.Now()
	s := &Server{
		now:       func() time.Duration { return time.Since(started) },
		listeners: make(map[net.Listener]struct{}),
		conns:     make(map[*conn]struct{}),
		hands:     make(hands, maxHands),
	}
	s.hub = hub.New(c, started, s)
	s.config = s.hub.Config()
	return s
}

// work has a worker do something in the hub now, and all that comes of it written.
func (s *Server) work(do func(w *hub.Worker)) {
	w := s.hub.Worker(s.now())
	do(w)
	w.Finish()
}

// Restore brings back what the Store has kept. Call it before Serve. With an
// error the server is not to be used.
func (s *Server) Restore() (err error) {
	s.work(func(w *hub.Worker) { err = s.hub.Restore(w) })
	return err
}

// Recheck asks every RevocableAccess whether it is still good.
func (s *Server) Recheck() { s.work(s.hub.Recheck) }

// Inject takes a message that came from another node to the clients of this one:
// see [hub.Hub.Inject].
func (s *Server) Inject(m keep.Message) { s.work(func(w *hub.Worker) { s.hub.Inject(w, m) }) }

// Stats returns what the server has and has done.
func (s *Server) Stats() hub.Stats { return s.hub.Stats() }

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

// ServeConn serves one connection, which it closes, until it ends. It asks of n
// what a TCP connection does: that a deadline that has passed is temporary, since
// deadlines are the server's alarms (one that closes n for good, as some WebSocket
// packages have it, needs a layer in between); that deadlines are set, and Write and
// Close called, while another goroutine reads, which Close ends; and that RemoteAddr
// tells peers apart, for limits by address. With a method CloseWrite, the last packet
// is not lost where the client goes on sending. A *net.TCPConn, a *net.UnixConn,
// and what [TLS] makes of one, cost no goroutine except their own.
func (s *Server) ServeConn(n net.Conn) {
	if c := s.take(n); c != nil {
		c.serve()
	}
}

// Shutdown closes the listeners, tells every client that the server is going
// (in 5.0 with DISCONNECT 0x8B), and returns when all connections have ended: one
// that what waits for its client goes on being sent to ends when that has gone
// out, unless its session is in the Store. Wills are not published, and sessions
// stay in the Store. Connections that are still there when ctx ends are cut, and
// Shutdown returns the error of ctx; that of the Store, where not all could be
// kept.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stop(nil)
	ended := make(chan struct{})
	go func() { s.running.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-ctx.Done():
		s.cut()
		select {
		case <-ended:
		case <-time.After(cutting): // a hook may not have returned
		}
	}
	s.hub.Stop()
	s.alarm.stop()
	if err := s.hub.Sync(s.hub.Mark()); err != nil {
		return err
	}
	return ctx.Err()
}

// cutting is for how long connections that are cut are waited for.
const cutting = 500 * time.Millisecond

// cut ends all connections that there are still.
func (s *Server) cut() {
	s.life.Lock()
	defer s.life.Unlock()
	for c := range s.conns {
		c.peer.Cut()
		go c.net.Close() // which waits for who reads
	}
}

// stop takes no more connections, and has those there are end. With an error,
// that is why.
func (s *Server) stop(why error) {
	s.life.Lock()
	defer s.life.Unlock()
	s.closing = true
	if s.ebb.timer != nil {
		s.ebb.timer.Stop()
	}
	if s.failed == nil {
		s.failed = why
	}
	for l := range s.listeners {
		l.Close()
	}
	for c := range s.conns {
		if why != nil {
			c.peer.Kick(mqttwire.ServerShuttingDown, "the store has failed")
		} else {
			c.peer.Drain()
		}
	}
}

// Failed ends the server because its Store has failed: it is the hub that calls.
func (s *Server) Failed(err error) {
	s.config.Log.Error("the store has failed: start again", "error", err)
	s.stop(err)
}

func (s *Server) failure() error {
	s.life.Lock()
	defer s.life.Unlock()
	return s.failed
}

// take takes a connection in, or closes it and returns nil.
func (s *Server) take(n net.Conn) *conn {
	c := &conn{server: s, net: n, woken: make(chan struct{}, 1)}
	c.findRaw()
	s.life.Lock()
	defer s.life.Unlock()
	if !s.closing {
		c.peer = s.hub.Open(c, n.RemoteAddr().String(), s.now())
	}
	if c.peer == nil {
		n.Close()
		return nil
	}
	s.conns[c] = struct{}{}
	s.running.Add(1)
	s.watchEbb()
	return c
}

func (s *Server) dismiss(c *conn) {
	c.peer.Closed()
	s.life.Lock()
	delete(s.conns, c)
	if len(s.conns) == 0 {
		s.hands.dismiss()
	}
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
