package main

import (
	"errors"
	"fmt"
	"time"
)

// retained is many retained messages, stored and then asked for by wildcards, a
// group at a time so that no client has more than a group waiting for it.
type retained struct{}

const retainedGroup = 1000

func (retained) columns() []column {
	return []column{
		{"RSS B each", 0, median},
		{"CPU us/store", 2, median},
		{"CPU us/delivery", 2, median},
		{"delivered", 4, lowest},
	}
}

func (retained) run(b *bench, v []float64) error {
	n := b.settings.retained
	pub, err := b.connectOne("publisher")
	if err != nil {
		return err
	}
	sub, err := b.connectOne("subscriber")
	if err != nil {
		return err
	}
	before, err := b.settled()
	if err != nil {
		return err
	}
	cpu := b.cpu()
	if err := storeRetained(b, pub, n); err != nil {
		return err
	}
	if v[0], err = b.grown(before, n); err != nil {
		return err
	}
	v[1] = float64((b.cpu() - cpu).Nanoseconds()) / 1000 / float64(n)

	cpu = b.cpu()
	received, err := askForRetained(b, sub, n)
	if received > 0 {
		v[2] = float64((b.cpu() - cpu).Nanoseconds()) / 1000 / float64(received)
	}
	v[3] = float64(received) / float64(n)
	return err
}

// storeRetained publishes n messages at QoS 0. PINGREQ, which is answered once
// the broker has read what came before it, keeps it from running ahead.
func storeRetained(b *bench, pub *conn, n int) error {
	const (
		aPing = 64
		ahead = 4
	)
	pings := 0
	for i := range n {
		m := newMessage(fmt.Sprintf("site-1/group-%d/machine-%d/state", i/retainedGroup, i), 0, true)
		pub.out = m.append(pub.out, 0, stamp{number: uint32(i)})
		pub.touch()
		last := i+1 == n
		if (i+1)%aPing != 0 && !last {
			continue
		}
		pub.send(pingPacket)
		pings++
		enough := func() bool { return pings-pub.pongs < ahead && (!last || pub.pongs == pings) }
		if err := b.loop.until(patience, enough); err != nil {
			return fmt.Errorf("storing: %w at %d of %d", err, i, n)
		}
	}
	return nil
}

// askForRetained subscribes to group after group and returns how many messages
// came.
func askForRetained(b *bench, sub *conn, n int) (received int, err error) {
	const limit = 20 * time.Second
	end := time.Now().Add(limit)
	got := make([]bool, n)
	in := receiver{c: sub, delivered: func(s stamp) {
		if int(s.number) >= n || got[s.number] {
			b.loop.fail(errNotOurs)
			return
		}
		got[s.number] = true
		received++
	}}
	sub.handle = in.handle
	for from := 0; from < n; from += retainedGroup {
		want := min(n, from+retainedGroup)
		before := sub.subacks
		sub.send(subscribePacket(0, fmt.Sprintf("site-1/group-%d/#", from/retainedGroup)))
		err := b.loop.untilQuiet(b.settings.quiet, time.Until(end), func() int { return received }, func() bool {
			return received == want && sub.subacks > before
		})
		if errors.Is(err, errDeadline) {
			err = fmt.Errorf("%w: %d of the first %d came", err, received, want)
		}
		if err != nil {
			return received, err
		}
	}
	return received, nil
}
