package server

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
)

// A client is a connection, and what its CONNECT said. One goroutine reads
// from it and owns it; others use out, and what is fixed by the CONNECT.
type client struct {
	server  *Server
	conn    net.Conn
	log     *slog.Logger
	in      codec.Framer
	out     outbox
	decoder codec.Decoder

	serial     uint64 // tells connections apart
	version    mqttwire.Version
	id         string
	bridge     bool
	keepAlive  time.Duration
	keepable   bool // asked for a Session Expiry Interval other than 0
	noProblems bool // Request Problem Information is 0 (5.0 §3.1.2.11.7)
	will       *message

	unreleased map[uint16]bool // Packet Identifiers of QoS 2 between PUBLISH and PUBREL
	left       chan struct{}   // closed when the server has forgotten it
}

func newClient(s *Server, conn net.Conn) *client {
	c := &client{server: s, conn: conn, log: s.config.Log.With("from", conn.RemoteAddr()), left: make(chan struct{})}
	c.in.Rules.From = mqttwire.Client
	c.in.MaxSize = s.config.MaxPacketSize
	c.out.init(conn, &s.config)
	return c
}

// kick has the connection end, with a DISCONNECT in 5.0.
func (c *client) kick(why mqttwire.Reason) { c.out.stop(why) }

// serve reads from the connection until it ends.
func (c *client) serve() {
	defer c.server.dismiss(c)
	end := c.connect()
	if end == nil {
		c.log = c.log.With("client", c.id)
		c.log.Info("connected", "version", c.version)
		end = c.receive()
		c.server.leave(c, !end.noWill)
		c.log.Info("disconnected", "why", end.text, "dropped", c.out.dropped.Load())
	} else {
		c.log.Info("not connected", "why", end.text)
	}
	c.close(end.last)
}

// close writes what is left and closes the connection: its own direction
// first, so that what the client is still sending cannot reset the connection
// before the client has read why it ends.
func (c *client) close(last codec.Packet) {
	defer c.conn.Close()
	c.out.finish(last)
	half, ok := c.conn.(interface{ CloseWrite() error })
	if ok && half.CloseWrite() == nil {
		c.conn.SetReadDeadline(time.Now().Add(c.server.config.Linger))
		io.Copy(io.Discard, c.conn)
	}
}

// receive handles what comes after CONNECT until the connection ends.
func (c *client) receive() *ending {
	deadline := true // is to be set anew
	for {
		h, body, ok, err := c.in.Next()
		switch {
		case err != nil:
			return c.malformed(h.Type, err)
		case ok:
			if !c.out.wait() {
				return c.stopped()
			}
			if end := c.handle(h, body); end != nil {
				return end
			}
			deadline = true
		default:
			if deadline && !c.out.readBefore(c.keepAliveDeadline()) {
				return c.stopped()
			}
			deadline = false
			if end := c.read(); end != nil {
				return end
			}
		}
	}
}

// keepAliveDeadline returns when the next packet must have come: after one and
// a half times the Keep Alive (3.1.1 [MQTT-3.1.2-24], 5.0 [MQTT-3.1.2-22]).
func (c *client) keepAliveDeadline() time.Time {
	if c.keepAlive == 0 {
		return time.Time{}
	}
	return time.Now().Add(c.keepAlive + c.keepAlive/2)
}

// read waits for bytes to come.
func (c *client) read() *ending {
	n, err := c.conn.Read(c.in.Buffer())
	c.in.Filled(n)
	switch {
	case n > 0 || err == nil:
		return nil
	case c.out.isClosed():
		return c.stopped()
	case errors.Is(err, os.ErrDeadlineExceeded) && c.version == 0:
		return &ending{text: "no CONNECT in time"}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return c.disconnect(mqttwire.KeepAliveTimeout, mqttwire.KeepAliveTimeout.String())
	case err == io.EOF:
		return &ending{text: "closed by the client"}
	}
	return &ending{text: err.Error()}
}

func (c *client) trace(what string, p codec.Packet) {
	if c.log.Enabled(context.Background(), slog.LevelDebug) {
		c.log.Debug(what, "packet", p.String())
	}
}
