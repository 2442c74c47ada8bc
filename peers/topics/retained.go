package main

import (
	"fmt"
	"runtime"
	"text/tabwriter"

	"github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/mqttwire/mqttwire/internal/topicload"
	"github.com/mqttwire/mqttwire/topicmatch"
)

// A store is one index of retained messages.
type store interface {
	set(name string)
	visit(filter string) (found int)
}

type ourNames struct{ x topicmatch.Names[uint64] }

func (s *ourNames) set(name string) { s.x.Set([]byte(name), 1) }
func (s *ourNames) visit(filter string) (n int) {
	s.x.Visit([]byte(filter), func([]byte, uint64) bool { n++; return true })
	return n
}

type mochiNames struct{ x *mqtt.TopicsIndex }

func (s *mochiNames) set(name string) {
	s.x.RetainMessage(packets.Packet{TopicName: name, Payload: []byte{1}})
}
func (s *mochiNames) visit(filter string) int { return len(s.x.Messages(filter)) }

var stores = []struct {
	name string
	make func() store
}{
	{"mqttwire", func() store { return new(ourNames) }},
	{"mochi", func() store { return &mochiNames{mqtt.NewTopicsIndex()} }},
}

var retainedFilters = []string{
	"#",
	"+/+/+/+/tag-3",
	"site-1/hall-2/#",
	"site-1/hall-2/line-3/cell-4/#",
	"site-1/hall-2/line-3/cell-4/tag-5",
}

// compareRetained prints what names cost that are set once and found by
// filters: nanoseconds a name set, and microseconds a visit.
func compareRetained(w *tabwriter.Writer, n, rounds int) {
	names := topicload.Names(n)
	fmt.Fprintf(w, "%d names\tset ns\theap B", n)
	for _, f := range retainedFilters {
		fmt.Fprintf(w, "\t%s", f)
	}
	fmt.Fprintln(w, "\t")
	for _, s := range stores {
		var set, size []float64
		took := make([][]float64, len(retainedFilters))
		found := make([]int, len(retainedFilters))
		for range min(rounds, 3) {
			before := heap()
			x := s.make()
			set = append(set, perOp(n, func(i int) { x.set(names[i]) }))
			size = append(size, (heap()-before)/float64(n))
			for i, f := range retainedFilters {
				times := 1
				if i > 1 {
					times = 100
				}
				took[i] = append(took[i], perOp(times, func(int) { found[i] = x.visit(f) }))
			}
			runtime.KeepAlive(x)
		}
		fmt.Fprintf(w, "%s\t%.0f\t%.0f", s.name, medianOf(set), medianOf(size))
		for i := range retainedFilters {
			t := medianOf(took[i])
			fmt.Fprintf(w, "\t%.1f us", t/1000)
			if found[i] > 1 {
				fmt.Fprintf(w, ", %.1f M/s", float64(found[i])/t*1000)
			}
		}
		fmt.Fprintln(w, "\t")
	}
}
