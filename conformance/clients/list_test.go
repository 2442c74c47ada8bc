package clients_test

import (
	"testing"

	"github.com/mqttwire/mqttwire/conformance/clients"
)

// TestChecks holds that names are unique, and that each check has what it needs.
func TestChecks(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range clients.Checks() {
		if seen[c.Name] || c.About == "" || len(c.Clauses) == 0 || c.Func == nil {
			t.Errorf("%q: a name that there is, or something is missing", c.Name)
		}
		seen[c.Name] = true
		t.Log(c.Name, c.Versions)
	}
	if len(seen) < 60 {
		t.Errorf("%d checks", len(seen))
	}
}
