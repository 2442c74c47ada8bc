package server

import (
	"errors"
	"os"
	"time"
)

const (
	maxWrite  = 64 << 10 // the most that is written within one WriteTimeout
	maxBuffer = 64 << 10 // the largest buffer that is used again
)

// flush writes what has gathered, as far as the socket takes it at once. What
// it does not take a goroutine goes on writing, so that nobody waits for a
// client that does not read.
func (c *conn) flush() {
	if c.client == nil {
		c.flushAlone()
		return
	}
	c.client.mu.Lock()
	defer c.client.mu.Unlock()
	c.touched = false
	for !c.writing && len(c.out) > 0 && !c.lost.Load() {
		b, box := c.take()
		owed := c.owes
		c.writing = true
		n, err := 0, error(nil)
		if c.raw != nil {
			c.unlock()
			if err = c.server.journal.sync(owed); err == nil { // what the bytes promise is kept
				c.age(box, b, 0)
				n, err = c.tryWrite(b)
			}
			c.lock()
		}
		c.server.stats.bytesOut.Add(int64(len(b)))
		switch {
		case err != nil:
			c.lose()
		case n < len(b):
			go c.writeRest(b[n:], box, b, owed)
			return
		}
		c.recycle(b, box)
		c.wrote()
	}
}

// flushAlone writes before there is a client: little, and nobody else waits.
func (c *conn) flushAlone() {
	c.touched = false
	b, box := c.take()
	if len(b) > 0 && !c.lost.Load() {
		c.net.SetWriteDeadline(time.Now().Add(c.server.config.Linger))
		if _, err := c.net.Write(b); err != nil {
			c.lost.Store(true)
		}
		c.net.SetWriteDeadline(time.Time{})
	}
	c.recycle(b, box)
}

// owe notes that what is to be written promises what the journal has got since
// a mark.
func (c *conn) owe(since uint64) {
	if now := c.server.journal.Mark(); now != since {
		c.owes = now
	}
}

// take takes what is to be written.
func (c *conn) take() (b []byte, box *buffer) {
	b, box = c.out, c.box
	c.out, c.box = nil, nil
	return b, box
}

// recycle gives the memory of what was written back.
func (c *conn) recycle(b []byte, box *buffer) {
	if box == nil {
		return
	}
	if cap(b) <= maxBuffer {
		box.b = b[:0]
	}
	if box.aging = box.aging[:0]; cap(box.aging) > maxAging {
		box.aging = nil
	}
	c.server.buffers.Put(box)
}

// wrote notes that a write is over, and sends what has waited for room.
func (c *conn) wrote() {
	c.writing = false
	c.signal()
	if cl := c.client; cl != nil && cl.conn == c {
		if cl.resuming || cl.waiting.n > 0 || len(cl.backlog) > 0 {
			cl.pump(c.server.now())
		}
	}
}

func (c *conn) signal() {
	if c.progress != nil {
		close(c.progress)
		c.progress = nil
	}
}

// lose notes that the connection takes nothing any more.
func (c *conn) lose() {
	c.lost.Store(true)
	c.recycle(c.take())
	c.wake()
}

// writeRest writes what the socket did not take at once, and then all that has
// come meanwhile.
func (c *conn) writeRest(rest []byte, box *buffer, whole []byte, owed uint64) {
	for {
		err := c.server.journal.sync(owed)
		if err == nil {
			err = c.writeAll(rest, box, whole)
		}
		c.lock()
		c.recycle(whole, box)
		if err != nil {
			c.lose()
		}
		c.wrote()
		if len(c.out) == 0 || c.lost.Load() {
			c.unlock()
			return
		}
		c.writing = true
		whole, box = c.take()
		rest, owed = whole, c.owes
		c.server.stats.bytesOut.Add(int64(len(rest)))
		c.unlock()
	}
}

// writeAll writes b, the end of what was taken. Each piece has its time.
func (c *conn) writeAll(b []byte, box *buffer, whole []byte) error {
	for len(b) > 0 {
		c.age(box, whole, len(whole)-len(b))
		began, limit := time.Now(), c.server.config.WriteTimeout
		c.net.SetWriteDeadline(began.Add(limit))
		n, err := c.net.Write(b[:min(len(b), maxWrite)])
		b = b[n:]
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
func (c *conn) age(box *buffer, b []byte, from int) {
	if len(box.aging) > 0 {
		box.age(b, from, c.server.now())
	}
}

// waitProgress waits until something was written, or cannot be, or until stop.
func (c *conn) waitProgress(stop <-chan struct{}) {
	c.lock()
	if !c.writing && len(c.out) > 0 && !c.lost.Load() { // not begun yet
		c.unlock()
		c.flush()
		c.lock()
	}
	if !c.writing || c.lost.Load() {
		c.unlock()
		return
	}
	if c.progress == nil {
		c.progress = make(chan struct{})
	}
	ch := c.progress
	c.unlock()
	select {
	case <-ch:
	case <-stop:
	}
}

// finishWriting writes what is left, for at most the time of Linger.
func (c *conn) finishWriting() {
	var limit *time.Timer
	for {
		c.flush()
		c.lock()
		done := c.lost.Load() || !c.writing && len(c.out) == 0
		c.unlock()
		if done {
			break
		}
		if limit == nil {
			limit = time.AfterFunc(c.server.config.Linger, func() { c.net.Close() })
			defer limit.Stop()
		}
		c.waitProgress(nil)
	}
}
