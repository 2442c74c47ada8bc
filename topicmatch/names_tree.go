package topicmatch

// child returns a node's child for a level, or 0.
func (x *Names[V]) child(parent, level uint32) uint32 {
	h := mix(uint64(parent), uint64(level))
	for i, s := x.table.first(h); s>>32 == h>>32 && s != 0; i, s = x.table.next(i) {
		if n := &x.nodes[uint32(s)]; n.parent == parent && n.level == level {
			return uint32(s)
		}
	}
	return 0
}

// find returns the node of a name, or 0.
func (x *Names[V]) find(name []byte) uint32 {
	at := uint32(0)
	for more := true; more; {
		var level []byte
		level, name, more = nextLevel(name)
		id := x.levels.find(level)
		if id == 0 {
			return 0
		}
		if at = x.child(at, id); at == 0 {
			return 0
		}
	}
	return at
}

// insert returns the node of a name, which it makes if need be.
func (x *Names[V]) insert(name []byte) uint32 {
	if len(x.nodes) == 0 {
		var zero V
		x.nodes = push(x.nodes, nameNode{})
		x.values = push(x.values, zero)
	}
	at := uint32(0)
	for more := true; more; {
		var level []byte
		level, name, more = nextLevel(name)
		next := uint32(0)
		if id := x.levels.find(level); id != 0 {
			next = x.child(at, id)
		}
		if next == 0 {
			next = x.add(at, x.levels.intern(level))
		}
		at = next
	}
	return at
}

func (x *Names[V]) add(parent, level uint32) uint32 {
	id := x.free
	if id != 0 {
		x.free = x.nodes[id].parent
	} else {
		id = uint32(len(x.nodes))
		x.nodes = push(x.nodes, nameNode{})
		var zero V
		x.values = push(x.values, zero)
	}
	p := &x.nodes[parent]
	x.nodes[id] = nameNode{parent: parent, level: level, next: p.child}
	if p.child != 0 {
		x.nodes[p.child].prev = id
	}
	p.child = id
	x.table.insert(mix(uint64(parent), uint64(level)), id)
	x.used++
	return id
}

// prune removes a node that is no name and has no children, and whatever nodes
// then lead nowhere, except where a walk stands.
func (x *Names[V]) prune(at uint32) {
	for at != 0 {
		n := &x.nodes[at]
		if n.state == nodeName || n.child != 0 || x.walks.pins[at] > 0 {
			break
		}
		if n.next != 0 {
			x.nodes[n.next].prev = n.prev
		}
		if n.prev != 0 {
			x.nodes[n.prev].next = n.next
		} else {
			x.nodes[n.parent].child = n.next
		}
		x.table.remove(mix(uint64(n.parent), uint64(n.level)), at)
		x.levels.release(n.level)
		up := n.parent
		*n = nameNode{parent: x.free, state: nodeFree}
		x.free = at
		x.used--
		at = up
	}
	if x.used == 0 {
		x.nodes, x.values, x.free = nil, nil, 0
	}
}
