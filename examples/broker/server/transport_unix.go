//go:build unix

package server

import (
	"net"
	"syscall"
)

// rawConn returns how to read and write without waiting, nil for a connection
// that is not a plain socket.
func rawConn(n net.Conn) syscall.RawConn {
	switch n.(type) {
	case *net.TCPConn, *net.UnixConn:
		if raw, err := n.(syscall.Conn).SyscallConn(); err == nil {
			return raw
		}
	}
	return nil
}

// receiveRaw reads when there is something to read, into a buffer that is only
// taken then.
func (c *conn) receiveRaw() error {
	var failed error
	err := c.raw.Read(func(fd uintptr) bool {
		return c.readable(func(b []byte) (n int, wait bool, err error) {
			n, err = retry(syscall.Read, int(fd), b)
			return max(n, 0), err == syscall.EAGAIN, err
		}, &failed)
	})
	if err == nil {
		err = failed
	}
	return err
}

// drain reads and handles what has come already.
func (c *conn) drainRaw() {
	c.raw.Read(func(fd uintptr) bool {
		w := c.server.worker()
		defer w.finish()
		for range maxDrain {
			n, err := retry(syscall.Read, int(fd), c.framer.Buffer())
			if n <= 0 || err != nil {
				break
			}
			c.received(w, n)
		}
		return true
	})
}

// tryWrite writes what the socket takes at once.
func (c *conn) tryWrite(b []byte) (n int, err error) {
	if c.write == nil {
		c.write = c.writeFD
	}
	c.rest = b
	werr := c.raw.Write(c.write)
	n, c.rest = len(b)-len(c.rest), nil
	return n, werr
}

func (c *conn) writeFD(fd uintptr) bool {
	for len(c.rest) > 0 {
		n, err := retry(syscall.Write, int(fd), c.rest)
		if n <= 0 || err != nil {
			break // the one who waits finds out what is wrong
		}
		c.rest = c.rest[n:]
	}
	return true
}

func retry(call func(int, []byte) (int, error), fd int, b []byte) (int, error) {
	for {
		n, err := call(fd, b)
		if err != syscall.EINTR {
			return n, err
		}
	}
}
