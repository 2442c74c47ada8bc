package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
)

// outcome is what one broker gave in one round of one row.
type outcome struct {
	figures []float64
	err     error
	notes   []string
	details []string // to be shown when asked for
}

// runner runs scenarios.
type runner struct {
	ctx      context.Context
	settings settings
	core     int // that brokers are on, -1 for any
}

// run starts the broker, has the scenario use it, and ends it.
func (r *runner) run(k *broker, s scenario, round int) (o outcome) {
	o.figures = slices.Repeat([]float64{math.NaN()}, len(s.columns()))
	_, tls := s.(secured)
	p, err := k.start(r.ctx, r.core, tls)
	if err != nil {
		o.err = err
		return o
	}
	defer p.stop()
	l, err := newLoop(r.ctx)
	if err != nil {
		o.err = err
		return o
	}
	defer l.close()
	b := &bench{loop: l, port: p.port, pid: p.cmd.Process.Pid, dir: p.dir, broker: k, settings: &r.settings, round: round}
	o.err = s.run(b, o.figures)
	o.notes, o.details = b.notes, b.details
	if errors.Is(o.err, context.Canceled) {
		return o
	}
	if o.err != nil && p.ended() {
		o.err = fmt.Errorf("%w; the broker's process has ended%s", o.err, p.said())
	}
	return o
}

// measure runs a row in rounds, each broker once in each, and returns the
// outcomes by broker.
func (r *runner) measure(w row, brokers []*broker, rounds int) [][]outcome {
	all := make([][]outcome, len(brokers))
	for round := range rounds {
		for i, k := range brokers {
			if r.ctx.Err() == nil {
				all[i] = append(all[i], r.run(k, w.scenario, round))
			}
		}
	}
	return all
}
