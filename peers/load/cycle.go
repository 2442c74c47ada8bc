package main

import (
	"errors"
	"fmt"
	"time"
)

// cycle is clients that come and go, and in between, if they are to work,
// subscribe to a topic, publish to it, and get that message.
type cycle struct {
	atATime int
	work    bool
}

func (cycle) columns() []column {
	return []column{
		{"CPU us/cycle", 1, median},
		{"cycles/s", 0, median},
		{"done", 4, lowest},
	}
}

func (y cycle) run(b *bench, v []float64) error {
	total := b.settings.cycles
	begun, ended := 0, 0
	var begin func()
	begin = func() {
		if begun == total {
			return
		}
		n := begun
		begun++
		c, err := b.loop.open(b.port, connectPacket(fmt.Sprintf("cycle-%d", n), true))
		if err != nil {
			b.loop.fail(fmt.Errorf("connection %d: %w", n, err))
			return
		}
		leave := func() {
			c.out = append(c.out, disconnectPacket...)
			c.flush()
			c.close()
			ended++
			begin()
		}
		if !y.work {
			c.onUp = leave
			return
		}
		topic := fmt.Sprintf("cycle/%d", n)
		c.onUp = func() { c.send(subscribePacket(0, topic)) }
		m := newMessage(topic, 0, false)
		c.onSub = func() {
			c.out = m.append(c.out, 0, stamp{number: uint32(n)})
			c.touch()
		}
		in := receiver{c: c, delivered: func(stamp) { leave() }}
		c.handle = in.handle
	}

	for range y.atATime {
		begin()
	}
	warm := total / 10
	progress := func() int { return ended }
	err := b.loop.untilQuiet(patience, 20*time.Second, progress, func() bool { return ended >= warm })
	if err == nil {
		before, cpu, from := time.Now(), b.cpu(), ended
		err = b.loop.untilQuiet(patience, 20*time.Second, progress, func() bool { return ended == total })
		if n := float64(ended - from); n > 0 {
			v[0] = float64((b.cpu() - cpu).Nanoseconds()) / 1000 / n
			v[1] = n / time.Since(before).Seconds()
		}
	}
	v[2] = float64(ended) / float64(total)
	if errors.Is(err, errDeadline) {
		err = fmt.Errorf("%w: %d of %d cycles", err, ended, total)
	}
	return err
}
