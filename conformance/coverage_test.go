package conformance_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/conformance"
	"github.com/mqttwire/mqttwire/conformance/brokers"
	"github.com/mqttwire/mqttwire/conformance/clients"
	"github.com/mqttwire/mqttwire/testdata"
)

var update = flag.Bool("update", false, "write docs/conformance.md")

const document = "../docs/conformance.md"

// allChecks are those of brokers and of clients, whose names have "client " before
// them here.
func allChecks() []conformance.Check {
	all := brokers.Checks()
	for _, c := range clients.Checks() {
		c.Name = "client " + c.Name
		all = append(all, c)
	}
	return all
}

// covers is what there is for a clause.
type covers struct {
	vectors, conversations int
	checks                 []string
	why                    string
}

// lines reads a file of JSON Lines.
func lines[T any](t *testing.T, name string) []T {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var all []T
	for line := range bytes.Lines(data) {
		var x T
		d := json.NewDecoder(bytes.NewReader(line))
		d.DisallowUnknownFields()
		if err := d.Decode(&x); err != nil {
			t.Fatalf("%s: %s: %v", name, line, err)
		}
		all = append(all, x)
	}
	return all
}

// coverage is what there is for every clause.
func coverage(t *testing.T) map[conformance.Clause]*covers {
	t.Helper()
	all := map[conformance.Clause]*covers{}
	for _, r := range conformance.Rules() {
		all[r.Clause] = &covers{}
	}
	of := func(version, id string) *covers {
		c := all[conformance.Clause(version+" "+id)]
		if c == nil {
			c = &covers{} // of a version that numbers nothing
		}
		return c
	}
	vectors, err := testdata.Vectors()
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range vectors {
		for _, id := range v.Clauses {
			of(v.Version, id).vectors++
		}
	}
	conversations, err := testdata.Conversations()
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range conversations {
		for _, id := range v.Clauses {
			of(v.Version, id).conversations++
		}
	}
	for _, c := range allChecks() {
		for _, clause := range c.Clauses {
			if x := all[clause]; x != nil && !slices.Contains(x.checks, c.Name) {
				x.checks = append(x.checks, c.Name)
			}
		}
	}
	for _, r := range lines[struct{ Clause, Why string }](t, "unjudged.jsonl") {
		c := all[conformance.Clause(r.Clause)]
		switch {
		case c == nil:
			t.Errorf("unjudged.jsonl: there is no clause %q", r.Clause)
		case c.why != "":
			t.Errorf("unjudged.jsonl: %q is given twice", r.Clause)
		case len(c.checks) > 0:
			t.Errorf("unjudged.jsonl: %q has the checks %v", r.Clause, c.checks)
		default:
			c.why = r.Why
		}
	}
	// An error rule that is part of a numbered statement is judged with that.
	for _, r := range conformance.Rules() {
		if c := all[r.Clause]; r.Part != "" && len(c.checks) == 0 && c.why == "" {
			c.checks, c.why = all[r.Part].checks, all[r.Part].why
		}
	}
	return all
}

// reason is why no check of a broker judges a clause that the tables say enough
// about.
func reason(r conformance.Rule, c *covers) string {
	switch {
	case c.why != "":
		return c.why
	case r.Layer == testdata.LayerExplains:
		return "It requires nothing of a peer's bytes."
	case r.Who == "client" || r.Layer == testdata.LayerClient:
		return "It binds clients."
	}
	return ""
}

// Every clause has a check, or a line that says why none.
func TestEveryClause(t *testing.T) {
	all := coverage(t)
	for _, r := range conformance.Rules() {
		if c := all[r.Clause]; len(c.checks) == 0 && reason(r, c) == "" {
			t.Errorf("%s has neither a check nor a reason: (%s, %s) %s", r.Clause, r.Who, r.Layer, r.Text)
		}
	}
}

// purpose is a line of etsi.jsonl.
type purpose struct {
	ID     string   `json:"id"`
	Checks []string `json:"checks,omitempty"`
	Why    string   `json:"why,omitempty"`
}

// Every test purpose of ETSI TS 103 597-1 has a check, or a line that says why
// none.
func TestEveryPurpose(t *testing.T) {
	names := map[string]bool{}
	for _, c := range allChecks() {
		names[c.Name] = true
	}
	all := lines[purpose](t, "etsi.jsonl")
	if len(all) != 165 {
		t.Errorf("%d purposes, want 165", len(all))
	}
	for _, p := range all {
		if len(p.Checks) == 0 && p.Why == "" {
			t.Errorf("%s has neither a check nor a reason", p.ID)
		}
		for _, name := range p.Checks {
			if !names[name] {
				t.Errorf("%s: there is no check %q", p.ID, name)
			}
		}
	}
}

// The document says what this test knows.
func TestDocument(t *testing.T) {
	want := write(t)
	if *update {
		if err := os.WriteFile(document, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is old: go test ./conformance -run TestDocument -update", document)
	}
}

func write(t *testing.T) []byte {
	all := coverage(t)
	checks := allChecks()
	var b bytes.Buffer
	fmt.Fprintf(&b, `# What is judged, and by what

Every numbered statement of MQTT 3.1.1 and 5.0, every sentence of 5.0 that names an error, and what differs in 3.1: who is
bound, in which layer a breach shows (see [testdata](../testdata/README.md)), and what this project has for it:

- **v** test vectors, packets as bytes, and **c** conversations of one end of a session, in [testdata](../testdata);
- checks of [conformance/brokers](../conformance/brokers), which judge a broker from the outside, and those of
  [conformance/clients](../conformance/clients), which judge a client: "client" stands before their names;
- or why no program that looks from outside can tell.

Written by `+"`go test ./conformance -run TestDocument -update`"+`; the test fails where a clause has neither.

`)
	fmt.Fprintf(&b, "| | clauses | with a check | with a reason | with a vector or a conversation | checks |\n|---|---|---|---|---|---|\n")
	for _, version := range []string{"3.1", "3.1.1", "5.0"} {
		var n, judged, reasoned, data, run int
		for _, r := range conformance.Rules() {
			if r.Clause.Version() != version {
				continue
			}
			n++
			c := all[r.Clause]
			if len(c.checks) > 0 {
				judged++
			} else {
				reasoned++
			}
			if c.vectors+c.conversations > 0 {
				data++
			}
		}
		for _, c := range checks {
			if c.RunsFor(versions[version]) {
				run++
			}
		}
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d | %d |\n", version, n, judged, reasoned, data, run)
	}
	for _, table := range []struct{ title, version, prefix string }{
		{"MQTT 3.1.1", "3.1.1", "MQTT-"}, {"MQTT 5.0", "5.0", "MQTT-"}, {"Errors of 5.0", "5.0", "E-"}, {"What differs in 3.1", "3.1", "V31-"},
	} {
		fmt.Fprintf(&b, "\n## %s\n\n| clause | what | who | layer | v | c | checks, or why none |\n|---|---|---|---|---|---|---|\n", table.title)
		for _, r := range conformance.Rules() {
			if r.Clause.Version() != table.version || !strings.HasPrefix(r.Clause.ID(), table.prefix) {
				continue
			}
			c := all[r.Clause]
			last := strings.Join(c.checks, ", ")
			if last == "" {
				last = "*" + reason(r, c) + "*"
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", r.Clause.ID(), cell(r.Text), r.Who, r.Layer, number(c.vectors), number(c.conversations), cell(last))
		}
	}
	fmt.Fprintf(&b, "\n## Test purposes of ETSI TS 103 597-1\n\nThe published purposes for 3.1.1, and which checks cover them.\n\n| purpose | checks, or why none |\n|---|---|\n")
	for _, p := range lines[purpose](t, "etsi.jsonl") {
		last := strings.Join(p.Checks, ", ")
		if p.Why != "" {
			last = strings.TrimPrefix(last+". ", ". ") + "*" + p.Why + "*"
		}
		fmt.Fprintf(&b, "| %s | %s |\n", strings.TrimPrefix(p.ID, "TP_MQTT_"), cell(last))
	}
	return b.Bytes()
}

var versions = map[string]mqttwire.Version{"3.1": mqttwire.V31, "3.1.1": mqttwire.V311, "5.0": mqttwire.V50}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

// cell is text for a cell of a table.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "_", `\_`, "$", `\$`).Replace(s)
}
