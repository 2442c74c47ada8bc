package main

import (
	"fmt"
	"time"
)

// patience is how long a broker may take to answer what costs it little.
const patience = 5 * time.Second

// connect opens n clean sessions, some at a time so that no backlog overflows.
// name gives their client ids.
func (b *bench) connect(n int, name func(i int) string) ([]*conn, error) {
	const atATime = 32
	clients := make([]*conn, 0, n)
	up := 0
	for i := range n {
		c, err := b.loop.open(b.port, connectPacket(name(i), true))
		if err != nil {
			return clients, fmt.Errorf("connection %d: %w", i, err)
		}
		c.onUp = func() { up++ }
		clients = append(clients, c)
		if i+1 < n && i+1-up < atATime {
			continue
		}
		enough := func() bool { return i+1-up <= atATime/2 }
		if i+1 == n {
			enough = func() bool { return up == n }
		}
		if err := b.loop.until(patience, enough); err != nil {
			return clients, fmt.Errorf("%d of %d connected: %w", up, n, err)
		}
	}
	return clients, nil
}

// connectOne opens a clean session.
func (b *bench) connectOne(name string) (*conn, error) {
	clients, err := b.connect(1, func(int) string { return name })
	if err != nil {
		return nil, err
	}
	return clients[0], nil
}

// subscribe subscribes and waits for the answer.
func (b *bench) subscribe(c *conn, level byte, filters ...string) error {
	before := c.subacks
	c.send(subscribePacket(level, filters...))
	if err := b.loop.until(patience, func() bool { return c.subacks > before }); err != nil {
		return fmt.Errorf("SUBSCRIBE: %w", err)
	}
	return nil
}

// settle waits until the broker has nothing more to do, but not forever.
func (b *bench) settle() error {
	const (
		interval = 50 * time.Millisecond
		needed   = 6 // quiet intervals in a row
		limit    = 100
	)
	last, err := cpuTime(b.pid)
	for quiet, n := 0, 0; err == nil && quiet < needed && n < limit; n++ {
		if err = b.loop.sleep(interval); err != nil {
			break
		}
		var now time.Duration
		if now, err = cpuTime(b.pid); now-last < interval/25 {
			quiet++
		} else {
			quiet = 0
		}
		last = now
	}
	return err
}
