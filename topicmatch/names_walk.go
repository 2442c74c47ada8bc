package topicmatch

import (
	"bytes"
	"slices"
	"sync"
)

// A Walk is a visit in slices: it stops after so many prefixes, or where its caller
// likes, and goes on from there, whatever has become of the names meanwhile. A name
// that is there all the time is visited once, one that comes or goes at most once.
//
// A Walk is for one goroutine at a time. It keeps a copy of its filter and a
// position, and the prefix it stands at stays until it goes on: one that does not
// come to its end is to be stopped.
type Walk[V any] struct {
	names  *Names[V] // nil at its end
	filter []byte
	at     uint32 // goes on with this node, 0 for the root
	fresh  bool   // which no limit has counted yet
	left   uint32 // a node that has become useless while the walk stood there
}

// walks are those that stand somewhere. It is changed by who looks, under mu, and by
// who has excluded them.
type walks[V any] struct {
	mu   sync.Mutex
	all  map[*Walk[V]]struct{}
	pins map[uint32]int // how many stand at a node, which is not removed then
}

// Walk begins a visit of the names that a Topic Filter matches. Nothing is visited
// yet.
func (x *Names[V]) Walk(filter []byte) *Walk[V] {
	return &Walk[V]{names: x, filter: bytes.Clone(filter)}
}

// Visit goes on, and calls visit as [Names.Visit] does, until it returns false: then
// that name is the first of the next call. It looks at no more than limit prefixes,
// and returns how many of these are left. done reports whether all was visited: then
// further calls do nothing.
func (w *Walk[V]) Visit(limit int, visit func(name []byte, value V) bool) (left int, done bool) {
	x := w.names
	switch {
	case x == nil:
		return limit, true
	case w.fresh && limit == 0:
		return 0, false
	case w.fresh:
		limit--
	}
	left, useless := w.goOn(limit, visit)
	if useless {
		x.sweep(w)
	}
	return left, w.names == nil
}

// goOn does what Visit does, and reports whether something is to be swept away.
func (w *Walk[V]) goOn(limit int, visit func(name []byte, value V) bool) (left int, useless bool) {
	x := w.names
	r := x.enter()
	defer x.leave(r)
	at, left, end := uint32(0), limit, atEnd
	if len(x.nodes) > 0 && len(w.filter) > 0 && r.resolve(&x.levels, w.filter) {
		at, left, end = x.walk(r, w.at, limit, visit)
	}
	w.fresh = end == atLimit
	return left, x.move(w, at, end == atEnd)
}

// Stop ends the walk where it stands.
func (w *Walk[V]) Stop() {
	if w.names != nil {
		w.filter, w.fresh = nil, false // matches nothing
		w.Visit(0, nil)
	}
}

// move has a walk stand at another node, or at its end. It reports whether the one
// it comes from is to be swept away.
func (x *Names[V]) move(w *Walk[V], to uint32, done bool) (useless bool) {
	from := w.at
	if done {
		w.names = nil
	}
	if to == from {
		return false
	}
	x.walks.mu.Lock()
	defer x.walks.mu.Unlock()
	if x.walks.all == nil {
		x.walks.all, x.walks.pins = make(map[*Walk[V]]struct{}), make(map[uint32]int)
	}
	x.walks.all[w] = struct{}{}
	if w.at = to; to != 0 {
		x.walks.pins[to]++
	}
	if from != 0 {
		if n := &x.nodes[from]; n.state == nodePrefix && n.child == 0 && x.walks.pins[from] == 1 {
			w.left = from // pinned until nobody looks
			return true
		}
		x.walks.unpin(from)
	}
	if to == 0 {
		delete(x.walks.all, w)
	}
	return false
}

func (all *walks[V]) unpin(at uint32) {
	if all.pins[at]--; all.pins[at] == 0 {
		delete(all.pins, at)
	}
}

// sweep removes the node that a walk has left, unless it is of use again.
func (x *Names[V]) sweep(w *Walk[V]) {
	x.lock.change.Lock()
	defer x.lock.change.Unlock()
	x.lock.exclude()
	x.walks.unpin(w.left)
	x.prune(w.left)
	if w.left = 0; w.at == 0 {
		delete(x.walks.all, w)
	}
	x.lock.admit()
	x.shrink()
}

// renumber has all walks stand where they stood, by the new numbers of the nodes.
func (all *walks[V]) renumber(ids []uint32) {
	clear(all.pins)
	for w := range all.all {
		w.at, w.left = ids[w.at], ids[w.left]
		for _, at := range [...]uint32{w.at, w.left} {
			if at != 0 {
				all.pins[at]++
			}
		}
	}
}

// path puts the name of a node into r, and returns how many levels it has.
func (x *Names[V]) path(r *nameReader, at uint32) (depth int) {
	size := 0
	for n := at; n != 0; n = x.nodes[n].parent {
		size += int(x.levels.list[x.nodes[n].level].size) + 1
		depth++
	}
	r.name = slices.Grow(r.name[:0], size)[:max(size-1, 0)]
	for n, end := at, size-1; n != 0; n = x.nodes[n].parent {
		level := x.levels.bytes(x.nodes[n].level)
		end -= len(level)
		if copy(r.name[end:], level); end > 0 {
			end--
			r.name[end] = '/'
		}
	}
	return depth
}
