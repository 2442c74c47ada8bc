package mqttclient

import (
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/session"
)

// How a connection lives. What is called under the lock says so.

// run makes one connection after the other until the client ends.
func (c *Client) run() {
	defer close(c.done)
	defer c.background.Wait()
	for failures := 0; ; failures++ {
		accepted, err := c.connection()
		if accepted {
			failures = 0
		}
		if c.ctx.Err() != nil {
			return
		}
		if c.isFinal(err) {
			c.fail(err)
			return
		}
		pause := c.config.pause(failures)
		if c.falls(accepted, err) {
			pause = 0
		}
		if err == mqttwire.ErrReceiveMaximum {
			c.raiseReceiveMaximum()
		}
		if c.config.Down != nil {
			c.config.Down(err, pause)
		}
		select {
		case <-time.After(pause):
		case <-c.ctx.Done():
			return
		}
	}
}

// isFinal reports whether another try would end as this one did.
func (c *Client) isFinal(err error) bool {
	var refused *RefusedError
	if !errors.As(err, &refused) {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return !refused.Code.Temporary() && c.config.Tokens == nil &&
		!(isOldServer(refused.Code) && c.config.Connect.Version == 0 && c.connect.Version != mqttwire.V311)
}

// isOldServer reports whether a code is how a server refuses a version.
func isOldServer(code connack.Code) bool {
	return code == connack.RefusedProtocolVersion || code == connack.Code(mqttwire.UnsupportedProtocolVersion)
}

// falls has the next connection use another version, where the caller leaves that
// open: 3.1.1 where the server does not know 5.0, or says nothing at all to it.
func (c *Client) falls(accepted bool, err error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	var refused *RefusedError
	if c.config.Connect.Version != 0 || accepted || c.everUp {
		return false
	}
	switch {
	case errors.As(err, &refused) && isOldServer(refused.Code) && c.connect.Version != mqttwire.V311:
		c.connect.Version = mqttwire.V311
		return true
	case errors.Is(err, errSilent):
		if c.connect.Version == mqttwire.V311 {
			c.connect.Version = mqttwire.V50
		} else {
			c.connect.Version = mqttwire.V311
		}
	}
	return false
}

// raiseReceiveMaximum has the next CONNECT announce twice the Receive Maximum,
// for a server that sends more than the last one allowed [MQTT-3.3.4-9]: mosquitto
// 2.0.11 does when it resumes a session, and again on each connection, for ever.
func (c *Client) raiseReceiveMaximum() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n, ok := c.connect.Properties.ReceiveMaximum(); ok {
		c.config.Options.InboundWindow = 0 // it is a limit over all connections
		edit := codec.Edit{Set: []codec.Property{{ID: codec.ReceiveMaximum, Number: min(2*uint32(n), 65535)}}}
		c.connect.Properties = edit.Append(codec.Properties{}, c.connect.Properties)
	}
}

// errAuth is that the server wants more than a CONNECT can say.
var errAuth = errors.New("mqttclient: enhanced authentication is not supported")

// errSilent is that the server has closed the connection instead of a CONNACK.
var errSilent = errors.New("mqttclient: the server has closed the connection without a CONNACK")

// connection makes a connection, and returns when it has ended.
func (c *Client) connection() (accepted bool, err error) {
	if err := c.showTokens(); err != nil {
		return false, err
	}
	conn, err := c.config.Dial(c.ctx)
	if err != nil {
		return false, err
	}
	var writer sync.WaitGroup
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		conn.Close()
		return false, c.err
	}
	p, err := c.hello()
	if err == nil {
		c.out, err = c.machine.Connect(c.out[:0], &c.state, &p, &c.options, c.now())
	}
	if err != nil {
		c.failLocked(err) // what the caller wants cannot be said
		c.mu.Unlock()
		conn.Close()
		return false, err
	}
	c.settle()
	c.conn = conn
	c.mu.Unlock()

	writer.Go(func() { c.write(conn) })
	err = c.read(conn)

	c.mu.Lock()
	accepted = c.machine.Phase() == session.Connected || c.accepted
	c.conn, c.accepted = nil, false
	c.toSend.Signal()
	c.mu.Unlock()
	writer.Wait() // it closes conn
	c.mu.Lock()
	c.machine.Close(c.now())
	c.journal.state(&c.state, c.start)
	c.settle()
	c.out = c.out[:0]
	mark := c.journal.appended
	c.mu.Unlock()
	c.sync(mark)
	return accepted, err
}

// hello returns the CONNECT of the next connection. The lock is held.
func (c *Client) hello() (p codec.Connect, err error) {
	p, c.options = c.connect, c.config.Options
	v := p.Version
	switch {
	case v == 0 || v == mqttwire.V50:
		p.Version = mqttwire.V50
		return p, nil
	case c.config.Connect.Version == 0: // fallen back to
		p.Version = mqttwire.V50
		err = p.Downgrade(v)
	}
	p.Properties, p.Will.Properties = codec.Properties{}, codec.Properties{}
	c.options.InboundWindow = 0 // the server cannot be told, and is held up by not reading
	return p, err
}

// settle takes note of what the session has lost: first what is to be sent as
// new, so that it is kept when the Clear voids what was said of it before. The
// lock is held.
func (c *Client) settle() {
	c.dropLost()
	for ev := c.state.Poll(c.now()); ev.Kind != session.None; ev = c.state.Poll(c.now()) {
		c.dropLost()
		c.keep(ev, nil)
	}
}

// write writes what has gathered until the connection is over, and closes it.
func (c *Client) write(conn net.Conn) {
	defer conn.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		for len(c.out) == 0 && c.conn == conn && c.err == nil {
			c.toSend.Wait()
		}
		b, mark, last := c.out, c.journal.appended, c.conn != conn || c.err != nil
		if c.out = c.spare[:0]; len(b) > 0 {
			c.mu.Unlock()
			err := c.sync(mark)
			if err == nil {
				conn.SetWriteDeadline(time.Now().Add(writeTimeout))
				_, err = conn.Write(b)
			}
			c.mu.Lock()
			last = last || err != nil
		}
		if c.spare = b[:0]; cap(b) > 2*maxOut {
			c.spare = nil
		}
		if last {
			return // the reader learns it by the closed connection
		}
		c.sendable.broadcast()
	}
}

const writeTimeout = 30 * time.Second

// read reads until the connection ends, and does what is due by time.
func (c *Client) read(conn net.Conn) error {
	var f codec.Framer
	var d codec.Decoder
	for late := false; ; {
		if err := c.arm(conn, late); err != nil {
			return err
		}
		n, err := conn.Read(f.Buffer())
		if n > 0 {
			late = false
			f.Filled(n)
			if err := c.received(conn, &f, &d); err != nil {
				return err
			}
		}
		switch {
		case err == nil:
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return c.lost(err)
		case !late && n == 0:
			late = true // look once more: what came during a stall counts
		default:
			late = false
			if err := c.poll(); err != nil {
				return err
			}
		}
	}
}

// lost says why a connection that cannot be read any more has ended.
func (c *Client) lost(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.machine.Phase() == session.Connecting && err == io.EOF {
		return errSilent
	}
	return err
}

// arm sets the read deadline: the machine's, or if that has passed already a
// moment in which to read what has come before.
func (c *Client) arm(conn net.Conn, late bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	at, ok := c.machine.Deadline()
	if t, has := c.tokenDeadline(); has && (!ok || t < at) {
		at, ok = t, true
	}
	switch {
	case late:
		return conn.SetReadDeadline(time.Now().Add(time.Millisecond))
	case !ok:
		return conn.SetReadDeadline(time.Time{})
	}
	return conn.SetReadDeadline(c.start.Add(at))
}

// rearm has the reader look at the clock where a message is to be sent again
// sooner than it thinks. The lock is held.
func (c *Client) rearm() {
	if c.config.Options.Retry > 0 && c.conn != nil {
		if at, ok := c.machine.Deadline(); ok {
			c.conn.SetReadDeadline(c.start.Add(at))
		}
	}
}

// poll does what is due by time.
func (c *Client) poll() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pollTokens()
	for {
		out, ev, err := c.machine.Poll(c.out, c.now())
		c.out = out
		if err != nil {
			return err
		}
		if ev.Kind != session.Resend {
			break
		}
		c.resend(ev)
	}
	c.toSend.Signal()
	return nil
}

// received handles all packets that have come.
func (c *Client) received(conn net.Conn, f *codec.Framer, d *codec.Decoder) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.toSend.Signal()
	defer c.compact() // an exchange ends with a packet that comes
	for {
		if err := c.pauseReading(); err != nil {
			return err
		}
		out, ev, ok, err := c.machine.Next(c.out, f, d, c.now())
		c.out = out
		if err != nil {
			return err
		}
		if !ok {
			return nil
		}
		if err := c.handle(ev); err != nil {
			return err
		}
	}
}

// pauseReading waits while too many messages wait for Receive, unless somebody
// waits for an answer, which may come after them. What is sent meanwhile keeps
// the connection alive. The lock is held, and given up to wait.
func (c *Client) pauseReading() error {
	for c.full() && c.err == nil {
		ch := c.room.wait()
		every := time.Duration(max(c.keepAlive, 2)) * time.Second / 2
		c.mu.Unlock()
		timer := time.NewTimer(every)
		select {
		case <-ch:
		case <-timer.C:
		}
		stopped := timer.Stop()
		c.mu.Lock()
		if !stopped && c.keepAlive > 0 && len(c.out) == 0 {
			if out, err := c.machine.Ping(c.out, c.now()); err == nil {
				c.out = out
				c.toSend.Signal()
			}
		}
	}
	return c.err
}

func (c *Client) full() bool {
	n := len(c.inbox)
	return n >= c.config.MaxWaiting && (c.waiting == 0 || n >= 2*c.config.MaxWaiting+int(c.config.Options.InboundWindow))
}

// handle does what a packet asks for. The lock is held.
func (c *Client) handle(ev session.Event) error {
	switch ev.Kind {
	case session.Accepted:
		c.accept(ev)
	case session.Refused:
		code := ev.Packet.(*codec.Connack).Code
		if c.config.Tokens != nil {
			c.config.Tokens.Connack(code)
		}
		return &RefusedError{code}
	case session.Deliver:
		c.deliver(ev)
	case session.Withdrawn:
		c.keep(ev, nil)
		for t, m := range c.open {
			if t.ID() == ev.ID {
				m.gone = true
				delete(c.open, t)
			}
		}
	case session.Subscribed, session.Unsubscribed:
		c.answered(ev)
	case session.Auth:
		return errAuth
	case session.Disconnect:
		return &RejectedError{ev.Reason}
	default:
		c.keep(ev, nil)
		c.finished(ev)
	}
	return nil
}

// keep notes what an event changes. The lock is held.
func (c *Client) keep(ev session.Event, m *codec.Publish) {
	c.journal.record(ev.Record(), m)
	if ev.State {
		c.journal.state(&c.state, c.start)
	}
}

// accept begins a session, or goes on with one.
func (c *Client) accept(ev session.Event) {
	p := ev.Packet.(*codec.Connack)
	c.dropLost()
	c.keep(ev, nil)
	c.accepted = true
	if c.config.Tokens != nil {
		c.config.Tokens.Connack(p.Code)
	}
	if id, ok := p.Properties.AssignedClientIdentifier(); ok && len(c.connect.ClientID) == 0 {
		c.connect.ClientID = append([]byte(nil), id...)
	}
	c.connect.CleanStart = false
	c.keepAlive = c.connect.KeepAlive
	if v, ok := p.Properties.ServerKeepAlive(); ok {
		c.keepAlive = v // [MQTT-3.1.2-21]
	}
	if !c.everUp || !p.SessionPresent {
		c.subscribeAgain()
	}
	c.everUp = true
	c.settle()
	c.issue()
	c.resume()
	c.sendable.broadcast()
	if c.config.Up != nil {
		c.config.Up(p)
	}
}

// resume sends again what there is. The lock is held.
func (c *Client) resume() {
	for {
		out, ev, ok := c.machine.NextResend(c.out, c.now())
		c.out = out
		if !ok {
			break
		}
		if ev.Kind == session.Resend && !c.resend(ev) {
			return
		}
	}
	for len(c.anew) > 0 && c.gate() == nil {
		token := c.anew[0]
		s := c.flight[token]
		out, a, err := c.machine.Publish(c.out, &s.message, token, c.now())
		switch err {
		case nil:
			c.out = out
			c.journal.record(a.Record(), &s.message)
		case mqttwire.ErrNotConnected, mqttwire.ErrResuming, mqttwire.ErrSendQuota, mqttwire.ErrPacketIDsExhausted:
			return
		default:
			c.lose(s, 0, err)
			delete(c.flight, token)
			c.journal.dropped(token)
		}
		c.anew = c.anew[1:]
	}
}

// resend sends a message again, or gives it up. The lock is held.
func (c *Client) resend(ev session.Event) bool {
	var p *codec.Publish
	if s := c.flight[ev.Token]; s != nil && !c.isUpload(&s.message) {
		p = &s.message
	}
	out, gone, err := c.machine.Resend(c.out, ev, p, c.now())
	if err != nil && err != mqttwire.ErrAwaitingAck {
		out, gone, err = c.machine.GiveUp(c.out, ev.ID, c.now())
	}
	c.out = out
	c.keep(gone, nil)
	c.finished(gone)
	return err == nil
}

// finished tells who waits for a message what became of it. The lock is held.
func (c *Client) finished(ev session.Event) {
	s := c.flight[ev.Token]
	if s == nil {
		return
	}
	switch ev.Kind {
	case session.Released:
		s.message = codec.Publish{}
		return
	case session.Completed:
		s.finish(ev.Reason, nil)
	case session.Rejected:
		c.lose(s, ev.Reason, &RejectedError{ev.Reason})
	case session.GivenUp:
		c.lose(s, ev.Reason, ErrGivenUp)
	default:
		return
	}
	delete(c.flight, ev.Token)
	c.tokenSent(s)
	c.resume()
	c.sendable.broadcast()
}

// dropLost settles what went with its session or its connection: a request is
// made again, a message of QoS 1 is sent anew. The lock is held.
func (c *Client) dropLost() {
	for {
		d, ok := c.state.NextDropped()
		if !ok {
			return
		}
		if r := c.requests[d.Token]; r != nil {
			r.sent = false
			continue
		}
		s := c.flight[d.Token]
		if s == nil {
			continue
		}
		switch {
		case d.Await == qos.AwaitPuback && !c.isUpload(&s.message):
			if !slices.Contains(c.anew, d.Token) { // a crash may have come before the Clear
				c.anew = append(c.anew, d.Token)
				c.journal.anew(d.Token, &s.message)
			}
			continue
		case d.Await == qos.AwaitPubcomp:
			s.finish(mqttwire.Success, nil) // the server had it
		default:
			c.lose(s, 0, ErrSessionLost)
		}
		delete(c.flight, d.Token)
	}
}

// deliver puts a message into the inbox. The lock is held.
func (c *Client) deliver(ev session.Event) {
	p := ev.Packet.(*codec.Publish)
	if c.tokenNotice(p) {
		return
	}
	m := &Message{Publish: p.Clone(), client: c, ticket: ev.Ticket()}
	if m.ticket != 0 {
		c.open[m.ticket] = m
	} else if len(c.inbox) >= c.config.MaxWaiting {
		return // somebody waits for an answer behind it
	}
	c.inbox = append(c.inbox, m)
	c.readable.broadcast()
}
