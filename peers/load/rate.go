package main

import (
	"errors"
	"fmt"
	"time"
)

// rate is publishers with a subscriber each, one or many, that take turns at a
// fixed rate of all together, each message by itself and when it is due. The
// latency is from when a message was due, so that one that had to wait for others
// counts in full.
type rate struct {
	level byte
	pairs int
}

func (rate) columns() []column {
	return []column{
		{"p50 us", 0, median},
		{"p99 us", 0, median},
		{"CPU us/msg", 2, median},
		{"msg/s", 0, median},
		{"delivered", 4, lowest},
	}
}

// brokers adds the floor: what two hops over TCP take by themselves.
func (r rate) brokers(all []*broker) []*broker {
	if r.level == 0 && r.pairs == 1 {
		return append(all[:len(all):len(all)], &echoBroker)
	}
	return all
}

var started = time.Now()

func (r rate) run(b *bench, v []float64) error {
	in, out, err := r.connect(b)
	if err != nil {
		return err
	}

	var (
		pause    = time.Second / time.Duration(b.settings.rate)
		warm     = int(b.settings.warmUp / pause)
		total    = warm + int(b.settings.time/pause)
		latency  histogram
		received int
		sent     int
		senders  = make([]*sender, r.pairs)
	)
	if r.pairs > 1 { // a while for each, at a rate that leaves the core idle in between
		pause = max(pause, time.Second/2000)
		warm, total = r.pairs, 3*r.pairs
	}
	for i := range senders {
		s := &sender{c: out[i], level: r.level, message: newMessage(r.topic(i), r.level, false)}
		senders[i] = s
		receive := receiver{c: in[i], delivered: func(m stamp) {
			if received++; int(m.number) >= warm {
				latency.add(time.Since(started) - m.due)
			}
		}}
		in[i].handle = receive.handle
		if out[i] != in[i] {
			out[i].handle = func(first byte, body []byte) {
				if err := s.ack(first, body); err != nil {
					s.c.fail(err)
				}
			}
		}
	}

	// The loop spins, so that a message is sent within a microsecond or so of
	// when it is due, and is seen as soon when it comes.
	b.loop.spin = true
	defer func() { b.loop.spin, b.loop.round = false, nil }()
	const most = 1000 // between sent and received; what is due beyond waits
	due := time.Since(started) + 10*time.Millisecond
	b.loop.round = func() {
		for sent < total && due <= time.Since(started) && sent-received < most {
			s := senders[sent%r.pairs]
			if s.id++; s.id == 0 {
				s.id = 1
			}
			s.c.out = s.message.append(s.c.out, s.id, stamp{number: uint32(sent), due: due})
			s.c.touch()
			sent++
			s.unacked++
			due += pause
		}
	}
	progress := func() int { return received }
	expected := time.Duration(total) * pause
	if err = b.loop.untilQuiet(b.settings.quiet, 4*expected, progress, func() bool { return sent >= warm }); err == nil {
		before, cpu, from := time.Now(), b.cpu(), received
		err = b.loop.untilQuiet(b.settings.quiet, 4*expected, progress, func() bool { return received == total })
		n := float64(received - from)
		v[2] = float64((b.cpu() - cpu).Nanoseconds()) / 1000 / n
		v[3] = n / time.Since(before).Seconds()
	}
	if sent > 0 {
		v[4] = float64(received) / float64(sent)
	}
	v[0], v[1] = latency.quantile(0.5), latency.quantile(0.99)
	if errors.Is(err, errDeadline) {
		err = fmt.Errorf("%w: %d of %d came", err, received, total)
	}
	return err
}

func (r rate) topic(pair int) string { return fmt.Sprintf("site-1/machine-%d/value", pair+1) }

// connect returns the connections that receive and those that send.
func (r rate) connect(b *bench) (in, out []*conn, err error) {
	if b.broker == &echoBroker {
		c, err := b.loop.open(b.port, nil)
		return []*conn{c}, []*conn{c}, err
	}
	if in, err = b.connect(r.pairs, func(i int) string { return fmt.Sprintf("subscriber-%d", i) }); err != nil {
		return nil, nil, err
	}
	for i, c := range in {
		c.handle = func(byte, []byte) {}
		if err = b.subscribe(c, r.level, r.topic(i)); err != nil {
			return nil, nil, err
		}
	}
	out, err = b.connect(r.pairs, func(i int) string { return fmt.Sprintf("publisher-%d", i) })
	return in, out, err
}
