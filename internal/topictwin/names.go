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
		default:
			err = p.Check(in.pick(filters))
		}
		if err != nil {
			return fmt.Errorf("step %d: %w", step, err)
		}
	}
	for name := range p.Twin {
		if err := p.Delete(name); err != nil {
			return err
		}
	}
	return p.Check("#")
}
