package hub

import (
	"bytes"
	"crypto/rand"
	"strings"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/connack"
)

// receiveConnect judges a CONNECT, and answers it unless that takes more.
func (c *Conn) receiveConnect(w *Worker, p *codec.Connect) {
	h := c.hub
	h.stats.connects.Add(1)
	c.bridge = p.Bridge
	c.who.Version, c.who.UserName, c.who.ClientID = p.Version, string(p.UserName), string(p.ClientID)
	if c.who.ClientID == "" {
		c.who.ClientID = "auto-" + rand.Text()[:16] // 3.1.1 [MQTT-3.1.3-6], 5.0 [MQTT-3.1.3-6]
		c.assigned = true
	}
	if c.denied == 0 && h.bans.banned(c, w.now) {
		c.denied = mqttwire.Banned
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
	}
	if p.Version == v5 {
		expiry, _ := p.Properties.SessionExpiryInterval()
		c.asked.lasts = expiry > 0
		n, _ := p.Properties.TopicAliasMaximum()
		c.aliases = n > 0 && h.config.TopicAliases > 0
		wants, _ := p.Properties.RequestResponseInformation()
		c.asked.information = wants == 1
		if name, ok := p.Properties.AuthenticationMethod(); ok {
			c.method, c.exchange = string(name), h.config.Methods[string(name)].Start(&c.who)
			data, _ := p.Properties.AuthenticationData()
			c.receiveAuth(w, data)
			return
		}
	}
	var access Access
	if h.config.Authenticator != nil {
		var code connack.Code
		var text string
		if access, code, text = h.config.Authenticator.Authenticate(&c.who, p); code != connack.Success {
			if code == connack.BadUserNameOrPassword {
				h.bans.credentials(c, w.now)
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
	lasts       bool // the session is to outlive the connection
	information bool
}

// newWill returns the message that a CONNECT leaves with the server, a copy.
func newWill(from string, p *codec.Will) *message {
	m := &message{topic: bytes.Clone(p.Topic), payload: bytes.Clone(p.Payload), from: from, level: p.QoS}
	edit := codec.Edit{Without: []codec.PropertyID{codec.WillDelayInterval}} // for the server, not for the PUBLISH
	m.properties = edit.Append(codec.Properties{}, p.Properties)
	m.expiry, m.expires = m.properties.MessageExpiryInterval()
	return m
}

// refuse ends the connection with a CONNACK that says why (5.0 §3.1.4).
func (c *Conn) refuse(code connack.Code, text string) {
	c.lock()
	defer c.unlock()
	c.ending, c.linger = "CONNECT refused: "+text, true
	c.refuseLocked(mqttwire.Reason(code), text)
}

func (c *Conn) refuseLocked(code mqttwire.Reason, text string) {
	if !code.AllowedIn(mqttwire.CONNACK) {
		code = mqttwire.ServerUnavailable
	}
	out, _ := c.machine.Refuse(c.out.Bytes(), connack.Code(code), c.say(text))
	c.out.Gather(out)
}

// An entry is what a client that is let in waits with until its session is free.
type entry struct {
	access Access
	ack    codec.Connack
}

// admit lets the client in.
func (c *Conn) admit(w *Worker, access Access, data []byte) {
	h := c.hub
	if h.bans.banned(c, w.now) { // who it is is known now
		c.refuse(connack.Code(mqttwire.Banned), mqttwire.Banned.String())
		return
	}
	if why := c.judgeWill(access); why.IsError() {
		c.refuse(connack.Code(why), "the will may not be published")
		return
	}
	ack := codec.Connack{}
	if c.machine.Version() == v5 {
		if c.assigned {
			ack.Properties = codec.AppendAssignedClientIdentifier(ack.Properties, c.who.ClientID)
		}
		if text := h.config.ResponseInformation; text != "" && c.asked.information {
			ack.Properties = codec.AppendResponseInformation(ack.Properties, strings.ReplaceAll(text, "%c", c.who.ClientID))
		}
		if data != nil {
			ack.Properties = codec.AppendAuthenticationData(ack.Properties, data)
		}
	}
	if why := c.crowded(); why != "" {
		c.refuse(connack.Code(mqttwire.QuotaExceeded), why)
		return
	}
	if c.asked.lasts && h.journal.Full() && h.Sync(h.journal.Mark()) != nil {
		c.refuse(connack.ServerUnavailable, "the store is full")
		return
	}
	if h.config.Own != nil && !c.assigned && !h.isOwn(&c.who) {
		c.refuse(connack.ClientIdentifierNotValid, "the client id does not begin with the user name")
		return
	}
	c.entry = &entry{access, ack}
	c.enter(w)
}

// crowded says why there is no room for the client, "" where there is. Who is known
// may come and take what waits, though its account is full, and with a will though it
// is a little more than full.
func (c *Conn) crowded() string {
	h := c.hub
	needs, payer, limit := 0, c.account(), h.config.MaxAccountBytes
	if c.asked.will != nil {
		needs = c.asked.will.size()
	}
	cl, full := h.known(c.who.ClientID)
	switch {
	case cl != nil:
		cl.mu.Lock()
		if cl.will != nil {
			needs -= cl.will.size()
		}
		cl.mu.Unlock()
		payer, limit = cl.account, limit+limit/slack
	case c.asked.lasts && full:
		return "there are too many sessions"
	default:
		needs += sizeOfClient(c.who.ClientID)
	}
	if needs > 0 && !h.hasRoomUpTo(payer, needs, limit) {
		return "there is no room for the session and its will"
	}
	return ""
}

// enter puts the session of the Client Identifier, or a new one, on this
// connection, as soon as no other has it.
func (c *Conn) enter(w *Worker) {
	if c.called() {
		return
	}
	c.hub.journal.Begin()
	defer c.hub.journal.End()
	h, cl := c.hub, c.join(w)
	if cl == nil {
		return
	}
	access, ack := c.entry.access, &c.entry.ack
	c.entry = nil
	now, mark := w.now, h.journal.Mark()
	out, _, err := c.machine.Accept(c.out.Bytes(), &cl.state, ack, now)
	c.out.Gather(out)
	if err != nil {
		cl.conn = nil
		a := cl.settle(now)
		cl.mu.Unlock()
		c.settleAccount()
		c.client = nil
		cl.finish(w, a)
		c.ending, c.linger = "CONNECT: "+err.Error(), true
		return
	}
	a := cl.settle(now)
	cl.access = access
	if c.who.Principal != "" {
		cl.owner = c.who.Principal
	}
	cl.hold()
	cl.warrant = warrantOf(&c.who, access)
	if cl.volatile = cl.state.Expiry() == 0; cl.volatile && ack.SessionPresent {
		h.journal.ended(cl) // it will not outlast the server
	}
	cl.setWill(nil, false)
	if c.asked.will != nil {
		c.asked.will.at = now
		cl.keepWill(c.asked.will, c.asked.willRetain)
	}
	h.journal.session(cl)
	if cl.will != nil {
		h.journal.will(cl, cl.will, cl.willKeep)
	}
	c.owe(mark)
	c.asked = asked{}
	cl.dropLost()
	cl.pressure.progress = now
	cl.pump(now)
	w.touch(c)
	cl.mu.Unlock()
	h.stats.arrived()
	cl.finish(w, a)
	c.awaited.Store(true) // its Deadline is another
	c.watch()
	c.recheck(w) // since it was judged, while it waited for its turn
	known := []any{"client", c.who.ClientID, "version", c.who.Version.String(), "resumed", ack.SessionPresent}
	if c.who.UserName != "" {
		known = append(known, "user", c.who.UserName)
	}
	if len(c.who.Tokens) > 0 {
		known = append(known, "tokens", c.who.Tokens)
	}
	c.logKnown("connected", now, known...)
}
