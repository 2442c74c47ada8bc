package topictwin

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/mqttwire/mqttwire/topicmatch"
)

// An Index is the twin of topicmatch.Index: it tries every subscription.
type Index map[Subscription]int

// Subscription is what an Index has a value for.
type Subscription struct {
	Key    int
	Filter string
}

// Found is a subscription that matched, with the group it is in told by its
// filter.
type Found struct {
	Key, Value int
	Shared     string
}

// Match returns the subscriptions that match a name, sorted.
func (x Index) Match(name string) []Found {
	var all []Found
	for s, v := range x {
		filter, shared := s.Filter, ""
		if _, inner, ok := topicmatch.SplitShared(filter); ok {
			filter, shared = inner, s.Filter
		}
		if Match(filter, name) {
			all = append(all, Found{s.Key, v, shared})
		}
	}
	sortFound(all)
	return all
}

func sortFound(all []Found) {
	slices.SortFunc(all, func(a, b Found) int {
		return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Value, b.Value), cmp.Compare(a.Shared, b.Shared))
	})
}

// Pair is an index beside its twin. All values given to them must differ.
type Pair struct {
	Index topicmatch.Index[int, int]
	Twin  Index
}

type matched = topicmatch.Subscription[int, int]

// Check matches a name in all the ways there are. They must agree with each
// other and with the twin.
func (p *Pair) Check(name string) error {
	filterOf := make(map[int]string, len(p.Twin))
	for s, v := range p.Twin {
		filterOf[v] = s.Filter
	}
	all := p.Index.AppendMatches(nil, []byte(name))
	var visited []matched
	p.Index.Visit([]byte(name), func(s matched) bool {
		visited = append(visited, s)
		return true
	})
	if !slices.Equal(all, visited) {
		return fmt.Errorf("name %q: Visit gives %v, AppendMatches %v", name, visited, all)
	}

	var got []Found
	var plain []matched
	groups := make(map[topicmatch.Group]string)
	for i, s := range all {
		f := Found{s.Key, s.Value, ""}
		if s.Group == 0 {
			plain = append(plain, s)
		} else {
			f.Shared = filterOf[s.Value]
			began := i > 0 && all[i-1].Group == s.Group
			if is, ok := groups[s.Group]; ok != began || ok && is != f.Shared {
				return fmt.Errorf("name %q: group %d is not one, or not in one piece: %v", name, s.Group, all)
			}
			groups[s.Group] = f.Shared
		}
		got = append(got, f)
	}
	sortFound(got)
	if want := p.Twin.Match(name); !slices.Equal(got, want) {
		return fmt.Errorf("name %q: found %v, want %v", name, got, want)
	}

	for _, s := range p.Index.AppendTurns(nil, []byte(name)) {
		if s.Group == 0 {
			if !slices.Contains(plain, s) {
				return fmt.Errorf("name %q: turns have %v", name, s)
			}
			plain = slices.DeleteFunc(plain, func(o matched) bool { return o == s })
			continue
		}
		if _, ok := groups[s.Group]; !ok || !slices.Contains(all, s) {
			return fmt.Errorf("name %q: %v is no member of a group, or the second of it", name, s)
		}
		delete(groups, s.Group)
	}
	if len(plain)+len(groups) != 0 {
		return fmt.Errorf("name %q: turns lack %v and groups %v", name, plain, groups)
	}
	return nil
}

// CheckSubscribers asks both who subscribed to a filter.
func (p *Pair) CheckSubscribers(filter string) error {
	var got, want []Found
	_, _, shared := topicmatch.SplitShared(filter)
	for _, s := range p.Index.AppendSubscribers(nil, []byte(filter)) {
		if shared != (s.Group != 0) {
			return fmt.Errorf("filter %q: %v", filter, s)
		}
		got = append(got, Found{s.Key, s.Value, ""})
	}
	for s, v := range p.Twin {
		if s.Filter == filter {
			want = append(want, Found{s.Key, v, ""})
		}
	}
	sortFound(got)
	sortFound(want)
	if !slices.Equal(got, want) {
		return fmt.Errorf("filter %q: subscribers %v, want %v", filter, got, want)
	}
	return nil
}

// Subscribe subscribes in both.
func (p *Pair) Subscribe(key int, filter string, value int) error {
	s := Subscription{key, filter}
	want, had := p.Twin[s]
	old, replaced, err := p.Index.Subscribe(key, []byte(filter), value)
	if err != nil || replaced != had || old != want {
		return fmt.Errorf("Subscribe(%d, %q) = %v, %v, %v, want %v, %v", key, filter, old, replaced, err, want, had)
	}
	p.Twin[s] = value
	return p.checkLen()
}

// Unsubscribe unsubscribes in both.
func (p *Pair) Unsubscribe(key int, filter string) error {
	s := Subscription{key, filter}
	want, had := p.Twin[s]
	if v, ok := p.Index.Get(key, []byte(filter)); ok != had || v != want {
		return fmt.Errorf("Get(%d, %q) = %v, %v, want %v, %v", key, filter, v, ok, want, had)
	}
	if old, removed := p.Index.Unsubscribe(key, []byte(filter)); removed != had || old != want {
		return fmt.Errorf("Unsubscribe(%d, %q) = %v, %v, want %v, %v", key, filter, old, removed, want, had)
	}
	delete(p.Twin, s)
	return p.checkLen()
}

// UnsubscribeAll unsubscribes all of a key in both.
func (p *Pair) UnsubscribeAll(key int) error {
	want := 0
	for s := range p.Twin {
		if s.Key == key {
			delete(p.Twin, s)
			want++
		}
	}
	if n := p.Index.UnsubscribeAll(key); n != want {
		return fmt.Errorf("UnsubscribeAll(%d) = %d, want %d", key, n, want)
	}
	return p.checkLen()
}

// UnsubscribeSome unsubscribes some of a key in both: those that the index has
// chosen.
func (p *Pair) UnsubscribeSome(key int) error {
	n, more := p.Index.UnsubscribeSome(key)
	gone, left := 0, 0
	for s := range p.Twin {
		if s.Key != key {
			continue
		}
		if _, ok := p.Index.Get(key, []byte(s.Filter)); ok {
			left++
		} else {
			delete(p.Twin, s)
			gone++
		}
	}
	if n != gone || more != (left > 0) {
		return fmt.Errorf("UnsubscribeSome(%d) = %d, %v, and %d are gone, %d left", key, n, more, gone, left)
	}
	return p.checkLen()
}

func (p *Pair) checkLen() error {
	if p.Index.Len() != len(p.Twin) {
		return fmt.Errorf("Len() = %d, want %d", p.Index.Len(), len(p.Twin))
	}
	return nil
}

// RunIndex does what the bytes say to an index and its twin, and returns how
// they came to differ.
func RunIndex(ops []byte) error {
	in := input(ops)
	p := Pair{Twin: Index{}}
	first := in.byte()
	keys := 1 + first%8
	if first%16 == 8 { // key 0 has so many that it leaves in slices
		for i := range 1200 {
			if err := p.Subscribe(0, fmt.Sprintf("%d/b/+", i), -1-i); err != nil {
				return err
			}
		}
	}
	for step := 1; len(in) > 0; step++ {
		op := in.byte()
		key := op / 16 % keys
		var err error
		switch op % 16 {
		case 0, 1, 2, 3, 4, 5, 6:
			err = p.Subscribe(key, in.pick(filters), step)
		case 7, 8, 9, 10, 11:
			err = p.Unsubscribe(key, in.pick(filters))
		case 12:
			err = p.UnsubscribeAll(key)
		case 14:
			err = p.UnsubscribeSome(key)
		case 13:
			err = p.CheckSubscribers(in.pick(filters))
		default:
			err = p.Check(in.pick(names))
		}
		if err != nil {
			return fmt.Errorf("step %d: %w", step, err)
		}
	}
	for key := range keys {
		if err := p.UnsubscribeAll(key); err != nil {
			return err
		}
	}
	return p.Check("a")
}
