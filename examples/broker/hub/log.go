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
	if c.received == 0 {
		c.log(slog.LevelDebug, "not connected", line...)
		return
	}
	c.news(&c.hub.doors.quota, quotaSize, "not connected", now, line...)
}

// logKnown logs that a client comes or goes, where its account has not made the log
// long enough.
func (c *Conn) logKnown(text string, now time.Duration, line ...any) {
	c.news(&c.client.account.quota, knownSize, text, now, line...)
}

// news logs what a peer does, as far as there is room for it, else where packets are
// logged only.
func (c *Conn) news(q *logQuota, free int, text string, now time.Duration, line ...any) {
	size := lineSize + min(len(c.who.ClientID), maxName) + min(len(c.who.UserName), maxName)
	c.hub.locks.doors.Lock()
	ok, unlogged := q.take(c.received-c.logged, size, free, now)
	c.hub.locks.doors.Unlock()
	c.logged = c.received
	level := slog.LevelInfo
	if !ok {
		level = slog.LevelDebug
	}
	if unlogged > 0 {
		line = append(line, "unlogged", unlogged)
	}
	c.log(level, text, line...)
}

// A logQuota is how many bytes of log there may be about strangers who are not let
// in, or about the clients of an account: as many as they have sent, and some.
type logQuota struct {
	used     int
	at       time.Duration
	unlogged int // lines
}

const (
	lineSize  = 200      // of a line, without names
	quotaSize = 64 << 10 // what is logged of strangers without more
	knownSize = 16 << 10 // and of an account
)

// take asks for a line about somebody who has sent so many bytes more. ok reports
// whether there is room for it, unlogged how many had none before it.
func (q *logQuota) take(received, size, free int, now time.Duration) (ok bool, unlogged int) {
	q.used = max(q.used-received-int((now-q.at)/time.Second)*lineSize, 0)
	q.at = now
	if q.used+size > free {
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
