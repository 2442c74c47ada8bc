package conformance

import (
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/testdata"
)

// Clause is a rule of a version of the standard: the version, a space, and its
// number in the clause tables of package testdata, such as "5.0 MQTT-3.1.2-4",
// or "5.0 E-3.14/1" for an error rule. 3.1 numbers nothing: "3.1 V31-3" is a row
// of what differs there.
type Clause string

// Version returns "3.1", "3.1.1" or "5.0".
func (c Clause) Version() string {
	version, _, _ := strings.Cut(string(c), " ")
	return version
}

// ID returns the number without the version.
func (c Clause) ID() string {
	_, id, _ := strings.Cut(string(c), " ")
	return id
}

// Rule says in this project's words what the clause asks for, and where it
// stands.
type Rule struct {
	Clause  Clause
	Section string // "3.1.2.4"
	// Who is bound: "client", "server" or "both", "codec" for pure format.
	Who string
	// Layer is one of the layers of package testdata.
	Layer string
	Text  string
	// Part is the number of the Clause that an error rule is part of, else "".
	Part Clause
}

// Rule returns what the clause says. ok is false where there is no such clause.
func (c Clause) Rule() (r Rule, ok bool) {
	r, ok = rules().by[c]
	return r, ok
}

// Rules returns every clause of 3.1.1 and 5.0, the error rules of 5.0, and what
// differs in 3.1, in that order. The caller owns the slice.
func Rules() []Rule { return slices.Clone(rules().all) }

type ruleBook struct {
	all []Rule
	by  map[Clause]Rule
}

//go:embed 3.1.jsonl
var differences embed.FS

// rules reads the tables, which are part of the program: what is wrong with them
// is a bug, and a panic.
var rules = sync.OnceValue(func() ruleBook {
	var all []Rule
	for _, version := range []string{"3.1.1", "5.0"} {
		clauses, err := testdata.Clauses(version)
		if err != nil {
			panic(err)
		}
		for _, c := range clauses {
			all = append(all, Rule{Clause(version + " " + c.ID), c.Section, c.Who, c.Layer, c.Text, ""})
		}
	}
	errors, err := testdata.ErrorRules()
	if err != nil {
		panic(err)
	}
	for _, e := range errors {
		r := Rule{Clause("5.0 " + e.ID), e.Section, "both", e.Layer, e.Text, ""}
		if e.Clause != "" {
			r.Part = Clause("5.0 " + e.Clause)
		}
		all = append(all, r)
	}
	data, err := differences.ReadFile("3.1.jsonl")
	if err != nil {
		panic(err)
	}
	for line := range strings.Lines(string(data)) {
		var c testdata.Clause
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			panic(err)
		}
		all = append(all, Rule{Clause("3.1 " + c.ID), c.Section, c.Who, c.Layer, c.Text, ""})
	}
	by := map[Clause]Rule{}
	for _, r := range all {
		by[r.Clause] = r
	}
	return ruleBook{all, by}
})

// Clauses are rules that say the same in several versions, or that a check is
// about. The first of a version is the one that a fault is put down to.
type Clauses []Clause

// Cite reads clauses from a text such as
//
//	3.1.1 3.1.2-4 3.2.2-2; 5.0 3.1.2-5 E-3.14/1
//
// in which a version holds to the semicolon. It panics where there is no such
// clause: citations are written by programmers.
func Cite(text string) Clauses {
	var all Clauses
	for part := range strings.SplitSeq(text, ";") {
		words := strings.Fields(part)
		if len(words) == 0 {
			continue
		}
		for _, id := range words[1:] {
			if id[0] >= '0' && id[0] <= '9' {
				id = "MQTT-" + id
			}
			c := Clause(words[0] + " " + id)
			if _, ok := c.Rule(); !ok {
				panic(fmt.Sprintf("conformance: there is no clause %q", c))
			}
			all = append(all, c)
		}
	}
	return all
}

// Of returns the clauses of a version. For 3.1, which numbers nothing, those of
// 3.1.1 follow its own: they say the same of it.
func (cs Clauses) Of(v mqttwire.Version) Clauses {
	of := cs.only(v.String())
	if v == mqttwire.V31 {
		of = append(of, cs.only(mqttwire.V311.String())...)
	}
	return of
}

func (cs Clauses) only(version string) Clauses {
	var of Clauses
	for _, c := range cs {
		if c.Version() == version {
			of = append(of, c)
		}
	}
	return of
}
