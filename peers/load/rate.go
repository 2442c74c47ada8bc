package main

import (
	"errors"
	"fmt"
	"time"
)

// rate is one publisher that sends at a fixed rate, each message by itself and
// when it is due, to one subscriber. The latency is from when a message was
// due, so that one that had to wait for others counts in full.
type rate struct{ level byte }

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
	if r.level == 0 {
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
		s        = sender{c: out, level: r.level, message: newMessage("site-1/machine-1/value", r.level, false)}
	)
	receive := receiver{c: in, delivered: func(m stamp) {
		if received++; int(m.number) >= warm {
			latency.add(time.Since(started) - m.due)
		}
	}}
	in.handle = receive.handle
	if out != in {
		out.handle = func(first byte, body []byte) {
			if err := s.ack(first, body); err != nil {
				out.fail(err)
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
		for s.sent < total && due <= time.Since(started) && s.sent-received < most {
			if s.id++; s.id == 0 {
				s.id = 1
			}
			out.out = s.message.append(out.out, s.id, stamp{number: uint32(s.sent), due: due})
			out.touch()
			s.sent++
			s.unacked++
			due += pause
		}
	}
	progress := func() int { return received }
	expected := time.Duration(total) * pause
	if err = b.loop.untilQuiet(b.settings.quiet, 4*expected, progress, func() bool { return s.sent >= warm }); err == nil {
		before, cpu, from := time.Now(), b.cpu(), received
		err = b.loop.untilQuiet(b.settings.quiet, 4*expected, progress, func() bool { return received == total })
		n := float64(received - from)
		v[2] = float64((b.cpu() - cpu).Nanoseconds()) / 1000 / n
		v[3] = n / time.Since(before).Seconds()
	}
	if s.sent > 0 {
		v[4] = float64(received) / float64(s.sent)
	}
	v[0], v[1] = latency.quantile(0.5), latency.quantile(0.99)
	if errors.Is(err, errDeadline) {
		err = fmt.Errorf("%w: %d of %d came", err, received, total)
	}
	return err
}

// connect returns the connection that receives and the one that sends.
func (r rate) connect(b *bench) (in, out *conn, err error) {
	if b.broker == &echoBroker {
		c, err := b.loop.open(b.port, nil)
		return c, c, err
	}
	if in, err = b.connectOne("subscriber"); err != nil {
		return nil, nil, err
	}
	in.handle = func(byte, []byte) {}
	if err = b.subscribe(in, r.level, "site-1/machine-1/value"); err != nil {
		return nil, nil, err
	}
	out, err = b.connectOne("publisher")
	return in, out, err
}
