package topicmatch

import (
	"hash/maphash"
	"math"
)

// What is freed is used again first. Where what is in use has fallen to a
// quarter of what there is room for, it is copied together and numbered anew,
// in the old order: a pass over everything that the unsubscribing before it
// has paid for.

// noPlace is the place of a sub that is not in use.
const noPlace = place(math.MaxUint32)

func sparse(used, room int) bool { return room > 256 && used < room/4 }

func (x *Index[K, V]) shrink() {
	if x.place.n == 0 {
		x.subs, x.free = nil, 0
		return
	}
	if sparse(x.place.n, len(x.subs)) {
		x.pack()
	}
	if sparse(x.tree.used, len(x.tree.nodes)) || sparse(x.tree.levels.table.n, len(x.tree.levels.list)) {
		nodes := x.tree.pack()
		for i := range x.subs {
			if s := &x.subs[i]; s.place != noPlace {
				s.place = place(nodes[s.place.node()]<<1) | s.place&1
			}
		}
		x.hashPlaces()
	}
}

func (x *Index[K, V]) hashPlaces() {
	n := x.place.n
	x.place = table{}
	x.place.reserve(n)
	for i := range x.subs {
		if s := &x.subs[i]; s.place != noPlace && i != 0 {
			x.place.insert(mix(maphash.Comparable(keySeed, s.key), uint64(s.place)), uint32(i))
		}
	}
}

func (x *Index[K, V]) pack() {
	ids := make([]uint32, len(x.subs))
	subs := make([]sub[K, V], 1, x.place.n+1)
	for i := 1; i < len(x.subs); i++ {
		if s := &x.subs[i]; s.place != noPlace {
			ids[i] = uint32(len(subs))
			subs = append(subs, *s)
		}
	}
	for i := range subs {
		s := &subs[i]
		s.next, s.prev, s.more, s.less = ids[s.next], ids[s.prev], ids[s.more], ids[s.less]
	}
	x.subs, x.free = subs, 0
	x.place.renumber(ids)
	x.key.renumber(ids)
	for i := range x.tree.nodes {
		if n := &x.tree.nodes[i]; n.children != freeNode {
			n.exact, n.below = ids[n.exact], ids[n.below]
		}
	}
}

// pack copies nodes and levels together and returns the new numbers of the
// nodes.
func (t *prefixes) pack() (ids []uint32) {
	names := t.levels.packList()
	ids = make([]uint32, len(t.nodes))
	nodes := make([]node, 1, t.used+1)
	nodes[0] = t.nodes[0]
	for i := 1; i < len(t.nodes); i++ {
		if n := &t.nodes[i]; n.children != freeNode {
			ids[i] = uint32(len(nodes))
			nodes = append(nodes, *n)
		}
	}
	for i := range nodes {
		nodes[i].literals = 0
	}
	t.table = table{}
	t.table.reserve(t.used)
	for i := range nodes {
		n := &nodes[i]
		n.parent, n.plus, n.groups = ids[n.parent], ids[n.plus], ids[n.groups]
		if i != 0 && n.level != plusLevel {
			n.level = names[n.level&^groupMarks] | n.level&groupMarks
			t.table.insert(mix(uint64(n.parent), uint64(n.level)), uint32(i))
			nodes[n.parent].literals |= levelBit(n.level)
		}
	}
	t.nodes, t.free = nodes, 0
	return ids
}

// packList numbers the levels in use anew and returns their new numbers.
func (l *levels) packList() (ids []uint32) {
	ids = make([]uint32, len(l.list))
	list := make([]level, 1, l.table.n+1)
	for i := 1; i < len(l.list); i++ {
		if v := l.list[i]; v.refs != 0 {
			ids[i] = uint32(len(list))
			list = append(list, v)
		}
	}
	l.list, l.free = list, 0
	l.table.renumber(ids)
	return ids
}
