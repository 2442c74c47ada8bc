//go:build unix

package server

import (
	"cmp"
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

// readRaw reads when there is something to read, into a buffer that is only
// taken then.
func (c *conn) readRaw() error {
	var failed error
	err := c.raw.Read(func(fd uintptr) bool {
		return c.readable(func(b []byte) (n int, wait bool, err error) {
			return readNow(fd, b)
		}, &failed)
	})
	if err == nil {
		err = failed
	}
	return err
}

// drainRaw is drain.
func (c *conn) drainRaw() (failed error) {
	left := maxDrain
	err := c.raw.Read(func(fd uintptr) bool {
		c.readable(func(b []byte) (n int, wait bool, err error) {
			if left == 0 {
				return 0, true, nil
			}
			left--
			return readNow(fd, b)
		}, &failed)
		return true
	})
	return cmp.Or(failed, err)
}

// readNow reads what there is, or says that that is to be waited for.
func readNow(fd uintptr, b []byte) (n int, wait bool, err error) {
	n, err = retry(readSocket, int(fd), b)
	return max(n, 0), err == syscall.EAGAIN, err
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
		n, err := retry(writeSocket, int(fd), c.rest)
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
