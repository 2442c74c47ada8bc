package keeplog

import (
	"context"
	"errors"
	"fmt"

	"github.com/mqttwire/mqttwire/examples/broker/keep"
)

// write makes all durable that has gathered. What an earlier call has found no
// room for comes first.
func (s *Store) write() error {
	for left := len(s.group.rest) > 0; ; left = false {
		if !left {
			if ok, err := s.cut(); !ok {
				return err
			}
		}
		if err := s.writeGroup(); err != nil {
			return err
		}
		if err := s.purge(); err != nil || !left {
			return err
		}
	}
}

// cut makes a group of what has gathered, and reports whether there is any.
func (s *Store) cut() (bool, error) {
	s.groups.Lock()
	defer s.groups.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken != nil {
		return false, s.broken
	}
	if len(s.pending) == 0 {
		return false, nil
	}
	dead := 0
	for dead < len(s.segments)-1 && s.segments[dead].alive == 0 {
		dead++
	}
	s.group = group{first: s.first, needs: min(s.segments[dead].first, s.first), dead: dead, rest: s.pending, whole: s.pending}
	if open := &s.segments[len(s.segments)-1]; open.bytes+int64(len(s.pending)) >= int64(s.config.Segment) {
		s.segments = append(s.segments, segment{first: s.next})
	}
	s.pending, s.spare, s.first = s.spare[:0], nil, s.next
	return true, nil
}

// writeGroup writes what is left of the group.
func (s *Store) writeGroup() error {
	g := &s.group
	for len(g.rest) > 0 {
		b := keep.Batch{Node: s.config.Node, Incarnation: s.config.Incarnation, First: g.first, Needs: g.needs, Part: g.part}
		b.Records = g.rest
		if most := max(s.config.MaxBatch-b.Size()+len(g.rest), 1); len(g.rest) > most {
			b.Records, b.More = g.rest[:most], true
		}
		s.frame = b.Append(s.frame[:0])
		pos, err := s.append(fmt.Sprintf("%d.%x.%d.%d", b.Node, b.Incarnation, b.First, b.Part), s.frame)
		if err != nil {
			return err
		}
		g.rest = g.rest[len(b.Records):]
		g.part++
		s.mu.Lock()
		s.wrote(s.segment(g.first), pos, len(s.frame))
		s.mu.Unlock()
		s.figures.Batches++
		s.figures.WrittenBytes += int64(len(s.frame))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if cap(g.whole) <= maxSpare {
		s.spare = g.whole[:0]
	}
	if cap(s.frame) > maxSpare {
		s.frame = nil
	}
	s.doomed = append(s.doomed, s.segments[:g.dead]...)
	s.segments = append(s.segments[:0], s.segments[g.dead:]...)
	s.group = group{}
	return nil
}

// maxSpare is how large a buffer may be that is used again.
const maxSpare = 4 << 20

// append appends a batch to the log until its fate is known.
func (s *Store) append(id string, b []byte) (pos uint64, err error) {
	for range 1 + s.config.Unsure {
		if pos, err = s.log.Append(context.Background(), id, b); !errors.Is(err, ErrUnknown) {
			break
		}
	}
	return pos, err
}

// purge forgets what no batch needs any more, when it is worth the while.
func (s *Store) purge() error {
	bytes := int64(0)
	for i := range s.doomed {
		bytes += s.doomed[i].bytes
	}
	if bytes == 0 || bytes < min(s.config.Slack/8, 4<<20) {
		return nil
	}
	if err := s.log.Purge(context.Background(), s.doomed[len(s.doomed)-1].last+1); err != nil {
		return err
	}
	s.doomed = s.doomed[:0]
	s.mu.Lock()
	s.size -= bytes
	s.mu.Unlock()
	s.figures.PurgedBytes += bytes
	return nil
}
