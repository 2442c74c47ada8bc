package main

import (
	"fmt"
)

// idle is clients that connect and then do nothing.
type idle struct{}

func (idle) columns() []column {
	return []column{
		{"RSS KiB each", 2, median},
		{"CPU us/connect", 1, median},
		{"connected", 4, lowest},
	}
}

func (idle) run(b *bench, v []float64) error {
	// What the first clients make a broker allocate is not theirs alone.
	if _, err := b.connect(20, func(i int) string { return fmt.Sprintf("first-%d", i) }); err != nil {
		return err
	}
	before, err := b.settled()
	if err != nil {
		return err
	}
	n := b.settings.idle
	cpu := b.cpu()
	clients, err := b.connect(n, func(i int) string { return fmt.Sprintf("idle-%d", i) })
	if err != nil {
		return err
	}
	v[1] = float64((b.cpu() - cpu).Nanoseconds()) / 1000 / float64(n)
	each, err := b.grown(before, n)
	v[0] = each / 1024
	up := 0
	for _, c := range clients {
		if c.up && !c.closed {
			up++
		}
	}
	v[2] = float64(up) / float64(n)
	return err
}
