package main

import (
	"io"
	"sync"
	"time"
)

// An output writes lines in a goroutine of its own, so that a slow terminal does
// not hold up a connection. What it cannot hold it drops, and counts.
type output struct {
	w     io.Writer
	start time.Time
	mu    sync.Mutex
	more  sync.Cond
	lines [][]byte
	size  int
	drops int
	ended bool
	done  chan struct{}
}

// maxWaiting is how many bytes of lines wait at most.
const maxWaiting = 32 << 20

func newOutput(w io.Writer) *output {
	o := &output{w: w, start: time.Now(), done: make(chan struct{})}
	o.more.L = &o.mu
	go o.run()
	return o
}

func (o *output) now() time.Duration { return time.Since(o.start) }

func (o *output) put(line []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.size+len(line) > maxWaiting {
		o.drops++
		return
	}
	o.lines = append(o.lines, line)
	o.size += len(line)
	o.more.Signal()
}

func (o *output) lost() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.drops
}

func (o *output) run() {
	defer close(o.done)
	var batch []byte
	for {
		o.mu.Lock()
		for len(o.lines) == 0 && !o.ended {
			o.more.Wait()
		}
		lines := o.lines
		o.lines = nil
		if len(lines) == 0 {
			o.mu.Unlock()
			return
		}
		o.mu.Unlock()
		n := 0
		batch = batch[:0]
		for _, l := range lines {
			batch = append(batch, l...)
			n += len(l)
			if len(batch) > 64<<10 {
				o.w.Write(batch)
				batch = batch[:0]
			}
		}
		o.w.Write(batch)
		o.mu.Lock()
		o.size -= n
		o.mu.Unlock()
	}
}

// close writes what waits, and returns.
func (o *output) close() {
	o.mu.Lock()
	o.ended = true
	o.more.Signal()
	o.mu.Unlock()
	<-o.done
}
