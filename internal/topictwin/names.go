package topictwin

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/mqttwire/mqttwire/topicmatch"
)

// NamesPair is a topicmatch.Names beside its twin, which tries every name.
type NamesPair struct {
	Names topicmatch.Names[int]
	Twin  map[string]int
	walks []*walk
}

// A walk is one that goes on while names come and go.
type walk struct {
	*topicmatch.Walk[int]
	filter string
	owed   map[string]bool // names that it has to visit
	seen   map[string]bool // since they came
}

// maxWalks is how many stand somewhere at a time.
const maxWalks = 4

// Begin begins a walk. Where there are enough the oldest is stopped.
func (p *NamesPair) Begin(filter string) {
	if len(p.walks) == maxWalks {
		p.walks[0].Stop()
		p.walks = p.walks[1:]
	}
	w := &walk{Walk: p.Names.Walk([]byte(filter)), filter: filter, owed: map[string]bool{}, seen: map[string]bool{}}
	for name := range p.Twin {
		if Match(filter, name) {
			w.owed[name] = true
		}
	}
	p.walks = append(p.walks, w)
}

// GoOn has one of the walks go on for so many steps, and stop before the last that it
// sees.
func (p *NamesPair) GoOn(which, steps int) (err error) {
	if len(p.walks) == 0 {
		return nil
	}
	which %= len(p.walks)
	w := p.walks[which]
	stop := steps%3 == 0
	left, done := w.Visit(steps, func(name []byte, v int) bool {
		if stop && len(w.seen)%3 == 2 {
			stop = false
			return false
		}
		if has, ok := p.Twin[string(name)]; !ok || has != v || w.seen[string(name)] || !Match(w.filter, string(name)) {
			err = fmt.Errorf("filter %q: a walk visited %q = %d, which is %v, %d; again %v", w.filter, name, v, ok, has, w.seen[string(name)])
		}
		w.seen[string(name)] = true
		delete(w.owed, string(name))
		return true
	})
	switch {
	case err != nil:
	case left < 0 || left > steps:
		err = fmt.Errorf("filter %q: %d steps left of %d", w.filter, left, steps)
	case done && len(w.owed) > 0:
		err = fmt.Errorf("filter %q: a walk has not visited %v", w.filter, w.owed)
	case done:
		p.walks = slices.Delete(p.walks, which, which+1)
	}
	return err
}

// StopAll stops the walks.
func (p *NamesPair) StopAll() {
	for _, w := range p.walks {
		w.Stop()
	}
	p.walks = nil
}

type named struct {
	name  string
	value int
}

// Check visits the names that match a filter, in both.
func (p *NamesPair) Check(filter string) error {
	var got, want []named
	p.Names.Visit([]byte(filter), func(name []byte, v int) bool {
		got = append(got, named{string(name), v})
		return true
	})
	for name, v := range p.Twin {
		if Match(filter, name) {
			want = append(want, named{name, v})
		}
	}
	order := func(a, b named) int { return cmp.Compare(a.name, b.name) }
	slices.SortFunc(got, order)
	slices.SortFunc(want, order)
	if !slices.Equal(got, want) {
		return fmt.Errorf("filter %q: visited %v, want %v", filter, got, want)
	}
	return nil
}

// Set sets a name in both.
func (p *NamesPair) Set(name string, value int) error {
	want, had := p.Twin[name]
	if v, ok := p.Names.Get([]byte(name)); ok != had || v != want {
		return fmt.Errorf("Get(%q) = %v, %v, want %v, %v", name, v, ok, want, had)
	}
	if old, replaced, err := p.Names.Set([]byte(name), value); err != nil || replaced != had || old != want {
		return fmt.Errorf("Set(%q) = %v, %v, %v, want %v, %v", name, old, replaced, err, want, had)
	}
	p.Twin[name] = value
	return p.checkLen()
}

// Delete deletes a name in both.
func (p *NamesPair) Delete(name string) error {
	want, had := p.Twin[name]
	if old, deleted := p.Names.Delete([]byte(name)); deleted != had || old != want {
		return fmt.Errorf("Delete(%q) = %v, %v, want %v, %v", name, old, deleted, want, had)
	}
	delete(p.Twin, name)
	for _, w := range p.walks {
		delete(w.owed, name)
		delete(w.seen, name) // one that comes back is another
	}
	return p.checkLen()
}

func (p *NamesPair) checkLen() error {
	if p.Names.Len() != len(p.Twin) {
		return fmt.Errorf("Len() = %d, want %d", p.Names.Len(), len(p.Twin))
	}
	return nil
}

// RunNames does what the bytes say to a Names and its twin, and returns how
// they came to differ.
func RunNames(ops []byte) error {
	in := input(ops)
	p := NamesPair{Twin: map[string]int{}}
	for step := 1; len(in) > 0; step++ {
		var err error
		switch op := in.byte(); op % 8 {
		case 0, 1, 2:
			err = p.Set(in.pick(names), step)
		case 3, 4:
			err = p.Delete(in.pick(names))
		case 5:
			p.Begin(in.pick(filters))
		case 6:
			err = p.GoOn(int(op>>3), int(op>>5))
		default:
			err = p.Check(in.pick(filters))
		}
		if err != nil {
			return fmt.Errorf("step %d: %w", step, err)
		}
	}
	p.StopAll()
	for name := range p.Twin {
		if err := p.Delete(name); err != nil {
			return err
		}
	}
	return p.Check("#")
}
