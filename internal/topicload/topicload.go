// Package topicload makes the subscriptions and topics that topic indexes are
// measured with, here and against other projects' in peers/topics: 60% exact
// filters of five levels, 30% with one "+" in any of them, 10% of four levels
// and "/#", over topics so many that a publish matches 3 to 4 of them.
package topicload

import (
	"math/rand/v2"
	"strconv"
	"strings"
)

// Load is one workload. The same size gives the same load.
type Load struct {
	Filters []string
	Topics  []string // to publish to, each with at least one exact filter
}

// Keys is how many sessions hold n subscriptions: subscription i is of session
// i % Keys(n).
func Keys(n int) int { return max(1, n/4) }

var kinds = [5]string{"site-", "hall-", "line-", "cell-", "tag-"}

// New makes a load of n subscriptions.
func New(n int) Load {
	// Every level is drawn from as many names. A topic with one exact filter
	// then expects 0.6 others of the kind per n topics, and since a wildcard
	// stands for width names, 0.3 and 0.1 times width of the other kinds.
	width := 1
	for matches := 4.0; matches > 3.7; {
		width++
		w := float64(width)
		matches = 1 + float64(n)*(0.6+0.4*w)/(w*w*w*w*w)
	}
	r := rand.New(rand.NewPCG(uint64(n), 4))
	l := Load{Filters: make([]string, n)}
	var exact []string
	for i := range l.Filters {
		var levels [5]string
		for j := range levels {
			levels[j] = kinds[j] + strconv.Itoa(r.IntN(width))
		}
		kind := r.IntN(10)
		switch {
		case kind < 6:
		case kind < 9:
			levels[r.IntN(5)] = "+"
		default:
			levels[4] = "#"
		}
		l.Filters[i] = strings.Join(levels[:], "/")
		if kind < 6 {
			exact = append(exact, l.Filters[i])
		}
	}
	for range 1 << 16 {
		l.Topics = append(l.Topics, exact[r.IntN(len(exact))])
	}
	return l
}

// Names returns n distinct names of five levels, at most 1<<20, scattered over
// as many branches of each level.
func Names(n int) []string {
	names := make([]string, n)
	for i := range names {
		var levels [5]string
		scattered := uint32(i) * 0x9e3779b1 // odd, so the lower 20 bits are distinct
		for j := range levels {
			levels[j] = kinds[j] + strconv.Itoa(int(scattered>>(4*j)&15))
		}
		names[i] = strings.Join(levels[:], "/")
	}
	return names
}
