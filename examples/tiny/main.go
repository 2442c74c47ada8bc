// Command tiny is the small reference broker: MQTT 3.1, 3.1.1 and 5.0 at QoS 0 to
// 2, with sessions, retained messages, wills and shared subscriptions, in one file
// to be read from top to bottom in ten minutes. It shows how the parts of this
// module make a broker. The full one, with users, access lists, TLS, storage and
// settings, is examples/broker.
//
//	go run ./examples/tiny -listen 127.0.0.1:1883
//
// Three packages know MQTT:
//
//   - session: a Server is one network connection, a Session what outlives it. They
//     know what may come when, what to answer, what to send again. They do no I/O:
//     bytes that have come go in; events, and bytes to be written, come out.
//   - topicmatch: an Index knows who has subscribed to a topic, Names which retained
//     messages a filter asks for.
//   - codec has the packets.
//
// What they leave to a broker is below: sockets, who is who, and queues.
//
// # One lock
//
// broker.mu guards everything. It is held while one packet is handled, and never
// while a socket is read or written. So when a publisher gets its acknowledgement
// the message is with all subscribers, in the order in which it was published, and
// nothing below needs a second thought about what else may be going on.
//
// # Two goroutines for each connection
//
// One reads: it hands each packet to the machine and acts on the event. The other
// writes what anybody has appended to the connection's out. A client that does not
// read fills its out. Then messages of QoS 1 and 2 wait for it until its queue is
// full, those of QoS 0 pass it by, its own packets are not read, and nobody else
// notices.
//
// # What there is not
//
// No users, no TLS, no disk: sessions and retained messages go with the process.
// What does not fit into the limits is lost, and the publisher told so if it speaks
// 5.0. The limits are there for the memory and for short turns under the lock, not
// for fairness: one client can use up the subscriptions of all. An expired retained
// message takes its room until its topic is set again.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"flag"
	"io"
	"log"
	"net"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/session"
	"github.com/mqttwire/mqttwire/topicmatch"
)

// Whatever clients can have the broker keep, or do under the lock, has a limit:
// there may be strangers among them.
const (
	maxClients       = 4000                   // connections, and sessions
	maxSubscriptions = 10_000                 // of all sessions
	maxLevels        = 32                     // of a Topic Filter
	maxRetained      = 64 << 20               // bytes of retained messages
	maxVisit         = 100_000                // levels of topics that a SUBSCRIBE looks through for them
	maxQueue         = 4 << 20                // bytes of messages that wait for one session
	maxAhead         = 1 << 20                // bytes to be written, from which on a client has to read first
	tick             = 250 * time.Millisecond // between looks at what is due by time
)

// options are what the machines tell a client of, where its version can say it,
// and hold it to.
var options = session.ServerOptions{
	Limits:               session.Limits{OutboundWindow: 100, InboundWindow: 200, TopicAliases: 8},
	ConnectTimeout:       10 * time.Second,
	MaximumPacketSize:    512 << 10,
	MaximumSessionExpiry: 7 * 24 * 3600,
	ReceiveMaximum:       100,
	TopicAliasMaximum:    8,
}

// A broker is what all connections share.
type broker struct {
	begin   time.Time // where the clock of the machines begins
	running sync.WaitGroup

	mu            sync.Mutex // guards what follows, and every client and conn
	conns         map[*conn]bool
	clients       map[string]*client // by Client Identifier
	subscriptions topicmatch.Index[*client, subscription]
	retained      topicmatch.Names[message]
	kept          int // bytes of retained messages
}

// A client is what a Client Identifier stands for: a session, with a connection
// or without, and the messages on their way to it.
type client struct {
	broker *broker
	id     string
	state  session.Session
	conn   *conn         // nil while it is absent
	will   codec.Publish // to be published when state says so

	messages   map[uint64]message // of QoS 1 and 2, by token: what is sent and not acknowledged, and what waits
	sent, last uint64             // tokens: of what has been sent last, of what came last
	queued     int                // bytes of messages
}

// A conn is a network connection.
type conn struct {
	broker  *broker
	net     *net.TCPConn
	turn    *sync.Cond // something below has changed: the reader or the writer may go on
	machine session.Server
	client  *client         // nobody, until CONNECT is accepted
	out     []byte          // to be written
	leaving mqttwire.Reason // why it is to end, once what has come is handled, else 0
	why     any             // why it is over, else nil: write what is in out, and close
}

// A message is an Application Message. Copies of it share the bytes, which never
// change.
type message struct {
	codec.Publish
	from    string        // Client Identifier of the publisher
	expires time.Duration // when, 0 for never
	size    int           // what it counts for in the limits, bytes
}

// A subscription is what a client has asked for beside the Topic Filter.
type subscription struct {
	options codec.SubscriptionOptions
	id      uint32 // Subscription Identifier, 0 for none
}

// First part: connections.

func main() {
	listen := flag.String("listen", "127.0.0.1:1883", "the `address` to listen on")
	flag.Parse()
	if flag.NArg() > 0 {
		log.Fatalf("what is %q? There is -listen ADDRESS, and nothing else", flag.Arg(0))
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	log.Printf("listening address=%v", l.Addr())
	serve(ctx, l.(*net.TCPListener))
}

// serve is a broker that takes connections until ctx is done, and ends them then,
// and the listener. When it returns, no goroutine is left.
func serve(ctx context.Context, l *net.TCPListener) {
	b := &broker{begin: time.Now(), conns: map[*conn]bool{}, clients: map[string]*client{}}
	b.running.Go(func() { b.poll(ctx) })
	context.AfterFunc(ctx, func() { l.Close() }) // which ends AcceptTCP
	for ctx.Err() == nil {
		if n, err := l.AcceptTCP(); err == nil {
			b.welcome(n)
		} else if ctx.Err() == nil { // too many open files, perhaps: that may pass
			log.Print(err)
			time.Sleep(tick)
		}
	}
	b.mu.Lock()
	for c := range b.conns {
		c.leave(mqttwire.ServerShuttingDown)
	}
	b.mu.Unlock()
	b.running.Wait()
}

// poll does what is due by time, until ctx is done. To look once too often does no
// harm; a broker of more clients would wait for the Deadline of each.
func (b *broker) poll(ctx context.Context) {
	for ; ctx.Err() == nil; time.Sleep(tick) {
		b.mu.Lock()
		for c := range b.conns {
			out, _, err := c.machine.Poll(c.out, b.now())
			c.out = out
			c.end(err)
		}
		for _, c := range b.clients {
			c.settle()
		}
		b.mu.Unlock()
	}
}

// welcome starts a connection.
func (b *broker) welcome(n *net.TCPConn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.conns) >= maxClients {
		n.Close() // without a word: the client has not said one either
		return
	}
	c := &conn{broker: b, net: n, turn: sync.NewCond(&b.mu), client: &client{broker: b}}
	c.machine.Open(&options, b.now())
	b.conns[c] = true
	b.running.Go(c.read)
	b.running.Go(c.write)
}

// now is the clock of the machines, which have none.
func (b *broker) now() time.Duration { return time.Since(b.begin) }

// read is the goroutine that takes packets from the client.
func (c *conn) read() {
	var framer codec.Framer
	var decoder codec.Decoder
	c.broker.mu.Lock()
	defer c.broker.mu.Unlock()
	for c.why == nil {
		c.broker.mu.Unlock()
		n, err := c.net.Read(framer.Buffer())
		framer.Filled(n)
		c.broker.mu.Lock()
		for c.next(&framer, &decoder) {
		}
		if err != nil && c.leaving != 0 { // leave has cut Read short
			c.out, _ = c.machine.Disconnect(c.out, c.leaving, codec.Properties{}) // an error: there was no CONNECT
			c.end(c.leaving)
		}
		c.end(err)
	}
}

// next handles the next packet that has come, and reports whether there was one.
func (c *conn) next(framer *codec.Framer, decoder *codec.Decoder) bool {
	for len(c.out) >= maxAhead && c.why == nil && c.leaving == 0 {
		c.turn.Wait() // a client has to read its answers before it may ask for more
	}
	out, ev, ok, err := c.machine.Next(c.out, framer, decoder, c.broker.now())
	if c.out = out; ok {
		err = c.handle(ev)
	}
	c.end(err) // what the client is to be told of it is in out
	if c.machine.Phase() == session.Closing {
		c.end(ev.Type)
	}
	c.turn.Broadcast()
	c.broker.mu.Unlock() // others have their turn
	c.broker.mu.Lock()
	return ok
}

// write is the goroutine that writes what is in out, whoever has put it there, and
// closes the socket at the end.
func (c *conn) write() {
	c.broker.mu.Lock()
	defer c.broker.mu.Unlock()
	for c.why == nil || len(c.out) > 0 {
		for len(c.out) == 0 && c.why == nil {
			c.turn.Wait()
		}
		chunk := c.out[:min(len(c.out), 64<<10)]
		c.out = c.out[len(chunk):]
		c.broker.mu.Unlock()
		c.net.SetWriteDeadline(time.Now().Add(10 * time.Second))
		_, err := c.net.Write(chunk)
		c.broker.mu.Lock()
		if c.end(err); err != nil || len(c.out) == 0 {
			c.out = nil // to hold no memory while there is nothing to write
		}
		c.client.pump() // there is room again
		c.turn.Broadcast()
	}
	c.broker.mu.Unlock()
	log.Printf("%v: %v", c.net.RemoteAddr(), c.why)
	// A socket that is closed with bytes in it that nobody has read is reset, and the
	// client may not see the last words: so read on, for a moment.
	c.net.CloseWrite()
	io.Copy(io.Discard, c.net)
	c.net.Close()
	c.broker.mu.Lock()
	delete(c.broker.conns, c)
}

// leave has the connection end for a reason, which a client of 5.0 is told. What
// it had sent before is handled first.
func (c *conn) leave(why mqttwire.Reason) {
	if c.leaving == 0 {
		c.leaving = why
		c.net.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		c.turn.Broadcast()
	}
}

// end ends the connection for a reason, once out is written. nil is no reason, and
// the first one counts.
func (c *conn) end(why any) {
	if c.why != nil || why == nil {
		return
	}
	c.why = why
	c.turn.Broadcast()
	c.net.SetDeadline(time.Now().Add(time.Second)) // for last words
	c.machine.Close(c.broker.now())
	c.client.conn = nil
	c.client.settle()
}

// Second part: packets. From here on all runs under the lock.

// handle does what an event asks for. An error is the end of the connection.
func (c *conn) handle(ev session.Event) (err error) {
	b, cl := c.broker, c.client
	switch ev.Kind {
	case session.Connect:
		return c.connect(ev.Packet.(*codec.Connect))
	case session.Deliver:
		reason := b.publish(ev.Packet.(*codec.Publish), cl.id)
		c.out, _, err = c.machine.Ack(c.out, ev.Ticket(), reason, codec.Properties{}, b.now())
	case session.Released, session.Completed, session.Rejected:
		cl.landed(ev.Token) // the client has the message, or does not want it
		cl.pump()           // and may have room for the next
	case session.Subscribe:
		p := ev.Packet.(*codec.Subscribe)
		id, _ := p.Properties.SubscriptionIdentifier()
		var ack codec.Suback
		for s := range p.Subscriptions.All() {
			ack.Codes = ack.Codes.Append(cl.subscribe(s, id, maxVisit/p.Subscriptions.Len()))
		}
		c.out, err = c.machine.Suback(c.out, ev.Request(), &ack)
	case session.Unsubscribe:
		var ack codec.Unsuback
		for filter := range ev.Packet.(*codec.Unsubscribe).Filters.All() {
			code := mqttwire.NoSubscriptionExisted
			if _, removed := b.subscriptions.Unsubscribe(cl, filter); removed {
				code = mqttwire.Success
			}
			ack.Codes = ack.Codes.Append(code)
		}
		c.out, err = c.machine.Unsuback(c.out, ev.Request(), &ack)
	}
	return err // all else is the machine's: PINGREQ, PUBREL, DISCONNECT ...
}

// connect accepts a client, unless there is no room.
func (c *conn) connect(p *codec.Connect) (err error) {
	b, id := c.broker, string(p.ClientID)
	var ack codec.Connack
	if id == "" {
		id = rand.Text()
		ack.Properties = codec.AppendAssignedClientIdentifier(ack.Properties, id)
	}
	cl := b.clients[id]
	for ; cl != nil && cl.conn != nil; cl = b.clients[id] {
		cl.conn.leave(mqttwire.SessionTakenOver) // [MQTT-3.1.4-3]
		cl.conn.turn.Wait()
	}
	if cl == nil && len(b.clients) >= maxClients {
		c.out, err = c.machine.Refuse(c.out, connack.QuotaExceeded, codec.Properties{})
		return err
	} else if cl == nil {
		cl = &client{broker: b, id: id, messages: map[uint64]message{}}
	}
	if c.out, _, err = c.machine.Accept(c.out, &cl.state, &ack, b.now()); err != nil {
		return err
	}
	b.clients[id] = cl
	cl.settle() // if the session is not resumed, that before it has ended, and its will is due
	c.client, cl.conn = cl, c
	cl.will = (&codec.Publish{Topic: p.Will.Topic, Payload: p.Will.Payload, Properties: p.Will.Properties, QoS: p.Will.QoS, Retain: p.Will.Retain}).Clone()
	cl.pump()
	return nil
}

// subscribe makes a subscription, sends the retained messages that it asks for,
// and returns the code for SUBACK.
func (c *client) subscribe(s codec.Subscription, id uint32, visit int) mqttwire.Reason {
	b, v := c.broker, subscription{s.Options, id}
	if b.subscriptions.Len() >= maxSubscriptions || bytes.Count(s.Filter, []byte("/")) >= maxLevels {
		return mqttwire.QuotaExceeded
	}
	_, replaces, err := b.subscriptions.Subscribe(c, s.Filter, v)
	if err != nil {
		return mqttwire.TopicFilterInvalid // such as $share/x, which 3.1.1 lets pass
	}
	never := s.Options.RetainHandling() == codec.DoNotSendRetained || topicmatch.IsShared(s.Filter) // 5.0 §4.8.2
	if !never && (!replaces || s.Options.RetainHandling() == codec.SendRetained) {
		b.retained.VisitLimit(s.Filter, visit, func(_ []byte, m message) bool { return c.deliver(m, v, true) == mqttwire.Success })
	}
	return options.Grant(s)
}

// settle does what has become due of the session, now that a connection has begun
// or ended, or by time: its will, its end.
func (c *client) settle() {
	for ev := c.state.Poll(c.broker.now()); ev.Kind != session.None; ev = c.state.Poll(c.broker.now()) {
		if ev.Kind == session.Will {
			c.broker.publish(&c.will, c.id)
			continue
		}
		c.broker.subscriptions.UnsubscribeAll(c)
		c.messages, c.sent, c.queued = map[uint64]message{}, c.last, 0
	}
	for ok := true; ok; _, ok = c.state.NextDropped() { // they were among the messages
	}
	if !c.state.Exists() {
		delete(c.broker.clients, c.id)
	}
}

// Third part: messages, from a publisher to who wants them.

// publish gives a message to all who have subscribed to it, one copy for each
// subscription (5.0 §3.3.4), and returns the code for PUBACK or PUBREC.
func (b *broker) publish(p *codec.Publish, from string) mqttwire.Reason {
	m, reason := message{Publish: p.Clone(), from: from}, mqttwire.Success
	if seconds, ok := p.Properties.MessageExpiryInterval(); ok {
		m.expires = b.now() + time.Duration(seconds)*time.Second
	}
	edit := codec.Edit{Without: []codec.PropertyID{codec.WillDelayInterval, codec.MessageExpiryInterval}} // packet says what is left
	m.Properties = edit.Append(codec.Properties{}, p.Properties)
	m.size = len(m.Topic) + len(m.Payload) + m.Properties.Size() + 256*(2+bytes.Count(m.Topic, []byte("/"))) // with what is around it
	if m.Retain {
		reason = b.retain(m)
	}
	for _, s := range b.subscriptions.AppendTurns(nil, m.Topic) { // of a Shared Subscription, one member
		reason = max(reason, s.Key.deliver(m, s.Value, m.Retain && s.Value.options.RetainAsPublished()))
	}
	return reason
}

// retain keeps a message in place of what its topic had, if there is room. An empty
// one only clears the topic [MQTT-3.3.1-6, MQTT-3.3.1-7].
func (b *broker) retain(m message) mqttwire.Reason {
	old, _ := b.retained.Delete(m.Topic)
	b.kept -= old.size
	if len(m.Payload) > 0 && b.kept+m.size > maxRetained {
		return mqttwire.QuotaExceeded
	} else if len(m.Payload) > 0 {
		b.kept += m.size
		b.retained.Set(m.Topic, m) // an error: no Topic Name, which codec lets nobody send
	}
	return mqttwire.Success
}

// deliver gives the client a copy of a message, by one of its subscriptions, if
// there is room.
func (c *client) deliver(m message, by subscription, retain bool) mqttwire.Reason {
	m.QoS, m.Retain = min(m.QoS, by.options.QoS()), retain
	if by.id != 0 {
		m.Properties = codec.AppendSubscriptionIdentifier(m.Properties.Clone(), by.id) // [MQTT-3.3.4-3]
	}
	switch {
	case by.options.NoLocal() && m.from == c.id: // [MQTT-3.8.3-3]
	case m.QoS == 0: // now or never
		if c.conn != nil && len(c.conn.out) < maxAhead {
			c.conn.publish(m, 0)
		}
	case c.queued+m.size > maxQueue:
		return mqttwire.QuotaExceeded
	default:
		c.last++
		c.messages[c.last] = m
		c.queued += m.size
		c.pump()
	}
	return mqttwire.Success
}

// pump sends what the client takes: what a resumed session has to send again, then
// what waits.
func (c *client) pump() {
	conn, now := c.conn, c.broker.now()
	for again := true; again && conn != nil && len(conn.out) < maxAhead; {
		out, ev, ok := conn.machine.NextResend(conn.out, now)
		conn.out, again = out, ok
		if ev.Kind == session.Resend { // else it has been a PUBREL
			out, given, err := conn.machine.Resend(out, ev, c.messages[ev.Token].packet(now), now)
			conn.out, again = out, err == nil // as always: what was sent once can be sent again,
			c.landed(given.Token)             // or is given up: this connection takes no packet of its size
		}
	}
	for c.sent < c.last && conn != nil && conn.machine.Quota() > 0 && len(conn.out) < maxAhead {
		c.sent++
		if !conn.publish(c.messages[c.sent], c.sent) {
			c.landed(c.sent)
		}
	}
}

// publish sends a message, and reports whether it has: not where it has expired
// [MQTT-3.3.2-5], or is too large for the client, and so as good as delivered
// [MQTT-3.1.2-25].
func (c *conn) publish(m message, token uint64) bool {
	now := c.broker.now()
	if m.expires != 0 && m.expires <= now {
		return false
	}
	out, _, err := c.machine.Publish(c.out, m.packet(now), token, now)
	c.out = out
	c.turn.Broadcast()
	return err == nil
}

// packet returns the PUBLISH, as it is sent now.
func (m message) packet(now time.Duration) *codec.Publish {
	if m.expires != 0 { // the seconds that are left, rounded up [MQTT-3.3.2-6]
		left := (max(m.expires-now, 0) + time.Second - 1) / time.Second
		m.Properties = codec.AppendMessageExpiryInterval(m.Properties.Clone(), uint32(left))
	}
	return &m.Publish
}

// landed forgets a message that is not sent, or not again.
func (c *client) landed(token uint64) {
	c.queued -= c.messages[token].size
	delete(c.messages, token)
}
