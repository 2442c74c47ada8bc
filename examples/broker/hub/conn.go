package hub

import (
	"sync/atomic"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/examples/broker/outbox"
	"github.com/mqttwire/mqttwire/session"
)

const v5 = mqttwire.V50

// A Carrier carries the bytes of one connection. The hub calls it from any
// goroutine.
type Carrier interface {
	// Flush writes what Take gives, as far as that goes at once: nobody waits for
	// a client that does not read. No lock is held.
	Flush()
	// Wake has who serves the connection ask for its Call anew, soon. Locks may be
	// held: it must not block, nor call the hub.
	Wake()
}

// A Conn is a connection at the hub. One goroutine serves it and owns it, by the
// methods from [Conn.Call] on. What is from machine on is shared with those who have
// messages for it, once it has a client, and guarded by the client's mu then.
type Conn struct {
	hub     *Hub
	carrier Carrier
	framer  codec.Framer
	client  *client // set once
	who     Peer
	door    *account        // of its address
	input   int             // bytes charged for a packet that has not all come
	denied  mqttwire.Reason // the CONNECT is refused with it, whatever it says
	entry   *entry          // it is let in, and waits for another to leave

	placeless bool // it is not of MaxConnections

	exchange Exchange // enhanced authentication that goes on

	bridge        bool   // it says that it is another broker's
	assigned      bool   // the Client Identifier is the server's
	method        string // Authentication Method
	maximumPacket int    // the client's Maximum Packet Size, 0 for none
	asked         asked

	kicked   atomic.Uint32          // why another goroutine wants it to end
	why      atomic.Pointer[string] // the same in words
	awaited  atomic.Bool            // there is something for Attend
	waits    atomic.Bool            // it is held back
	hold     hold                   // what it is held back for; by the mu of that client, while it waits
	drains   atomic.Bool            // it is to end once nothing waits
	received int                    // bytes
	logged   int                    // of them, that have paid for their part of the log
	stalled  bool                   // the client does not read what it asks for
	ordered  bool                   // the client has sent a normal DISCONNECT
	farewell *farewell              // the hub ends it, once it has answered
	deferred bool                   // what becomes of the session the next run decides
	linger   bool                   // the hub ends it, and may have said why
	ending   string                 // why it ends, for the log

	machine session.Server // by the mu of the client from here on
	out     outbox.Outbox
	output  int           // bytes charged for what is to be written
	writing int           // bytes of the batch that is being written
	alarm   time.Duration // what Deadline has returned, 0 for none
	touched bool          // a worker will flush it
	aliases bool          // it takes Topic Aliases
	dropped uint64
	heirs   []*Conn // wait for its client
	expiry  timer   // of its access
	last    timer   // when a farewell waits no longer, or what drains
	moved   bool    // something was written, or acknowledged, since last was set

	answering bool // what a Handler has decided is not acknowledged yet
}

func (c *Conn) lock() {
	if c.client != nil {
		c.client.mu.Lock()
	}
}

func (c *Conn) unlock() {
	if c.client != nil {
		c.client.mu.Unlock()
	}
}

// Peer returns who is at the other end. Before the CONNECT is received more may be
// said of it.
func (c *Conn) Peer() *Peer { return &c.who }

// A Call is what the hub wants of who serves a connection.
type Call uint8

// The calls.
const (
	Read   Call = iota // read, and Receive; at Deadline Receive what has come, and Poll
	Hear               // Receive what has come, without waiting, then say Heard
	Attend             // Attend
	Wait               // neither read nor poll before Wake
	Over               // Leave, write what there is, and close
)

// Call returns what is wanted now.
func (c *Conn) Call() Call {
	switch {
	case c.ending != "":
		return Over
	case c.out.Lost():
		return Attend
	case c.kicked.Load() != 0:
		if c.hearsOut() {
			return Hear
		}
		return Attend
	case c.awaited.Load():
		return Attend
	case c.entry != nil, c.waits.Load():
		return Wait
	case !c.stalled:
		return Read
	}
	c.lock()
	defer c.unlock()
	if c.full() && c.out.Await() {
		return Wait
	}
	return Attend
}

// called reports whether the connection is to end, and what has come counts no more.
func (c *Conn) called() bool { return c.kicked.Load() != 0 && !c.hearsOut() || c.out.Lost() }

// hearsOut reports whether what has come counts although the connection is to
// end: the DISCONNECT of a client whose session is taken over may have come before
// the other's CONNECT, and its will is not to be published then.
func (c *Conn) hearsOut() bool {
	why := mqttwire.Reason(c.kicked.Load())
	return why == mqttwire.SessionTakenOver || why != 0 && c.parted(why)
}

// Attend does what was called for.
func (c *Conn) Attend(w *Worker) {
	why := mqttwire.Reason(c.kicked.Load())
	switch {
	case c.ending != "":
	case why == mqttwire.ServerShuttingDown && c.out.Lost():
		c.lock()
		c.leaveWill()
		c.unlock()
		c.ending = "cut by the end of the server"
	case c.out.Lost():
		c.ending = "connection lost while writing"
	case why != 0 && !c.hearsOut():
		c.end(why)
	default:
		c.awaited.Store(false)
		c.stalled = false
		if c.entry != nil {
			c.enter(w)
		}
		c.Receive(w, 0, w.now)
		c.drain(w)
	}
	c.lock()
	w.touch(c)
	c.unlock()
}

// Heard ends the connection, after Hear.
func (c *Conn) Heard(w *Worker) {
	if c.ending == "" && !c.out.Lost() {
		if c.parted(mqttwire.Reason(c.kicked.Load())) {
			c.tellLast(w.now)
		}
		c.end(mqttwire.Reason(c.kicked.Load()))
	}
	c.lock()
	w.touch(c)
	c.unlock()
}

// end ends the connection for the reason that another goroutine has.
func (c *Conn) end(why mqttwire.Reason) {
	text := ""
	if t := c.why.Load(); t != nil {
		text = *t
	}
	c.disconnect(why, text)
}

// Poll does what is due at Deadline, once what has come by then is received: a
// process that was stopped finds its deadlines past, and what would have put them
// off waiting. A spurious call is harmless.
func (c *Conn) Poll(w *Worker, now time.Duration) {
	c.lock()
	defer c.unlock()
	for {
		out, ev, err := c.machine.Poll(c.out.Bytes(), now)
		c.out.Gather(out)
		if err != nil {
			c.ending, c.linger = err.Error(), true
		}
		if ev.Kind != session.Resend || !c.resend(ev, now) {
			break
		}
	}
	w.touch(c)
}

// Deadline returns when to Poll. ok is false where there is nothing to wait for.
func (c *Conn) Deadline() (at time.Duration, ok bool) {
	c.lock()
	defer c.unlock()
	if at, ok = c.machine.Deadline(); !ok {
		at = 0
	}
	c.alarm = at
	return at, ok
}

// sooner has Deadline asked for anew where a message that was sent has brought it
// nearer. The lock is held.
func (c *Conn) sooner() {
	if c.hub.config.Retry == 0 {
		return
	}
	if at, ok := c.machine.Deadline(); ok && (c.alarm == 0 || at < c.alarm) {
		c.await()
	}
}

// Take begins a write: see [outbox.Outbox.Take]. Any goroutine may call it for
// Flush.
func (c *Conn) Take() (b outbox.Batch, ok bool) {
	c.lock()
	c.touched = false
	b, ok = c.take()
	c.unlock()
	c.begin(b, ok)
	return b, ok
}

func (c *Conn) take() (b outbox.Batch, ok bool) {
	if b, ok = c.out.Take(); ok {
		c.writing = len(b.Bytes)
		c.weighOutput()
	}
	return b, ok
}

// begin notes that a batch is written, if there is one.
func (c *Conn) begin(b outbox.Batch, ok bool) {
	if !ok {
		return
	}
	s := &c.hub.stats
	s.bytesOut.Add(int64(len(b.Bytes)))
	s.packetsOut.Add(int64(b.Parts))
	if c.hub.debug {
		c.traceSent(b.Bytes)
	}
}

// Wrote ends a write, with an error for good, and begins the next: what has waited
// for room is sent.
func (c *Conn) Wrote(b outbox.Batch, err error, now time.Duration) (next outbox.Batch, ok bool) {
	c.lock()
	c.writing = 0
	if c.out.Wrote(b, err) || err != nil {
		c.carrier.Wake()
	}
	if cl := c.client; cl != nil && cl.conn == c {
		if cl.hasMore() {
			cl.pressure.progress = now
			cl.pump(now)
		}
		c.moved = true
		c.drained()
	}
	c.weighOutput()
	next, ok = c.take()
	searches := c.searches()
	c.unlock()
	c.begin(next, ok)
	yield(searches)
	return next, ok
}

// Unkept returns what the client is told instead of bytes that promise what a Store
// that is full has not kept, before the connection ends: in its CONNACK that the
// server is unavailable, else in 5.0 that it is busy. Any goroutine may call it.
func (c *Conn) Unkept(b []byte) []byte {
	c.lock()
	defer c.unlock()
	rules := codec.Rules{Version: c.machine.Version(), From: mqttwire.Server}
	var last codec.Packet
	switch five := rules.Version == v5; {
	case len(b) == 0:
		return nil
	case mqttwire.PacketType(b[0]>>4) == mqttwire.CONNACK:
		code, _ := connack.ServerUnavailable.In(rules.Version)
		last = &codec.Connack{Code: code}
	case five:
		last = &codec.Disconnect{Code: mqttwire.ServerBusy, Properties: c.say("the store is full")}
	default:
		return nil // which has no packet for it
	}
	told, _ := last.Append(nil, rules)
	return told
}

// Unwritten reports whether there is something to write still, at whose end Wake
// is called.
func (c *Conn) Unwritten() bool {
	c.lock()
	defer c.unlock()
	return c.out.Await()
}

// Joined reports whether others may have messages for the connection.
func (c *Conn) Joined() bool { return c.client != nil }

// full reports whether the client does not read what it asks for.
func (c *Conn) full() bool { return c.out.Len()-c.hub.ahead >= c.hub.config.MaxQueue }

// Kick has the connection end, with a DISCONNECT in 5.0. Any goroutine may call
// it.
func (c *Conn) Kick(why mqttwire.Reason, text string) {
	if text != "" {
		c.why.CompareAndSwap(nil, &text)
	}
	if c.kicked.CompareAndSwap(0, uint32(why)) {
		c.carrier.Wake()
	}
}

// Cut says that nothing can be written any more, because the server ends. Any
// goroutine may call it.
func (c *Conn) Cut() {
	c.kicked.CompareAndSwap(0, uint32(mqttwire.ServerShuttingDown))
	c.out.Lose()
	c.carrier.Wake()
}

// await has Attend called.
func (c *Conn) await() {
	if c.awaited.CompareAndSwap(false, true) {
		c.carrier.Wake()
	}
}

// Lost says that nothing is to be read any more, and why.
func (c *Conn) Lost(why string) {
	if c.ending == "" {
		c.ending = why
	}
}

// Lingers reports whether the last that was written may say why the connection
// ends: what the client is still sending must not reset it before that is read.
func (c *Conn) Lingers() bool { return c.linger && !c.out.Lost() }

// say returns a Reason String. Whether it is sent is the session's business.
func (c *Conn) say(text string) codec.Properties {
	if c.machine.Version() != v5 || text == "" {
		return codec.Properties{}
	}
	return codec.AppendReasonString(codec.Properties{}, text)
}
