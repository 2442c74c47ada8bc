package main

import (
	"context"
	"errors"
	"time"
)

// What a wait ends with other than success.
var (
	errEnded    = errors.New("the broker closed the connection")
	errDeadline = errors.New("stalled")
)

// loop serves all connections of the generator from one goroutine: no lock, no
// goroutine to wake, and as many system calls as there are batches.
type loop struct {
	ctx   context.Context
	poll  *poller
	conns []*conn // by descriptor
	dirty []*conn // have something to write
	buf   []byte  // what is read into; a whole packet is nowhere else

	// round is called after every round of reading, before what it gave rise
	// to is written.
	round func()
	// spin has the loop poll all the time: it costs a core and saves waking up.
	spin bool
	err  error // the first thing that went wrong
}

func newLoop(ctx context.Context) (*loop, error) {
	p, err := newPoller()
	if err != nil {
		return nil, err
	}
	return &loop{ctx: ctx, poll: p, buf: make([]byte, 256<<10)}, nil
}

// close closes all connections.
func (l *loop) close() {
	for _, c := range l.conns {
		if c != nil {
			c.close()
		}
	}
	l.poll.close()
}

func (l *loop) fail(err error) {
	if l.err == nil {
		l.err = err
	}
}

// step does one round: it reads what has come, waiting for it for some time,
// and writes what is to be written.
func (l *loop) step(wait time.Duration) {
	l.flush()
	if l.spin {
		wait = 0
	}
	if err := l.poll.wait(wait, l.ready); err != nil {
		l.fail(err)
	}
	if l.round != nil {
		l.round()
	}
	l.flush()
}

func (l *loop) ready(fd int, in, out bool) {
	c := l.conns[fd]
	if c == nil {
		return // closed within this round
	}
	if out {
		c.flush()
	}
	if in && !c.closed {
		c.read()
	}
}

func (l *loop) flush() {
	for i := 0; i < len(l.dirty); i++ {
		l.dirty[i].dirty = false
		l.dirty[i].flush()
	}
	l.dirty = l.dirty[:0]
}

// until serves the connections until done says so, or for at most so long, in
// which case it returns errDeadline.
func (l *loop) until(limit time.Duration, done func() bool) error {
	const tick = 10 * time.Millisecond
	end := time.Now().Add(limit)
	for !done() {
		if err := l.ctx.Err(); err != nil {
			return err
		}
		if l.err != nil {
			return l.err
		}
		left := time.Until(end)
		if left <= 0 {
			return errDeadline
		}
		l.step(min(tick, left+time.Millisecond))
	}
	return l.err
}

// sleep serves the connections for so long.
func (l *loop) sleep(d time.Duration) error {
	if err := l.until(d, func() bool { return false }); !errors.Is(err, errDeadline) {
		return err
	}
	return nil
}

// untilQuiet serves the connections until done says so, and gives up with
// errDeadline when what progress returns has not changed for so long, or after
// the limit.
func (l *loop) untilQuiet(quiet, limit time.Duration, progress func() int, done func() bool) error {
	last, since := progress(), time.Now()
	var gaveUp bool
	err := l.until(limit, func() bool {
		if done() {
			return true
		}
		if p := progress(); p != last {
			last, since = p, time.Now()
		}
		gaveUp = time.Since(since) > quiet
		return gaveUp
	})
	if err == nil && gaveUp {
		return errDeadline
	}
	return err
}
