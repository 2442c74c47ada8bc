package keeplog

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/mqttwire/mqttwire/examples/broker/keep"
)

// Config is what a Store is told. A zero field takes its default.
type Config struct {
	// Node is the number of the node, at most keep.MaxNode.
	Node uint16
	// Incarnation is a number that no run of the node had before: a random one.
	Incarnation uint64
	// MaxBatch is how many bytes the log takes as one batch. Default 1 MiB.
	MaxBatch int
	// Overhead is how many bytes the log needs for a batch besides its own.
	Overhead int
	// Slack is how many bytes the log may be longer than twice what counts.
	// Default 64 MiB.
	Slack int64
	// Segment is how many bytes are written again, or forgotten, at a time.
	// Default 256 KiB.
	Segment int
	// Unsure is how often a batch is appended again while nobody knows whether it
	// was. Default 5.
	Unsure int
	// Log gets what is notable at the start. Default: nothing.
	Log *slog.Logger
}

// A Store keeps what a broker must not forget in a [Log].
//
// Append gathers records and tells the image, which knows what of all that was
// ever appended counts still. Sync writes what has gathered as one batch. The
// numbers of the records, from 1 on without a gap, are in the batches: a reader
// finds by them that nothing is missing.
//
// The cleaner works in slices, at the end of a Sync: it reads the oldest segment
// of the log, and appends what counts of it once more, with the number that it
// had first as its Place. The next Sync writes that, and finds nothing in the
// segment that counts. What has voided it is in the batch at the latest, and so is
// that it is not needed any more: once the batch is durable, and not before, it is
// purged.
type Store struct {
	log    Log
	config Config

	mu       sync.Mutex // of all down to broken; nobody waits for I/O with it held
	image    keep.Image
	next     uint64    // the number of the next record
	segments []segment // all of the log that may be needed, the last one open
	pending  []byte    // records that have gathered
	first    uint64    // the number of the first of them
	spare    []byte    // to gather in next
	copied   int64
	broken   error // a record that has no form

	groups    sync.RWMutex // read: there are records to come of some that are kept together
	writing   sync.Mutex   // one batch at a time; taken before mu
	group     group        // what is being written
	doomed    []segment    // not needed, and not purged yet
	size      int64        // of the log
	frame     []byte       // the batch on its way
	failed    error        // for ever
	figures   Figures
	cleanedAt int64 // how much was written when the cleaner last looked
	credit    int64 // how many bytes of the log it may go through
}

// A segment is a run of batches that is purged as a whole.
type segment struct {
	first uint64 // the number of its first record
	last  uint64 // the position of its last batch
	bytes int64  // in the log
	alive int64  // that count
}

// A group is what has gathered for one Sync: a batch, or the parts of one.
type group struct {
	first uint64 // the number of its first record
	needs uint64
	dead  int // so many segments it makes unneeded
	part  uint32
	rest  []byte // what is not written of it
	whole []byte
}

// Figures are what a Store has done, and how long its log is.
type Figures struct {
	LogBytes, AliveBytes    int64
	Syncs, Batches, Records uint64
	WrittenBytes            int64 // all that was appended to the log
	CopiedBytes             int64 // of these records that were written again
	PurgedBytes             int64
}

// Open reads a Log and returns the Store that writes to it. What it has read is
// for one Replay, and takes memory until then. A last batch that was written in
// part is left out: it was never acknowledged. What else does not fit is a
// [DamageError].
func Open(ctx context.Context, log Log, c Config) (*Store, error) {
	defaultTo(&c.MaxBatch, 1<<20)
	defaultTo(&c.Slack, 64<<20)
	defaultTo(&c.Segment, 256<<10)
	defaultTo(&c.Unsure, 5)
	defaultTo(&c.Log, slog.New(slog.DiscardHandler))
	s := &Store{log: log, config: c}
	s.image.Holds, s.image.Freed = true, s.freed
	r := reader{}
	began, told := time.Now(), time.Now()
	last, err := log.Last(ctx)
	if err != nil {
		return nil, err
	}
	err = log.Read(ctx, 0, func(pos uint64, b []byte) error {
		if now := time.Now(); now.Sub(told) > tellEvery {
			told = now
			c.Log.Info("reading the log", "position", pos, "of", last)
		}
		return s.read(&r, pos, b)
	})
	if err == nil && r.next > 0 && r.needs < r.begins {
		err = &DamageError{r.from, fmt.Errorf("%w: the log begins with number %d, and %d is needed", keep.ErrGap, r.begins, r.needs)}
	}
	if err != nil {
		return nil, err
	}
	if r.open {
		c.Log.Warn("the end of the log was written in part, and is left out: it was never acknowledged", "position", r.pos, "bytes", len(r.parts))
	}
	s.next = max(r.next, 1)
	s.first = s.next
	if len(s.segments) == 0 {
		s.segments = []segment{{first: s.next}}
	}
	if r.next > 0 {
		c.Log.Info("the log is read", "records", r.next-r.begins, "bytes", s.size, "alive", s.image.Alive(), "took", time.Since(began).Round(time.Millisecond))
	}
	return s, nil
}

// tellEvery is how often it is said how far a start is.
const tellEvery = 2 * time.Second

func defaultTo[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// read takes the next batch of the log.
func (s *Store) read(r *reader, pos uint64, b []byte) error {
	begins, whole, err := r.take(pos, bytes.Clone(b)) // what is held refers to it
	if err != nil {
		return &DamageError{pos, err}
	}
	if n := len(s.segments); n == 0 || begins && s.segments[n-1].bytes >= int64(s.config.Segment) {
		s.segments = append(s.segments, segment{first: max(r.next, 1)})
	}
	s.wrote(len(s.segments)-1, pos, len(b))
	if whole {
		err = r.each(s.add)
	}
	if err != nil {
		return &DamageError{pos, err}
	}
	return nil
}

// wrote counts a batch that is in the log, in a segment.
func (s *Store) wrote(i int, pos uint64, bytes int) {
	n := int64(bytes + s.config.Overhead)
	s.segments[i].last = pos
	s.segments[i].bytes += n
	s.size += n
}

// segment returns which segment a record is in, -1 for one that is purged.
func (s *Store) segment(number uint64) int {
	i, found := slices.BinarySearchFunc(s.segments, number, func(x segment, n uint64) int { return cmp.Compare(x.first, n) })
	if !found {
		i--
	}
	return i
}

// add tells the image of a record in the last segment.
func (s *Store) add(r *keep.Record, number uint64, form []byte) {
	s.segments[len(s.segments)-1].alive += int64(len(form))
	s.image.Apply(r, number, len(form), form)
}

// freed is told by the image what does not count any more.
func (s *Store) freed(number uint64, bytes int) {
	if i := s.segment(number); i >= 0 {
		s.segments[i].alive -= int64(bytes)
	}
}

// Replay calls back with what counts, in its order. It is called once, before the
// first Append.
func (s *Store) Replay(back func(*keep.Record) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.image.Release()
	n, told := 0, time.Now()
	return s.image.Replay(func(r *keep.Record) error {
		if n++; n%1024 == 0 && time.Since(told) > tellEvery {
			told = time.Now()
			s.config.Log.Info("restoring", "records", n)
		}
		return back(r)
	})
}

// Append gathers a record for the next Sync.
func (s *Store) Append(r *keep.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.image.Holds { // nobody has asked for a Replay
		s.image.Release()
	}
	s.gather(s.image.Reach(r))
}

// Begin has what is appended until End be in one batch.
func (s *Store) Begin() { s.groups.RLock() }

// End ends what Begin has begun.
func (s *Store) End() { s.groups.RUnlock() }

// gather appends a record to what is pending.
func (s *Store) gather(r *keep.Record) (size int) {
	before := len(s.pending)
	b, err := r.Append(s.pending)
	if err != nil {
		if s.broken == nil {
			s.broken = fmt.Errorf("keeplog: a record of kind %d: %w", r.Kind, err)
		}
		return 0
	}
	s.pending = b
	number := s.next
	s.next++
	s.add(r, number, b[before:])
	return len(b) - before
}

// Sync writes what has gathered as one batch, and then takes care that the log
// does not grow out of proportion.
func (s *Store) Sync() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.failed != nil {
		return s.failed
	}
	s.figures.Syncs++
	err := s.write()
	if err == nil {
		err = s.clean()
	}
	if err != nil && !errors.Is(err, keep.ErrFull) {
		s.failed = err
	}
	return err
}

// Figures returns what the Store has done.
func (s *Store) Figures() Figures {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.figures
	f.LogBytes, f.AliveBytes, f.CopiedBytes, f.Records = s.size, s.image.Alive(), s.copied, s.next-1
	return f
}
