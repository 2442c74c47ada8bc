package server

import (
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
)

// An outbox holds what is to be written to a client and writes it: all that
// has gathered at once, by a goroutine that lives while there is something to
// write.
//
// What the client's own packets earn is appended as they are handled, and the
// handling waits for room, so that a client that does not read is not read
// from. Messages of others never wait: they are dropped.
type outbox struct {
	conn      net.Conn
	config    *Config
	rules     codec.Rules
	maxPacket int // what the client takes, in bytes (5.0 §3.1.2.11.4)

	mu      sync.Mutex
	changed sync.Cond // less to write, or closed
	buf     []byte
	spare   []byte
	writing bool
	begun   bool            // has had a packet, so the CONNACK
	closed  bool            // takes no more; finish writes the last packet
	stopped mqttwire.Reason // why, where another goroutine has closed it
	until   time.Time       // when finish gives up
	dropped atomic.Uint64
	scratch codec.Properties
}

const (
	keepBuffer = 16 << 10 // the largest buffer that is kept for the next write, in bytes
	maxWrite   = 64 << 10 // the most that is written within one WriteTimeout

	// takeoverGrace is how long a client whose place another has taken is read
	// from: its DISCONNECT may have come before the other's CONNECT, and its will
	// is not to be published then.
	takeoverGrace = 50 * time.Millisecond
)

func (o *outbox) init(conn net.Conn, config *Config) {
	o.conn, o.config = conn, config
	o.rules.From = mqttwire.Server
	o.maxPacket = codec.MaxPacketSize
	o.changed.L = &o.mu
}

// append appends a packet. It reports false where the client takes no packet
// of that size.
func (o *outbox) append(p codec.Packet) bool {
	if p.Size(o.rules.Version) > o.maxPacket {
		return false
	}
	b, err := p.Append(o.buf, o.rules)
	if err != nil {
		panic("server: " + p.Type().String() + ": " + err.Error()) // only this package fills them
	}
	o.buf, o.begun = b, true
	o.startWriting()
	return true
}

// publish appends a message unless the queue is full. The matches are the
// client's subscriptions that it matches.
func (o *outbox) publish(m *message, retain bool, matches []match, waited uint32) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return true // nobody is there to miss it
	}
	p := codec.Publish{Topic: m.topic, Payload: m.payload, Retain: retain}
	if o.rules.Version == mqttwire.V50 {
		p.Properties = m.propertiesFor(matches, waited, &o.scratch)
	}
	if len(o.buf) >= o.config.MaxQueue || p.Size(o.rules.Version) > o.maxPacket {
		o.dropped.Add(1)
		return false
	}
	b, err := p.Append(o.buf, o.rules)
	if err != nil {
		o.dropped.Add(1) // a block of properties that identifiers have made too long
		return false
	}
	o.buf = b
	o.startWriting()
	return true
}

// wait returns when there is room, with false if the client has ended.
func (o *outbox) wait() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.buf) >= o.config.MaxQueue && !o.closed {
		o.changed.Wait()
	}
	return !o.ended()
}

// ended reports whether nothing more that the client sends is handled.
func (o *outbox) ended() bool { return o.closed && o.stopped != mqttwire.SessionTakenOver }

func (o *outbox) isClosed() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.closed
}

// readBefore sets the deadline of the next read, the zero Time for none,
// unless the outbox is closed. It returns false if the client has ended.
func (o *outbox) readBefore(t time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.closed {
		o.conn.SetReadDeadline(t)
	}
	return !o.ended()
}

// stop closes the outbox for another goroutine than the one that reads from
// the client, and wakes that, in time.
func (o *outbox) stop(why mqttwire.Reason) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return
	}
	o.closed, o.stopped = true, why
	deadline := time.Unix(1, 0)
	if why == mqttwire.SessionTakenOver {
		deadline = time.Now().Add(takeoverGrace)
	}
	o.conn.SetReadDeadline(deadline)
	o.changed.Broadcast()
}

// finish closes the outbox, appends a last packet unless it is nil or too
// large, and returns when all is written or cannot be.
func (o *outbox) finish(last codec.Packet) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	if last != nil {
		o.append(last)
	}
	o.until = time.Now().Add(o.config.Linger)
	o.conn.SetWriteDeadline(o.until)
	for o.writing {
		o.changed.Wait()
	}
}

func (o *outbox) startWriting() {
	if !o.writing {
		o.writing = true
		go o.write()
	}
}

func (o *outbox) write() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.buf) > 0 {
		out := o.buf
		o.buf, o.spare = o.spare[:0], nil
		o.changed.Broadcast()
		for rest := out; len(rest) > 0; {
			n := min(len(rest), maxWrite)
			if o.writeLocked(rest[:n]) != nil {
				o.closed, o.buf = true, nil
				o.conn.Close() // wakes who reads
				break
			}
			rest = rest[n:]
		}
		if cap(out) <= keepBuffer {
			o.spare = out
		}
	}
	o.writing = false
	o.changed.Broadcast()
}

// writeLocked writes b, without the lock that it is called with.
func (o *outbox) writeLocked(b []byte) error {
	deadline := o.until
	if deadline.IsZero() {
		deadline = time.Now().Add(o.config.WriteTimeout)
	}
	o.conn.SetWriteDeadline(deadline)
	o.mu.Unlock()
	_, err := o.conn.Write(b)
	o.mu.Lock()
	return err
}
