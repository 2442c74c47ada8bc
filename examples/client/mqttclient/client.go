// Package mqttclient is an MQTT client for programs: it connects and connects
// again, sends again what was not acknowledged, and hands out what it receives.
// It is an example of what package session is for, small enough to read, to copy
// and to change.
//
// A connection has two goroutines: one reads, and does what the clock asks for;
// one writes what has gathered. All state is behind one mutex. What a session has
// to keep goes to the Store first, and is synced before the bytes that promise it
// are written.
package mqttclient

import (
	"cmp"
	"context"
	"maps"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/session"
	"github.com/mqttwire/mqttwire/topicmatch"
)

// Client is an MQTT client. Its methods may be called by many goroutines.
type Client struct {
	config Config
	start  time.Time
	stop   context.CancelFunc
	ctx    context.Context // done when the client is to end
	done   chan struct{}   // closed when it has ended

	mu      sync.Mutex
	err     error // why it ends
	machine session.Client
	state   session.Session
	connect codec.Connect // of the next connection
	options session.ClientOptions
	journal journal

	conn   net.Conn // nil without a connection
	out    []byte   // to be written
	spare  []byte
	toSend sync.Cond // there is something in out, or the connection is over

	flight   map[uint64]*Sent    // by token
	requests map[uint64]*request // by token; those that are not answered
	tokens   uint64              // the last of both
	inbox    []*Message
	open     map[qos.Ticket]*Message // handed out and not acknowledged
	filters  map[string]codec.Subscription

	anew      []uint64 // tokens of messages of a lost session, to be sent as new
	expires   bool     // the Session Expiry Interval is this package's
	lostWhy   error    // why a message was lost last
	everUp    bool     // the server has accepted a connection
	accepted  bool     // it has accepted this one
	keepAlive uint16   // of this connection, seconds

	sendable, readable, room signal
	background               sync.WaitGroup
	waiting                  int // callers that wait for an answer of the server
}

// signal wakes all who wait for something; mu guards it.
type signal struct{ ch chan struct{} }

// wait returns what is closed by the next broadcast.
func (s *signal) wait() <-chan struct{} {
	if s.ch == nil {
		s.ch = make(chan struct{})
	}
	return s.ch
}

func (s *signal) broadcast() {
	if s.ch != nil {
		close(s.ch)
		s.ch = nil
	}
}

// Open starts a client, which connects by itself from now on. With a Store the
// session that is kept there goes on. Close it in the end.
func Open(config Config) (*Client, error) {
	c := &Client{
		config:   config.withDefaults(),
		start:    time.Now(),
		done:     make(chan struct{}),
		flight:   map[uint64]*Sent{},
		requests: map[uint64]*request{},
		open:     map[qos.Ticket]*Message{},
		filters:  map[string]codec.Subscription{},
	}
	if c.config.Store != nil && len(c.config.Connect.ClientID) == 0 {
		return nil, ErrNoClientID // the session would be another one each time
	}
	for _, s := range c.config.Subscriptions {
		if err := topicmatch.CheckSubscription(s.Filter); err != nil {
			return nil, err
		}
	}
	c.connect = c.config.Connect
	_, given := config.Connect.Properties.SessionExpiryInterval()
	c.expires = !given
	c.toSend.L = &c.mu
	c.journal.store = c.config.Store
	if err := c.restore(); err != nil {
		return nil, err
	}
	if !c.connect.CleanStart && !c.state.Exists() {
		// A session that the server has kept is ours, with an empty state.
		c.state.Resume(session.State{Exists: true, Expiry: session.Never}, 0)
	}
	for _, s := range c.config.Subscriptions {
		s.Filter = append([]byte(nil), s.Filter...)
		c.filters[string(s.Filter)] = s
	}
	c.ctx, c.stop = context.WithCancel(context.Background())
	go c.run()
	return c, nil
}

func (c *Client) now() time.Duration { return time.Since(c.start) }

// Done is closed when the client has ended: after Close, or because the server
// refused it for good, or the Store failed. Err says why.
func (c *Client) Done() <-chan struct{} { return c.done }

// Err returns why the client has ended, or is about to, nil while it goes on.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Close sends DISCONNECT if there is a connection, and returns when no goroutine
// is left. The session stays with the server as long as it lasts, and in the
// Store; the Store is the caller's to close.
func (c *Client) Close() error {
	c.fail(ErrClosed)
	<-c.done
	if err := c.Err(); err != ErrClosed {
		return err
	}
	return nil
}

// fail has the client end, and all who wait return.
func (c *Client) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failLocked(err)
}

func (c *Client) failLocked(err error) {
	if c.err != nil {
		return
	}
	c.err = err
	var p codec.Properties
	if c.machine.Version() == mqttwire.V50 {
		p = c.config.DisconnectProperties
	}
	if c.config.Connect.CleanStart && c.machine.Version() == mqttwire.V50 && c.expires {
		p = codec.AppendSessionExpiryInterval(p.Clone(), 0) // it was for cuts alone
	}
	if out, e := c.machine.Disconnect(c.out, mqttwire.NormalDisconnection, p); e == nil && err == ErrClosed {
		c.out = out
	}
	for _, s := range c.flight {
		s.finish(mqttwire.Success, err)
	}
	for _, r := range c.requests {
		r.finish(nil, err)
	}
	c.wakeAll()
	c.stop()
}

func (c *Client) wakeAll() {
	c.sendable.broadcast()
	c.readable.broadcast()
	c.room.broadcast()
	c.toSend.Broadcast()
}

// Sent is a message on its way.
type Sent struct {
	message codec.Publish
	answer
	reason mqttwire.Reason
}

// answer is closed once, with an error.
type answer struct {
	done chan struct{}
	err  error
}

func (a *answer) isOver() bool {
	select {
	case <-a.done:
		return true
	default:
		return false
	}
}

func (s *Sent) finish(reason mqttwire.Reason, err error) {
	if !s.isOver() {
		s.reason, s.err = reason, err
		close(s.done)
	}
}

// Wait returns once the message is delivered as its QoS promises: QoS 0 at once,
// QoS 1 with the PUBACK, QoS 2 with the PUBCOMP. The Reason is the server's, and
// may say that nobody has subscribed. A *RejectedError says that the server does
// not take the message. Where ctx ends first the message is still on its way.
func (s *Sent) Wait(ctx context.Context) (mqttwire.Reason, error) {
	select {
	case <-s.done:
		return s.reason, s.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// over is the done of a message that is.
var over = func() chan struct{} { ch := make(chan struct{}); close(ch); return ch }()

// Send hands a message to the session and returns once it is kept in the Store:
// from then on, above QoS 0, it survives the process. It waits while there is no
// connection, the server's Receive Maximum is used up, or too many bytes wait to
// be written. p is copied. Its errors are the Client's, that of ctx, and what is
// wrong with p; then nothing is sent. A process that is killed in here does not
// know whether the message is kept: one that must not send it twice keeps its own
// count in the journal of package session, as ExampleSession_Apply there does.
func (c *Client) Send(ctx context.Context, p *codec.Publish) (*Sent, error) {
	c.mu.Lock()
	for {
		s, err := c.send(p)
		switch err {
		case nil:
			mark := c.journal.appended
			c.mu.Unlock()
			return s, c.sync(mark)
		case mqttwire.ErrNotConnected, mqttwire.ErrResuming, mqttwire.ErrSendQuota, mqttwire.ErrPacketIDsExhausted:
			if err := c.wait(ctx, &c.sendable); err != nil {
				c.mu.Unlock()
				return nil, err
			}
		default:
			c.mu.Unlock()
			return nil, err
		}
	}
}

const maxOut = 256 << 10 // bytes that wait to be written

func (c *Client) send(p *codec.Publish) (*Sent, error) {
	switch {
	case c.err != nil:
		return nil, c.err
	case len(c.out) >= maxOut || len(c.anew) > 0:
		return nil, mqttwire.ErrSendQuota
	case c.gate() != nil:
		return nil, mqttwire.ErrSendQuota
	}
	return c.sendNow(p)
}

func (c *Client) sendNow(p *codec.Publish) (*Sent, error) {
	out, a, err := c.machine.Publish(c.out, p, c.tokens+1, c.now())
	if err != nil {
		return nil, err
	}
	c.out = out
	c.toSend.Signal()
	c.rearm()
	if a.ID == 0 {
		return &Sent{answer: answer{done: over}}, nil
	}
	c.tokens++
	s := &Sent{message: p.Clone(), answer: answer{done: make(chan struct{})}}
	if c.isUpload(p) {
		s.message.Payload = nil
	}
	c.flight[c.tokens] = s
	c.journal.record(a.Record(), &s.message)
	return s, nil
}

// wait waits for a signal, without the lock.
func (c *Client) wait(ctx context.Context, s *signal) error {
	ch := s.wait()
	c.waiting++
	c.room.broadcast() // what it waits for may come behind what nobody has received
	c.mu.Unlock()
	var err error
	select {
	case <-ch:
	case <-ctx.Done():
		err = ctx.Err()
	}
	c.mu.Lock()
	c.waiting--
	return err
}

// Publish is Send and Wait.
func (c *Client) Publish(ctx context.Context, p *codec.Publish) (mqttwire.Reason, error) {
	s, err := c.Send(ctx, p)
	if err != nil {
		return 0, err
	}
	if s.isOver() {
		return s.reason, s.err
	}
	c.waits(1)
	defer c.waits(-1)
	return s.Wait(ctx)
}

// Drain returns once nothing is in flight, what an earlier process has left in
// the Store included. Its error is that of the last message that was lost since
// Open; see Config.Lost.
func (c *Client) Drain(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.flight) > 0 {
		if c.err != nil {
			return c.err
		}
		if err := c.wait(ctx, &c.sendable); err != nil {
			return err
		}
	}
	return cmp.Or(c.err, c.lostWhy)
}

// lose ends a message that is not delivered, or perhaps not. The lock is held.
func (c *Client) lose(s *Sent, reason mqttwire.Reason, err error) {
	s.finish(reason, err)
	c.lostWhy = err
	if c.config.Lost != nil {
		c.config.Lost(&s.message, err)
	}
}

// waits counts a caller that waits for the server.
func (c *Client) waits(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting += n
	c.room.broadcast() // who has stopped reading looks again
}

// A request is a SUBSCRIBE or UNSUBSCRIBE that is not answered.
type request struct {
	subscribe []codec.Subscription // else unsubscribe
	filters   [][]byte
	answer
	codes []mqttwire.Reason
	sent  bool
}

func (r *request) finish(codes []mqttwire.Reason, err error) {
	if !r.isOver() {
		r.codes, r.err = codes, err
		close(r.done)
	}
}

// Subscribe subscribes, and returns the answer to each filter. What the server
// grants is subscribed to again whenever it loses the session.
func (c *Client) Subscribe(ctx context.Context, subscriptions ...codec.Subscription) ([]mqttwire.Reason, error) {
	r := &request{subscribe: make([]codec.Subscription, len(subscriptions))}
	for i, s := range subscriptions {
		s.Filter = append([]byte(nil), s.Filter...)
		r.subscribe[i] = s
	}
	return c.ask(ctx, r)
}

// Unsubscribe unsubscribes, and returns the answer to each filter, nil before
// 5.0.
func (c *Client) Unsubscribe(ctx context.Context, filters ...string) ([]mqttwire.Reason, error) {
	r := &request{}
	for _, f := range filters {
		r.filters = append(r.filters, []byte(f))
	}
	return c.ask(ctx, r)
}

func (c *Client) ask(ctx context.Context, r *request) ([]mqttwire.Reason, error) {
	c.waits(1)
	defer c.waits(-1)
	c.mu.Lock()
	if c.err != nil {
		defer c.mu.Unlock()
		return nil, c.err
	}
	r.done = make(chan struct{})
	c.tokens++
	token := c.tokens
	c.requests[token] = r
	c.issue()
	c.mu.Unlock()
	select {
	case <-r.done:
		return r.codes, r.err
	case <-ctx.Done():
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.requests, token)
		return nil, ctx.Err()
	}
}

// issue makes the requests that wait. The lock is held.
func (c *Client) issue() {
	if c.machine.Phase() != session.Connected || c.gate() != nil {
		return
	}
	v5 := c.machine.Version() == mqttwire.V50
	for _, token := range slices.Sorted(maps.Keys(c.requests)) {
		r := c.requests[token]
		if r.sent {
			continue
		}
		var out []byte
		var err error
		if r.subscribe != nil {
			p := codec.Subscribe{Subscriptions: codec.Subscriptions{}.Append(r.subscribe...)}
			if v5 {
				p.Properties = c.config.SubscribeProperties
			}
			out, _, err = c.machine.Subscribe(c.out, &p, token, c.now())
		} else {
			p := codec.Unsubscribe{Filters: codec.Filters{}.Append(r.filters...)}
			if v5 {
				p.Properties = c.config.UnsubscribeProperties
			}
			out, _, err = c.machine.Unsubscribe(c.out, &p, token, c.now())
		}
		c.out = out
		switch err {
		case nil:
			r.sent = true
			c.toSend.Signal()
		case mqttwire.ErrPacketIDsExhausted, mqttwire.ErrNotConnected:
			return
		default:
			delete(c.requests, token)
			r.finish(nil, err)
		}
	}
}

// subscribeAgain makes all subscriptions there are. The lock is held.
func (c *Client) subscribeAgain() {
	for chunk := range slices.Chunk(slices.Sorted(maps.Keys(c.filters)), 100) {
		r := &request{answer: answer{done: make(chan struct{})}}
		for _, f := range chunk {
			r.subscribe = append(r.subscribe, c.filters[f])
		}
		c.tokens++
		c.requests[c.tokens] = r
	}
}

// answered takes a SUBACK or UNSUBACK. The lock is held.
func (c *Client) answered(ev session.Event) {
	r := c.requests[ev.Token]
	if r == nil {
		return
	}
	delete(c.requests, ev.Token)
	var codes []mqttwire.Reason
	switch p := ev.Packet.(type) {
	case *codec.Suback:
		for code := range p.Codes.All() {
			s := r.subscribe[len(codes)]
			if codes = append(codes, code); !code.IsError() {
				c.filters[string(s.Filter)] = s
			} else {
				delete(c.filters, string(s.Filter))
			}
			if c.config.Granted != nil {
				c.config.Granted(s, code)
			}
		}
	case *codec.Unsuback:
		for code := range p.Codes.All() {
			codes = append(codes, code)
		}
		for _, f := range r.filters {
			delete(c.filters, string(f))
		}
	}
	r.finish(codes, nil)
}

// Message is a message that was received. It is the caller's.
type Message struct {
	codec.Publish
	client *Client
	ticket qos.Ticket
	gone   bool // its sender has withdrawn it
}

// Receive returns the next message, in the order they came. Ack each, soon:
// the server sends no more than InboundWindow of QoS 1 and 2 before that. A
// program that publishes much meanwhile does so on another goroutine: before 5.0
// the client stops reading, acknowledgements too, where far too much waits.
func (c *Client) Receive(ctx context.Context) (*Message, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		for len(c.inbox) > 0 {
			m := c.inbox[0]
			c.inbox[0] = nil
			c.inbox = c.inbox[1:]
			c.room.broadcast()
			if !m.gone {
				return m, nil
			}
		}
		if c.err != nil {
			return nil, c.err
		}
		ch := c.readable.wait()
		c.mu.Unlock()
		select {
		case <-ch:
		case <-ctx.Done():
		}
		c.mu.Lock()
		if err := ctx.Err(); err != nil && len(c.inbox) == 0 {
			return nil, err
		}
	}
}

// Ack says that the caller has taken the message over, and returns once that is
// kept in the Store: at QoS 2 the message does not come again, unless the process
// is killed before that. At QoS 1 it may, if the connection is lost; QoS 0 needs
// no Ack. [ErrWithdrawn] says that the
// server has given the message up meanwhile.
func (m *Message) Ack() error { return m.Answer(mqttwire.Success) }

// Answer is Ack with another Reason: from 0x80 on the caller has not taken the
// message over, and a server of 5.0 learns why.
func (m *Message) Answer(reason mqttwire.Reason) error {
	c := m.client
	if m.ticket == 0 {
		return nil
	}
	c.mu.Lock()
	delete(c.open, m.ticket)
	out, r, err := c.machine.Ack(c.out, m.ticket, reason, codec.Properties{}, c.now())
	c.out = out
	if err == mqttwire.ErrStaleTicket { // of an earlier connection
		r, err = c.state.Finish(m.ticket, reason)
	}
	if err == nil {
		c.journal.record(r, nil)
	} else if err == mqttwire.ErrStaleTicket {
		if err = ErrWithdrawn; m.ticket.Level() == qos.AtLeastOnce {
			err = nil // it went with its connection, and comes again
		}
	}
	c.toSend.Signal()
	mark := c.journal.appended
	c.mu.Unlock()
	if err != nil {
		return err
	}
	return c.sync(mark)
}
