package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// cuts is persistent sessions, a publisher and a subscriber each, whose
// connections are lost again and again. Each subscriber has messages queued
// while it was away, and gets as many live ones.
type cuts struct {
	sessions int
	level    byte
}

func (cuts) columns() []column {
	return []column{
		{"delivered", 4, lowest},
		{"lost", 0, highest},
		{"twice", 0, highest},
		{"out of order", 0, highest},
		{"resumed not", 0, highest},
		{"stall ms", 0, highest},
		{"CPU us/msg", 2, median},
	}
}

const (
	cutsEach  = 5
	cutsLimit = 20 * time.Second
)

func (u cuts) run(b *bench, v []float64) error {
	r := &cutting{cuts: u, b: b, random: rand.New(rand.NewPCG(b.settings.seed, uint64(b.round)))}
	total := 2 * b.settings.messages
	for i := range u.sessions {
		s := newCutSubscriber(r, i, total)
		r.subscribers = append(r.subscribers, s)
		r.publishers = append(r.publishers, newCutPublisher(r, i, s))
	}
	cpu := b.cpu()
	err := r.queue(total / 2)
	if err == nil {
		err = r.live(total)
	}
	r.count(v)
	v[6] = float64((b.cpu() - cpu).Nanoseconds()) / 1000 / float64(max(1, r.delivered()))
	if errors.Is(err, errDeadline) {
		err = fmt.Errorf("%w: %d of %d came", err, r.delivered(), total*u.sessions)
	}
	return err
}

// cutting is cuts that run.
type cutting struct {
	cuts
	b           *bench
	random      *rand.Rand
	publishers  []*cutPublisher
	subscribers []*cutSubscriber
}

// queue has the subscribers make their sessions and go, and the publishers fill
// these.
func (r *cutting) queue(n int) error {
	for _, s := range r.subscribers {
		s.open()
	}
	if err := r.wait(func() bool { return r.all(func(s *cutSubscriber) bool { return s.subscribed }) }); err != nil {
		return fmt.Errorf("subscribing: %w", err)
	}
	for _, s := range r.subscribers {
		s.stop()
	}
	for _, p := range r.publishers {
		p.total = n
		p.open()
	}
	return r.wait(func() bool {
		return !slices.ContainsFunc(r.publishers, func(p *cutPublisher) bool { return p.acked < n })
	})
}

// live has the subscribers come back, and goes on publishing up to a total of n
// to each while connections are cut.
func (r *cutting) live(n int) error {
	for i, s := range r.subscribers {
		p := r.publishers[i]
		s.cutAt = r.moments(0, n)
		p.cutAt = r.moments(p.acked, n)
		s.heard = time.Now()
		s.open()
		p.total = n
	}
	done := func() bool {
		for i, s := range r.subscribers {
			if s.different < n || r.publishers[i].acked < n {
				return false
			}
		}
		return true
	}
	err := r.wait(done)
	if errors.Is(err, errDeadline) {
		// A broker that sends again after a reconnect has lost nothing.
		waiting := 0
		for i, s := range r.subscribers {
			if p := r.publishers[i]; s.different < n || p.acked < n {
				waiting++
				s.cut()
				p.cut()
			}
		}
		r.b.note("%d sessions got no further before one more reconnect", waiting)
		err = r.wait(done)
	}
	if err != nil {
		return err
	}
	return r.b.loop.sleep(100 * time.Millisecond) // for what comes twice
}

// wait serves the connections and reconnects those whose time has come, until
// done, or nothing has happened for too long.
func (r *cutting) wait(done func() bool) error {
	r.b.loop.round = func() {
		now := time.Now()
		for i, s := range r.subscribers {
			if s.different >= r.publishers[i].taken {
				s.heard = now // nothing is due
			}
			s.tick(now)
			r.publishers[i].tick(now)
		}
	}
	defer func() { r.b.loop.round = nil }()
	progress := func() (n int) {
		for i, s := range r.subscribers {
			n += s.different + r.publishers[i].acked
		}
		return n
	}
	return r.b.loop.untilQuiet(r.b.settings.quiet, cutsLimit, progress, done)
}

func (r *cutting) all(is func(*cutSubscriber) bool) bool {
	return !slices.ContainsFunc(r.subscribers, func(s *cutSubscriber) bool { return !is(s) })
}

// moments are when to cut a connection, in messages, in ascending order.
func (r *cutting) moments(from, to int) []int {
	at := make([]int, cutsEach)
	for i := range at {
		at[i] = from + 1 + r.random.IntN(max(1, to-from-1))
	}
	slices.Sort(at)
	return at
}

func (r *cutting) delivered() (n int) {
	for _, s := range r.subscribers {
		n += s.different
	}
	return n
}

// count puts what happened to the sessions into v.
func (r *cutting) count(v []float64) {
	var lost, twice, disorder, forgotten, unacked, ended, sent int
	var stall time.Duration
	var each []string
	for i, s := range r.subscribers {
		p := r.publishers[i]
		missing := 0
		for number := range p.next {
			if s.times[number] == 0 && !p.keeps(number) {
				missing++
			}
		}
		each = append(each, fmt.Sprintf("%d/%d/%d", missing, s.repeated, s.disorder))
		lost += missing
		twice += s.repeated
		disorder += s.disorder
		forgotten += s.forgotten + p.forgotten
		ended += s.ended + p.ended
		unacked += len(p.pending)
		sent += p.next
		if missing > 0 {
			s.stall = max(s.stall, time.Since(s.heard))
		}
		stall = max(stall, s.stall)
	}
	r.b.detail("lost/twice/out of order by session: %s", strings.Join(each, " "))
	if unacked > 0 {
		r.b.note("%d messages were not acknowledged", unacked)
	}
	if ended > 0 {
		r.b.note("the broker ended %d connections", ended)
	}
	v[0] = float64(r.delivered()) / float64(max(1, sent))
	v[1], v[2], v[3], v[4] = float64(lost), float64(twice), float64(disorder), float64(forgotten)
	v[5] = float64(stall.Milliseconds())
}
