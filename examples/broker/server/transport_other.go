//go:build !unix

package server

import (
	"net"
	"syscall"
)

// Without a way to read and write that does not wait, goroutines do.

func rawConn(net.Conn) syscall.RawConn { return nil }

func (c *conn) readRaw() error { return nil }

func (c *conn) drainRaw() error { return nil }

func (c *conn) tryWrite([]byte) (int, error) { return 0, nil }
