package server

import (
	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/fixedheader"
)

// handle handles a packet that comes after CONNECT. What it returns ends the
// connection.
func (c *client) handle(h fixedheader.Header, body []byte) *ending {
	if h.Type == mqttwire.CONNECT {
		return c.disconnect(mqttwire.ProtocolError, "a second CONNECT") // [MQTT-3.1.0-2]
	}
	p, err := c.decoder.Decode(c.in.Rules, h, body)
	if err != nil {
		return c.malformed(h.Type, err)
	}
	c.trace("received", p)
	switch p := p.(type) {
	case *codec.Publish:
		return c.handlePublish(p)
	case *codec.Pubrel:
		return c.handlePubrel(p)
	case *codec.Pubrec:
		return c.handlePubrec(p)
	case *codec.Puback, *codec.Pubcomp:
		return nil // nothing awaits them
	case *codec.Subscribe:
		return c.handleSubscribe(p)
	case *codec.Unsubscribe:
		return c.handleUnsubscribe(p)
	case *codec.Pingreq:
		return c.reply(&codec.Pingresp{})
	case *codec.Disconnect:
		return c.handleDisconnect(p)
	case *codec.Auth:
		// No CONNECT with an Authentication Method is accepted (5.0 §4.12).
		return c.disconnect(mqttwire.ProtocolError, "AUTH without authentication method in CONNECT")
	}
	return c.disconnect(mqttwire.ProtocolError, h.Type.String()+" from a client")
}

// reply sends the answer to a packet of the client's.
func (c *client) reply(p codec.Packet) *ending {
	c.trace("sent", p)
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	return c.replyLocked(p)
}

// replyLocked is reply for a caller who holds c.out.mu, untraced.
func (c *client) replyLocked(p codec.Packet) *ending {
	if !c.out.closed && !c.out.append(p) {
		// 5.0 [MQTT-3.1.2-24]
		return c.disconnect(mqttwire.ImplementationSpecificError, p.Type().String()+" would be over the Maximum Packet Size")
	}
	return nil
}

func (c *client) handleDisconnect(p *codec.Disconnect) *ending {
	if seconds, ok := p.Properties.SessionExpiryInterval(); ok && seconds > 0 && !c.keepable {
		// 5.0 §3.14.2.2.2
		return c.disconnect(mqttwire.ProtocolError, "DISCONNECT: session expiry interval was 0 in CONNECT")
	}
	return &ending{
		text:   "DISCONNECT: " + p.Code.Name(mqttwire.DISCONNECT),
		noWill: p.Code == mqttwire.NormalDisconnection, // 3.1.1 [MQTT-3.1.2-10], 5.0 [MQTT-3.14.4-3]
	}
}
