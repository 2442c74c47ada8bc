package wirejudge

import (
	"fmt"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
)

// connect reads the CONNECT.
func (c *Conn) connect(p *Packet) {
	if c.connected {
		c.found(SecondConnect, mqttwire.Client, "a second CONNECT")
		return
	}
	c.connected, c.connectAt = true, c.now
	c.clean, c.bridge, c.emptyID = p.flag.clean, p.flag.bridge, len(p.clientID) == 0
	c.keepAlive = time.Duration(p.keepAlive) * time.Second
	if p.flag.will {
		will := p.view
		c.will = &will
		c.will.willTopic, c.will.clientID, c.will.method, c.will.topic = append([]byte(nil), p.willTopic...), nil, nil, nil
	}
	c.announce(mqttwire.Client, p)
	if c.version == mqttwire.V50 {
		c.expiry, _ = p.property(codec.SessionExpiryInterval)
		if n, ok := p.property(codec.RequestProblemInformation); ok && n == 0 {
			c.noProblem = true
		}
		n, _ := p.property(codec.RequestResponseInformation)
		c.response = n == 1
		c.hasMethod = p.has>>codec.AuthenticationMethod&1 != 0
		c.method = string(p.method)
	} else if !c.clean {
		c.expiry = never
	}
	old := c.known()
	if old != nil && !c.clean && !old.ended {
		c.session = old
		if old.conn == nil {
			c.begin(old)
		} else { // until CONNACK it is the other connection's
			c.session = &session{id: c.clientID}
		}
	} else {
		c.session = &session{id: c.clientID, whole: c.clean}
	}
}

// known returns the session that the judge knows for the Client Identifier.
func (c *Conn) known() *session {
	if c.clientID == "" {
		return nil
	}
	return c.j.find(c.clientID, c.now)
}

// announce keeps what a side says of itself in CONNECT or CONNACK.
func (c *Conn) announce(from mqttwire.Role, p *Packet) {
	if c.version != mqttwire.V50 {
		return
	}
	s := &c.side[from]
	if n, ok := p.property(codec.ReceiveMaximum); ok && n > 0 {
		s.receiveMaximum = int(n)
	}
	s.maximumPacketSize, _ = p.property(codec.MaximumPacketSize)
	s.aliasMaximum, _ = p.property(codec.TopicAliasMaximum)
}

// otherVersion reports whether a packet is the refusal of a server of 3.1.1 to a
// CONNECT of 5.0: CONNACK 0x01, in the form of 3.1.1.
func (c *Conn) otherVersion(in codec.Inspection) bool {
	b := in.Bytes()
	return c.version == mqttwire.V50 && c.connected && !c.accepted && len(b) == 4 && b[0] == 0x20 && b[1] == 2 && b[2] == 0 && b[3] == 1
}

// connack reads a CONNACK.
func (c *Conn) connack(p *Packet) {
	const by = mqttwire.Server
	switch {
	case !c.connected:
		c.foundAny(FirstPacket, by, "CONNACK before there was a CONNECT")
		return
	case c.accepted || c.refused:
		c.found(SecondConnack, by, "a second CONNACK")
		return
	case !p.hasCode:
		return
	}
	c.answeredAt = c.now
	if p.code != 0 {
		c.refused = true
		if c.odd || p.code == 1 && c.version != mqttwire.V50 || p.code == uint8(mqttwire.UnsupportedProtocolVersion) {
			c.found(OtherVersion, by, "it does not speak the version that the client asks for")
		}
		return
	}
	c.accepted = true
	c.announce(by, p)
	c.enable(p)
	c.judgeConnack(p)
	if c.emptyID {
		c.clientID = c.assigned(p)
	}
	c.resume(p)
	c.publishWill()
}

// enable keeps what the server can do.
func (c *Conn) enable(p *Packet) {
	if c.version != mqttwire.V50 {
		return
	}
	if n, ok := p.property(codec.MaximumQoS); ok {
		c.can.qos = uint8(min(n, 2))
	}
	for id, can := range map[codec.PropertyID]*bool{
		codec.RetainAvailable: &c.can.retain, codec.WildcardSubscriptionAvailable: &c.can.wildcard,
		codec.SharedSubscriptionAvailable: &c.can.shared, codec.SubscriptionIdentifierAvailable: &c.can.subscriptionID,
	} {
		if n, ok := p.property(id); ok && n == 0 {
			*can = false
		}
	}
	if n, ok := p.property(codec.ServerKeepAlive); ok {
		c.keepAlive = secondsOf(n)
	}
	if n, ok := p.property(codec.SessionExpiryInterval); ok {
		c.expiry = n
	}
}

// judgeConnack judges a CONNACK that accepts by what the CONNECT asked for.
func (c *Conn) judgeConnack(p *Packet) {
	const by = mqttwire.Server
	if c.version < mqttwire.V50 {
		if c.emptyID && (!c.clean || c.version == mqttwire.V31) {
			c.found(EmptyIDAccepted, by, "it accepts an empty Client Identifier")
		}
		return
	}
	_, hasAssigned := p.property(codec.AssignedClientIdentifier)
	switch {
	case c.emptyID && !hasAssigned:
		c.found(AssignedMissing, by, "no Assigned Client Identifier, and the client has none")
	case !c.emptyID && hasAssigned:
		c.found(AssignedUnasked, by, "an Assigned Client Identifier, and the client has its own")
	}
	_, hasMethod := p.property(codec.AuthenticationMethod)
	switch {
	case c.hasMethod && string(p.method) != c.method:
		c.found(MethodInConnack, by, "the CONNACK has not the Authentication Method of the CONNECT")
	case !c.hasMethod && hasMethod:
		c.found(MethodUnasked, by, "the CONNACK has an Authentication Method, the CONNECT has none")
	}
	if _, has := p.property(codec.ResponseInformation); has && !c.response {
		c.found(ResponseInformation, by, "Response Information that the client did not ask for")
	}
	if c.will != nil {
		if c.will.willQoS > c.can.qos {
			c.found(WillQoSAccepted, by, fmt.Sprintf("it accepts a will of QoS %d and announces a Maximum QoS of %d", c.will.willQoS, c.can.qos))
		}
		if c.will.flag.willRetain && !c.can.retain {
			c.found(WillRetainAccepted, by, "it accepts a retained will and announces that it has no retained messages")
		}
	}
}

func (c *Conn) assigned(p *Packet) string {
	for f := range p.In.Fields() {
		if f.Property == codec.AssignedClientIdentifier {
			return string(f.Value)
		}
	}
	return ""
}

// resume judges Session Present, and gives the connection its session.
func (c *Conn) resume(p *Packet) {
	const by = mqttwire.Server
	old := c.known()
	present := p.flag.present
	there := old != nil && !old.ended && (old.conn == nil || old.expiry > 0)
	if c.version == mqttwire.V31 { // which does not say
		present = there && !c.clean
	}
	switch {
	case c.version == mqttwire.V31:
	case c.clean && present:
		c.found(SessionPresentClean, by, "Session Present, though the client asked for a new session")
	case !c.clean && present && old != nil && old.expired:
		c.foundAt(c.across(SessionOutlived), "", SessionOutlived, by,
			fmt.Sprintf("Session Present, %v after the session expired", (c.now-old.lostAt-secondsOf(old.expiry)).Round(time.Second)))
	case !c.clean && present && old != nil && old.ended:
		c.foundAt(c.across(SessionPresentUnknown), "", SessionPresentUnknown, by, "Session Present, though the session ended with its connection")
	case !c.clean && !present && there && (old.conn != nil || old.expiry == never || c.now < old.lostAt+secondsOf(old.expiry)):
		c.foundAt(c.across(SessionForgotten), "", SessionForgotten, by, "no Session Present, though there is a session")
	}
	c.bind(old, present && !c.clean)
	if present && c.clean {
		c.session.whole = false // the ends do not agree
		c.unasked = true
	}
	if c.version == mqttwire.V31 && !there && !c.clean {
		c.session.whole = false
	}
	c.begin(c.session)
}

// auth reads an AUTH (5.0 §4.12).
func (c *Conn) auth(s *side, p *Packet) {
	if c.version != mqttwire.V50 || p.In.Version != mqttwire.V50 {
		return
	}
	client := s.from == mqttwire.Client
	if !c.hasMethod {
		c.found(MethodUnasked, s.from, "AUTH, and the CONNECT has no Authentication Method")
		return
	}
	if string(p.method) != c.method && p.has>>codec.AuthenticationMethod&1 != 0 {
		clause := ""
		if client && c.accepted {
			clause = "MQTT-4.12.1-1"
		}
		c.foundAt(Must, clause, MethodChanged, s.from, "the Authentication Method is not that of the CONNECT")
	}
	again := client && p.code == uint8(mqttwire.ReAuthenticate)
	more := p.code == uint8(mqttwire.ContinueAuthentication)
	switch {
	case !c.accepted && !more && p.hasCode:
		c.found(AuthCode, s.from, fmt.Sprintf("AUTH 0x%02x before the CONNACK", p.code))
	case !c.accepted && client && !c.asked:
		c.found(AuthOutOfTurn, s.from, "AUTH before the server has sent one")
	case c.accepted && again && c.reauth:
		c.found(AuthOutOfTurn, s.from, "a re-authentication while another goes on")
	case c.accepted && !c.reauth && !again:
		c.found(AuthOutOfTurn, s.from, "AUTH outside of an authentication")
	}
	c.asked = !client && more
	if c.accepted && again {
		c.reauth = true
	} else if !client && !more {
		c.reauth = false
	}
}

// disconnect reads a DISCONNECT.
func (c *Conn) disconnect(s *side, p *Packet) {
	s.left, s.leftAt, s.leftCode = true, c.now, p.code
	if c.version != mqttwire.V50 || s.from != mqttwire.Client {
		return
	}
	if n, ok := p.property(codec.SessionExpiryInterval); ok {
		if n > 0 && c.expiry == 0 {
			c.found(ExpiryRaised, s.from, fmt.Sprintf("DISCONNECT with a Session Expiry Interval of %d, that of the connection is 0", n))
			return
		}
		c.expiry = n
	}
}
