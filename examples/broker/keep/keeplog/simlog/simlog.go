// Package simlog is a [keeplog.Log] in memory, for tests: it fails, forgets and
// crashes where it is told to.
package simlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/mqttwire/mqttwire/examples/broker/keep"
	"github.com/mqttwire/mqttwire/examples/broker/keep/keeplog"
)

// Op is what a Log is asked for.
type Op uint8

// The operations that Log.Fate is asked about.
const (
	Append Op = iota
	Read
	Purge
)

// Fate is what becomes of an operation.
type Fate uint8

// The fates.
const (
	Done        Fate = iota
	Full             // of Append: refused, nothing was written
	Lost             // of Append: nothing was written, and nobody knows
	Unheard          // of Append: it was written, and nobody knows
	Broken           // an error, nothing was done
	CrashBefore      // the process ends, before anything is done
	CrashAmid        // of Purge: with half of it done
	CrashAfter       // with all of it done
)

// ErrBroken is the error of a Log that is broken, ErrCrashed that of one whose
// process has ended.
var (
	ErrBroken  = errors.New("simlog: input/output error")
	ErrCrashed = errors.New("simlog: the process has ended")
)

// A Disk is what outlives a process. The zero value is empty.
type Disk struct {
	mu      sync.Mutex
	batches []batch
	last    uint64
	ids     map[string]uint64
}

type batch struct {
	pos uint64
	b   []byte
}

// Open returns the Log of a process that begins. What the process before it had
// is its own.
func (d *Disk) Open() *Log { return &Log{disk: d} }

// Bytes returns how many bytes there are.
func (d *Disk) Bytes() (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, x := range d.batches {
		n += len(x.b)
	}
	return n
}

// Positions returns the positions of what there is.
func (d *Disk) Positions() (all []uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, x := range d.batches {
		all = append(all, x.pos)
	}
	return all
}

// Change replaces what is at a position; nil takes it away.
func (d *Disk) Change(pos uint64, f func(b []byte) []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := slices.IndexFunc(d.batches, func(x batch) bool { return x.pos == pos })
	if d.batches[i].b = f(bytes.Clone(d.batches[i].b)); d.batches[i].b == nil {
		d.batches = slices.Delete(d.batches, i, i+1)
	}
}

// Clone returns a copy.
func (d *Disk) Clone() *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	return &Disk{batches: slices.Clone(d.batches), last: d.last, ids: d.ids}
}

// A Log is a Disk as one process has it.
type Log struct {
	// Fate decides what becomes of an operation. Nil: all are Done.
	Fate func(Op) Fate

	disk    *Disk
	crashed bool
}

var _ keeplog.Log = (*Log)(nil)

func (l *Log) fate(op Op) (Fate, error) {
	f := Done
	if l.crashed {
		return f, ErrCrashed
	}
	if l.Fate != nil {
		f = l.Fate(op)
	}
	l.crashed = f >= CrashBefore
	switch f {
	case CrashBefore:
		return f, ErrCrashed
	case Broken:
		return f, ErrBroken
	}
	return f, nil
}

// Append implements keeplog.Log.
func (l *Log) Append(_ context.Context, id string, b []byte) (uint64, error) {
	f, err := l.fate(Append)
	switch {
	case err != nil:
		return 0, err
	case f == Full:
		return 0, fmt.Errorf("simlog: %w", keep.ErrFull)
	case f == Lost:
		return 0, keeplog.ErrUnknown
	}
	d := l.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	pos, known := d.ids[id]
	if !known {
		if d.ids == nil {
			d.ids = map[string]uint64{}
		}
		d.last++
		pos = d.last
		d.batches = append(d.batches, batch{pos, bytes.Clone(b)})
		d.ids[id] = pos
	}
	switch f {
	case Unheard:
		return 0, keeplog.ErrUnknown
	case CrashAfter:
		return 0, ErrCrashed
	}
	return pos, nil
}

// Read implements keeplog.Log.
func (l *Log) Read(_ context.Context, from uint64, back func(uint64, []byte) error) error {
	if _, err := l.fate(Read); err != nil {
		return err
	}
	l.disk.mu.Lock()
	all := slices.Clone(l.disk.batches)
	l.disk.mu.Unlock()
	for _, x := range all {
		if x.pos < from {
			continue
		}
		b := bytes.Clone(x.b)
		if err := back(x.pos, b); err != nil {
			return err
		}
		for i := range b { // it was valid during the call
			b[i] = '?'
		}
	}
	return nil
}

// Last implements keeplog.Log.
func (l *Log) Last(context.Context) (uint64, error) {
	if l.crashed {
		return 0, ErrCrashed
	}
	l.disk.mu.Lock()
	defer l.disk.mu.Unlock()
	return l.disk.last, nil
}

// Purge implements keeplog.Log.
func (l *Log) Purge(_ context.Context, below uint64) error {
	f, err := l.fate(Purge)
	if err != nil {
		return err
	}
	d := l.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	n := 0
	for n < len(d.batches) && d.batches[n].pos < below {
		n++
	}
	if f == CrashAmid {
		n /= 2
	}
	d.batches = slices.Clone(d.batches[n:])
	if f >= CrashBefore {
		return ErrCrashed
	}
	return nil
}
