package topicmatch

import (
	"math"
	"slices"
)

// prefixes is the tree of an Index: a node for every distinct prefix of the
// filters in it, of whole levels, without a trailing "#". Nodes are numbered;
// node 0 is the root, the empty prefix. A node's child for a level is found
// through one hash table keyed by both numbers; its child for "+" it names
// itself.
//
// What subscribes to a filter is a list. The tree knows its head: at the node of
// the filter, or of the filter without its "/#". The members of a shared group
// hang on a node of their own, which no topic and no filter leads to: it is a
// child by the ShareName, marked as such.
type prefixes struct {
	nodes  []node
	table  table
	levels levels
	free   uint32 // first of the free nodes, chained by their parent
	used   int    // nodes in use, the root not counted

	// The filter that was subscribed to last, which others often subscribe to
	// next, and its place: empty, or the place is there.
	last      []byte
	lastPlace place
}

// maxLast is the longest filter that last keeps.
const maxLast = 128

type node struct {
	parent, level uint32
	plus          uint32 // the child for "+", or 0
	exact, below  uint32 // heads of the lists of the filter and of the filter/#, or 0
	groups        uint32 // the first group, or 0
	children      uint32 // all of them, "+" and groups included
	literals      uint32 // a bit for each level that may have a child here

	// In the node of a group: level is the ShareName with one of the marks
	// below, plus and groups are the neighbours in the list of groups, exact
	// is the first member and below the member whose turn it is.
}

// A node's level is plusLevel or a number of levels, which stays below the
// marks: there is no memory for so many levels.
const (
	plusLevel  = math.MaxUint32
	groupExact = 1 << 30 // the group of a filter
	groupBelow = 1 << 31 // the group of filter/#
	groupMarks = groupExact | groupBelow
	freeNode   = math.MaxUint32 // children of a node that is not in use
)

// place is what a subscription hangs on: twice the node, plus 1 where the
// filter goes on with "/#".
type place uint32

func (p place) node() uint32 { return uint32(p >> 1) }
func (p place) below() bool  { return p&1 != 0 }

// head is the head of a place's list.
func (t *prefixes) head(p place) *uint32 {
	if p.below() {
		return &t.nodes[p.node()].below
	}
	return &t.nodes[p.node()].exact
}

// nextLevel cuts the first level off. more says whether another follows.
func nextLevel(path []byte) (level, rest []byte, more bool) {
	for i, c := range path {
		if c == '/' {
			return path[:i], path[i+1:], true
		}
	}
	return path, nil, false
}

// child returns a node's child for a level, or 0.
func (t *prefixes) child(parent, level uint32) uint32 {
	h := mix(uint64(parent), uint64(level))
	for i, s := t.table.first(h); s>>32 == h>>32 && s != 0; i, s = t.table.next(i) {
		if n := &t.nodes[uint32(s)]; n.parent == parent && n.level == level {
			return uint32(s)
		}
	}
	return 0
}

// find returns the place of a filter without $share, and ok=false if no
// subscription can be there.
func (t *prefixes) find(filter []byte) (p place, ok bool) {
	if len(t.nodes) == 0 {
		return 0, false
	}
	at := uint32(0)
	for more := true; more; {
		var level []byte
		level, filter, more = nextLevel(filter)
		switch {
		case string(level) == "#":
			return place(at<<1 | 1), true
		case string(level) == "+":
			at = t.nodes[at].plus
		default:
			id := t.levels.find(level)
			if id == 0 {
				return 0, false
			}
			at = t.child(at, id)
		}
		if at == 0 {
			return 0, false
		}
	}
	return place(at << 1), true
}

// insert returns the place of a filter without $share, which it makes if need
// be. A place nothing hangs on is to be given back with prune.
func (t *prefixes) insert(filter []byte) place {
	if len(t.nodes) == 0 {
		t.nodes = push(t.nodes, node{})
	}
	at := uint32(0)
	for more := true; more; {
		var level []byte
		level, filter, more = nextLevel(filter)
		switch {
		case string(level) == "#":
			return place(at<<1 | 1)
		case string(level) == "+":
			next := t.nodes[at].plus
			if next == 0 {
				next = t.add(at, plusLevel)
				t.nodes[at].plus = next
			}
			at = next
		default:
			at = t.insertLevel(at, level, 0)
		}
	}
	return place(at << 1)
}

// insertFilter is insert, of a filter that may have the name of a group before
// it; all is both of them.
func (t *prefixes) insertFilter(all, group, inner []byte) place {
	if string(all) == string(t.last) {
		return t.lastPlace
	}
	p := t.insert(inner)
	if len(group) != 0 {
		p = t.insertGroup(p, group)
	}
	if len(all) <= maxLast {
		t.last, t.lastPlace = append(t.last[:0], all...), p
	}
	return p
}

func (t *prefixes) insertLevel(at uint32, level []byte, mark uint32) uint32 {
	id := t.levels.find(level)
	if id != 0 {
		if next := t.child(at, id|mark); next != 0 {
			return next
		}
	}
	id = t.levels.intern(level) | mark
	next := t.add(at, id)
	t.table.insert(mix(uint64(at), uint64(id)), next)
	t.nodes[at].literals |= levelBit(id)
	return next
}

func (t *prefixes) add(parent, level uint32) uint32 {
	id := t.free
	if id != 0 {
		t.free = t.nodes[id].parent
	} else {
		id = uint32(len(t.nodes))
		t.nodes = push(t.nodes, node{})
	}
	t.nodes[id] = node{parent: parent, level: level}
	t.nodes[parent].children++
	t.used++
	return id
}

// levelBit is the bit of a level in literals: most nodes have few children, and
// most searches that would find none end here.
func levelBit(id uint32) uint32 {
	if id == 0 {
		return 0
	}
	return 1 << (id * 0x9e3779b1 >> 27)
}

// The mark of the groups at a place.
func groupMark(p place) uint32 {
	if p.below() {
		return groupBelow
	}
	return groupExact
}

// findGroup returns the place of the members of a group whose filter is at p.
func (t *prefixes) findGroup(p place, name []byte) (members place, ok bool) {
	id := t.levels.find(name)
	if id == 0 {
		return 0, false
	}
	g := t.child(p.node(), id|groupMark(p))
	return place(g << 1), g != 0
}

// insertGroup is findGroup, but makes the group if need be.
func (t *prefixes) insertGroup(p place, name []byte) (members place) {
	if members, ok := t.findGroup(p, name); ok {
		return members
	}
	at := p.node()
	g := t.insertLevel(at, name, groupMark(p))
	next := t.nodes[at].groups
	t.nodes[g].groups = next
	if next != 0 {
		t.nodes[next].plus = g
	}
	t.nodes[at].groups = g
	return place(g << 1)
}

func (n *node) isGroup() bool { return n.level&groupMarks != 0 && n.level != plusLevel }

// prune removes the node of a place, if nothing hangs on it, and whatever
// nodes then lead nowhere. It returns how many.
func (t *prefixes) prune(p place) (removed int) {
	at := p.node()
	for at != 0 {
		n := &t.nodes[at]
		if n.children != 0 || n.exact != 0 || n.below != 0 {
			break
		}
		parent := &t.nodes[n.parent]
		switch {
		case n.level == plusLevel:
			parent.plus = 0
		case n.isGroup():
			if n.groups != 0 {
				t.nodes[n.groups].plus = n.plus
			}
			if n.plus != 0 {
				t.nodes[n.plus].groups = n.groups
			} else {
				parent.groups = n.groups
			}
			fallthrough
		default:
			t.table.remove(mix(uint64(n.parent), uint64(n.level)), at)
			t.levels.release(n.level &^ groupMarks)
		}
		parent.children--
		t.last = t.last[:0]
		up := n.parent
		*n = node{parent: t.free, children: freeNode}
		t.free = at
		t.used--
		removed++
		at = up
	}
	if t.used == 0 && t.nodes[0].below == 0 {
		*t = prefixes{}
	}
	return removed
}

// matches is where match leaves what it finds, for reuse.
type matches struct {
	front  []uint32 // nodes of the prefixes that match so far
	probes []probe
	lists  []uint32 // heads of lists of subscriptions
	groups []uint32 // nodes of groups
}

// probe is one search for a child on its way through match.
type probe struct {
	hash uint64
	slot int
	at   uint32
	next uint32
}

// match collects the lists and the groups of the filters that match a name.
//
// A large tree does not fit into the processor's caches, and nearly all the
// time goes by waiting for memory. So it goes level by level, all the prefixes
// that match so far abreast, in loops that each touch one thing per prefix and
// decide nothing before it is there: the waits then overlap.
func (t *prefixes) match(m *matches, name []byte) {
	m.lists, m.groups = m.lists[:0], m.groups[:0]
	if len(t.nodes) == 0 || len(name) == 0 {
		return
	}
	nodes, slots := t.nodes, t.table.slots
	front := append(m.front[:0], 0)
	probes := m.probes
	// A wildcard in the first level does not match "$" [MQTT-4.7.2-1].
	wild := name[0] != '$'
	for more := true; more && len(front) != 0; {
		var level []byte
		level, name, more = nextLevel(name)
		id := t.levels.find(level)
		bit := levelBit(id)
		probes = probes[:0]
		plus := 0
		for _, at := range front {
			n := &nodes[at]
			if wild {
				if n.below != 0 {
					m.lists = append(m.lists, n.below)
				}
				if n.groups != 0 {
					t.collectGroups(m, n.groups, groupBelow)
				}
			}
			if n.literals&bit != 0 {
				h := mix(uint64(at), uint64(id))
				probes = slices.Grow(probes, 1)[:len(probes)+1]
				p := &probes[len(probes)-1] // set in place, which is faster than a copy
				p.hash, p.slot, p.at = h, t.table.home(h), at
			}
			if n.plus != 0 && wild {
				front[plus] = n.plus // never overtakes the loop
				plus++
			}
		}
		front = front[:plus]
		if len(slots) != 0 {
			for i := range probes {
				probes[i].next = uint32(slots[probes[i].slot] >> 32)
			}
			for i := range probes {
				p := &probes[i]
				tag := p.hash >> 32
				for slots[p.slot]>>32 > tag {
					p.slot++
				}
				p.next = 0
				if s := slots[p.slot]; s>>32 == tag {
					p.next = uint32(s)
				}
			}
			for i := range probes {
				p := &probes[i]
				if n := &nodes[p.next]; n.parent == p.at && n.level == id && p.next != 0 {
					front = append(front, p.next)
				} else if p.next != 0 {
					if c := t.child(p.at, id); c != 0 {
						front = append(front, c)
					}
				}
			}
		}
		wild = true
	}
	for _, at := range front {
		n := &nodes[at]
		if n.exact != 0 {
			m.lists = append(m.lists, n.exact)
		}
		if n.below != 0 { // "a/#" matches "a", too
			m.lists = append(m.lists, n.below)
		}
		if n.groups != 0 {
			t.collectGroups(m, n.groups, groupMarks)
		}
	}
	m.front, m.probes = front, probes
}

func (t *prefixes) collectGroups(m *matches, g, marks uint32) {
	for ; g != 0; g = t.nodes[g].groups {
		if t.nodes[g].level&marks != 0 {
			m.groups = append(m.groups, g)
		}
	}
}
