package topicmatch

// The subscriptions of an Index, their lists and tables. What only looks needs
// other writers to be kept out, what changes something, readers too.

// at returns the place of a filter, and ok=false if no subscription can be there.
func (x *Index[K, V]) at(filter []byte) (p place, ok bool) {
	group, inner, err := split(filter)
	if err != nil {
		return 0, false // nobody can have subscribed to it
	}
	p, ok = x.tree.find(inner)
	if ok && len(group) != 0 {
		p, ok = x.tree.findGroup(p, group)
	}
	return p, ok
}

// find returns the subscription of a key to a filter, or 0.
func (x *Index[K, V]) find(h uint64, key K, filter []byte) uint32 {
	p, ok := x.at(filter)
	if !ok {
		return 0
	}
	if id := x.lookup(h, key, p); id != 0 {
		return id
	}
	if first := x.first(h, key); first != 0 && x.subs[first].place == p {
		return first
	}
	return 0
}

// lookup returns the subscription of a key at a place, or 0 if it has none or
// it is the key's first.
func (x *Index[K, V]) lookup(h uint64, key K, p place) uint32 {
	h = mix(h, uint64(p))
	for i, s := x.place.first(h); s>>32 == h>>32 && s != 0; i, s = x.place.next(i) {
		if v := &x.subs[uint32(s)]; v.place == p && v.key == key {
			return uint32(s)
		}
	}
	return 0
}

// first returns the first subscription of a key, or 0.
func (x *Index[K, V]) first(h uint64, key K) uint32 {
	for i, s := x.key.first(h); s>>32 == h>>32 && s != 0; i, s = x.key.next(i) {
		if x.subs[uint32(s)].key == key {
			return uint32(s)
		}
	}
	return 0
}

// add adds a subscription of a key, of which first is the first, or 0.
func (x *Index[K, V]) add(h uint64, key K, first uint32, p place, value V) {
	id := x.free
	if id != 0 {
		x.free = x.subs[id].next
	} else {
		if len(x.subs) == 0 {
			x.subs = push(x.subs, sub[K, V]{})
		}
		id = uint32(len(x.subs))
		x.subs = push(x.subs, sub[K, V]{})
	}

	head := x.tree.head(p)
	s := &x.subs[id]
	*s = sub[K, V]{key: key, value: value, place: p, next: *head}
	if *head != 0 {
		x.subs[*head].prev = id
	}
	*head = id
	if n := &x.tree.nodes[p.node()]; n.isGroup() && n.below == 0 {
		n.below = id
	}

	x.n++
	if first == 0 {
		x.key.insert(h, id)
		return
	}
	// Behind the first of the key, so that it stays that.
	f := &x.subs[first]
	s.more, s.less = f.more, first
	if f.more != 0 {
		x.subs[f.more].less = id
	}
	f.more = id
	x.place.insert(mix(h, uint64(p)), id)
}

// remove removes a subscription, and returns in how many steps: for itself, and
// for each prefix that goes with it.
func (x *Index[K, V]) remove(h uint64, id uint32) (steps int) {
	s := &x.subs[id]
	n := &x.tree.nodes[s.place.node()]
	if n.isGroup() && n.below == id {
		if n.below = s.next; n.below == 0 && n.exact != id {
			n.below = n.exact
		}
	}
	if s.next != 0 {
		x.subs[s.next].prev = s.prev
	}
	if s.prev != 0 {
		x.subs[s.prev].next = s.next
	} else {
		*x.tree.head(s.place) = s.next
	}

	x.n--
	if s.less != 0 {
		x.place.remove(mix(h, uint64(s.place)), id)
		x.subs[s.less].more = s.more
	} else {
		x.key.remove(h, id)
		if s.more != 0 {
			x.place.remove(mix(h, uint64(x.subs[s.more].place)), s.more)
			x.key.insert(h, s.more)
		}
	}
	if s.more != 0 {
		x.subs[s.more].less = s.less
	}

	steps = 1 + x.tree.prune(s.place)
	*s = sub[K, V]{place: noPlace, next: x.free}
	x.free = id
	if x.n == 0 {
		x.subs, x.free = nil, 0
	}
	return steps
}

const sliceSteps = 512

// removeSome removes subscriptions of a key, of which first is the first, until
// there are none or as many steps are done.
func (x *Index[K, V]) removeSome(h uint64, first uint32) (n int, more bool, steps int) {
	// The first one last, so that the table can stay as it is till then.
	for id := x.subs[first].more; id != 0; id = x.subs[first].more {
		if steps >= sliceSteps {
			return n, true, steps
		}
		steps += x.remove(h, id)
		n++
	}
	return n + 1, false, steps + x.remove(h, first)
}
