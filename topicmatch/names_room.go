package topicmatch

import "slices"

// Lists and tables grow and shrink as those of the Index do: beside those who
// look.

// reserve makes room for a name of so many levels.
func (x *Names[V]) reserve(levels int) {
	if cap(x.nodes)-x.used-1 < levels {
		onPass(len(x.nodes))
		replace(&x.lock, &x.nodes, slices.Grow(x.nodes, levels+1))
	}
	if cap(x.values)-x.used-1 < levels {
		onPass(len(x.values))
		replace(&x.lock, &x.values, slices.Grow(x.values, levels+1))
	}
	x.levels.reserve(&x.lock, levels)
	growTable(&x.lock, &x.table, levels)
}

// shrink gives back what is not needed any more.
func (x *Names[V]) shrink() {
	used, room := x.used+x.levels.table.n, len(x.nodes)+len(x.levels.list)
	switch {
	case used == 0:
	case sparse(used, room):
		x.pack()
	default:
		shrinkTable(&x.lock, &x.table)
		x.levels.shrink(&x.lock)
	}
}

func (x *Names[V]) pack() {
	onPass(len(x.nodes))
	levels, names := x.levels.packed()
	ids := make([]uint32, len(x.nodes))
	n := uint32(0)
	for i := 1; i < len(x.nodes); i++ {
		if x.nodes[i].state != nodeFree {
			n++
			ids[i] = n
		}
	}
	nodes := make([]nameNode, 0, n+1)
	values := make([]V, 0, n+1)
	table := tableFor(int(n))
	for i := range x.nodes {
		if ids[i] == 0 && i != 0 {
			continue
		}
		n := x.nodes[i]
		n.parent, n.child, n.next, n.prev = ids[n.parent], ids[n.child], ids[n.next], ids[n.prev]
		n.level = names[n.level]
		if i != 0 {
			table.insert(mix(uint64(n.parent), uint64(n.level)), ids[i])
		}
		nodes = append(nodes, n)
		values = append(values, x.values[i])
	}

	x.lock.exclude()
	x.walks.renumber(ids)
	x.nodes, x.values, x.table, x.levels, x.free = nodes, values, table, levels, 0
	x.lock.admit()
}
