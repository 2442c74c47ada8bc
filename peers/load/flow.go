package main

import (
	"errors"
	"fmt"
	"time"
)

// flow is messages from publishers to subscribers, as many as the broker takes.
type flow struct {
	publishers, subscribers int
	level                   byte
	window                  int // of each publisher
	copies                  int // deliveries of each message
	topic                   func(publisher int) string
	filter                  func(subscriber int) string
	crowd                   bool // with many other subscriptions
}

// fanIn is many publishers and one subscriber to all of it.
func fanIn(publishers int, level byte) flow {
	return flow{
		publishers: publishers, subscribers: 1, level: level, copies: 1, window: 1000 / publishers,
		topic:  func(i int) string { return fmt.Sprintf("site-1/machine-%d/value", i) },
		filter: func(int) string { return "site-1/+/value" },
	}
}

// fanOut is one publisher and many subscribers.
func fanOut(subscribers int, level byte) flow {
	return flow{
		publishers: 1, subscribers: subscribers, level: level, copies: subscribers, window: 64,
		topic:  func(int) string { return "site-1/news" },
		filter: func(int) string { return "site-1/news" },
	}
}

// pairs is publishers that have a subscriber each.
func pairs(n int, level byte) flow {
	topic := func(i int) string { return fmt.Sprintf("site-1/machine-%d/value", i) }
	return flow{
		publishers: n, subscribers: n, level: level, copies: 1, window: 1000 / n,
		topic: topic, filter: topic,
	}
}

// alternating is a flow whose publishers wait for each message to come.
func alternating(f flow) flow {
	f.window = 1
	return f
}

// crowded is a flow among many other subscriptions.
func crowded(f flow) flow {
	f.crowd = true
	return f
}

func (f flow) columns() []column {
	c := []column{
		{"CPU us/msg", 2, median},
		{"msg/s", 0, median},
		{"core busy", 2, median},
		{"delivered", 4, lowest},
	}
	if f.crowd {
		c = append(c, column{"RSS B/sub", 0, median})
	}
	return c
}

func (f flow) run(b *bench, v []float64) error {
	if f.crowd {
		var err error
		if v[4], err = b.crowd(b.settings.subscriptions); err != nil {
			return err
		}
	}
	r := &flowing{flow: f, b: b}
	if err := r.connect(); err != nil {
		return err
	}
	return r.measure(v)
}

// flowing is a flow that runs.
type flowing struct {
	flow
	b        *bench
	senders  []*sender
	touched  []*sender // got something in this round
	received int
	disorder int
	lost     int // deliveries that did not come and are no longer waited for
}

func (r *flowing) connect() error {
	subs, err := r.b.connect(r.subscribers, func(i int) string { return fmt.Sprintf("subscriber-%d", i) })
	if err != nil {
		return err
	}
	for i, c := range subs {
		next := make([]uint32, r.publishers)
		in := &receiver{c: c, delivered: func(s stamp) {
			if s.sender >= uint32(len(r.senders)) {
				r.b.loop.fail(errNotOurs)
				return
			}
			if s.number != next[s.sender] {
				r.disorder++
			}
			next[s.sender] = s.number + 1
			from := r.senders[s.sender]
			from.received++
			r.received++
			r.touch(from)
		}}
		c.handle = in.handle
		if err := r.b.subscribe(c, r.level, r.filter(i)); err != nil {
			return err
		}
	}
	pubs, err := r.b.connect(r.publishers, func(i int) string { return fmt.Sprintf("publisher-%d", i) })
	if err != nil {
		return err
	}
	for i, c := range pubs {
		s := &sender{
			c: c, message: newMessage(r.topic(i), r.level, false), index: uint32(i),
			level: r.level, window: r.window, copies: r.copies,
		}
		c.handle = func(first byte, body []byte) {
			if err := s.ack(first, body); err != nil {
				c.fail(err)
			}
			r.touch(s)
		}
		r.senders = append(r.senders, s)
	}
	return nil
}

func (r *flowing) touch(s *sender) {
	if !s.touched {
		s.touched = true
		r.touched = append(r.touched, s)
	}
}

func (r *flowing) fill() {
	for _, s := range r.touched {
		s.touched = false
		s.fill()
	}
	r.touched = r.touched[:0]
}

// measure puts its figures into v.
func (r *flowing) measure(v []float64) error {
	for _, s := range r.senders {
		s.fill()
	}
	r.b.loop.round = r.fill
	err := r.flowFor(r.b.settings.warmUp)
	if err == nil {
		before, from, cpu := time.Now(), r.received, r.b.cpu()
		err = r.flowFor(r.b.settings.time)
		took, n, used := time.Since(before), r.received-from, r.b.cpu()-cpu
		if n > 0 {
			v[0] = float64(used.Nanoseconds()) / 1000 / float64(n)
			v[1] = float64(n) / took.Seconds()
			v[2] = used.Seconds() / took.Seconds()
		}
	}
	r.b.loop.round = nil
	if err == nil || errors.Is(err, errDeadline) {
		drained := r.b.loop.untilQuiet(r.b.settings.quiet, 10*time.Second, r.progress, func() bool {
			for _, s := range r.senders {
				if s.outstanding() > 0 || s.unacked > 0 {
					return false
				}
			}
			return true
		})
		if drained != nil && !errors.Is(drained, errDeadline) {
			err = errors.Join(err, drained)
		}
	}
	expected, unacked := 0, 0
	for _, s := range r.senders {
		expected += s.sent * s.copies
		unacked += s.unacked
	}
	if unacked > 0 {
		r.b.note("%d messages were not acknowledged", unacked)
	}
	if expected > 0 {
		v[3] = float64(r.received) / float64(expected)
	}
	if r.disorder > 0 {
		r.b.note("%d deliveries were not the next of their publisher", r.disorder)
	}
	return err
}

func (r *flowing) progress() int {
	n := r.received
	for _, s := range r.senders {
		n -= s.unacked
	}
	return n
}

// flowFor lets it run for so long, and until something has come. Where nothing
// does for too long, what is outstanding counts as lost, so that the rest can
// be measured; a second time it is an error.
func (r *flowing) flowFor(d time.Duration) error {
	end, from := time.Now().Add(d), r.received
	for range 2 {
		err := r.b.loop.untilQuiet(r.b.settings.quiet, time.Minute, r.progress, func() bool {
			return r.received > from && time.Now().After(end)
		})
		if !errors.Is(err, errDeadline) {
			return err
		}
		for _, s := range r.senders {
			r.lost += s.outstanding()
			s.received, s.unacked = s.sent*s.copies, 0
			s.fill()
		}
	}
	return fmt.Errorf("%w: %d deliveries came, %d did not", errDeadline, r.received, r.lost)
}
