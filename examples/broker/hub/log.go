package hub

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
)

// maxName is how many bytes of a name are logged.
const maxName = 256

func (c *Conn) log(level slog.Level, text string, args ...any) {
	log := c.hub.config.Log
	if !log.Enabled(context.Background(), level) {
		return
	}
	for i := 1; i < len(args); i += 2 {
		if name, ok := args[i].(string); ok && len(name) > maxName && args[i-1] != "packet" {
			args[i] = strings.ToValidUTF8(name[:maxName], "") + "…"
		}
	}
	log.Log(context.Background(), level, text, append(args, "from", c.who.Address)...)
}

// logStranger logs the end of a connection that was not let in. One that has said
// nothing, such as a health check, is no news.
func (c *Conn) logStranger(now time.Duration) {
	line := []any{"why", c.ending}
	if c.who.ClientID != "" {
		line = []any{"client", c.who.ClientID, "user", c.who.UserName, "why", c.ending}
	}
	level := slog.LevelDebug
	if c.received > 0 {
		h := c.hub
		h.locks.doors.Lock()
		ok, unlogged := h.doors.quota.take(c.received, lineSize+min(len(c.who.ClientID), maxName)+min(len(c.who.UserName), maxName), now)
		h.locks.doors.Unlock()
		if ok {
			level = slog.LevelInfo
		}
		if unlogged > 0 {
			line = append(line, "unlogged", unlogged)
		}
	}
	c.log(level, "not connected", line...)
}

// A logQuota is how many bytes of log there may be about who is not let in: as
// many as they have sent, and some.
type logQuota struct {
	used     int
	at       time.Duration
	unlogged int // lines
}

const (
	lineSize  = 200      // of a line, without names
	quotaSize = 64 << 10 // what is logged without more
)

// take asks for a line about somebody who has sent so many bytes. ok reports
// whether there is room for it, unlogged how many had none before it.
func (q *logQuota) take(received, size int, now time.Duration) (ok bool, unlogged int) {
	q.used = max(q.used-received-int((now-q.at)/time.Second)*lineSize, 0)
	q.at = now
	if q.used+size > quotaSize {
		q.unlogged++
		return false, 0
	}
	q.used += size
	unlogged, q.unlogged = q.unlogged, 0
	return true, unlogged
}

// trace logs a packet. The payload of one that is for a Handler may be a secret.
func (c *Conn) trace(what string, p codec.Packet) {
	if m, ok := p.(*codec.Publish); ok && c.hub.config.Handlers[string(m.Topic)] != nil {
		secret := *m
		secret.Payload = nil
		p = &secret
	}
	c.log(slog.LevelDebug, what, "client", c.who.ClientID, "packet", p.String())
}

// traceReceived logs a packet that has come, or its type where that is all there
// is.
func (c *Conn) traceReceived(t mqttwire.PacketType, p codec.Packet) {
	if p == nil {
		c.log(slog.LevelDebug, "received", "client", c.who.ClientID, "packet", t.String())
		return
	}
	c.trace("received", p)
}

// traceSent logs the packets of a batch.
func (c *Conn) traceSent(b []byte) {
	var d codec.Decoder
	r := codec.Rules{Version: c.who.Version, From: mqttwire.Server} // not the machine's, which is another goroutine's
	for len(b) > 0 {
		h, body, n, err := codec.Split(r, b, 0)
		if err != nil || n == 0 {
			return
		}
		if p, err := d.Decode(r, h, body); err == nil {
			c.trace("sent", p)
		}
		b = b[n:]
	}
}
