package main

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// scenario is what a row does with a broker that has just been started. It puts
// a figure for each of its columns into v, which is full of NaN, those it gets
// to where it fails.
type scenario interface {
	columns() []column
	run(b *bench, v []float64) error
}

// column is a figure.
type column struct {
	name   string
	digits int                     // after the point
	of     func([]float64) float64 // makes one of what the rounds gave
}

// median is the middle one, or the mean of the two that are.
func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

// lowest and highest show the worst of all rounds, for what must not happen in
// any.
func lowest(v []float64) float64  { return slices.Min(v) }
func highest(v []float64) float64 { return slices.Max(v) }

// bench is what a scenario works with: a broker and a loop for its connections.
type bench struct {
	loop     *loop
	port     int
	pid      int
	dir      string // of the broker
	broker   *broker
	settings *settings
	round    int
	notes    []string
	details  []string
}

// settings are what the command line says of sizes.
type settings struct {
	warmUp, time  time.Duration // of rows that run for some time
	quiet         time.Duration // after which a row where nothing happens is given up
	rate          int           // messages a second of the latency rows
	cycles        int
	idle          int
	subscriptions int
	retained      int
	messages      int // queued for each session of the cut rows, and as many live ones
	seed          uint64
}

// note says what no figure does.
func (b *bench) note(format string, args ...any) {
	b.notes = append(b.notes, fmt.Sprintf(format, args...))
}

// detail is a note for who asks for all of it.
func (b *bench) detail(format string, args ...any) {
	b.details = append(b.details, fmt.Sprintf(format, args...))
}

// cpu is the processor time that the broker has used. A broker that has gone is
// seen where its connections end.
func (b *bench) cpu() time.Duration {
	t, err := cpuTime(b.pid)
	if err != nil {
		b.loop.fail(err)
	}
	return t
}

// grown is by how many bytes the broker's resident set has grown since it was
// before, once it has settled, for each of n things.
func (b *bench) grown(before int64, n int) (float64, error) {
	if err := b.settle(); err != nil {
		return math.NaN(), err
	}
	after, err := resident(b.pid)
	if err != nil || n == 0 {
		return math.NaN(), err
	}
	return float64(after-before) / float64(n), nil
}

// settled is the broker's resident set in bytes, once it has settled.
func (b *bench) settled() (int64, error) {
	if err := b.settle(); err != nil {
		return 0, err
	}
	return resident(b.pid)
}
