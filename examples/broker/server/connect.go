package server

import (
	"bytes"
	"crypto/rand"
	"log/slog"
	"strings"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/session"
)

// connect answers a CONNECT.
func (c *conn) connect(w *worker, p *codec.Connect) {
	s := c.server
	c.framer.Rules, c.framer.MaxSize = c.machine.Rules(), c.machine.MaxSize()
	c.certificate()
	c.bridge = p.Bridge
	c.who.Version, c.who.UserName, c.who.ClientID = p.Version, string(p.UserName), string(p.ClientID)
	if c.who.ClientID == "" {
		c.who.ClientID = "auto-" + rand.Text()[:16] // 3.1.1 [MQTT-3.1.3-6], 5.0 [MQTT-3.1.3-6]
		c.assigned = true
	}
	if c.denied == 0 {
		c.denied = s.bans.judge(c)
	}
	if c.denied != 0 {
		c.refuse(connack.Code(c.denied), c.denied.String())
		return
	}
	n, _ := p.Properties.MaximumPacketSize()
	c.maximumPacket = int(min(n, codec.MaxPacketSize))
	c.asked = asked{lasts: !p.CleanStart}
	if p.WillFlag {
		c.asked.will, c.asked.willRetain = newWill(c.who.ClientID, &p.Will), p.Will.Retain
		c.asked.willDelay, _ = p.Will.Properties.WillDelayInterval()
	}
	if p.Version == v5 {
		expiry, _ := p.Properties.SessionExpiryInterval()
		c.asked.lasts = expiry > 0
		n, _ := p.Properties.TopicAliasMaximum()
		c.aliases = n > 0 && s.config.TopicAliases > 0
		wants, _ := p.Properties.RequestResponseInformation()
		c.asked.information = wants == 1
		if name, ok := p.Properties.AuthenticationMethod(); ok {
			method := s.config.Methods[string(name)]
			if method == nil {
				c.refuse(connack.BadAuthenticationMethod, "authentication method is not supported") // 5.0 [MQTT-4.12.0-1]
				return
			}
			c.method, c.exchange = string(name), method.Start(&c.who)
			data, _ := p.Properties.AuthenticationData()
			c.authenticate(w, data)
			return
		}
	}
	var access Access
	if s.config.Authenticator != nil {
		var code connack.Code
		var text string
		if access, code, text = s.config.Authenticator.Authenticate(&c.who, p); code != connack.Success {
			if code == connack.BadUserNameOrPassword {
				s.bans.credentials(c)
			}
			c.refuse(code, text)
			return
		}
	}
	c.admit(w, access, nil)
}

// asked is what a CONNECT says that matters once it is accepted.
type asked struct {
	will        *message
	willRetain  bool
	willDelay   uint32
	lasts       bool // the session is to outlive the connection
	information bool
}

// newWill returns the message that a CONNECT leaves with the server, a copy.
func newWill(from string, p *codec.Will) *message {
	m := &message{topic: bytes.Clone(p.Topic), payload: bytes.Clone(p.Payload), from: from, level: p.QoS}
	for x := range p.Properties.All() {
		if x.ID != codec.WillDelayInterval { // for the server, not for the PUBLISH
			m.properties = codec.AppendProperty(m.properties, x)
		}
	}
	m.expiry, m.expires = m.properties.MessageExpiryInterval()
	return m
}

// refuse ends the connection with a CONNACK that says why (5.0 §3.1.4).
func (c *conn) refuse(code connack.Code, text string) {
	c.lock()
	defer c.unlock()
	c.ending, c.linger = "CONNECT refused: "+text, true
	c.refuseLocked(mqttwire.Reason(code), text)
}

func (c *conn) refuseLocked(code mqttwire.Reason, text string) {
	if !code.AllowedIn(mqttwire.CONNACK) {
		code = mqttwire.ServerUnavailable
	}
	c.out, _ = c.machine.Refuse(c.buffer(), connack.Code(code), c.say(text))
}

// authenticate goes one step on with an enhanced authentication
// (5.0 §4.12).
func (c *conn) authenticate(w *worker, data []byte) {
	first := c.client == nil
	if c.exchange == nil { // a re-authentication begins
		c.exchange = c.server.config.Methods[c.method].Start(&c.who)
	}
	w.flush() // it may take its time
	answer, access, state := c.exchange.Next(data)
	if state != Continued {
		c.exchange = nil
	}
	switch {
	case state == Denied && first:
		c.server.bans.credentials(c)
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
		}
		out, err := c.machine.Auth(c.buffer(), code, answer, codec.Properties{})
		c.out = out
		c.unlock()
		if err != nil {
			c.disconnect(mqttwire.UnspecifiedError, "AUTH: "+err.Error())
		}
		if state == Granted {
			c.watch()
		}
	}
}

// admit lets the client in: the session of its Client Identifier, or a new one,
// is on this connection then.
func (c *conn) admit(w *worker, access Access, data []byte) {
	s := c.server
	if will := c.asked.will; will != nil {
		if why := s.mayWill(access, will); why.IsError() {
			c.refuse(connack.Code(why), "the will may not be published")
			return
		}
	}
	ack := codec.Connack{}
	if c.machine.Version() == v5 {
		if c.assigned {
			ack.Properties = codec.AppendAssignedClientIdentifier(ack.Properties, c.who.ClientID)
		}
		if text := s.config.ResponseInformation; text != "" && c.asked.information {
			ack.Properties = codec.AppendResponseInformation(ack.Properties, strings.ReplaceAll(text, "%c", c.who.ClientID))
		}
		if data != nil {
			ack.Properties = codec.AppendAuthenticationData(ack.Properties, data)
		}
	}
	if c.asked.lasts && s.isCrowded(c.who.ClientID) {
		c.refuse(connack.Code(mqttwire.QuotaExceeded), "there are too many sessions")
		return
	}
	cl := c.join()
	if cl == nil {
		return // kicked while it waited for another to leave
	}
	w.renew()
	now, mark := w.now, s.journal.mark()
	out, err := c.machine.Accept(c.buffer(), &cl.state, &ack, now)
	c.out = out
	if err != nil {
		cl.conn = nil
		a := cl.settle(now)
		cl.mu.Unlock()
		c.client = nil
		cl.finish(a)
		c.ending, c.linger = "CONNECT: "+err.Error(), true
		return
	}
	a := cl.settle(now)
	cl.online.Store(true)
	cl.access, cl.who = access, c.who
	if cl.volatile = cl.state.Expiry() == 0; cl.volatile && ack.SessionPresent {
		s.journal.ended(cl) // it will not outlast the server
	}
	cl.will, cl.willDelay = nil, c.asked.willDelay
	if c.asked.will != nil {
		c.asked.will.at = now
		cl.will, cl.willKeep = c.asked.will, c.asked.willRetain
	}
	s.journal.session(cl, now)
	if cl.will != nil {
		s.journal.will(cl, cl.will, cl.willKeep)
	}
	c.owe(mark)
	c.asked = asked{}
	cl.dropLost()
	cl.pump(now)
	w.touch(c)
	cl.mu.Unlock()
	s.stats.connected.Add(1)
	c.framer.MaxSize = c.machine.MaxSize()
	cl.finish(a)
	c.arm()
	c.watch()
	c.recheck(w) // since it was judged, while it waited for its turn
	c.log(slog.LevelInfo, "connected", "client", c.who.ClientID, "version", c.who.Version, "resumed", ack.SessionPresent)
	c.trace("sent", &ack)
}

func (s *Server) mayWill(access Access, m *message) mqttwire.Reason {
	switch {
	case m.topic[0] == '$':
		return mqttwire.TopicNameInvalid
	case access != nil:
		return access.Publish(m.topic)
	}
	return mqttwire.Success
}

// dropLost takes what a session has lost, such as a request that went with its
// connection, off the list.
func (cl *client) dropLost() {
	for {
		if _, ok := cl.state.NextDropped(); !ok {
			return
		}
	}
}

// join makes the connection that of the client of its Client Identifier, which
// it returns locked. One that has it now lets it go first. It returns nil where
// the connection is to end before that.
func (c *conn) join() *client {
	s := c.server
	for {
		if c.interruptedBy() {
			c.interrupted(nil)
			return nil
		}
		cl := s.clientOf(c.who.ClientID)
		cl.takeOver()
		cl.mu.Lock()
		if !cl.gone && cl.conn == nil {
			cl.conn, c.client = c, cl
			return cl
		}
		cl.mu.Unlock()
	}
}

// clientOf returns the client of an identifier, a new one if need be.
func (s *Server) clientOf(id string) *client {
	s.mu.Lock()
	defer s.mu.Unlock()
	cl := s.clients[id]
	if cl == nil {
		s.joined++
		cl = &client{server: s, id: id, serial: s.joined}
		s.clients[id] = cl
	}
	return cl
}

// isCrowded reports whether there is no room for one more client.
func (s *Server) isCrowded(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.clients) >= s.config.MaxSessions && s.clients[id] == nil
}

// forget removes a client that is gone.
func (s *Server) forget(cl *client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.clients[cl.id] == cl {
		delete(s.clients, cl.id)
	}
}

// recheck asks a RevocableAccess whether it is still good.
func (c *conn) recheck(w *worker) {
	cl := c.client
	cl.mu.Lock()
	var order Order
	if access, ok := cl.access.(RevocableAccess); ok && cl.conn == c {
		order = access.Recheck()
	}
	cl.mu.Unlock()
	c.obey(w, order)
}

// watch has an Access polled when its time comes.
func (c *conn) watch() {
	cl := c.client
	cl.mu.Lock()
	defer cl.mu.Unlock()
	timed, ok := cl.access.(TimedAccess)
	if !ok || cl.conn != c {
		return
	}
	if c.access != nil {
		c.access.Stop()
	}
	if at, ok := timed.Deadline(); ok {
		c.access = time.AfterFunc(time.Until(at), c.pollAccess)
	}
}

func (c *conn) pollAccess() {
	cl := c.client
	cl.mu.Lock()
	timed, ok := cl.access.(TimedAccess)
	if !ok || cl.conn != c {
		cl.mu.Unlock()
		return
	}
	order := timed.Poll(time.Now())
	cl.mu.Unlock()
	w := c.server.worker()
	c.obey(w, order)
	w.finish()
	if order.End == 0 {
		c.watch()
	}
}

// obey does what an Access or a Handler wants. Any goroutine may call it.
func (c *conn) obey(w *worker, o Order) {
	if len(o.Tell) == 0 && o.End == 0 {
		return
	}
	cl := c.client
	cl.mu.Lock()
	if cl.conn == c && c.machine.Phase() == session.Connected {
		for _, t := range o.Tell {
			p := codec.Publish{Topic: []byte(t.Topic), Payload: t.Payload}
			c.out, _, _ = c.machine.Publish(c.buffer(), &p, 0, w.now)
		}
		w.touch(c)
	}
	cl.mu.Unlock()
	if o.End != 0 {
		c.kick(o.End, o.Text)
	}
}
