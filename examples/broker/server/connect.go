package server

import (
	"crypto/rand"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/fixedheader"
	"github.com/mqttwire/mqttwire/qos"
)

// connect waits for the CONNECT and answers it. It returns nil where the
// client is in.
func (c *client) connect() *ending {
	if !c.out.readBefore(time.Now().Add(c.server.config.ConnectTimeout)) {
		return c.stopped()
	}
	for {
		h, body, ok, err := c.in.Next()
		switch {
		case h.Type != mqttwire.CONNECT && (ok || err != nil || c.in.Buffered() > 0):
			return &ending{text: "the first packet is not a CONNECT"} // [MQTT-3.1.0-1]
		case err != nil:
			return &ending{text: "CONNECT: " + err.Error()}
		case ok:
			return c.handleConnect(h, body)
		}
		if end := c.read(); end != nil {
			return end
		}
	}
}

func (c *client) handleConnect(h fixedheader.Header, body []byte) *ending {
	var p codec.Connect
	err := p.Decode(c.in.Rules, h, body)
	if err != nil {
		e := err.(mqttwire.Error)
		answer := e.Answer(p.Version, mqttwire.CONNECT)
		if answer.Packet == 0 {
			return &ending{text: "CONNECT: " + e.Error()} // 3.1.1 [MQTT-3.1.4-1]
		}
		return c.refuse(answer.Version, connack.Code(answer.Code), e.Error())
	}
	if wanted, ok := p.Properties.RequestProblemInformation(); ok && wanted == 0 {
		c.noProblems = true
	}
	if size, ok := p.Properties.MaximumPacketSize(); ok {
		c.out.maxPacket = int(min(size, codec.MaxPacketSize))
	}
	if p.Version == mqttwire.V50 {
		if _, ok := p.Properties.AuthenticationMethod(); ok {
			return c.refuse(p.Version, connack.BadAuthenticationMethod, "no authentication method is supported") // 5.0 §4.12
		}
		if p.Will.QoS > qos.AtMostOnce {
			return c.refuse(p.Version, connack.QoSNotSupported, "will QoS: the maximum QoS is 0") // 5.0 [MQTT-3.2.2-12]
		}
	}
	return c.accept(&p)
}

// refuse ends a connection with a CONNACK that says why (5.0 §3.1.4).
func (c *client) refuse(v mqttwire.Version, code connack.Code, text string) *ending {
	c.out.rules.Version = v
	p := &codec.Connack{Code: code}
	if v == mqttwire.V50 {
		p.Properties = c.reasonString(text)
		if p.Size(v) > c.out.maxPacket {
			p.Properties = codec.Properties{} // 5.0 [MQTT-3.2.2-19]
		}
	}
	return &ending{last: p, text: "CONNECT refused: " + text}
}

// accept lets a client in.
func (c *client) accept(p *codec.Connect) *ending {
	c.version, c.bridge = p.Version, p.Bridge
	c.in.Rules.Version, c.out.rules.Version = p.Version, p.Version
	c.keepAlive = time.Duration(p.KeepAlive) * time.Second
	if seconds, ok := p.Properties.SessionExpiryInterval(); ok {
		c.keepable = seconds > 0
	}
	c.id = string(p.ClientID)
	if c.id == "" {
		c.id = "auto-" + rand.Text()[:16] // 3.1.1 [MQTT-3.1.3-6], 5.0 [MQTT-3.1.3-6]
	}
	if p.WillFlag {
		c.will = newWill(c.id, &p.Will)
	}
	ack := &codec.Connack{}
	if c.version == mqttwire.V50 {
		ack.Properties = c.announce(len(p.ClientID) == 0)
	}
	if ack.Size(c.version) > c.out.maxPacket {
		return &ending{text: "CONNACK would be over the Maximum Packet Size"}
	}
	c.server.join(c, ack)
	return nil
}

// announce returns what a client of 5.0 is told of the server
// (5.0 §3.2.2.3).
func (c *client) announce(assigned bool) codec.Properties {
	var p codec.Properties
	if c.keepable {
		p = codec.AppendSessionExpiryInterval(p, 0)
	}
	p = codec.AppendMaximumQoS(p, uint8(qos.AtMostOnce))
	p = codec.AppendMaximumPacketSize(p, uint32(c.server.config.MaxPacketSize))
	if assigned {
		p = codec.AppendAssignedClientIdentifier(p, c.id)
	}
	return codec.AppendSharedSubscriptionAvailable(p, 0)
}
