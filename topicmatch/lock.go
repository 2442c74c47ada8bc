package topicmatch

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// lock lets many readers in at once, or one writer. It is a sync.RWMutex whose
// readers count themselves on cache lines of their own, so that cores that
// only read do not slow each other down; the writer looks at all of the lines.
//
// A writer can also let readers in for a while, and still be the only one: what
// takes long it prepares then, beside what they read, and puts in its place
// while they are kept out.
type lock struct {
	change  sync.Mutex    // held by the writer
	gate    sync.Mutex    // held by the writer while readers are kept out
	writing atomic.Bool   // the same, for readers
	left    chan struct{} // made by the first writer that had to wait
	lines   [16]readers
	next    atomic.Uint32
}

// readers is a line of its own, with its neighbour, which processors fetch with it.
type readers struct {
	n atomic.Int32
	_ [124]byte
}

// line hands the lines out in turn.
func (l *lock) line() *readers {
	return &l.lines[l.next.Add(1)%uint32(len(l.lines))]
}

// Matches and changes take a microsecond or so: whoever has to wait looks
// again this often, for a few microseconds, before it gives its thread away.
const spins = 2000

func (l *lock) rlock(r *readers) {
	for range 2 {
		r.n.Add(1)
		if !l.writing.Load() {
			return
		}
		l.runlock(r)
		for i := 0; i < spins && l.writing.Load(); i++ {
		}
	}
	// Whoever holds the gate keeps writers out; whoever counts under it has entered.
	l.gate.Lock()
	r.n.Add(1)
	l.gate.Unlock()
}

func (l *lock) runlock(r *readers) {
	if r.n.Add(-1) == 0 && l.writing.Load() {
		select {
		case l.left <- struct{}{}:
		default: // the writer has been told already
		}
	}
}

// exclude keeps readers out until admit. The writer calls it.
func (l *lock) exclude() {
	l.gate.Lock()
	if l.left == nil {
		l.left = make(chan struct{}, 1)
	}
	l.writing.Store(true)
	for i := range l.lines {
		if l.lines[i].n.Load() != 0 {
			l.wait(&l.lines[i])
		}
	}
}

func (l *lock) admit() {
	l.writing.Store(false)
	l.gate.Unlock()
}

// wait waits until the readers of one line have left.
func (l *lock) wait(r *readers) {
	for tries := 0; r.n.Load() != 0; tries++ {
		switch {
		case tries < spins:
		case tries < spins+10:
			runtime.Gosched()
		default:
			<-l.left
		}
	}
}
