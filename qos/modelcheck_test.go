package qos

import (
	"flag"
	"fmt"
	"hash/maphash"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"
)

var full = flag.Bool("modelcheck.full", false, "search the large bounds too: minutes, and some GiB")

// search is a breadth-first search of all worlds within some bounds.
type search struct {
	b     *bounds
	table []uint32 // open-addressed, of state numbers + 1
	keys  [][2]uint64
	from  []uint32 // the state that a state was first reached from
	how   []move
	fair  []uint32 // the state that follows when nothing goes wrong, itself at the end
	seed  [2]maphash.Seed
}

// result is what a search found.
type result struct {
	states, steps, depth int
	broken               violation
	trace                []move
	made                 [kinds]bool // the moves
	took                 time.Duration
}

// number returns the number of the state with a key, and whether it is new.
func (s *search) number(k []byte) (uint32, bool) {
	h := [2]uint64{maphash.Bytes(s.seed[0], k), maphash.Bytes(s.seed[1], k)}
	if 2*len(s.keys) >= len(s.table) {
		s.table = make([]uint32, max(1<<12, 2*len(s.table)))
		for i, h := range s.keys {
			s.put(h, uint32(i))
		}
	}
	mask := uint64(len(s.table) - 1)
	for i := h[0] & mask; s.table[i] != 0; i = (i + 1) & mask {
		if n := s.table[i] - 1; s.keys[n] == h {
			return n, false
		}
	}
	n := uint32(len(s.keys))
	s.put(h, n)
	s.keys = append(s.keys, h)
	return n, true
}

func (s *search) put(h [2]uint64, n uint32) {
	mask := uint64(len(s.table) - 1)
	i := h[0] & mask
	for s.table[i] != 0 {
		i = (i + 1) & mask
	}
	s.table[i] = n + 1
}

// guard turns a panic of the machines into a violation like any other.
func guard(v *violation) {
	if p := recover(); p != nil {
		*v = violation(fmt.Sprint("panic: ", p))
	}
}

// try makes a move in a copy of a world and appends the key of what it leads
// to.
func (b *bounds) try(w *world, m move, key []byte) (k []byte, v violation) {
	defer guard(&v)
	if v = b.do(w, m); v != "" {
		return key, v
	}
	return b.key(key, w), ""
}

// choices returns the moves of a world, and the fair one among them, -1 if
// there is none; then the world has to be finished.
func (b *bounds) choices(dst []move, w *world) (moves []move, fair int, v violation) {
	defer guard(&v)
	moves = b.moves(dst, w)
	if b.probe {
		if v = b.probeAll(w, b.key(nil, w)); v != "" {
			return moves, -1, v
		}
	}
	fair, ok := b.fair(w, moves)
	if !ok {
		v = b.unfinished(w)
	}
	return moves, fair, v
}

// run explores. It stops at the first violation, which is one of the nearest.
func (s *search) run() (r result) {
	s.seed = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}
	b := s.b
	start := b.initial()
	const block = 1024
	now, then := [][]world{{start}}, [][]world(nil)
	key := make([]byte, 0, 1024)
	wake := start
	wake.wake()
	s.number(b.key(key, &wake))
	s.from, s.how, s.fair = []uint32{0}, []move{{}}, []uint32{0}
	var moves []move
	var w world
	state := uint32(0)
	for ; len(now) != 0; r.depth++ {
		then = nil
		for i := range now {
			for j := range now[i] {
				w = now[i][j]
				w.wake()
				var fair int
				var v violation
				if moves, fair, v = b.choices(moves[:0], &w); v != "" {
					r.broken, r.trace, r.states = v, s.trace(state), len(s.keys)
					return r
				}
				s.fair[state] = state
				for k, m := range moves {
					w = now[i][j]
					w.wake()
					r.steps++
					r.made[m.kind] = true
					k2, v := b.try(&w, m, key)
					if v != "" {
						r.broken, r.trace, r.states = v, append(s.trace(state), m), len(s.keys)
						return r
					}
					n, isNew := s.number(k2)
					if isNew {
						s.from, s.how, s.fair = append(s.from, state), append(s.how, m), append(s.fair, n)
						w.sleep()
						if len(then) == 0 || len(then[len(then)-1]) == block {
							then = append(then, make([]world, 0, block))
						}
						last := &then[len(then)-1]
						*last = append(*last, w)
					}
					if k == fair {
						s.fair[state] = n
					}
				}
				state++
			}
			now[i] = nil
		}
		now = then
	}
	r.states = len(s.keys)
	r.broken, r.trace = s.live()
	return r
}

// live checks that the fair schedule ends from every state: that it does not go
// round.
func (s *search) live() (violation, []move) {
	const unknown, onPath, ends = 0, 1, 2
	mark := make([]uint8, len(s.keys))
	var path []uint32
	for i := range mark {
		path = path[:0]
		n := uint32(i)
		for mark[n] == unknown && s.fair[n] != n {
			mark[n] = onPath
			path = append(path, n)
			n = s.fair[n]
		}
		if mark[n] == onPath {
			return "goes round for ever though nothing goes wrong", s.trace(n)
		}
		mark[n] = ends
		for _, p := range path {
			mark[p] = ends
		}
	}
	return "", nil
}

func (s *search) trace(n uint32) (t []move) {
	for ; n != 0; n = s.from[n] {
		t = append(t, s.how[n])
	}
	for i, j := 0, len(t)-1; i < j; i, j = i+1, j-1 {
		t[i], t[j] = t[j], t[i]
	}
	return t
}

// story tells a trace, one line a move, with the packets it puts on the link.
func (b *bounds) story(t []move) string {
	var s strings.Builder
	w := b.initial()
	w.wake()
	for i, m := range t {
		fmt.Fprintf(&s, "%3d. %s", i+1, b.describe(&w, m))
		before := w.link
		if m.kind == receive {
			before[1-m.d].n--
		}
		_, v := b.try(&w, m, nil)
		for d := range w.link {
			for k := int(before[d].n); k < int(w.link[d].n) && k < maxPackets; k++ {
				fmt.Fprintf(&s, "; %s sends %v", endNames[d], w.link[d].p[k])
			}
			if m.kind >= breakLink {
				for k := range w.link[d].n {
					fmt.Fprintf(&s, "; %s sends %v", endNames[d], w.link[d].p[k])
				}
			}
		}
		if v != "" {
			fmt.Fprintf(&s, "\n     VIOLATED: %s", v)
		}
		s.WriteByte('\n')
	}
	return s.String()
}

func explore(b *bounds) result {
	began := time.Now()
	s := search{b: b}
	r := s.run()
	r.took = time.Since(began)
	return r
}

// exploreSmall returns what the small bounds have to show, searched once.
var exploreSmall = sync.OnceValue(func() (all []result) {
	for i := range smallBounds {
		all = append(all, explore(&smallBounds[i]))
	}
	return all
})

func (r result) report(b *bounds) string {
	return fmt.Sprintf("%d moves of %d states: %s\n%s", len(r.trace), r.states, r.broken, b.story(r.trace))
}

func TestModelCheck(t *testing.T) {
	results := exploreSmall()
	all := smallBounds
	if *full {
		all = append(all[:len(all):len(all)], largeBounds...)
	}
	total := 0
	began := time.Now()
	for i := range all {
		b := &all[i]
		t.Run(b.name, func(t *testing.T) {
			var r result
			if i < len(results) {
				r = results[i]
			} else {
				r = explore(b)
			}
			total += r.states
			if r.broken != "" {
				t.Fatalf("after %s", r.report(b))
			}
			line := fmt.Sprintf("%-28s %8d states, %9d steps, depth %2d, %v", b.name, r.states, r.steps, r.depth, r.took.Round(time.Millisecond))
			t.Log(line)
			if *full {
				fmt.Fprintln(os.Stderr, line)
			}
		})
	}
	t.Logf("%d states in all, %d bytes a world", total, unsafe.Sizeof(world{}))
	if *full {
		fmt.Fprintln(os.Stderr, total, "states in all,", time.Since(began).Round(time.Second))
	}
}
