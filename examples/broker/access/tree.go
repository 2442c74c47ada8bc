package access

import (
	"bytes"
	"strings"
)

// A tree has rules by the levels of their filters, so that what they say of a
// topic, or of a filter, takes a walk along its levels, and not one over all of
// them. A filter with wildcards walks to what it can match: never farther than over
// the tree once. nil is the empty tree.
type tree struct {
	below map[string]*tree
	plus  *tree  // below "+"
	end   access // of the rules that end here
	all   access // of the rules that go on with "#"
	any   access // of all rules that end here, or go on from here
}

// add returns the tree with another rule.
func (t *tree) add(r rule) *tree {
	if t == nil {
		t = &tree{}
	}
	top := t
	rest, more := r.filter, true
	for more {
		t.any |= r.access
		var level string
		level, rest, more = strings.Cut(rest, "/")
		if level == "#" {
			t.all |= r.access
			return top
		}
		next := &t.plus
		if level != "+" {
			if t.below == nil {
				t.below = map[string]*tree{}
			}
			child := t.below[level]
			if child == nil {
				child = &tree{}
				t.below[level] = child
			}
			next = &child
		}
		if *next == nil {
			*next = &tree{}
		}
		t = *next
	}
	t.any |= r.access
	t.end |= r.access
	return top
}

// levels are what is left of a topic or filter.
type levels struct {
	rest []byte
	over bool
	top  bool // nothing is cut off yet
	bare bool // nothing, or a first level that is empty: no name ends here
}

func (l levels) cut() (level []byte, rest levels) {
	level, tail, more := bytes.Cut(l.rest, slash)
	return level, levels{tail, !more, false, l.top && len(level) == 0}
}

var slash = []byte{'/'}

// A walk along a topic or filter counts the parts of trees that it comes to.
type walk struct{ steps int }

// enter comes to a part of a tree. It returns what the rules say there already,
// whether wildcards count, and whether the walk goes on.
func (w *walk) enter(t *tree, l levels) (a access, wild, on bool) {
	if t == nil {
		return 0, false, false
	}
	w.steps++
	if wild = !l.top || l.rest[0] != '$'; wild { // [MQTT-4.7.2-1]
		a = t.all
	}
	if l.over {
		return a | t.end, wild, false
	}
	return a, wild, true
}

// matching returns what the rules say that match a topic.
func (w *walk) matching(t *tree, l levels) access {
	a, wild, on := w.enter(t, l)
	if !on {
		return a
	}
	level, rest := l.cut()
	a |= w.matching(t.below[string(level)], rest)
	if wild {
		a |= w.matching(t.plus, rest)
	}
	return a
}

// covering returns what the rules say that match all that a filter can.
func (w *walk) covering(t *tree, l levels) access {
	a, wild, on := w.enter(t, l)
	if !on {
		return a
	}
	level, rest := l.cut()
	switch {
	case string(level) == "#":
		if l.bare && t.plus != nil { // it stands for a level at least, as "+/#" does
			a |= t.plus.all
		}
		return a
	case string(level) != "+":
		a |= w.covering(t.below[string(level)], rest)
	}
	if wild {
		a |= w.covering(t.plus, rest)
	}
	return a
}

// touching returns what the rules say that match anything that a filter can.
func (w *walk) touching(t *tree, l levels) access {
	a, wild, on := w.enter(t, l)
	if !on {
		return a
	}
	level, rest := l.cut()
	switch {
	case string(level) == "#":
		if !l.bare {
			a |= t.end
		}
		return a | w.deeper(t, l.top)
	case string(level) == "+":
		for name, child := range t.below {
			if l.top && (name == "" && rest.over || name != "" && name[0] == '$') {
				continue
			}
			a |= w.touching(child, rest)
		}
	default:
		a |= w.touching(t.below[string(level)], rest)
	}
	if wild {
		a |= w.touching(t.plus, rest)
	}
	return a
}

// deeper returns what the rules say that go on from here.
func (w *walk) deeper(t *tree, top bool) (a access) {
	a = t.all
	for name, child := range t.below {
		w.steps++
		if !top || name == "" || name[0] != '$' {
			a |= child.any
		}
	}
	if t.plus != nil {
		a |= t.plus.any
	}
	return a
}
