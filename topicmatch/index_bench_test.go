package topicmatch_test

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/mqttwire/mqttwire/internal/topicload"
	"github.com/mqttwire/mqttwire/topicmatch"
)

type loaded struct {
	n      int
	index  topicmatch.Index[uint64, uint64]
	load   topicload.Load
	topics [][]byte
}

var loads = map[int]*loaded{}

func loadIndex(n int) *loaded {
	if l := loads[n]; l != nil {
		return l
	}
	l := &loaded{n: n, load: topicload.New(n)}
	for i, f := range l.load.Filters {
		l.index.Subscribe(uint64(i%topicload.Keys(n)), []byte(f), uint64(i))
	}
	for _, t := range l.load.Topics {
		l.topics = append(l.topics, []byte(t))
	}
	loads[n] = l
	return l
}

var benchSizes = []int{1e3, 1e5, 1e6}

func BenchmarkIndexMatch(b *testing.B) {
	for _, n := range benchSizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			l := loadIndex(n)
			var dst []topicmatch.Subscription[uint64, uint64]
			found, i := 0, 0
			b.ReportAllocs()
			for b.Loop() {
				dst = l.index.AppendMatches(dst[:0], l.topics[i%len(l.topics)])
				found += len(dst)
				i++
			}
			b.ReportMetric(float64(found)/float64(i), "matches/op")
		})
	}
}

func BenchmarkIndexMatchParallel(b *testing.B) {
	for _, n := range benchSizes {
		for _, writes := range []int{0, 1} {
			b.Run(fmt.Sprintf("%d/writes=%d%%", n, writes), func(b *testing.B) {
				l := loadIndex(n)
				var goroutines atomic.Int64
				b.RunParallel(func(pb *testing.PB) {
					var dst []topicmatch.Subscription[uint64, uint64]
					i := int(goroutines.Add(1)) * 7919
					for pb.Next() {
						i++
						if writes > 0 && i%(100/writes) == 0 {
							f := []byte(l.load.Filters[i%n])
							if i/100%2 == 0 {
								l.index.Subscribe(1<<40, f, 0)
							} else {
								l.index.Unsubscribe(1<<40, f)
							}
							continue
						}
						dst = l.index.AppendMatches(dst[:0], l.topics[i%len(l.topics)])
					}
				})
			})
		}
	}
}

func BenchmarkIndexSubscribe(b *testing.B) {
	for _, n := range benchSizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			load := topicload.New(n)
			b.ReportAllocs()
			for b.Loop() {
				var x topicmatch.Index[uint64, uint64]
				for i, f := range load.Filters {
					x.Subscribe(uint64(i%topicload.Keys(n)), []byte(f), uint64(i))
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/subscribe")
		})
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func BenchmarkIndexMemory(b *testing.B) {
	for _, n := range benchSizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			load := topicload.New(n)
			for b.Loop() {
				before := heap()
				x := new(topicmatch.Index[uint64, uint64])
				for i, f := range load.Filters {
					x.Subscribe(uint64(i%topicload.Keys(n)), []byte(f), uint64(i))
				}
				b.ReportMetric(float64(heap()-before)/float64(n), "B/subscription")
				for i, f := range load.Filters {
					x.Unsubscribe(uint64(i%topicload.Keys(n)), []byte(f))
				}
				b.ReportMetric(float64(int64(heap()-before)), "B/after")
				runtime.KeepAlive(x)
			}
			runtime.KeepAlive(load)
		})
	}
}
