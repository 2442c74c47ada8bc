package server

import (
	"runtime"
	"time"

	"github.com/mqttwire/mqttwire/codec"
)

const (
	workerBuffer    = 64 << 10
	maxWorkerBuffer = 1 << 20
)

// A worker is what a goroutine needs while it handles packets, and not while it
// waits for them: the server has as many as are at work.
type worker struct {
	server     *Server
	buf        []byte // to read into
	decoder    codec.Decoder
	now        time.Duration
	pub        posting
	matches    []match
	members    []match   // of a share
	several    []match   // of clients with several subscriptions
	ids        []uint32  // Subscription Identifiers of one delivery
	to         recipient // of one delivery
	scratch    codec.Properties
	plan       []planned
	planning   bool
	generation uint16 // of the session that a delivery is for
	origin     origin
	flushes    []*conn // have something to write
	acked      bool    // what waits may go on

	packetsIn, bytesIn, messagesIn, messagesOut int
}

func (s *Server) worker() *worker {
	w := s.workers.Get().(*worker)
	w.now = s.now()
	return w
}

// renew takes the time anew.
func (w *worker) renew() { w.now = w.server.now() }

// touch has a connection flushed, whose lock is held.
func (w *worker) touch(c *conn) {
	if !c.touched && len(c.out) > 0 {
		c.touched = true
		w.flushes = append(w.flushes, c)
	}
}

// flush writes what has gathered, and counts. Others run before it who may have
// something to say to the same clients, so that one write carries all of it.
func (w *worker) flush() {
	if len(w.flushes) > 0 {
		runtime.Gosched()
		for i, c := range w.flushes {
			c.flush()
			w.flushes[i] = nil
		}
		w.flushes = w.flushes[:0]
	}
	w.server.stats.add(w)
}

// finish flushes and gives the worker back.
func (w *worker) finish() {
	w.flush()
	w.server.workers.Put(w)
}
