package session

import (
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/qos"
)

// receiveFirst takes what a server may send before it has accepted the CONNECT:
// AUTH and CONNACK.
func (c *Client) receiveFirst(dst []byte, p codec.Packet, now time.Duration) ([]byte, Event, error) {
	switch p := p.(type) {
	case *codec.Auth:
		return c.receiveAuth(dst, p)
	case *codec.Connack:
		if p.Code != connack.Success {
			return c.refused(dst, p, p.Code.Reason())
		}
		if err := c.judgeConnack(p); err != nil {
			return c.failed(dst, mqttwire.CONNACK, err)
		}
		change := c.start(p, now)
		return dst, Event{Kind: Accepted, Type: mqttwire.CONNACK, Packet: p, Change: change, State: true}, nil
	}
	return c.failed(dst, p.Type(), mqttwire.ErrConnackFirst) // [MQTT-3.2.0-1]
}

// refused ends the connection for a CONNACK that does not accept [MQTT-3.2.2-7;
// 3.1.1 MQTT-3.2.2-5].
func (c *Client) refused(dst []byte, p *codec.Connack, reason mqttwire.Reason) ([]byte, Event, error) {
	c.phase = Closing
	return dst, Event{Kind: Refused, Type: mqttwire.CONNACK, Packet: p, Reason: reason}, nil
}

// refusedBefore5 reads a CONNACK that answers a CONNECT of 5.0 in the form of
// earlier versions, with one of their codes: the server does not know 5.0 (3.1.1
// [MQTT-3.1.2-2]), whatever the code. For codec it is malformed.
func (c *Client) refusedBefore5(p codec.Packet, body []byte) (*codec.Connack, bool) {
	ack, ok := p.(*codec.Connack)
	if !ok || c.version != mqttwire.V50 || len(body) != 2 || body[0] != 0 || body[1] < 1 || body[1] > 5 {
		return nil, false
	}
	*ack = codec.Connack{Code: connack.Code(body[1])}
	return ack, true
}

// judgeConnack holds a CONNACK that accepts to what the CONNECT was.
func (c *Client) judgeConnack(p *codec.Connack) error {
	if c.sent.session.life == online {
		return mqttwire.ErrSessionInUse // the caller's mistake: it has dialled twice
	}
	if p.SessionPresent && (c.sent.cleanStart || c.sent.session.life == absent) &&
		(c.version == mqttwire.V50 || !c.options.AdoptSession) {
		return mqttwire.ErrSessionUnknown // [MQTT-3.2.2-2, MQTT-3.2.2-4; 3.1.1 MQTT-3.2.2-1]
	}
	if c.version != mqttwire.V50 {
		return nil
	}
	// One that was not asked for is taken: no clause forbids it.
	if _, ok := p.Properties.AssignedClientIdentifier(); !ok && c.sent.noClientID {
		return mqttwire.ErrAssignedClientID // [MQTT-3.2.2-16]
	}
	if method, ok := p.Properties.AuthenticationMethod(); ok != c.hasMethod || string(method) != c.method {
		return mqttwire.ErrAuthMethod // [MQTT-4.12.0-5, MQTT-4.12.0-6]
	}
	if c.maxSend, _ = p.Properties.MaximumPacketSize(); !c.fits(smallest) {
		return mqttwire.ErrPacketTooLarge // no acknowledgement would fit
	}
	return nil
}

// start begins the connection that p has accepted, within the server's limits,
// and returns Clear where that ends a session.
func (c *Client) start(p *codec.Connack, now time.Duration) qos.Change {
	session := c.sent.session
	c.features = featuresOf(p.Properties)
	out, in := c.limits.outbound(), c.limits.inbound()
	out.Version, in.Version = c.version, c.version
	// 3.1 does not tell: a client that asked for its session takes it that it
	// got it (3.1 §3.1).
	present := p.SessionPresent || c.version == mqttwire.V31 && !c.sent.cleanStart && session.life != absent
	if c.sent.cleanStart {
		present = false // AdoptSession: what the server has kept is not what this end knows
	}
	out.Resumed, in.Resumed = present, present
	out.ReceiveMaximum, _ = p.Properties.ReceiveMaximum()
	in.ReceiveMaximum = c.sent.receiveMaximum
	c.aliasPeer, _ = p.Properties.TopicAliasMaximum()
	keepAlive, expiry := c.sent.keepAlive, c.sent.expiry
	if v, ok := p.Properties.ServerKeepAlive(); ok {
		keepAlive = v // [MQTT-3.1.2-21]
	}
	if v, ok := p.Properties.SessionExpiryInterval(); ok {
		expiry = v // 5.0 §3.2.2.3.2
	}
	change := session.join(out, in, expiry)
	c.session = session
	c.sent.session = nil
	c.alive.Timeout = c.options.PingTimeout
	// What was sent last is the CONNECT, or an AUTH [MQTT-3.1.2-20].
	c.alive.Start(c.wroteAt, keepAlive)
	c.alive.Received(now)
	c.authStep = false
	c.phase = Connected
	return change
}
