package hub

import (
	"context"
	"log/slog"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
)

func (c *Conn) log(level slog.Level, text string, args ...any) {
	log := c.hub.config.Log
	if log.Enabled(context.Background(), level) {
		log.Log(context.Background(), level, text, append(args, "from", c.who.Address)...)
	}
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
	r := codec.Rules{Version: c.machine.Version(), From: mqttwire.Server}
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
