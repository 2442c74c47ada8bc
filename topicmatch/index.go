package topicmatch

import (
	"bytes"
	"hash/maphash"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// Index knows who gets a message: subscriptions of keys (a session, a client,
// a connection) to Topic Filters, each with a value (the Subscription Options,
// a Subscription Identifier), found by Topic Name. The zero Index is empty and
// ready; it must not be copied once in use.
//
// A key has one subscription for a filter: a second replaces the first
// [MQTT-3.8.4-3]. Its subscriptions to different filters are all reported where
// they overlap, so that the caller can send one message or several
// (3.1.1 §3.3.5, 5.0 §3.3.4). A filter that starts with $share/ is a Shared
// Subscription (5.0 §4.8.2), another one than that to the filter behind the
// ShareName; the members of a group share what matches.
//
// Any number of goroutines may match while others change the index: a match
// sees every change whole or not at all, except for UnsubscribeAll, which
// proceeds in slices. Those who match do not wait for each other; a change waits
// for the matches that are running.
//
// Topics are byte slices and not kept. []byte(s) for a string s costs nothing
// in the call.
//
// # Cost
//
// A match costs no allocation, and time in proportion to the distinct prefixes
// of filters that match the name, plus what it reports: not to the number of
// subscriptions. A prefix here is a filter's first levels, so a filter of n
// levels has n, and those that two filters have in common count once.
//
// The worst case is filters that put "+" or the level itself at each position
// in every combination: a name of n levels then matches 2^i prefixes of i
// levels, some ten nanoseconds each. But to have k prefixes match, somebody must
// have subscribed to filters with k distinct ones: no name costs more than the
// number of distinct prefixes of no more levels than it has. Who serves
// strangers bounds it by limiting the subscriptions of a key, the "+" in a
// filter, or the levels.
//
// Subscribing and unsubscribing cost the length of the filter, whatever else is
// in the index, and now and then a pass over a table that grows by half or has
// become sparse: milliseconds at a million subscriptions, tens of them where
// most have gone. Other changes wait for it. A match does not: it waits for as
// many steps as a filter has levels, or for a slice of UnsubscribeAll.
//
// A subscription takes about 40 bytes and the size of K and V, and each prefix
// that it is the first to have 50; a level is stored once, however many filters
// have it. So a filter of n levels of its own costs 50 n bytes and its text,
// which is another reason to limit levels. All of it is given back by
// unsubscribing. None of it holds pointers, save what K and V hold, so the
// garbage collector passes it over.
type Index[K comparable, V any] struct {
	lock    lock
	readers sync.Pool // of *reader

	tree  prefixes
	subs  []sub[K, V] // subs[0] is nobody's
	n     int         // those in use
	free  uint32      // first of the free subs, chained by their next
	key   table       // the first sub of each key, by key
	place table       // the others, by key and place
}

// sub is one subscription. It is in two lists: of what hangs on its place, and
// of what its key has.
type sub[K comparable, V any] struct {
	place place
	next  uint32 // in the place
	key   K
	value V
	prev  uint32 // in the place

	more, less uint32 // of the key: next, previous
}

// reader is what a match needs to itself.
type reader struct {
	line *readers
	matches
}

// Subscription is one reason to send a message.
type Subscription[K comparable, V any] struct {
	Key   K
	Value V
	// Group is 0, or tells the Shared Subscriptions in the result of one match
	// apart: the message goes to one of those with the same Group.
	Group Group
}

// Group stands for one ShareName with one filter within the result of one match.
// As a number it means nothing; AppendSubscribers finds the other members.
type Group uint32

// keySeed keeps peers from choosing keys that collide.
var keySeed = maphash.MakeSeed()

func keyHash[K comparable](key K) uint64 { return maphash.Comparable(keySeed, key) }

var slash = []byte{'/'}

// split takes a valid filter apart. group is empty where it is not shared.
func split(filter []byte) (group, inner []byte, err error) {
	if err := CheckSubscription(filter); err != nil {
		return nil, nil, err
	}
	if group, inner, ok := SplitShared(filter); ok {
		return group, inner, nil
	}
	return nil, filter, nil
}

// Subscribe adds a subscription or gives an existing one another value.
// replaced reports the latter, and old is then the value it had.
//
// The error is that of [CheckSubscription], and nothing has changed then.
func (x *Index[K, V]) Subscribe(key K, filter []byte, value V) (old V, replaced bool, err error) {
	group, inner, err := split(filter)
	if err != nil {
		return old, false, err
	}
	h := keyHash(key)

	x.lock.change.Lock()
	defer x.lock.change.Unlock()
	x.reserve(1, bytes.Count(filter, slash)+1)
	x.lock.exclude()
	defer x.lock.admit()
	p := x.tree.insertFilter(filter, group, inner)
	first := x.first(h, key)
	id := first
	if first != 0 && x.subs[first].place != p {
		id = 0
		if x.subs[first].more != 0 {
			id = x.lookup(h, key, p)
		}
	}
	if id != 0 {
		s := &x.subs[id]
		old, s.value = s.value, value
		return old, true, nil
	}
	x.add(h, key, first, p, value)
	return old, false, nil
}

// Unsubscribe removes a subscription. removed reports whether there was one,
// and old is then the value it had.
func (x *Index[K, V]) Unsubscribe(key K, filter []byte) (old V, removed bool) {
	h := keyHash(key)
	x.lock.change.Lock()
	defer x.lock.change.Unlock()
	id := x.find(h, key, filter)
	if id == 0 {
		return old, false
	}
	x.lock.exclude()
	old = x.subs[id].value
	x.remove(h, id)
	x.lock.admit()
	x.shrink()
	return old, true
}

// UnsubscribeAll removes all subscriptions of a key, and returns how many there
// were. It proceeds in slices, as UnsubscribeSome does: of many, a match beside it
// may still find some. What the key subscribes to meanwhile may go, too.
func (x *Index[K, V]) UnsubscribeAll(key K) (n int) {
	for {
		some, more := x.UnsubscribeSome(key)
		if n += some; !more {
			return n
		}
		runtime.Gosched() // those who match have their turn
	}
}

// UnsubscribeSome removes some subscriptions of a key, and returns how many, and
// whether the key has more. A match beside it sees all that it removes or none of
// it. Those who match are kept out for 512 steps and the levels of one filter at
// most, a step being a subscription or a prefix that goes with it.
func (x *Index[K, V]) UnsubscribeSome(key K) (n int, more bool) {
	h := keyHash(key)
	x.lock.change.Lock()
	defer x.lock.change.Unlock()
	first := x.first(h, key)
	if first == 0 {
		return 0, false
	}
	x.lock.exclude()
	n, more, _ = x.removeSome(h, first)
	x.lock.admit()
	x.shrink()
	return n, more
}

// Get returns the value of a subscription, and whether there is one.
func (x *Index[K, V]) Get(key K, filter []byte) (value V, ok bool) {
	h := keyHash(key)
	r := x.enter()
	defer x.leave(r)
	id := x.find(h, key, filter)
	if id == 0 {
		return value, false
	}
	return x.subs[id].value, true
}

// Len returns the number of subscriptions.
func (x *Index[K, V]) Len() int {
	r := x.enter()
	defer x.leave(r)
	return x.n
}

// AppendMatches appends the subscriptions that match a Topic Name to dst and
// returns the result: all of them, in no particular order, but the members of a
// group one after the other. The name is taken to be valid, as in [Match].
func (x *Index[K, V]) AppendMatches(dst []Subscription[K, V], name []byte) []Subscription[K, V] {
	r := x.enter()
	x.tree.match(&r.matches, name)
	dst = x.appendLists(dst, r.lists)
	for _, g := range r.groups {
		dst = x.appendList(dst, x.tree.nodes[g].exact, Group(g))
	}
	x.leave(r)
	return dst
}

// AppendTurns is AppendMatches, but of each group it appends one member only,
// each in turn.
func (x *Index[K, V]) AppendTurns(dst []Subscription[K, V], name []byte) []Subscription[K, V] {
	r := x.enter()
	x.tree.match(&r.matches, name)
	dst = x.appendLists(dst, r.lists)
	for _, g := range r.groups {
		s := &x.subs[x.turn(g)]
		dst = append(dst, Subscription[K, V]{s.key, s.value, Group(g)})
	}
	x.leave(r)
	return dst
}

// AppendSubscribers appends the subscriptions to one Topic Filter to dst and
// returns the result: those who subscribed to just this one, in no particular
// order. Of a Shared Subscription's filter these are the members of the group.
//
// It costs the length of the filter and what it reports, whatever else matches
// the same names.
func (x *Index[K, V]) AppendSubscribers(dst []Subscription[K, V], filter []byte) []Subscription[K, V] {
	r := x.enter()
	if p, ok := x.at(filter); ok {
		n := &x.tree.nodes[p.node()]
		switch {
		case n.isGroup():
			dst = x.appendList(dst, n.exact, Group(p.node()))
		case p.below():
			dst = x.appendList(dst, n.below, 0)
		default:
			dst = x.appendList(dst, n.exact, 0)
		}
	}
	x.leave(r)
	return dst
}

// appendLists appends the subscriptions of lists, which are of no group.
func (x *Index[K, V]) appendLists(dst []Subscription[K, V], lists []uint32) []Subscription[K, V] {
	for _, id := range lists {
		for id != 0 {
			s := &x.subs[id]
			dst = slices.Grow(dst, 1)[:len(dst)+1]
			d := &dst[len(dst)-1] // set in place, which is faster than a copy
			d.Key, d.Value, d.Group = s.key, s.value, 0
			id = s.next
		}
	}
	return dst
}

func (x *Index[K, V]) appendList(dst []Subscription[K, V], id uint32, g Group) []Subscription[K, V] {
	for id != 0 {
		s := &x.subs[id]
		dst = slices.Grow(dst, 1)[:len(dst)+1]
		d := &dst[len(dst)-1]
		d.Key, d.Value, d.Group = s.key, s.value, g
		id = s.next
	}
	return dst
}

// turn returns the member whose turn it is, and passes the turn on. Others who
// match may be at it at the same time.
func (x *Index[K, V]) turn(g uint32) uint32 {
	n := &x.tree.nodes[g]
	for {
		id := atomic.LoadUint32(&n.below)
		next := x.subs[id].next
		if next == 0 {
			next = n.exact
		}
		if atomic.CompareAndSwapUint32(&n.below, id, next) {
			return id
		}
	}
}

// Visit calls visit with what AppendMatches would append, until it returns
// false. Changes to the index wait meanwhile: visit must not make one itself,
// and had better be quick.
func (x *Index[K, V]) Visit(name []byte, visit func(Subscription[K, V]) bool) {
	r := x.enter()
	defer x.leave(r)
	x.tree.match(&r.matches, name)
	for _, id := range r.lists {
		if !x.visitList(id, 0, visit) {
			return
		}
	}
	for _, g := range r.groups {
		if !x.visitList(x.tree.nodes[g].exact, Group(g), visit) {
			return
		}
	}
}

func (x *Index[K, V]) visitList(id uint32, g Group, visit func(Subscription[K, V]) bool) bool {
	for id != 0 {
		s := &x.subs[id]
		if !visit(Subscription[K, V]{s.key, s.value, g}) {
			return false
		}
		id = s.next
	}
	return true
}

func (x *Index[K, V]) enter() *reader {
	r, _ := x.readers.Get().(*reader)
	if r == nil {
		r = &reader{line: x.lock.line()}
	}
	x.lock.rlock(r.line)
	return r
}

func (x *Index[K, V]) leave(r *reader) {
	x.lock.runlock(r.line)
	x.readers.Put(r)
}
