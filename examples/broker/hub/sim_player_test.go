package hub_test

import (
	"fmt"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/session"
)

// kind is how a player lives.
type kind uint8

const (
	// steady: one session from the beginning to the end, and the same
	// subscriptions: it is held against all that it must get.
	steady kind = iota
	// member: steady, with one Shared Subscription.
	member
	// restless: subscribes and unsubscribes, and begins anew at times.
	restless
	// fleeting: its session ends with its connection.
	fleeting
)

// A player is a client, and what it remembers over its connections.
type player struct {
	w       *world
	n       int
	id      string
	kind    kind
	version mqttwire.Version
	options session.ClientOptions
	connect codec.Connect
	state   session.Session
	decoder codec.Decoder
	pipe    *pipe
	pipes   []*pipe // all there ever were
	clean   bool    // the next connection begins anew
	known   bool    // the session has been accepted once

	filters    []filter
	deaf       bool             // to itself: No Local
	subscribed time.Duration    // all of them are acknowledged since, 0 for not yet
	asked      int              // SUBSCRIBEs are under way
	sending    map[int]*message // not acknowledged yet
	leaving    bool
	seen       map[int]int    // how often a message has come
	last       map[string]int // the newest first copy by publisher and topic
	inspector  bool           // it looks at what is retained
	retained   map[string]int // what it found, by topic
}

// filter is a subscription, or the wish for one.
type filter struct {
	name    string
	level   qos.Level
	options codec.SubscriptionOptions
	id      uint32
}

var (
	topics  = [...]string{"a/b", "a/c", "a/b/c", "x", "x/y", "z/1/2"}
	pattern = [...]string{"a/+", "a/#", "#", "x/#", "+/b/+", "a/b", "z/1/2", "+", "x/y"}
	group   = [...]string{"$share/g/a/#", "$share/h/+/y"}
)

// join makes a player and has it connect.
func (w *world) join(n int) {
	p := &player{w: w, n: n, id: fmt.Sprintf("p%d", n), version: versions[w.rng.IntN(3)],
		sending: map[int]*message{}, seen: map[int]int{}, last: map[string]int{}}
	p.kind = [...]kind{steady, steady, member, restless, fleeting}[w.rng.IntN(5)]
	if n == 0 {
		p.kind = steady
	}
	p.options.OutboundWindow = uint16(1 + w.rng.IntN(10))
	p.options.ConnectTimeout = 10 * time.Second
	p.options.AdoptSession = true
	p.options.TopicAliases = 3
	p.connect = codec.Connect{Version: p.version, ClientID: []byte(p.id), KeepAlive: uint16(2 + w.rng.IntN(10))}
	if p.version == mqttwire.V50 {
		properties := codec.Properties{}
		if p.kind != fleeting {
			properties = codec.AppendSessionExpiryInterval(properties, session.Never)
			if err := p.state.Resume(session.State{Exists: true, Expiry: session.Never}, w.now); err != nil {
				w.fail("Resume: %v", err)
			}
		}
		properties = codec.AppendReceiveMaximum(properties, uint16(1+w.rng.IntN(20)))
		properties = codec.AppendTopicAliasMaximum(properties, uint16(w.rng.IntN(4)))
		p.connect.Properties = codec.AppendMaximumPacketSize(properties, 4<<10)
	} else if w.rng.IntN(3) == 0 {
		p.options.Retry = 3 * time.Second
	}
	p.deaf = p.version == mqttwire.V50 && p.kind == steady && w.rng.IntN(4) == 0
	p.chooseFilters()
	w.players = append(w.players, p)
	w.later(w.between(0, 3*time.Second), p.dial)
	w.later(w.between(time.Second, 4*time.Second), p.produce)
}

func (p *player) chooseFilters() {
	w := p.w
	p.filters = nil
	add := func(name string, level qos.Level) {
		f := filter{name: name, level: level, options: codec.SubscriptionOptions(level), id: uint32(len(p.filters) + 1)}
		if p.deaf {
			f.options |= codec.NoLocal
		}
		p.filters = append(p.filters, f)
	}
	if p.kind == member {
		add(group[w.rng.IntN(len(group))], qos.ExactlyOnce)
		return
	}
	for _, i := range w.rng.Perm(len(pattern))[:w.rng.IntN(4)] {
		add(pattern[i], qos.Level(w.rng.IntN(3)))
	}
	if p.kind == steady && (p.n == 0 || w.rng.IntN(3) == 0) {
		add("w/#", qos.ExactlyOnce)
	}
}

// dial makes a new connection.
func (p *player) dial() {
	w := p.w
	if p.pipe != nil && p.pipe.open {
		return
	}
	if w.hub == nil { // nobody listens
		w.later(w.between(100*time.Millisecond, 2*time.Second), p.dial)
		return
	}
	w.figures.connections++
	c := &pipe{w: w, player: p, open: true, own: w.rng.IntN(2) == 0, crashes: w.figures.crashes}
	p.pipe, p.pipes = c, append(p.pipes, c)
	if c.conn = w.hub.Open(c, fmt.Sprintf("192.0.2.%d:%d", p.n%250, w.figures.connections), w.clock()); c.conn == nil {
		w.fail("%s: the hub takes no connection", p.id)
	}
	w.pipes = append(w.pipes, c)
	c.Wake()
	connect := p.connect
	connect.CleanStart = p.kind == fleeting || p.clean
	c.clean = connect.CleanStart
	if p.leaving && p.version == mqttwire.V50 {
		connect.Properties = codec.Properties{}
	}
	if !p.leaving && !p.inspector {
		connect.Will, connect.WillFlag = p.newWill(c)
	}
	b, err := c.client.Connect(nil, &p.state, &connect, &p.options, w.now)
	if err != nil {
		w.fail("%s: Connect: %v", p.id, err)
	}
	p.dropped()
	c.send(b)
	p.sleep(c)
	if !w.quiet {
		w.later(w.between(100*time.Millisecond, 20*time.Second), func() { p.disturb(c) })
	}
}

// newWill is the will of a connection, of which there is one copy at most.
func (p *player) newWill(c *pipe) (codec.Will, bool) {
	w := p.w
	if w.quiet || w.rng.IntN(2) == 0 {
		return codec.Will{}, false
	}
	m := w.history.add(&message{from: p, topic: "w/" + p.id, level: qos.ExactlyOnce, will: c, sent: w.now})
	c.will = m
	will := codec.Will{Topic: []byte(m.topic), QoS: m.level, Payload: m.payload()}
	if p.version == mqttwire.V50 && w.rng.IntN(3) == 0 {
		seconds := uint32(1 + w.rng.IntN(10))
		c.delay = time.Duration(seconds) * time.Second
		will.Properties = codec.AppendWillDelayInterval(codec.Properties{}, seconds)
	}
	return will, true
}

// lost is when a connection is over.
func (p *player) lost(c *pipe) {
	w := p.w
	p.asked = 0
	p.dropped()
	if p.kind == fleeting {
		p.subscribed = 0
		clear(p.seen) // the next session may get what this one has got
	}
	if p.pipe == c && !(p.leaving && c.goodbyeAt > 0 && p.clean) {
		away := w.between(0, 3*time.Second)
		if !w.quiet && w.rng.IntN(10) == 0 {
			away *= 10
		}
		w.later(away, p.dial)
	}
}

// dropped takes what went with a session.
func (p *player) dropped() {
	for {
		d, ok := p.state.NextDropped()
		if !ok {
			break
		}
		m := p.sending[int(d.Token)]
		if m == nil {
			continue // a SUBSCRIBE
		}
		if p.kind == steady || p.kind == member {
			p.w.fail("%s: message %d is dropped", p.id, d.Token)
		}
		delete(p.sending, m.number)
	}
	for p.state.Poll(p.w.now).Kind != session.None {
	}
}

// sleep wakes the client at its deadline.
func (p *player) sleep(c *pipe) {
	w := p.w
	at, ok := c.client.Deadline()
	if !ok {
		return
	}
	w.at(max(at, w.now+time.Millisecond), func() {
		if !c.open {
			return
		}
		out, ev, err := c.client.Poll(nil, w.now)
		for ev.Kind == session.Resend {
			out = p.resend(c, out, ev)
			out, ev, err = c.client.Poll(out, w.now)
		}
		c.send(out)
		if err != nil {
			w.figures.cuts++
			c.shut()
			return
		}
		p.sleep(c)
	})
}

// disturb does something to a connection.
func (p *player) disturb(c *pipe) {
	w := p.w
	if w.quiet || !c.open {
		return
	}
	switch w.rng.IntN(6) {
	case 0: // what is under way arrives, then both learn of the end
		w.figures.cuts++
		c.shut()
		return
	case 1: // nothing arrives any more, and nobody is told: Keep Alive finds out
		w.figures.cuts++
		c.hole = true
		return
	case 2: // the client notices long before the server, and takes its session over
		w.figures.takeovers++
		c.hole = true
		c.shut()
		return
	case 3: // the client reads nothing for a while
		w.figures.stalls++
		c.stalled = true
		w.later(w.between(10*time.Millisecond, 8*time.Second), c.unstall)
	case 4: // the server's writes fail before it reads of an end
		w.figures.cuts++
		c.cut = true
		w.later(w.between(0, time.Second), c.shut)
		return
	case 5:
		if c.client.Phase() == session.Connected {
			p.goodbye(c)
			return
		}
	}
	w.later(w.between(100*time.Millisecond, 20*time.Second), func() { p.disturb(c) })
}

func (p *player) goodbye(c *pipe) {
	out, err := c.client.Disconnect(nil, mqttwire.NormalDisconnection, codec.Properties{})
	if err != nil {
		p.w.fail("%s: Disconnect: %v", p.id, err)
	}
	c.send(out)
	c.goodbyeAt = c.sent
	if p.kind == restless && !p.leaving && p.w.rng.IntN(3) == 0 {
		p.clean = true
	}
	c.shut()
}

// receive takes bytes that have come.
func (p *player) receive(c *pipe, b []byte) {
	w := p.w
	var out []byte
	for len(b) > 0 && c.open {
		n := copy(c.framer.Buffer(), b)
		c.framer.Filled(n)
		b = b[n:]
		for c.open {
			var ev session.Event
			var ok bool
			var err error
			out, ev, ok, err = c.client.Next(out, &c.framer, &p.decoder, w.now)
			if err != nil {
				w.fail("%s (%v, kind %d) got a %v: %v", p.id, p.version, p.kind, ev.Type, err)
			}
			if !ok {
				break
			}
			w.log(uint64(p.n), uint64(ev.Kind), uint64(ev.ID), ev.Token)
			out = p.handle(c, out, ev)
		}
	}
	c.send(out)
}

func (p *player) handle(c *pipe, out []byte, ev session.Event) []byte {
	w := p.w
	switch ev.Kind {
	case session.Accepted:
		return p.accepted(c, out, ev.Packet.(*codec.Connack).SessionPresent)
	case session.Refused:
		w.fail("%s is refused: %v", p.id, ev.Packet)
	case session.Deliver:
		p.deliver(c, ev)
	case session.Completed, session.Rejected, session.GivenUp:
		if m := p.sending[int(ev.Token)]; m != nil {
			if ev.Kind != session.Completed {
				w.fail("%s: message %d: %v %v", p.id, m.number, ev.Kind, ev.Reason)
			}
			m.acked = true
			delete(p.sending, m.number)
		}
		return p.resume(c, out)
	case session.Subscribed:
		if p.asked--; p.asked == 0 && p.subscribed == 0 {
			p.subscribed = w.now
		}
	case session.Disconnect:
		c.lose()
	}
	return out
}

func (p *player) accepted(c *pipe, out []byte, present bool) []byte {
	w := p.w
	present = present || p.version == mqttwire.V31 && p.known && p.kind != fleeting && !p.clean // whose CONNACK does not say
	if p.known && !present && (p.kind == steady || p.kind == member) && !p.clean {
		w.fail("%s, %v, kind %d: the session is gone", p.id, p.version, p.kind)
	}
	p.known = true
	p.dropped()
	if p.leaving {
		w.later(0, func() {
			if c.open {
				p.goodbye(c)
			}
		})
		return out
	}
	p.clean = false
	if !present {
		p.subscribed = 0
	}
	out = p.resume(c, out)
	if p.subscribed == 0 && len(p.filters) > 0 {
		if (p.kind == restless || p.kind == fleeting) && !p.inspector {
			p.chooseFilters()
		}
		out = p.subscribe(c, out)
	}
	p.sleep(c)
	return out
}

func (p *player) subscribe(c *pipe, out []byte) []byte {
	if len(p.filters) == 0 {
		return out
	}
	p.asked = len(p.filters)
	for _, f := range p.filters {
		s := codec.Subscribe{}
		s.Subscriptions = s.Subscriptions.Append(codec.Subscription{Filter: []byte(f.name), Options: f.options})
		if p.version == mqttwire.V50 {
			s.Properties = codec.AppendSubscriptionIdentifier(codec.Properties{}, f.id)
		}
		var err error
		if out, _, err = c.client.Subscribe(out, &s, 0, p.w.now); err != nil {
			p.w.fail("%s: Subscribe: %v", p.id, err)
		}
	}
	return out
}

// resume sends again what there is.
func (p *player) resume(c *pipe, out []byte) []byte {
	for {
		var ev session.Event
		var ok bool
		if out, ev, ok = c.client.NextResend(out, p.w.now); !ok {
			return out
		}
		if ev.Kind == session.Resend {
			out = p.resend(c, out, ev)
		}
	}
}

func (p *player) resend(c *pipe, out []byte, ev session.Event) []byte {
	m := p.sending[int(ev.Token)]
	if m == nil {
		p.w.fail("%s: message %d is to be sent again, and is none", p.id, ev.Token)
	}
	p.w.figures.again++
	packet := m.packet(p.version)
	m.lastSent = p.w.now
	out, _, err := c.client.Resend(out, ev, &packet, p.w.now)
	if err != nil {
		p.w.fail("%s: Resend: %v", p.id, err)
	}
	return out
}

// produce publishes a few messages, now and then.
func (p *player) produce() {
	w := p.w
	if w.quiet {
		return
	}
	w.later(w.between(50*time.Millisecond, 2*time.Second), p.produce)
	c := p.pipe
	if c == nil || !c.open || c.client.Phase() != session.Connected || p.inspector {
		return
	}
	var out []byte
	for range 1 + w.rng.IntN(4) {
		m := &message{from: p, topic: topics[w.rng.IntN(len(topics))], level: qos.Level(w.rng.IntN(3)), sent: w.now, lastSent: w.now}
		if w.rng.IntN(5) == 0 { // each has a topic of its own for what is retained
			m.topic, m.retain, m.level = "r/"+p.id, true, qos.Level(1+p.n%2)
			m.empty = w.rng.IntN(4) == 0
		} else if p.version == mqttwire.V50 && w.rng.IntN(6) == 0 {
			m.expiry = uint32(1 + w.rng.IntN(5))
		}
		w.history.add(m)
		packet := m.packet(p.version)
		b, _, err := c.client.Publish(out, &packet, uint64(m.number), w.now)
		if err == mqttwire.ErrSendQuota || err == mqttwire.ErrResuming {
			w.history.drop(m)
			break
		}
		if err != nil {
			w.fail("%s: Publish: %v", p.id, err)
		}
		out = b
		if m.level > qos.AtMostOnce {
			p.sending[m.number] = m
		}
	}
	if p.kind == restless && p.asked == 0 && p.subscribed > 0 && len(p.filters) > 0 && w.rng.IntN(20) == 0 {
		out = p.subscribe(c, out) // again: retained messages come anew
	}
	c.send(out)
}

// deliver takes a message, to acknowledge it now or later.
func (p *player) deliver(c *pipe, ev session.Event) {
	w := p.w
	w.figures.delivered++
	w.history.delivered(p, ev.Packet.(*codec.Publish))
	if t := ev.Ticket(); t != 0 {
		delay := time.Duration(0)
		if w.rng.IntN(3) == 0 {
			delay = w.between(0, 200*time.Millisecond)
		}
		w.later(delay, func() { p.decide(t) })
	}
}

// decide acknowledges, on whichever connection there is by now.
func (p *player) decide(t qos.Ticket) {
	c := p.pipe
	if c == nil || !c.open || c.client.Phase() != session.Connected {
		p.state.Finish(t, mqttwire.Success)
		return
	}
	out, _, _ := c.client.Ack(nil, t, mqttwire.Success, codec.Properties{}, p.w.now)
	c.send(out)
}

// goAway has a player leave nothing behind.
func (p *player) goAway() {
	p.leaving, p.clean = true, true
	if p.pipe != nil && p.pipe.open {
		p.pipe.shut()
	}
}

// inspectRetained has one more client look at what is retained.
func (w *world) inspectRetained() {
	w.join(len(w.players))
	p := w.players[len(w.players)-1]
	p.inspector, p.kind, p.retained = true, fleeting, map[string]int{}
	p.filters = []filter{{name: "r/#", options: 0, id: 1}}
}
