package session

import (
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/fixedheader"
	"github.com/mqttwire/mqttwire/keepalive"
	"github.com/mqttwire/mqttwire/qos"
)

// Client is the client's end of one network connection: Connect it, feed it
// what comes with Receive, and Close it when the connection is gone. The Session
// stays for the next one.
//
// The zero Client is Idle. It must not be copied while it has a connection, and
// has one owner at a time.
type Client struct {
	end
	options *ClientOptions
	alive   keepalive.Client
	opened  time.Duration
	sent    sent
	filters map[uint16]int // Topic Filters of each SUBSCRIBE and UNSUBSCRIBE that is not answered
}

// sent is what the CONNECT says that matters until it is answered.
type sent struct {
	session        *Session
	expiry         uint32
	keepAlive      uint16
	receiveMaximum uint16
	cleanStart     bool
	noClientID     bool
}

// Connect appends a CONNECT, the first packet of a new network connection. What
// it says of this end, such as Receive Maximum, Topic Alias Maximum and Session
// Expiry Interval, this end keeps to; its Version is the connection's. It is
// not kept. The session is that of the Client Identifier and the server, or a
// new one; options are shared and must not be changed meanwhile.
//
// Clean Start ends the session here and now: whether the server got the CONNECT
// is not known if the connection is lost before CONNACK, and what it has then
// may be a new session. Pull the session's Poll, and its NextDropped; a session
// that is to survive a crash has to be durably gone, by the Record and the State
// of the event Ended, before the CONNECT is written.
//
// Before 5.0 p has no properties: [codec.Connect.Downgrade] takes them off, and
// says what becomes of a Session Expiry Interval.
//
// An error says that nothing has happened: [mqttwire.ErrPhase] where there is a
// connection already, [mqttwire.ErrSessionInUse] where the session has one, or
// one of [codec.Connect.Append].
func (c *Client) Connect(dst []byte, session *Session, p *codec.Connect, o *ClientOptions, now time.Duration) ([]byte, error) {
	switch {
	case c.phase != Idle:
		return dst, mqttwire.ErrPhase
	case session.life == online:
		return dst, mqttwire.ErrSessionInUse
	}
	out, err := p.Append(dst, codec.Rules{Version: p.Version, From: mqttwire.Client})
	if err != nil {
		return dst, err
	}
	session.settle(now)
	if p.CleanStart {
		session.End()
	}
	clear(c.filters)
	*c = Client{options: o, opened: now, filters: c.filters, sent: sent{
		session:    session,
		keepAlive:  p.KeepAlive,
		cleanStart: p.CleanStart,
		noClientID: len(p.ClientID) == 0,
	}}
	c.role, c.version, c.phase = mqttwire.Client, p.Version, Connecting
	c.wrote(now)
	c.limits, c.streamAbove, c.lenient = &o.Limits, o.StreamAbove, o.Lenient
	if p.Version != mqttwire.V50 {
		if !p.CleanStart {
			c.sent.expiry = Never
		}
		return out, nil
	}
	c.sent.expiry, _ = p.Properties.SessionExpiryInterval()
	c.sent.receiveMaximum, _ = p.Properties.ReceiveMaximum()
	c.noExpiry = c.sent.expiry == 0
	c.aliasReceive, _ = p.Properties.TopicAliasMaximum()
	c.maxReceive, _ = p.Properties.MaximumPacketSize()
	wanted, ok := p.Properties.RequestProblemInformation()
	c.terse = ok && wanted == 0
	if method, ok := p.Properties.AuthenticationMethod(); ok {
		c.hasMethod, c.method = true, string(method)
	}
	return out, nil
}

// Close says that the network connection is gone, from whatever phase. The
// session stays: pull its Poll and its NextDropped.
func (c *Client) Close(now time.Duration) {
	c.end.close(now)
	*c = Client{filters: c.filters}
}

// Receive takes a packet from the server, header and body as framed by Rules
// and MaxSize, and decodes it into d, which connections may share. It appends
// to dst what is to be written, which may be nothing, and returns what the
// caller has to know: Accepted or Refused, Auth, Authenticated, Deliver,
// Subscribed, Unsubscribed, Disconnect, and what became of messages sent.
//
// With an error the connection is over: what it appended says why, if the
// server is to be told; write it and close. Two change nothing:
// [mqttwire.ErrPhase], the connection was over before, and [mqttwire.ErrNotYet],
// there is a payload to take first.
func (c *Client) Receive(dst []byte, d *codec.Decoder, h fixedheader.Header, body []byte, now time.Duration) ([]byte, Event, error) {
	if c.phase != Connecting && c.phase != Connected {
		return dst, Event{}, mqttwire.ErrPhase
	}
	if c.incoming != 0 {
		return dst, Event{}, mqttwire.ErrNotYet // see Payload
	}
	p, err := c.decode(d, h, body)
	if err != nil {
		if ack, ok := c.refusedBefore5(p, body); ok && c.phase == Connecting {
			return c.refused(dst, ack, mqttwire.UnsupportedProtocolVersion)
		}
		return c.failed(dst, h.Type, err)
	}
	if c.phase == Connecting {
		return c.receiveFirst(dst, p, now)
	}
	if c.terse && explains(p) {
		return c.failed(dst, h.Type, mqttwire.ErrProblemInformation) // [MQTT-3.1.2-29], 5.0 §3.1.2.11.7
	}
	c.alive.Received(now)
	if p, ok := p.(*codec.Publish); ok {
		return c.receivePublish(dst, p, now)
	}
	dst, ev, ok, err := c.receiveAck(dst, h.Type, p, now)
	if ok {
		return dst, ev, err
	}
	var a qos.Action
	switch p := p.(type) {
	case *codec.Suback:
		if n, ok := c.filters[p.ID]; ok && c.session.out.Find(p.ID).Await == qos.AwaitSuback && n != p.Codes.Len() {
			return c.failed(dst, h.Type, mqttwire.ErrAckCount) // [MQTT-3.8.4-6; 3.1.1 MQTT-3.8.4-5]
		}
		a, err = c.session.out.Suback(p.ID)
	case *codec.Unsuback:
		if n, ok := c.filters[p.ID]; ok && c.version == mqttwire.V50 && c.session.out.Find(p.ID).Await == qos.AwaitUnsuback && n != p.Codes.Len() {
			return c.failed(dst, h.Type, mqttwire.ErrAckCount) // [MQTT-3.11.3-2]
		}
		a, err = c.session.out.Unsuback(p.ID)
	case *codec.Pingresp:
		c.alive.Pingresp(now)
		return dst, Event{Type: h.Type}, nil
	case *codec.Auth:
		return c.receiveAuth(dst, p)
	case *codec.Disconnect:
		c.phase = Closing
		return dst, Event{Kind: Disconnect, Type: h.Type, Packet: p, Reason: p.Code}, nil
	case *codec.Connack:
		return c.failed(dst, h.Type, mqttwire.ErrSecondConnack) // [MQTT-3.2.0-2]
	default:
		return c.failed(dst, h.Type, mqttwire.ErrDirection) // a packet of a client, which decode refuses
	}
	if err != nil {
		return c.failed(dst, h.Type, err)
	}
	ev = told(a, p, h.Type)
	if ev.Kind == Completed {
		delete(c.filters, ev.ID)
		ev.Kind = Subscribed
		if h.Type == mqttwire.UNSUBACK {
			ev.Kind = Unsubscribed
		}
	}
	return dst, ev, nil
}

// explains reports whether a packet other than PUBLISH, CONNACK and DISCONNECT
// has a Reason String or a User Property.
func explains(p codec.Packet) bool {
	switch p.Type() {
	case mqttwire.PUBLISH, mqttwire.CONNACK, mqttwire.DISCONNECT:
		return false
	}
	list := p.PropertyList()
	if list == nil {
		return false
	}
	for x := range list.All() {
		if x.ID == codec.ReasonString || x.ID == codec.UserProperty {
			return true
		}
	}
	return false
}

// Ping appends a PINGREQ of the caller's own accord, as it may while connected:
// to learn whether the connection survived a sleep, say. Poll appends those
// that the Keep Alive wants.
func (c *Client) Ping(dst []byte, now time.Duration) ([]byte, error) {
	switch {
	case c.phase != Connected:
		return dst, mqttwire.ErrNotConnected
	case c.outgoing != 0:
		return dst, mqttwire.ErrNotYet // its PINGRESP would be late
	}
	c.alive.Ping(now)
	return append(dst, byte(mqttwire.PINGREQ)<<4, 0), nil
}

// uploads reports whether a payload is being written and no PINGRESP is awaited:
// a PINGREQ would wait behind the payload, and its PINGRESP seem late.
func (c *Client) uploads() bool { return c.outgoing != 0 && c.alive.State() == keepalive.Alive }

// Poll does what is due by time, such as appending a PINGREQ: call it at
// Deadline, once what has come before is received, until it returns neither an
// event nor an error. The event may be Resend, see NextResend. With an error the
// connection is over: [mqttwire.ErrConnectTimeout] where the CONNACK did not come
// in time, [mqttwire.ErrKeepAliveTimeout] where the PINGRESP did not.
func (c *Client) Poll(dst []byte, now time.Duration) ([]byte, Event, error) {
	switch c.phase {
	case Connecting:
		if at, ok := c.Deadline(); ok && now >= at {
			c.phase = Closing
			return dst, Event{}, mqttwire.ErrConnectTimeout
		}
	case Connected:
		c.alive.Sent(c.wroteAt)
		if c.uploads() {
			return dst, Event{}, nil
		}
		switch c.alive.Poll(now) {
		case keepalive.Close:
			c.phase = Closing // nobody listens
			return dst, Event{}, mqttwire.ErrKeepAliveTimeout
		case keepalive.SendPingreq:
			dst = append(dst, byte(mqttwire.PINGREQ)<<4, 0)
		}
		dst, ev := c.retry(dst, now)
		return dst, ev, nil
	}
	return dst, Event{}, nil
}

// Deadline returns when to call Poll. It may move with every packet. ok is
// false where there is nothing to wait for.
func (c *Client) Deadline() (at time.Duration, ok bool) {
	switch c.phase {
	case Connecting:
		return c.opened + c.options.ConnectTimeout, c.options.ConnectTimeout > 0
	case Connected:
		c.alive.Sent(c.wroteAt)
		if c.uploads() {
			return 0, false
		}
		at, ok = c.alive.Deadline()
		return c.sooner(at, ok)
	}
	return 0, false
}
