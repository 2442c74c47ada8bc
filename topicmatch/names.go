package topicmatch

import (
	"bytes"
	"sync"
)

// Names holds a value for each of a set of Topic Names, as a server holds
// retained messages (3.1.1 §3.3.1.3, 5.0 §3.3.1.3), and finds those that a
// Topic Filter matches. The zero Names is empty and ready; it must not be
// copied once in use.
//
// Any number of goroutines may look at it while others change it: they see
// every change whole or not at all. Those who look do not wait for each other;
// a change waits for those who are looking.
//
// Topics are byte slices and not kept. []byte(s) for a string s costs nothing
// in the call.
//
// # Cost
//
// Set, Delete and Get cost the length of the name, whatever else there is, and
// changes now and then a pass over a table, as those of the [Index] do, which
// keeps nobody waiting who looks.
// Visit goes to the prefixes of names that its filter matches, and no others:
// one for a level that the filter spells out, all there are on a level for
// "+", and all names below for "#". Its worst case is a filter such as
// "+/+/+/x", which looks at all prefixes of three levels even if no name goes on
// with x: VisitLimit bounds that, and a [Walk] does it in slices.
//
// A name takes about 45 bytes and the size of V for each prefix that it is the
// first to have; a level is stored once, however many names have it. All of it
// is given back by deleting. None of it holds pointers, save what V holds.
type Names[V any] struct {
	lock    lock
	readers sync.Pool // of *nameReader

	nodes  []nameNode // nodes[0] is the root
	values []V        // by node
	table  table      // nodes by parent and level
	levels levels
	free   uint32 // first of the free nodes, chained by their parent
	used   int    // nodes in use, the root not counted
	n      int    // names
	walks  walks[V]
}

// nameNode is a distinct prefix of the names, of whole levels. The children of
// a node are in a list, and found by level through the table.
type nameNode struct {
	parent, level uint32
	child         uint32 // the first, or 0
	next, prev    uint32 // siblings
	state         nodeState
}

type nodeState uint32

const (
	nodePrefix nodeState = iota // of names only
	nodeName                    // a name itself
	nodeFree
)

// nameReader is what a visit needs to itself.
type nameReader struct {
	line   *readers
	filter []uint32 // numbers of the filter's levels
	name   []byte
}

// Set gives a name a value. replaced reports whether it had one, and old is
// then that.
//
// The error is that of [CheckName], and nothing has changed then.
func (x *Names[V]) Set(name []byte, value V) (old V, replaced bool, err error) {
	if err := CheckName(name); err != nil {
		return old, false, err
	}
	x.lock.change.Lock()
	defer x.lock.change.Unlock()
	x.reserve(bytes.Count(name, slash) + 1)
	x.lock.exclude()
	defer x.lock.admit()
	at := x.insert(name)
	if x.nodes[at].state == nodeName {
		old, x.values[at] = x.values[at], value
		return old, true, nil
	}
	x.nodes[at].state = nodeName
	x.values[at] = value
	x.n++
	return old, false, nil
}

// Delete removes a name. deleted reports whether it was there, and old is then
// the value it had.
func (x *Names[V]) Delete(name []byte) (old V, deleted bool) {
	x.lock.change.Lock()
	defer x.lock.change.Unlock()
	at := x.find(name)
	if at == 0 || x.nodes[at].state != nodeName {
		return old, false
	}
	x.lock.exclude()
	var zero V
	old, x.values[at] = x.values[at], zero
	x.nodes[at].state = nodePrefix
	x.n--
	x.prune(at)
	x.lock.admit()
	x.shrink()
	return old, true
}

// Get returns the value of a name, and whether it has one.
func (x *Names[V]) Get(name []byte) (value V, ok bool) {
	r := x.enter()
	defer x.leave(r)
	at := x.find(name)
	if at == 0 || x.nodes[at].state != nodeName {
		return value, false
	}
	return x.values[at], true
}

// Len returns the number of names.
func (x *Names[V]) Len() int {
	r := x.enter()
	defer x.leave(r)
	return x.n
}

func (x *Names[V]) enter() *nameReader {
	r, _ := x.readers.Get().(*nameReader)
	if r == nil {
		r = &nameReader{line: x.lock.line()}
	}
	x.lock.rlock(r.line)
	return r
}

func (x *Names[V]) leave(r *nameReader) {
	x.lock.runlock(r.line)
	x.readers.Put(r)
}
