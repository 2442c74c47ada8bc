package hub

import (
	"runtime"
	"time"

	"github.com/mqttwire/mqttwire/codec"
)

const (
	workerBuffer    = 64 << 10
	maxWorkerBuffer = 1 << 20
)

// A Worker is what a goroutine needs while it is at work in the hub, and not while
// it waits: the time, memory, and the connections that it has something for. The
// hub has as many as are at work.
type Worker struct {
	hub     *Hub
	now     time.Duration
	buf     []byte // to read into
	decoder codec.Decoder

	pub     posting
	matches []match
	several []match  // of clients with several subscriptions
	members []match  // of a share
	intent  intent   // that is being executed
	ids     []uint32 // its Subscription Identifiers
	scratch codec.Properties
	plan    plan

	flushes []*Conn // have something to write
	acked   bool    // what waits may go on
	behind  *client // has got a message, and is far behind
	taker   uint64  // the serial of the last that has got one
	takers  int     // how many have

	counted counts
}

// Worker returns a worker, for one goroutine until Finish.
func (h *Hub) Worker(now time.Duration) *Worker {
	w := h.workers.Get().(*Worker)
	w.now = now
	return w
}

// touch has a connection flushed, whose lock is held.
func (w *Worker) touch(c *Conn) {
	c.weighOutput()
	if !c.touched && c.out.Len() > 0 {
		c.touched = true
		w.flushes = append(w.flushes, c)
	}
}

// Flush has what has gathered written, and counts. Others run before it who may
// have something to say to the same clients, so that one write carries all of it.
func (w *Worker) Flush() {
	if len(w.flushes) > 0 {
		runtime.Gosched()
		for i, c := range w.flushes {
			c.carrier.Flush()
			w.flushes[i] = nil
		}
		w.flushes = w.flushes[:0]
	}
	w.hub.stats.add(w)
}

// Finish flushes and gives the worker back.
func (w *Worker) Finish() {
	w.Flush()
	w.hub.workers.Put(w)
}

// took counts a client that has got the message.
func (w *Worker) took(cl *client) { w.takers, w.taker = w.takers+1, cl.serial }
