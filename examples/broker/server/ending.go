package server

import (
	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
)

// An ending is why a connection ends, and what becomes of it.
type ending struct {
	last   codec.Packet // what the client is told, nil for nothing
	text   string
	noWill bool // the will is dropped
}

// disconnect ends a connection for a reason that 5.0 has a code for. Before
// 5.0 a server has no DISCONNECT: it just closes.
func (c *client) disconnect(code mqttwire.Reason, text string) *ending {
	e := &ending{text: text}
	if c.version == mqttwire.V50 {
		p := &codec.Disconnect{Code: code}
		p.Properties = c.reasonString(text)
		if p.Size(c.version) > c.out.maxPacket {
			p.Properties = codec.Properties{} // 5.0 [MQTT-3.14.2-3]
		}
		e.last = p
	}
	return e
}

// malformed ends a connection for what the library found wrong with a packet.
func (c *client) malformed(t mqttwire.PacketType, err error) *ending {
	e := err.(mqttwire.Error)
	answer := e.Answer(c.version, t)
	if answer.Packet != mqttwire.DISCONNECT {
		answer.Code = mqttwire.ProtocolError // a second CONNECT
	}
	return c.disconnect(answer.Code, t.String()+": "+e.Error())
}

// stopped ends a connection that another goroutine has asked to end.
func (c *client) stopped() *ending {
	c.out.mu.Lock()
	code, begun := c.out.stopped, c.out.begun
	c.out.mu.Unlock()
	if code == 0 {
		return &ending{text: "connection lost while writing"}
	}
	e := c.disconnect(code, code.String())
	e.noWill = code == mqttwire.ServerShuttingDown
	if !begun {
		e.last = nil // no DISCONNECT before the CONNACK (5.0 [MQTT-3.14.0-1])
	}
	return e
}

// reasonString returns a block of a Reason String for a client that wants it.
func (c *client) reasonString(text string) codec.Properties {
	if c.noProblems || text == "" {
		return codec.Properties{}
	}
	return codec.AppendReasonString(codec.Properties{}, text)
}
