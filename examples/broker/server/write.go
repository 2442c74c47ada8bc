package server

import (
	"errors"
	"os"
	"time"

	"github.com/mqttwire/mqttwire/examples/broker/keep"
	"github.com/mqttwire/mqttwire/examples/broker/outbox"
)

const maxWrite = 64 << 10 // the most that is written within one WriteTimeout

// Flush writes what has gathered, as far as the socket takes it at once: it is the
// hub that calls. What it does not take a goroutine goes on writing, so that
// nobody waits for a client that does not read.
func (c *conn) Flush() {
	alone := !c.peer.Joined()
	b, ok := c.peer.Take()
	for ok {
		n, err := 0, error(nil)
		switch {
		case alone:
			n, err = c.writeAlone(b.Bytes)
		case c.raw != nil:
			if err = c.server.hub.Sync(b.Owes); err == nil { // what the bytes promise is kept
				c.age(&b, 0)
				n, err = c.tryWrite(b.Bytes)
			} else if errors.Is(err, keep.ErrFull) {
				c.tryWrite(c.peer.Unkept(b.Bytes))
			}
		}
		if err == nil && (n < len(b.Bytes) || c.spooled()) {
			go c.writeRest(b, n)
			return
		}
		n = len(b.Bytes)
		if b, ok = c.peer.Wrote(b, err, c.server.now()); ok {
			yield(n) // between the locks, and not when the time is over under one
		}
	}
}

// writeAlone writes before there is a client: little, and nobody else waits.
func (c *conn) writeAlone(b []byte) (int, error) {
	c.net.SetWriteDeadline(time.Now().Add(c.server.config.Linger))
	defer c.net.SetWriteDeadline(time.Time{})
	return c.net.Write(b)
}

// writeRest writes what the socket did not take at once, and then all that has
// come meanwhile.
func (c *conn) writeRest(b outbox.Batch, from int) {
	for ok := true; ok; from = 0 {
		err := c.server.hub.Sync(b.Owes)
		if err == nil {
			err = c.writeAll(b, from)
		} else if errors.Is(err, keep.ErrFull) && from == 0 {
			c.writeAlone(c.peer.Unkept(b.Bytes))
		}
		n := len(b.Bytes)
		if b, ok = c.peer.Wrote(b, err, c.server.now()); ok {
			yield(n)
		}
	}
}

// writeAll writes a batch from a place on. Each piece has its time.
func (c *conn) writeAll(b outbox.Batch, from int) error {
	for from < len(b.Bytes) || c.spooled() {
		c.age(&b, from)
		began, limit := time.Now(), c.server.config.WriteTimeout
		c.net.SetWriteDeadline(began.Add(limit))
		n, err := c.writePiece(b.Bytes[from:min(from+maxWrite, len(b.Bytes))])
		from += n
		if errors.Is(err, os.ErrDeadlineExceeded) && time.Since(began) > limit+glance {
			continue // the process was stopped meanwhile: the client may have read
		}
		if err != nil {
			return err
		}
	}
	return c.net.SetWriteDeadline(time.Time{})
}

// age counts down what is written now.
func (c *conn) age(b *outbox.Batch, from int) {
	if b.Ages() {
		b.Age(from, c.server.now())
	}
}

// finishWriting writes what is left, as long as no batch takes longer than Linger.
func (c *conn) finishWriting() {
	var limit *time.Timer
	for c.Flush(); c.peer.Unwritten(); <-c.woken {
		if limit == nil {
			limit = time.AfterFunc(c.server.config.Linger, func() { c.net.Close() })
			defer limit.Stop()
		} else {
			limit.Reset(c.server.config.Linger)
		}
	}
}
