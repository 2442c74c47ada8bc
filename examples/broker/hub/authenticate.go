package hub

import (
	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/connack"
)

// receiveAuth goes one step on with an enhanced authentication
// (5.0 §4.12).
func (c *Conn) receiveAuth(w *Worker, data []byte) {
	first := c.client == nil
	if c.exchange == nil { // a re-authentication begins
		c.exchange = c.hub.config.Methods[c.method].Start(&c.who)
	}
	w.Flush() // it may take its time
	answer, access, state := c.exchange.Next(data)
	if state != Continued {
		c.exchange = nil
	}
	switch {
	case state == Denied && first:
		c.hub.bans.credentials(c, w.now)
		c.refuse(connack.NotAuthorized, "authentication failed")
	case state == Denied:
		c.disconnect(mqttwire.NotAuthorized, "re-authentication failed") // [MQTT-4.12.1-2]
	case state == Granted && first:
		c.admit(w, access, answer)
	default:
		code := mqttwire.ContinueAuthentication
		c.lock()
		if state == Granted {
			code = mqttwire.Success
			c.client.access = access
			c.client.hold()
			c.client.entitle(&c.who)
		}
		out, err := c.machine.Auth(c.out.Bytes(), code, answer, codec.Properties{}, w.now)
		c.out.Gather(out)
		c.unlock()
		if err != nil {
			c.disconnect(mqttwire.UnspecifiedError, "AUTH: "+err.Error())
		}
		if state == Granted {
			c.watch()
		}
	}
}
