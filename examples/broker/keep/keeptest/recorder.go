// Package keeptest is for whoever writes a [keep.Store], and for whoever tests a
// broker over one: a Store in memory that can lose what it has not promised, and
// fail.
package keeptest

import (
	"bytes"
	"slices"
	"sync"

	"github.com/mqttwire/mqttwire/examples/broker/keep"
)

// A Recorder is a Store in memory that knows what it has promised. The zero
// value is empty. Its methods may be called by many goroutines.
type Recorder struct {
	mu      sync.Mutex
	records []keep.Record
	synced  int   // so many of them are durable
	marks   []int // what synced ever was
	during  func()
	err     error

	groups sync.RWMutex
	begun  []int // where groups begin that have no end yet
	whole  []span
}

// A span is where a group of records begins and ends.
type span struct{ from, to int }

// NewRecorder returns a Recorder that has promised some records, which it
// shares.
func NewRecorder(records ...keep.Record) *Recorder {
	return &Recorder{records: slices.Clip(records), synced: len(records)}
}

// Append keeps a copy of the record.
func (s *Recorder) Append(r *keep.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records = append(s.records, Copy(r))
}

// Begin begins a group of records, of which a crash leaves all or none.
func (s *Recorder) Begin() {
	s.groups.RLock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begun = append(s.begun, len(s.records))
}

// End ends a group. Where there are several, the one that has begun first lasts to
// the last end.
func (s *Recorder) End() {
	s.mu.Lock()
	n := len(s.begun) - 1
	if n == 0 {
		s.whole = append(s.whole, span{s.begun[0], len(s.records)})
	}
	s.begun = s.begun[:n]
	s.mu.Unlock()
	s.groups.RUnlock()
}

// Whole returns how many of n records a crash may leave: those before a group that
// ends behind them, or has not ended.
func (s *Recorder) Whole(n int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.begun) > 0 {
		n = min(n, s.begun[0])
	}
	for _, x := range s.whole {
		if x.from < n && n < x.to {
			return x.from
		}
	}
	return n
}

// Sync promises what has been appended by then, or fails as [Recorder.Fail] says.
func (s *Recorder) Sync() error {
	s.groups.Lock()
	s.mu.Lock()
	s.groups.Unlock()
	n, during := len(s.records), s.during
	if during != nil {
		s.mu.Unlock()
		during()
		s.mu.Lock()
	}
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	if n > s.synced {
		s.synced = n
		s.marks = append(s.marks, n)
	}
	return nil
}

// Replay hands out copies that do not outlive the call.
func (s *Recorder) Replay(back func(r *keep.Record) error) error {
	for _, kept := range s.Records() {
		r := Copy(&kept)
		if err := back(&r); err != nil {
			return err
		}
		for i := range r.To {
			clear(r.To[i].SubscriptionIDs)
		}
		if m := r.Message; m != nil {
			spoil(m.Topic)
			spoil(m.Payload)
			spoil(m.Properties.Bytes())
		}
	}
	return nil
}

// Records returns all that was appended, to be read only.
func (s *Recorder) Records() []keep.Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clip(s.records)
}

// Counts returns how many records were appended, and how many of them are
// promised.
func (s *Recorder) Counts() (appended, synced int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.records), s.synced
}

// Marks returns how many records were promised after each Sync that promised
// more.
func (s *Recorder) Marks() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.marks)
}

// While has f called while Sync has not returned, nil for nothing.
func (s *Recorder) While(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.during = f
}

// Fail has each Sync from now on return err and promise nothing, nil for none.
func (s *Recorder) Fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// Crashed returns a Recorder of what is left after a crash: all that was
// promised.
func (s *Recorder) Crashed() *Recorder {
	s.mu.Lock()
	defer s.mu.Unlock()
	return NewRecorder(s.records[:s.synced]...)
}

func spoil(b []byte) {
	for i := range b {
		b[i] = '?'
	}
}

// Copy returns a Record that shares no memory with r.
func Copy(r *keep.Record) keep.Record {
	c := *r
	c.To = slices.Clone(r.To)
	for i := range c.To {
		c.To[i].SubscriptionIDs = slices.Clone(c.To[i].SubscriptionIDs)
	}
	if m := r.Message; m != nil {
		copied := *m
		copied.Topic, copied.Payload, copied.Properties = bytes.Clone(m.Topic), bytes.Clone(m.Payload), m.Properties.Clone()
		c.Message = &copied
	}
	return c
}
