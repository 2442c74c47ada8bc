package server

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/session"
)

const v5 = mqttwire.V50

// A conn is a network connection. One goroutine reads from it and owns it. What
// is below mu is shared with those who have messages for it, once it has a
// client, and guarded by the client's mu then.
type conn struct {
	server *Server
	net    net.Conn
	raw    syscall.RawConn // nil where it takes no non-blocking I/O
	write  func(fd uintptr) bool
	framer codec.Framer
	client *client // set once
	who    Peer
	denied mqttwire.Reason // the CONNECT is refused with it, whatever it says
	armed  time.Duration   // when the read deadline is, 0 for none

	exchange Exchange // enhanced authentication that goes on

	bridge        bool   // it says that it is another broker's
	assigned      bool   // the Client Identifier is the server's
	method        string // Authentication Method
	maximumPacket int    // the client's Maximum Packet Size, 0 for none
	asked         asked

	kicked   atomic.Uint32          // why another goroutine wants it to end
	why      atomic.Pointer[string] // the same in words
	lost     atomic.Bool            // a write has failed
	stop     chan struct{}          // closed when it is kicked
	left     chan struct{}          // closed when it has let its client go
	draining bool                   // what had come before it was kicked is handled
	ordered  bool                   // the client has sent a normal DISCONNECT
	farewell *farewell              // the server ends it, once it has answered
	deferred bool                   // what becomes of the session the server's next run decides
	linger   bool                   // the server ends it, and may have said why

	// mu
	machine  session.Server
	out      []byte  // to be written
	box      *buffer // the memory of out goes back here
	rest     []byte  // what a write attempt has left, with the writer
	writing  bool
	touched  bool          // a worker will flush it
	aliases  bool          // it takes Topic Aliases
	progress chan struct{} // closed when something was written, nil if nobody waits
	dropped  uint64
	owes     uint64 // what the journal must have kept before out is written
	ending   string // why it ends, for the log
	access   *time.Timer
	last     *time.Timer // when a farewell waits no longer

	answering bool // what a Handler has decided is not acknowledged yet
}

func newConn(s *Server, n net.Conn) *conn {
	c := &conn{server: s, net: n, stop: make(chan struct{}), left: make(chan struct{})}
	c.who.Address = n.RemoteAddr()
	c.raw = rawConn(n)
	c.machine.Open(&s.config.ServerOptions, s.now())
	return c
}

func (c *conn) lock() {
	if c.client != nil {
		c.client.mu.Lock()
	}
}

func (c *conn) unlock() {
	if c.client != nil {
		c.client.mu.Unlock()
	}
}

// buffer returns what is to be written, to be appended to.
func (c *conn) buffer() []byte {
	if c.out == nil {
		c.box = c.server.buffers.Get().(*buffer)
		c.out = c.box.b[:0]
	}
	return c.out
}

// serve reads from the connection until it ends.
func (c *conn) serve() {
	s := c.server
	defer s.dismiss(c)
	c.arm()
	for c.ending == "" {
		c.interrupted(c.receive())
	}
	c.leave()
	c.close()
}

// interrupted handles why nothing more was read.
func (c *conn) interrupted(err error) {
	why := mqttwire.Reason(c.kicked.Load())
	switch {
	case c.ending != "":
	case why == mqttwire.ServerShuttingDown && c.lost.Load():
		c.lock()
		c.leaveWill()
		c.unlock()
		c.ending = "cut by the end of the server"
	case c.lost.Load():
		c.ending = "connection lost while writing"
	case why != 0:
		text := ""
		if t := c.why.Load(); t != nil {
			text = *t
		}
		parted := c.parted(why, text)
		if parted || why == mqttwire.SessionTakenOver {
			c.hearOut()
		}
		if c.ending == "" {
			if parted {
				c.tellLast()
			}
			c.disconnect(why, text)
		}
	case err == nil:
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.overdue()
	case err == io.EOF:
		c.ending = "closed by the client"
	default:
		c.ending = err.Error()
	}
}

// overdue does what is due by time, once what has come before is handled: a
// process that was stopped finds its deadlines past, and what would have put them
// off waiting in the socket.
func (c *conn) overdue() {
	now := c.server.now() // what a stop from here on makes late has its own turn
	err := c.drain()
	switch {
	case c.ending != "":
	case c.interruptedBy():
		c.wake() // again: drain has set another deadline
	case err == nil:
		c.poll(now)
	default:
		c.interrupted(err)
	}
}

// poll does what is due at a moment.
func (c *conn) poll(now time.Duration) {
	c.lock()
	for {
		out, ev, err := c.machine.Poll(c.buffer(), now)
		c.out = out
		if err != nil {
			c.ending, c.linger = err.Error(), true
		}
		if ev.Kind != session.Resend || !c.resend(ev, now) {
			break
		}
	}
	c.unlock()
	c.flush()
	c.arm()
}

// arm sets the read deadline to when the machine wants to be polled. One that
// comes earlier is left where it is: most packets move the moment.
func (c *conn) arm() {
	c.lock()
	at, ok := c.machine.Deadline()
	c.unlock()
	now := c.server.now()
	switch {
	case c.armed > now && (!ok || c.armed <= at):
		return
	case !ok:
		at = 0
	}
	c.armed = at
	if at == 0 {
		c.net.SetReadDeadline(time.Time{})
	} else {
		c.net.SetReadDeadline(time.Now().Add(at - now))
	}
	if c.interruptedBy() {
		c.wake()
	}
}

// interruptedBy reports whether another goroutine wants the reader to stop.
func (c *conn) interruptedBy() bool { return c.kicked.Load() != 0 && !c.draining || c.lost.Load() }

// wake has the reader stop reading.
func (c *conn) wake() { c.net.SetReadDeadline(time.Unix(1, 0)) }

// kick has the connection end, with a DISCONNECT in 5.0. The client's lock may
// be held or not.
func (c *conn) kick(why mqttwire.Reason, text string) {
	if text != "" {
		c.why.CompareAndSwap(nil, &text)
	}
	if c.kicked.CompareAndSwap(0, uint32(why)) {
		close(c.stop)
		c.wake()
	}
}

// disconnect ends the connection for a reason of its own.
func (c *conn) disconnect(why mqttwire.Reason, text string) {
	c.lock()
	defer c.unlock()
	if text == "" {
		text = why.String()
	}
	c.ending, c.linger = text, true
	if c.machine.Phase() == session.Connecting {
		c.refuseLocked(why, text)
		return
	}
	if c.out, _ = c.machine.Disconnect(c.buffer(), why, c.say(text)); why == mqttwire.ServerShuttingDown {
		c.leaveWill()
	}
}

// leaveWill has the will not published now: a server that goes is no news of its
// clients. With a Store it is when the server is back (5.0 §3.1.2.5).
func (c *conn) leaveWill() {
	if c.client != nil {
		c.client.will, c.deferred = nil, true
	}
}

// dropWill removes the will of the connection.
func (c *conn) dropWill() {
	if c.client != nil {
		c.client.setWill(nil, false)
	}
}

// say returns a Reason String. Whether it is sent is the session's business.
func (c *conn) say(text string) codec.Properties {
	if c.machine.Version() != v5 || text == "" {
		return codec.Properties{}
	}
	return codec.AppendReasonString(codec.Properties{}, text)
}

// leave takes the client off the connection.
func (c *conn) leave() {
	defer close(c.left)
	cl := c.client
	if cl == nil {
		if c.who.ClientID == "" {
			c.log(slog.LevelInfo, "not connected", "why", c.ending)
		} else {
			c.log(slog.LevelInfo, "not connected", "client", c.who.ClientID, "user", c.who.UserName, "why", c.ending)
		}
		return
	}
	cl.mu.Lock()
	if c.access != nil {
		c.access.Stop()
	}
	if c.last != nil {
		c.last.Stop()
	}
	now := c.server.now()
	c.machine.Close(now)
	cl.conn = nil
	cl.online.Store(false)
	cl.flight.compact()
	cl.keepBacklog()
	a := cl.settle(now)
	if !cl.gone && !c.deferred { // else as if the server had crashed
		cl.server.journal.session(cl)
	}
	dropped := c.dropped
	cl.mu.Unlock()
	c.server.stats.connected.Add(-1)
	cl.finish(a)
	level := slog.LevelInfo
	if c.ordered {
		level = slog.LevelDebug // no news: "connected" has told
	}
	c.log(level, "disconnected", "client", cl.id, "why", c.ending, "dropped", dropped)
}

// close writes what is left and closes the connection: its own direction first,
// so that what the client is still sending cannot reset the connection before
// the client has read why it ends.
func (c *conn) close() {
	defer c.net.Close()
	c.finishWriting()
	if !c.linger || c.lost.Load() {
		return
	}
	c.net.SetReadDeadline(time.Now().Add(c.server.config.Linger))
	if half, ok := c.net.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		io.Copy(io.Discard, c.net)
	}
}

func (c *conn) log(level slog.Level, text string, args ...any) {
	log := c.server.config.Log
	if log.Enabled(context.Background(), level) {
		log.Log(context.Background(), level, text, append(args, "from", c.who.Address)...)
	}
}

// trace logs a packet. The payload of one that is for a Handler may be a secret.
func (c *conn) trace(what string, p codec.Packet) {
	if c.server.debug {
		if m, ok := p.(*codec.Publish); ok && c.server.config.Handlers[string(m.Topic)] != nil {
			secret := *m
			secret.Payload = nil
			p = &secret
		}
		c.log(slog.LevelDebug, what, "client", c.who.ClientID, "packet", p.String())
	}
}

// certificate remembers who the client is by its certificate.
func (c *conn) certificate() {
	if t, ok := c.net.(*tls.Conn); ok {
		if chain := t.ConnectionState().VerifiedChains; len(chain) > 0 {
			c.who.Certificate = chain[0][0]
		}
	}
}
