// Command topics measures package topicmatch against the topic indexes of
// other projects, on the same subscriptions, and prints a table of medians and
// ratios:
//
//	go run . [-sizes 1000,100000,1000000] [-rounds 5] [-retained 1000000] [-scaling=false]
//
// Every round builds, measures and drops each index in turn, so that whatever
// else the machine does falls on all of them. Times are of the thread that
// works, which leaves out most of what a garbage collector does for it; only
// the columns of two cores go by the clock, and want a quiet machine.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/mqttwire/mqttwire/topicmatch"
)

func main() {
	sizes := flag.String("sizes", "1000,100000,1000000", "subscriptions, comma separated")
	rounds := flag.Int("rounds", 5, "rounds; the table has the medians")
	names := flag.Int("retained", 1000000, "retained names")
	flag.BoolVar(&scaling, "scaling", true, "measure two cores against one")
	flag.Parse()

	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	for s := range strings.SplitSeq(*sizes, ",") {
		n, err := strconv.Atoi(s)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		compare(w, n, *rounds)
		w.Flush()
	}
	worst(w, *rounds)
	w.Flush()
	compareRetained(w, *names, *rounds)
	w.Flush()
}

// worst shows what a filter set costs that branches at every level: each level
// is in it as itself and as "+", in all combinations, and only the level after
// these does not match. So every prefix matches and nothing is found.
func worst(w *tabwriter.Writer, rounds int) {
	fmt.Fprintf(w, "worst case\tfilters\tmatching prefixes\tmatch us\tns a prefix\t\n")
	for _, depth := range []int{2, 6, 10, 14} {
		var x topicmatch.Index[uint64, uint64]
		levels := strings.Split(strings.Repeat("level/", depth), "/")[:depth]
		for set := range 1 << depth {
			f := slices.Clone(levels)
			for i := range f {
				if set>>i&1 != 0 {
					f[i] = "+"
				}
			}
			x.Subscribe(uint64(set), []byte(strings.Join(f, "/")+"/no"), 0)
		}
		name := []byte(strings.Join(levels, "/") + "/yes")
		prefixes := float64(int(2)<<depth - 1)
		var times []float64
		for range rounds {
			times = append(times, perOp(1+1<<20>>depth, func(int) { x.AppendMatches(nil, name) }))
		}
		m := medianOf(times)
		fmt.Fprintf(w, "%d levels\t%d\t%.0f\t%.2f\t%.1f\t\n", depth+1, 1<<depth, prefixes, m/1000, m/prefixes)
	}
	fmt.Fprintln(w)
}

// result is what one round gives: times in ns, memory in bytes.
type result struct {
	match, allocs, subscribe, heap, after float64
	found                                 float64
	scaling, scalingWrites                float64
}

func compare(w *tabwriter.Writer, n, rounds int) {
	in := newInput(n)
	all := make([][]result, len(contenders))
	for range rounds {
		for i, c := range contenders {
			all[i] = append(all[i], measure(in, c.make))
		}
	}
	best := func(f func(result) float64) float64 {
		b := median(all[1], f)
		for _, rs := range all[2:] {
			b = min(b, median(rs, f))
		}
		return b
	}

	fmt.Fprintf(w, "%d subscriptions\tmatch ns\tallocs\tfound\tsubscribe ns\theap B\tafter B\t2 cores\tand 1%% writes\t\n", n)
	for i, c := range contenders {
		m := func(f func(result) float64) float64 { return median(all[i], f) }
		fmt.Fprintf(w, "%s\t%.0f\t%.1f\t%.2f\t%.0f\t%.0f\t%.1f\t", c.name,
			m(result.getMatch), m(result.getAllocs), m(result.getFound), m(result.getSubscribe),
			m(result.getHeap), m(result.getAfter))
		if scaling {
			fmt.Fprintf(w, "%.2fx\t%.2fx\t\n", m(result.getScaling), m(result.getScalingWrites))
		} else {
			fmt.Fprintf(w, "-\t-\t\n")
		}
	}
	fmt.Fprintf(w, "best peer / mqttwire\t%.1fx\t\t\t%.1fx\t%.1fx\t\t\t\t\n\n",
		best(result.getMatch)/median(all[0], result.getMatch),
		best(result.getSubscribe)/median(all[0], result.getSubscribe),
		best(result.getHeap)/median(all[0], result.getHeap))
}

func (r result) getMatch() float64         { return r.match }
func (r result) getAllocs() float64        { return r.allocs }
func (r result) getFound() float64         { return r.found }
func (r result) getSubscribe() float64     { return r.subscribe }
func (r result) getHeap() float64          { return r.heap }
func (r result) getAfter() float64         { return r.after }
func (r result) getScaling() float64       { return r.scaling }
func (r result) getScalingWrites() float64 { return r.scalingWrites }

func median(rs []result, f func(result) float64) float64 {
	var v []float64
	for _, r := range rs {
		v = append(v, f(r))
	}
	return medianOf(v)
}

func medianOf(v []float64) float64 {
	slices.Sort(v)
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

func heap() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

func mallocs() float64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.Mallocs)
}

var scaling bool

const matchesARound = 200_000

func measure(in *input, make func(*input) contender) (r result) {
	before := heap()
	c := make(in)
	r.subscribe = perOp(in.n, func(i int) { c.subscribe(i, in.keyOf(i)) })
	r.heap = (heap() - before) / float64(in.n)

	match := c.matcher()
	for t := range in.topics { // warm
		match(t)
	}
	found, m := 0, mallocs()
	r.match = perOp(matchesARound, func(i int) { found += match(i % len(in.topics)) })
	r.allocs = (mallocs() - m) / matchesARound
	r.found = float64(found) / matchesARound

	if scaling {
		r.scaling = throughput(c, in, 2, 0) / throughput(c, in, 1, 0)
		r.scalingWrites = throughput(c, in, 2, 100) / throughput(c, in, 1, 100)
	}

	for i := range in.n {
		c.unsubscribe(i, in.keyOf(i))
	}
	r.after = (heap() - before) / float64(in.n)
	runtime.KeepAlive(c)
	return r
}

func perOp(n int, op func(i int)) float64 {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	start := threadTime()
	for i := range n {
		op(i)
	}
	return float64(threadTime()-start) / float64(n)
}

// throughput is operations a nanosecond of some goroutines; each
// matches, and subscribes or unsubscribes every so many operations.
func throughput(c contender, in *input, goroutines, writeEvery int) float64 {
	const ops = matchesARound
	var done sync.WaitGroup
	start := time.Now()
	for g := range goroutines {
		done.Go(func() {
			match := c.matcher()
			writer := uint64(len(in.clients) + g)
			for i := range ops {
				at := (i + g*7919) * 31
				if writeEvery != 0 && i%writeEvery == 0 {
					if i/writeEvery%2 == 0 {
						c.subscribe(at%in.n, writer)
					} else {
						c.unsubscribe((at-writeEvery*31)%in.n, writer)
					}
					continue
				}
				match(at % len(in.topics))
			}
		})
	}
	done.Wait()
	return float64(goroutines*ops) / float64(time.Since(start).Nanoseconds())
}
