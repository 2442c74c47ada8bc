package main

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// crowdFilter is one of many filters that do not match what is published:
// 8 of 10 exact, the others with a "+" or "#". They share the first levels with
// the topics that are.
func crowdFilter(i int) string {
	switch i % 10 {
	case 3:
		return fmt.Sprintf("site-1/+/hall-%d/line-%d/temperature", i/100, i)
	case 7:
		return fmt.Sprintf("site-%d/hall-%d/line-%d/#", i%7, i/100, i)
	default:
		return fmt.Sprintf("site-%d/hall-%d/line-%d/temperature", i%7, i/100, i)
	}
}

// crowd makes n subscriptions over 100 connections, and returns what each adds
// to the broker's resident set, in bytes.
func (b *bench) crowd(n int) (perSubscription float64, err error) {
	const (
		connections = 100
		aPacket     = 50
	)
	clients, err := b.connect(connections, func(i int) string { return fmt.Sprintf("crowd-%d", i) })
	if err != nil {
		return math.NaN(), err
	}
	before, err := b.settled()
	if err != nil {
		return math.NaN(), err
	}
	// Each connection has one SUBSCRIBE on its way, sent again and again with
	// the next filters.
	next, acked, packets := 0, 0, 0
	more := func(c *conn) {
		var filters []string
		for ; len(filters) < aPacket && next < n; next++ {
			filters = append(filters, crowdFilter(next))
		}
		if filters != nil {
			packets++
			c.send(subscribePacket(0, filters...))
		}
	}
	for _, c := range clients {
		c.onSub = func() {
			acked++
			more(c)
		}
		more(c)
	}
	progress := func() int { return acked }
	done := func() bool { return next == n && acked == packets }
	if err := b.loop.untilQuiet(patience, time.Minute, progress, done); err != nil {
		if errors.Is(err, errDeadline) {
			err = fmt.Errorf("%w: %d of %d subscriptions", err, min(n, acked*aPacket), n)
		}
		return math.NaN(), err
	}
	return b.grown(before, n)
}
