package main

import (
	"math"
	"slices"
	"time"
)

// histogram is latencies, all of them: there are few enough.
type histogram struct{ all []time.Duration }

func (h *histogram) add(d time.Duration) { h.all = append(h.all, d) }

// quantile returns, in microseconds, what a share q of all did not exceed.
func (h *histogram) quantile(q float64) float64 {
	if len(h.all) == 0 {
		return math.NaN()
	}
	slices.Sort(h.all)
	i := int(math.Ceil(q*float64(len(h.all)))) - 1
	return float64(h.all[max(0, i)].Nanoseconds()) / 1000
}
