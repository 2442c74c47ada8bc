package main

import (
	"crypto/tls"
	"errors"
	"net"
	"sync/atomic"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
)

// A peer is a client that keeps to no rule except those its attack wants. Once
// something has failed it does nothing any more: a broker may throw an attacker
// out at any time.
type peer struct {
	arena *arena
	conn  net.Conn // nil if it never came through
	in    codec.Framer
	rules codec.Rules // of what it sends
	dec   codec.Decoder
	out   []byte
	err   atomic.Pointer[error] // why it is dead
	id    string
}

var errSpent = errors.New("the attacker has spent what it may")

// dial opens a connection, with TLS where that is spoken.
func (a *arena) dial() *peer {
	p := a.dialFrom(a.local)
	if a.secure && p.lives() {
		t := tls.Client(p.conn, &tls.Config{InsecureSkipVerify: true})
		if err := t.HandshakeContext(a.ctx); err != nil {
			p.fail(err)
		} else {
			a.mu.Lock()
			p.conn = t
			a.mu.Unlock()
		}
	}
	return p
}

// dialFrom opens a connection from an address, without TLS.
func (a *arena) dialFrom(local net.IP) *peer {
	p := &peer{arena: a}
	if a.connections.Add(-1) < 0 {
		a.connections.Add(1)
		p.err.Store(&errSpent)
		return p
	}
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: local}}
	conn, err := d.DialContext(a.ctx, "tcp", a.broker)
	if err != nil {
		a.connections.Add(1)
		p.err.Store(&err)
		a.pause(10 * time.Millisecond)
		return p
	}
	if at, ok := a.ctx.Deadline(); ok {
		conn.SetDeadline(at)
	}
	conn.(*net.TCPConn).SetReadBuffer(16 << 10) // what it does not read is the broker's to keep
	p.conn = conn
	p.as(mqttwire.V50)
	a.dialed.Add(1)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.peers[p] = struct{}{}
	return p
}

// as has the peer speak a version.
func (p *peer) as(v mqttwire.Version) {
	p.rules = codec.Rules{Version: v, From: mqttwire.Client, Unchecked: true}
	p.in.Rules = codec.Rules{Version: v, From: mqttwire.Server}
}

// join connects with an identifier, clean, in 5.0; what is given may change the
// CONNECT.
func (a *arena) join(id string, change ...func(*codec.Connect)) *peer {
	return a.dial().join(id, change...)
}

// join sends the CONNECT, and waits for the CONNACK.
func (p *peer) join(id string, change ...func(*codec.Connect)) *peer {
	a := p.arena
	c := &codec.Connect{
		Version: mqttwire.V50, CleanStart: true, ClientID: []byte(id), KeepAlive: 60,
		UserNameFlag: true, PasswordFlag: true, UserName: []byte(a.user), Password: []byte(a.password),
	}
	for _, f := range change {
		f(c)
	}
	p.id = id
	p.as(c.Version)
	expiry, _ := c.Properties.SessionExpiryInterval()
	if expiry > 0 || c.Version < mqttwire.V50 && !c.CleanStart {
		a.mu.Lock()
		a.sessions[id] = true
		a.mu.Unlock()
	}
	p.send(c)
	if ack, ok := p.until(mqttwire.CONNACK).(*codec.Connack); ok && ack.Code != 0 {
		a.refused.Add(1)
		p.fail(errors.New(ack.Code.String()))
	}
	return p
}

// enter is join, again and again until it is let in, while the time lasts.
func (a *arena) enter(id string, change ...func(*codec.Connect)) *peer {
	p := a.join(id, change...)
	for !p.lives() && a.goes() && p.why() != errSpent {
		a.pause(100 * time.Millisecond)
		p = a.join(id, change...)
	}
	return p
}

// lasting has the session outlive its connection.
func lasting(c *codec.Connect) {
	if c.CleanStart = false; c.Version == mqttwire.V50 {
		c.Properties = codec.AppendSessionExpiryInterval(c.Properties, 3600)
	}
}

// old connects in 3.1.1, without a Keep Alive.
func old(c *codec.Connect) {
	c.Version, c.KeepAlive, c.Properties = mqttwire.V311, 0, codec.Properties{}
}

// away leaves a session behind that has subscribed.
func (a *arena) away(id string, filters ...string) {
	p := a.join(id, lasting)
	p.subscribe(1, filters...)
	p.close()
}

// lives reports whether nothing has failed.
func (p *peer) lives() bool { return p.err.Load() == nil }

// why returns what has failed.
func (p *peer) why() error {
	if err := p.err.Load(); err != nil {
		return *err
	}
	return nil
}

func (p *peer) fail(err error) {
	if p.err.CompareAndSwap(nil, &err) {
		p.close()
	}
}

// close ends the connection without a word.
func (p *peer) close() {
	if p.conn == nil {
		return
	}
	p.conn.Close()
	p.arena.mu.Lock()
	defer p.arena.mu.Unlock()
	if _, open := p.arena.peers[p]; open {
		delete(p.arena.peers, p)
		p.arena.connections.Add(1)
	}
	p.err.CompareAndSwap(nil, &net.ErrClosed)
}

// closeWrite ends the peer's own direction.
func (p *peer) closeWrite() {
	if half, ok := p.conn.(interface{ CloseWrite() error }); ok && p.lives() {
		half.CloseWrite()
	}
}

// bye ends the connection with a DISCONNECT.
func (p *peer) bye() {
	p.send(&codec.Disconnect{})
	p.close()
}

// send sends packets, in one write.
func (p *peer) send(packets ...codec.Packet) {
	if !p.lives() {
		return
	}
	b := p.out[:0]
	for _, x := range packets {
		var err error
		if b, err = x.Append(b, p.rules); err != nil {
			p.fail(err)
			return
		}
	}
	p.out = b
	p.write(b)
}

// write sends bytes.
func (p *peer) write(b []byte) {
	if !p.lives() {
		return
	}
	if p.arena.bytes.Add(-int64(len(b))) < 0 {
		p.fail(errSpent)
		return
	}
	n, err := p.conn.Write(b)
	p.arena.sent.Add(int64(n))
	if err != nil {
		p.fail(err)
	}
}

// unfinished sends all of a packet except for its last bytes.
func (p *peer) unfinished(x codec.Packet, without int) {
	b, err := x.Append(nil, p.rules)
	if err != nil {
		p.fail(err)
		return
	}
	p.write(b[:len(b)-without])
}

// next returns the next packet, nil if there is none.
func (p *peer) next() codec.Packet {
	for p.lives() {
		h, body, ok, err := p.in.Next()
		switch {
		case err != nil:
			p.fail(err)
		case ok:
			x, err := p.dec.Decode(p.in.Rules, h, body)
			if err != nil {
				p.fail(err)
				return nil
			}
			return x
		default:
			n, err := p.conn.Read(p.in.Buffer())
			p.in.Filled(n)
			if n == 0 && err != nil {
				p.fail(err)
			}
		}
	}
	return nil
}

// until reads up to a packet of this type, and acknowledges what comes before.
func (p *peer) until(t mqttwire.PacketType) codec.Packet {
	for {
		x := p.next()
		if x == nil || x.Type() == t {
			return x
		}
		p.answer(x)
	}
}

// answer acknowledges what is to be acknowledged.
func (p *peer) answer(x codec.Packet) {
	switch x := x.(type) {
	case *codec.Publish:
		switch x.QoS {
		case qos.AtLeastOnce:
			p.send(&codec.Puback{ID: x.ID})
		case qos.ExactlyOnce:
			p.send(&codec.Pubrec{ID: x.ID})
		}
	case *codec.Pubrec:
		p.send(&codec.Pubrel{ID: x.ID})
	case *codec.Pubrel:
		p.send(&codec.Pubcomp{ID: x.ID})
	}
}

// drain reads what comes and throws it away.
func (p *peer) drain() { p.sip(64<<10, 0) }

// sip has what comes read, so many bytes at a time, with a pause after each.
func (p *peer) sip(most int, pause time.Duration) {
	if !p.lives() {
		return
	}
	p.arena.working.Go(func() {
		for b := make([]byte, most); ; {
			if _, err := p.conn.Read(b); err != nil {
				return
			}
			if pause > 0 {
				p.arena.pause(pause)
			}
		}
	})
}

// subscribe subscribes and waits for each SUBACK.
func (p *peer) subscribe(level qos.Level, filters ...string) {
	for len(filters) > 0 && p.lives() {
		s := codec.Subscribe{ID: 1}
		for len(filters) > 0 && s.Subscriptions.Size() < 60_000 {
			s.Subscriptions = s.Subscriptions.Append(codec.Subscription{Filter: []byte(filters[0]), Options: codec.SubscriptionOptions(level)})
			filters = filters[1:]
		}
		p.send(&s)
		ack, _ := p.until(mqttwire.SUBACK).(*codec.Suback)
		if ack == nil {
			return
		}
		for code := range ack.Codes.All() {
			if code.IsError() {
				p.arena.refused.Add(1)
			}
		}
	}
}

// ping waits until all that was sent is handled.
func (p *peer) ping() {
	p.send(&codec.Pingreq{})
	p.until(mqttwire.PINGRESP)
}

// publish returns a PUBLISH.
func publish(topic string, payload []byte, level qos.Level, retain bool) *codec.Publish {
	p := &codec.Publish{Topic: []byte(topic), Payload: payload, QoS: level, Retain: retain}
	if level > 0 {
		p.ID = 1
	}
	return p
}

// keep sends a PUBLISH to be retained.
func (p *peer) keep(x *codec.Publish) {
	x.Retain = true
	if p.send(x); p.lives() {
		p.arena.mu.Lock()
		p.arena.retained[string(x.Topic)] = true
		p.arena.mu.Unlock()
	}
}

// offer sends a PUBLISH of QoS 1 and waits for its PUBACK.
func (p *peer) offer(topic string, payload []byte) {
	p.send(publish(topic, payload, 1, false))
	if ack, ok := p.until(mqttwire.PUBACK).(*codec.Puback); ok && ack.Code.IsError() {
		p.arena.refused.Add(1)
	}
}

// offers sends n PUBLISHes of QoS 1, 500 at a time, and waits for their PUBACKs.
func (p *peer) offers(n int, x *codec.Publish) {
	for ; n > 0 && p.lives(); n -= 500 {
		for i := range 500 {
			x.ID = uint16(i) + 1
			p.send(x)
		}
		for range 500 {
			p.until(mqttwire.PUBACK)
		}
	}
}

// flow publishes at QoS 1 without waiting for answers, which it reads, while the
// peer lives and the time lasts.
func (p *peer) flow(m *codec.Publish) {
	p.drain()
	for n := 0; p.lives() && p.arena.goes(); n++ {
		m.ID = uint16(n%60_000) + 1
		p.send(m)
	}
}
