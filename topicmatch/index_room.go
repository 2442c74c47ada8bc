package topicmatch

import (
	"math"
	"slices"
	"sync/atomic"
)

// Lists and tables grow and shrink while readers are in, and other writers are
// not: they are copied, and the copies put in their place while readers are kept
// out for a moment. So no match waits for a pass.

// reserve makes room for a subscription to a filter of so many levels, its
// ShareName included.
func (x *Index[K, V]) reserve(subs, levels int) {
	t := &x.tree
	if cap(x.subs)-x.n-1 < subs {
		onPass(len(x.subs))
		replace(&x.lock, &x.subs, slices.Grow(x.subs, subs+1))
	}
	if cap(t.nodes)-t.used-1 < levels {
		replace(&x.lock, &t.nodes, t.grownNodes(levels+1))
	}
	t.levels.reserve(&x.lock, levels)
	growTable(&x.lock, &t.table, levels)
	growTable(&x.lock, &x.place, subs)
	growTable(&x.lock, &x.key, subs)
}

// onPass is told of each pass over a table or a list, and how long it is. Tests
// see by it that none keeps readers out.
var onPass = func(n int) {}

// push appends to a list that reserve has made room in.
func push[T any](list []T, v T) []T {
	if len(list) == cap(list) {
		onPass(len(list))
	}
	return append(list, v)
}

func replace[T any](l *lock, old *T, by T) {
	l.exclude()
	*old = by
	l.admit()
}

func growTable(l *lock, t *table, n int) {
	if t.full(n) {
		replace(l, t, t.grown(n))
	}
}

func shrinkTable(l *lock, t *table) {
	if t.loose() {
		replace(l, t, t.shrunk(nil))
	}
}

// grownNodes returns a copy of the nodes with room for n more.
func (t *prefixes) grownNodes(n int) []node {
	onPass(len(t.nodes))
	size := len(t.nodes)
	nodes := slices.Grow([]node(nil), size+max(n, size/4, min(size, 256)))[:size]
	for i := range nodes {
		nodes[i] = t.nodes[i].read()
	}
	return nodes
}

// read returns a copy, whatever readers do to its turn.
func (n *node) read() node {
	return node{
		parent: n.parent, level: n.level, plus: n.plus,
		exact: n.exact, below: atomic.LoadUint32(&n.below),
		groups: n.groups, children: n.children, literals: n.literals,
	}
}

// noPlace is the place of a sub that is not in use.
const noPlace = place(math.MaxUint32)

func sparse(used, room int) bool { return room > 256 && used < room/4 }

// shrink gives back what is not needed any more. What is freed is used again
// first. Where what is in use has fallen to a quarter of what there is room for,
// all is copied together and numbered anew, in the old order: a pass that the
// unsubscribing before it has paid for.
func (x *Index[K, V]) shrink() {
	t := &x.tree
	used, room := x.n+t.used+t.levels.table.n, len(x.subs)+len(t.nodes)+len(t.levels.list)
	switch {
	case used == 0:
	case sparse(used, room):
		x.pack()
	default:
		shrinkTable(&x.lock, &x.place)
		shrinkTable(&x.lock, &x.key)
		shrinkTable(&x.lock, &t.table)
		t.levels.shrink(&x.lock)
	}
}

func (x *Index[K, V]) pack() {
	onPass(len(x.subs))
	ids := make([]uint32, len(x.subs))
	n := uint32(0)
	for i := 1; i < len(x.subs); i++ {
		if x.subs[i].place != noPlace {
			n++
			ids[i] = n
		}
	}
	tree, nodes := x.tree.packed(ids)
	subs := make([]sub[K, V], 1, n+1)
	places := tableFor(x.place.n)
	for i := 1; i < len(x.subs); i++ {
		if ids[i] == 0 {
			continue
		}
		s := x.subs[i]
		s.next, s.prev, s.more, s.less = ids[s.next], ids[s.prev], ids[s.more], ids[s.less]
		s.place = place(nodes[s.place.node()]<<1) | s.place&1
		if s.less != 0 {
			places.insert(mix(keyHash(s.key), uint64(s.place)), ids[i])
		}
		subs = append(subs, s)
	}
	keys := x.key.shrunk(ids)

	x.lock.exclude()
	x.tree, x.subs, x.free, x.place, x.key = tree, subs, 0, places, keys
	x.lock.admit()
}

// packed returns a copy without gaps, for subscriptions of other numbers, and
// the new numbers of the nodes.
func (t *prefixes) packed(subs []uint32) (p prefixes, ids []uint32) {
	onPass(len(t.nodes))
	levels, names := t.levels.packed()
	p = prefixes{nodes: make([]node, 1, t.used+1), table: tableFor(t.used), levels: levels, used: t.used}
	ids = make([]uint32, len(t.nodes))
	n := uint32(0)
	for i := 1; i < len(t.nodes); i++ {
		if t.nodes[i].children != freeNode {
			n++
			ids[i] = n
		}
	}
	p.nodes = p.nodes[:n+1]
	for i := range t.nodes {
		if ids[i] == 0 && i != 0 {
			continue
		}
		n := t.nodes[i].read()
		n.parent, n.plus, n.groups = ids[n.parent], ids[n.plus], ids[n.groups]
		n.exact, n.below = subs[n.exact], subs[n.below]
		n.literals = p.nodes[ids[i]].literals // a parent may come before its children or after
		if i != 0 && n.level != plusLevel {
			n.level = names[n.level&^groupMarks] | n.level&groupMarks
			p.table.insert(mix(uint64(n.parent), uint64(n.level)), ids[i])
			p.nodes[n.parent].literals |= levelBit(n.level)
		}
		p.nodes[ids[i]] = n
	}
	return p, ids
}
