package server

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"syscall"
	"time"

	"github.com/mqttwire/mqttwire/examples/broker/hub"
)

// A conn carries a connection of the hub over a network connection. One goroutine
// reads from it and serves it; who has something for its client writes to it, and
// where the socket does not take that at once, a goroutine that goes on writing.
type conn struct {
	server *Server
	peer   *hub.Conn
	net    net.Conn
	raw    syscall.RawConn // nil where it takes no non-blocking I/O
	tls    *tls.Conn       // over spool, nil where it is not, or raw is nil
	spool  *spool
	known  bool          // its certificate, or that there is none
	shaken bool          // a TLS handshake has begun
	armed  time.Duration // when the read deadline is, 0 for none
	woken  chan struct{} // by Wake
	hears  bool          // what has come counts though the hub has called

	write func(fd uintptr) bool
	rest  []byte // what a write attempt has left, with who writes
}

// serve does what the hub calls for until the connection ends.
func (c *conn) serve() {
	s := c.server
	defer s.dismiss(c)
	for {
		switch c.peer.Call() {
		case hub.Read:
			if c.arm(); c.peer.Call() == hub.Read {
				c.readOrPoll()
			}
		case hub.Hear:
			s.work(func(w *hub.Worker) { c.peer.Receive(w, 0, s.now()) }) // what had been read
			c.hears = true
			c.drain()
			c.hears = false
			s.work(c.peer.Heard)
		case hub.Attend:
			s.work(c.peer.Attend)
		case hub.Wait:
			<-c.woken
		case hub.Over:
			s.hands.do(func() {
				s.work(c.peer.Leave)
				c.close()
			})
			return
		}
	}
}

// Wake has the goroutine that serves the connection go on: it is the hub that
// calls.
func (c *conn) Wake() {
	c.net.SetReadDeadline(time.Unix(1, 0))
	select {
	case c.woken <- struct{}{}:
	default:
	}
}

// arm sets the read deadline to when the hub wants to poll. One that comes earlier
// is left where it is: most packets move the moment.
func (c *conn) arm() {
	select {
	case <-c.woken: // and the deadline is past
		c.armed = 0
	default:
	}
	at, ok := c.peer.Deadline()
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
	if len(c.woken) > 0 { // meanwhile
		c.net.SetReadDeadline(time.Unix(1, 0))
	}
}

// readOrPoll reads until the hub calls for something else. Where the deadline is
// over it polls, once what has come before is received: a process that was stopped
// finds its deadlines past, and what would have put them off waiting in the
// socket.
func (c *conn) readOrPoll() {
	err := c.read()
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		c.lost(err)
		return
	}
	now := c.server.now() // what a stop from here on makes late has its own turn
	due := c.armed != 0 && c.armed <= now
	if c.armed = 0; !due || c.peer.Call() != hub.Read {
		return // it was woken
	}
	if err := c.drain(); err != nil || c.peer.Call() != hub.Read {
		c.lost(err)
		return
	}
	c.server.work(func(w *hub.Worker) { c.peer.Poll(w, now) })
}

// goesOn reports whether to read on.
func (c *conn) goesOn() bool {
	call := c.peer.Call()
	return call == hub.Read || call == hub.Hear && c.hears
}

// lost tells the hub why nothing more can be read, if so.
func (c *conn) lost(err error) {
	switch call := c.peer.Call(); {
	case err == nil, call == hub.Attend, call == hub.Hear: // which may be an end of its own
	case err == io.EOF:
		c.peer.Lost("closed by the client")
	default:
		c.peer.Lost(err.Error())
	}
}

// read reads and has received what comes, until the hub calls for something else,
// or returns why nothing can be read now. A connection that waits holds no buffer,
// where it need not.
func (c *conn) read() error {
	if c.raw != nil {
		if err := c.shakeHands(); err != nil {
			return err
		}
		return c.readRaw()
	}
	for c.goesOn() {
		n, err := c.net.Read(c.peer.OwnBuffer())
		if n == 0 && err != nil {
			return err
		}
		c.certify()
		w := c.server.hub.Worker(c.server.now())
		c.peer.Receive(w, n, c.server.now())
		w.Finish()
		yield(n)
	}
	return nil
}

// long is how many bytes handled at once are many: what a record of TLS has.
const long = 16 << 10

// yield lets others run after so many bytes were handled at once: a connection that
// always has more would go on until the runtime takes the processor from it, and each
// of many such ones in its turn. Where few come at a time, or in the midst of what was
// read, it would cost much: as many workers would be under way as there are
// connections, each with what it is to write.
func yield(n int) {
	if n >= long {
		runtime.Gosched()
	}
}

// shakeHands has TLS begin. That waits, and takes a stack of its own.
func (c *conn) shakeHands() (err error) {
	if c.tls == nil || c.known {
		return nil
	}
	if c.shaken {
		return errInterrupted
	}
	c.shaken = true
	c.server.hands.do(func() { err = c.tls.Handshake() })
	if err == nil {
		c.certify()
	}
	return err
}

// errInterrupted is of a handshake that has been woken, which cannot go on.
var errInterrupted = errors.New("TLS handshake interrupted")

// certify tells the hub who the client is by its certificate.
func (c *conn) certify() {
	if c.known {
		return
	}
	c.known = true
	if t, ok := c.net.(*tls.Conn); ok {
		if chain := t.ConnectionState().VerifiedChains; len(chain) > 0 {
			c.peer.Peer().Certificate = chain[0][0]
		}
	}
}

// close writes what is left and closes the connection: its own direction first,
// so that what the client is still sending cannot reset the connection before
// the client has read why it ends.
func (c *conn) close() {
	defer c.net.Close()
	c.finishWriting()
	if !c.peer.Lingers() {
		return
	}
	c.net.SetReadDeadline(time.Now().Add(c.server.config.Linger))
	if half, ok := c.net.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		io.Copy(io.Discard, c.net)
	}
}
