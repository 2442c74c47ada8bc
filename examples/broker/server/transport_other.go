//go:build !unix

package server

import (
	"crypto/tls"
	"net"
)

// Without a way to read and write that does not wait, goroutines do.

// TLS returns a connection with TLS over n, as a server: see [Server.ServeConn].
func TLS(n net.Conn, config *tls.Config) *tls.Conn { return tls.Server(n, config) }

type spool struct{}

func (c *conn) findRaw() {}

func (c *conn) readRaw() error { return nil }

func (c *conn) drainRaw() error { return nil }

func (c *conn) tryWrite([]byte) (int, error) { return 0, nil }

func (c *conn) writePiece(b []byte) (int, error) { return c.net.Write(b) }

func (c *conn) spooled() bool { return false }
