package codec

import (
	"iter"
	"slices"

	"github.com/mqttwire/mqttwire"
)

// Filters is the list of an UNSUBSCRIBE: a view of Topic Filters in wire format
// (3.1.1 §3.10.3, 5.0 §3.10.3). The zero value is an empty list. See Lists in
// the package comment.
type Filters struct {
	b   []byte
	bad mqttwire.Error // why the first item that is left out could not be appended
}

// FiltersOf returns a list over bytes in wire format of any origin, which it
// aliases and does not judge: a walk stops at the first that is cut, and Append
// of the packet says what is wrong.
func FiltersOf(b []byte) Filters { return Filters{b: b} }

// Append appends copies of Topic Filters and returns the list. One of more than
// 65,535 bytes is left out, and Append of the packet then returns
// [mqttwire.ErrTopicTooLong]. Append of the packet also judges all others.
func (l Filters) Append(items ...[]byte) Filters {
	for _, filter := range items {
		if len(filter) > maxField {
			l.bad = mqttwire.ErrTopicTooLong // [MQTT-4.7.3-3]
			continue
		}
		l.b = appendField(l.b, filter)
	}
	return l
}

// Reset returns an empty list that reuses the memory of l, which the caller
// must own: not one that Decode gave. An error of building is forgotten.
func (l Filters) Reset() Filters { return Filters{b: l.b[:0]} }

// Clone returns a copy that shares no memory with l. It keeps an error of
// building.
func (l Filters) Clone() Filters {
	l.b = slices.Clone(l.b)
	return l
}

// Bytes returns the list in wire format. It aliases the list.
func (l Filters) Bytes() []byte { return l.b }

// Size returns the size of the list in bytes.
func (l Filters) Size() int { return len(l.b) }

// Len returns the number of filters. It walks the list.
func (l Filters) Len() int {
	n := 0
	for range l.All() {
		n++
	}
	return n
}

// All walks the filters in wire order. Each aliases the list.
func (l Filters) All() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for filter, b, ok := cutField(l.b); ok; filter, b, ok = cutField(b) {
			if !yield(filter) {
				return
			}
		}
	}
}

// Next returns the first filter, which aliases the list, and the list after it.
// Where the list is empty, or cut before the end of the first, ok is false and
// the others are zero.
func (l Filters) Next() (filter []byte, rest Filters, ok bool) {
	if filter, l.b, ok = cutField(l.b); !ok {
		return nil, Filters{}, false
	}
	return filter, l, true
}

// check validates the list by the rules of version v.
func (l Filters) check(v mqttwire.Version, lenient Leniencies) mqttwire.Error {
	b := l.b
	if len(b) == 0 {
		return mqttwire.ErrUnsubscribeEmpty // [MQTT-3.10.3-2]
	}
	for len(b) > 0 {
		filter, rest, ok := cutField(b)
		if !ok {
			return mqttwire.ErrTruncated
		}
		if e := checkFilter(v, filter); e != 0 && !lenient.excusesFilter(e) {
			return e // [MQTT-3.10.3-1]
		}
		b = rest
	}
	return 0
}
