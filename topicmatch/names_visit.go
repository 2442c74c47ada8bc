package topicmatch

import "math"

// Visit calls visit with every name that a Topic Filter matches and its value,
// in no particular order, until visit returns false. The name is valid until
// visit returns. The filter is taken to be valid, as in [Match]. $share means
// nothing here: a Shared Subscription is sent no retained messages
// (5.0 §4.8.2).
//
// Changes wait meanwhile: visit must not call any method of x, and had better
// be quick, or stop.
func (x *Names[V]) Visit(filter []byte, visit func(name []byte, value V) bool) {
	x.VisitLimit(filter, math.MaxInt, visit)
}

// VisitLimit is Visit, but gives up before it looks at more than limit prefixes
// of names, whether they lead to a match or not. done reports whether it did
// not: whether all was visited, or visit returned false.
func (x *Names[V]) VisitLimit(filter []byte, limit int, visit func(name []byte, value V) bool) (done bool) {
	r := x.enter()
	defer x.leave(r)
	if len(x.nodes) == 0 || len(filter) == 0 || !r.resolve(&x.levels, filter) {
		return true
	}

	_, _, end := x.walk(r, 0, limit, visit)
	return end != atLimit
}

// ending says where a walk over the names has come to.
type ending uint8

const (
	atEnd   ending = iota // all was visited
	atName                // visit has returned false
	atLimit               // so many prefixes were looked at
)

// walk visits what is at a node, below it, and after it, as far as r.filter goes. It
// returns the node that is the next, and how much of the limit is left.
func (x *Names[V]) walk(r *nameReader, at uint32, limit int, visit func(name []byte, value V) bool) (next uint32, left int, end ending) {
	// It needs no stack: at is where it is, depth how many levels that has, r.name
	// what it is called.
	depth := x.path(r, at)
	for {
		n := &x.nodes[at]
		wanted := r.level(depth)
		if n.state == nodeName && (wanted == noLevel || wanted == hashLevel) {
			if !visit(r.name, x.values[at]) {
				return at, limit, atName
			}
		}
		next := uint32(0)
		switch wanted {
		case noLevel:
		case plusLevel, hashLevel:
			next = x.wild(n.child)
		default:
			next = x.child(at, wanted)
		}
		// Up from where nothing follows, to the first that has a sibling.
		for next == 0 {
			if at == 0 {
				return 0, limit, atEnd
			}
			n := &x.nodes[at]
			depth--
			r.name = r.name[:len(r.name)-int(x.levels.list[n.level].size)]
			if depth > 0 {
				r.name = r.name[:len(r.name)-1]
			}
			if wanted := r.level(depth); wanted == plusLevel || wanted == hashLevel {
				next = x.wild(n.next)
			}
			at = n.parent
		}
		if limit == 0 {
			return next, 0, atLimit
		}
		limit--
		if depth > 0 {
			r.name = append(r.name, '/')
		}
		r.name = append(r.name, x.levels.bytes(x.nodes[next].level)...)
		at = next
		depth++
	}
}

// Numbers that no level has, in the filter of a visit.
const (
	noLevel   = 0                  // the filter is at its end
	hashLevel = math.MaxUint32 - 1 // "#", there and on all levels that follow
)

// resolve looks the filter's levels up. ok is false if no name has one of them.
func (r *nameReader) resolve(l *levels, filter []byte) (ok bool) {
	r.filter = r.filter[:0]
	for more := true; more; {
		var level []byte
		level, filter, more = nextLevel(filter)
		id := uint32(0)
		switch string(level) {
		case "+":
			id = plusLevel
		case "#":
			id = hashLevel
		default:
			if id = l.find(level); id == 0 {
				return false
			}
		}
		r.filter = append(r.filter, id)
	}
	return true
}

// level returns what the filter wants after so many levels.
func (r *nameReader) level(depth int) uint32 {
	if depth < len(r.filter) {
		return r.filter[depth]
	}
	if r.filter[len(r.filter)-1] == hashLevel {
		return hashLevel
	}
	return noLevel
}

// wild returns the first node from one on, among its siblings, that a wildcard
// matches: one in the first level does not match "$" [MQTT-4.7.2-1].
func (x *Names[V]) wild(at uint32) uint32 {
	for at != 0 && x.nodes[at].parent == 0 {
		if l := x.levels.bytes(x.nodes[at].level); len(l) == 0 || l[0] != '$' {
			break
		}
		at = x.nodes[at].next
	}
	return at
}
