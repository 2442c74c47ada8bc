package keeplog

import (
	"context"
	"errors"
	"fmt"

	"github.com/mqttwire/mqttwire/examples/broker/keep"
)

// The cleaner begins where the log is longer than one and a half of what counts
// and half the slack, and does at most so many times the bytes that were written
// meanwhile: it has passed all of the log before that reaches twice and the slack.
const (
	cleanPace = 8
	cleanMost = 4 << 20 // bytes of the log a Sync
)

// clean has the oldest segments appended again, as far as they count. What it has
// gathered is written by the next Sync.
func (s *Store) clean() error {
	written := s.figures.WrittenBytes - s.cleanedAt
	s.cleanedAt = s.figures.WrittenBytes
	if written == 0 {
		return nil
	}
	s.credit = min(s.credit+cleanPace*written, cleanMost)
	for s.credit > 0 {
		s.mu.Lock()
		i, over := 0, s.size-s.image.Alive()-s.image.Alive()/2-s.config.Slack/2
		for _, x := range s.doomed {
			over -= x.bytes
		}
		for i < len(s.segments)-1 && s.segments[i].alive == 0 { // the next batch makes it unneeded
			over -= s.segments[i].bytes
			i++
		}
		if over <= 0 || i >= len(s.segments)-1 || s.segments[i].last == 0 {
			s.mu.Unlock()
			return nil
		}
		from, x := uint64(0), s.segments[i]
		if i > 0 {
			from = s.segments[i-1].last + 1
		} else if n := len(s.doomed); n > 0 {
			from = s.doomed[n-1].last + 1
		}
		s.mu.Unlock()
		if err := s.copy(from, x); err != nil {
			return err
		}
		s.credit -= x.bytes
	}
	return nil
}

// errPast ends the reading of a segment.
var errPast = errors.New("past the segment")

// copy appends what counts of a segment again.
func (s *Store) copy(from uint64, x segment) error {
	var r reader
	err := s.log.Read(context.Background(), from, func(pos uint64, b []byte) error {
		if pos > x.last {
			return errPast
		}
		_, whole, err := r.take(pos, b)
		if err == nil && whole {
			err = r.each(func(x *keep.Record, number uint64, _ []byte) {
				s.mu.Lock()
				defer s.mu.Unlock()
				if rest, ok := s.image.Rest(x, number); ok {
					s.copied += int64(s.gather(&rest))
				}
			})
		}
		if err != nil {
			return &DamageError{pos, err}
		}
		return nil
	})
	if err != nil && err != errPast {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := s.segment(x.first); i < 0 || s.segments[i].alive != 0 {
		return &DamageError{x.last, fmt.Errorf("%w: not all that counts of the segment of number %d is there", keep.ErrGap, x.first)}
	}
	return nil
}
