//go:build unix

package server

import (
	"cmp"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
)

// findRaw finds how to read and write without waiting, where the connection is a
// plain socket, or TLS over one that [TLS] has made.
func (c *conn) findRaw() {
	if t, ok := c.net.(*tls.Conn); !ok {
		c.raw = rawConn(c.net)
	} else if s, ok := t.NetConn().(*spool); ok && s.raw != nil {
		c.raw, c.tls, c.spool = s.raw, t, s
	}
}

func rawConn(n net.Conn) syscall.RawConn {
	switch n.(type) {
	case *net.TCPConn, *net.UnixConn:
		if raw, err := n.(syscall.Conn).SyscallConn(); err == nil {
			return raw
		}
	}
	return nil
}

// readRaw reads when there is something to read, into a buffer that is only
// taken then.
func (c *conn) readRaw() error {
	var failed error
	err := c.raw.Read(func(fd uintptr) (done bool) {
		done, failed = c.readable(fd, -1)
		return done
	})
	return cmp.Or(failed, err)
}

// drainRaw is drain.
func (c *conn) drainRaw() error {
	var failed error
	err := c.raw.Read(func(fd uintptr) bool {
		_, failed = c.readable(fd, maxDrain)
		return true
	})
	return cmp.Or(failed, err)
}

// readable reads what there is, so often at most if most is not negative, and has
// it received. It waits for nothing. done is false where more may come.
func (c *conn) readable(fd uintptr, most int) (done bool, err error) {
	if c.peer.Joined() || !pending(fd) {
		return c.receive(fd, most)
	}
	return c.receiveByHand(fd, most)
}

// receiveByHand is receive before there is a client: to let one in takes a deep
// stack, and a connection that then does nothing has a small one still.
func (c *conn) receiveByHand(fd uintptr, most int) (done bool, err error) {
	c.server.hands.do(func() { done, err = c.receive(fd, most) })
	return done, err
}

func (c *conn) receive(fd uintptr, most int) (done bool, err error) {
	w := c.server.hub.Worker(c.server.now())
	defer w.Finish()
	defer c.peer.Park(w)
	for ; most != 0; most-- {
		n, wait, err := c.readNow(fd, c.peer.Buffer(w))
		switch {
		case wait:
			return false, nil
		case n == 0:
			return true, cmp.Or(err, io.EOF)
		}
		c.peer.Receive(w, n, c.server.now())
		if !c.goesOn() {
			return true, nil
		}
		w.Flush()
		yield(n)
	}
	return false, nil
}

// readNow reads what there is, or says that that is to be waited for.
func (c *conn) readNow(fd uintptr, b []byte) (n int, wait bool, err error) {
	if c.tls == nil {
		return readFD(fd, b)
	}
	n, err = c.spool.readNow(fd, c.tls, b)
	return n, n == 0 && errors.Is(err, os.ErrDeadlineExceeded), err
}

func readFD(fd uintptr, b []byte) (n int, wait bool, err error) {
	n, err = retry(readSocket, int(fd), b)
	return max(n, 0), err == syscall.EAGAIN, err
}

// tryWrite writes what the socket takes at once. With TLS what is written is
// spooled, if not sent.
func (c *conn) tryWrite(b []byte) (n int, err error) {
	if c.tls != nil {
		for n < len(b) && err == nil && !c.spool.left() {
			piece := b[n:min(n+maxWrite, len(b))]
			n += len(piece)
			err = c.spool.write(c.tls, piece)
		}
		return n, err
	}
	if c.write == nil {
		c.write = c.writeFD
	}
	c.rest = b
	werr := c.raw.Write(c.write)
	n, c.rest = len(b)-len(c.rest), nil
	return n, werr
}

func (c *conn) writeFD(fd uintptr) bool {
	c.rest = writeFD(fd, c.rest)
	return true
}

// writeFD returns what the socket has not taken.
func writeFD(fd uintptr, b []byte) (rest []byte) {
	for len(b) > 0 {
		n, err := retry(writeSocket, int(fd), b)
		if n <= 0 || err != nil {
			break // the one who waits finds out what is wrong
		}
		b = b[n:]
	}
	return b
}

// writePiece writes, and waits until all is written: first what is spooled, and
// then no more.
func (c *conn) writePiece(b []byte) (n int, err error) {
	switch {
	case c.tls == nil:
		return c.net.Write(b)
	case c.spool.left():
		return 0, c.spool.drain()
	}
	if err := c.spool.write(c.tls, b); err != nil {
		return 0, err
	}
	return len(b), c.spool.drain()
}

// spooled reports whether TLS has bytes that are not sent.
func (c *conn) spooled() bool { return c.spool != nil && c.spool.left() }

func retry(call func(int, []byte) (int, error), fd int, b []byte) (int, error) {
	for {
		n, err := call(fd, b)
		if err != syscall.EINTR {
			return n, err
		}
	}
}
