package brokers

import (
	"slices"
	"strings"
	"testing"

	"github.com/mqttwire/mqttwire/conformance"
)

// What checks rest on is there, and nothing rests on itself by way of others: then
// both would be blocked, and nothing failed.
func TestRestsOn(t *testing.T) {
	checks := map[string]*conformance.Check{}
	for _, c := range Checks() {
		checks[c.Name] = &c
	}
	for _, g := range granted {
		for by := range strings.FieldsSeq(g.by) {
			if !strings.HasSuffix(by, "/") && checks[by] == nil {
				t.Errorf("there is no %s, which is to rest on %s", by, g.check)
			}
		}
	}
	var walk func(name string, path []string)
	walk = func(name string, path []string) {
		if slices.Contains(path, name) {
			t.Fatalf("a circle: %v, %s", path, name)
		}
		if checks[name] == nil {
			t.Fatalf("%v rests on %s, which is not there", path, name)
		}
		for _, on := range slices.Concat(checks[name].RestsOn, checks[name].After) {
			walk(on, append(slices.Clip(path), name))
		}
	}
	for name := range checks {
		walk(name, nil)
	}
}
