package main

import (
	"bytes"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/mqttwire/mqttwire/conformance"
)

// page is the report's page, with DATA where the report goes.
//
//go:embed page.html
var page []byte

// The report as the page's script reads it.
type view struct {
	Subject  string               `json:"subject"`
	Unusable string               `json:"unusable"`
	Gone     string               `json:"gone"`
	Facts    string               `json:"facts"`
	Millis   int64                `json:"ms"`
	Broken   []conformance.Fault  `json:"broken"`
	Choices  []conformance.Choice `json:"choices"`
	Results  []viewResult         `json:"results"`
}

type viewResult struct {
	Check    string              `json:"check"`
	About    string              `json:"about"`
	Version  string              `json:"version"`
	Level    conformance.Level   `json:"level"`
	State    conformance.State   `json:"state"`
	Clauses  conformance.Clauses `json:"clauses"`
	Cause    string              `json:"cause,omitempty"`
	Faults   []conformance.Fault `json:"faults,omitempty"`
	Findings []conformance.Fault `json:"findings,omitempty"`
	Notes    []string            `json:"notes,omitempty"`
	Exchange []viewEvent         `json:"exchange"`
	Millis   int64               `json:"ms"`
}

type viewEvent struct {
	Conn   string                  `json:"conn"`
	Kind   conformance.EventKind   `json:"kind"`
	Millis int64                   `json:"ms"`
	Text   string                  `json:"text"`
	Hex    string                  `json:"hex,omitempty"`
	Fields []conformance.FieldLine `json:"fields,omitempty"`
}

// passedEvents is how many events are drawn of a check that has passed, and
// passedBytes how many bytes of each: a page can be read on a telephone.
const (
	passedEvents = 40
	passedBytes  = 48
)

// writePage writes the report as a page that needs nothing else.
func writePage(name string, report *conformance.Report) error {
	v := view{Subject: report.Subject, Unusable: report.Unusable, Facts: facts(report.Facts), Millis: report.Took.Milliseconds(),
		Broken: orNone(report.Broken()), Choices: orNone(report.Choices), Results: []viewResult{}}
	if v.Unusable == "" && !report.Judged() {
		v.Unusable = "every check is blocked"
	}
	if report.Gone != "" {
		v.Gone = "; " + report.Gone
	}
	for _, r := range report.Results {
		v.Results = append(v.Results, viewOf(r))
	}
	data, err := json.Marshal(v) // writes < as \u003c, so that it cannot end the script
	if err != nil {
		return err
	}
	return os.WriteFile(name, bytes.Replace(page, []byte("DATA"), data, 1), 0o644)
}

func orNone[T any](list []T) []T { return append([]T{}, list...) }

func viewOf(r *conformance.Result) viewResult {
	x := viewResult{Check: r.Check, About: r.About, Version: r.Version, Level: r.Level, State: r.State, Clauses: r.Clauses, Cause: r.Cause,
		Faults: r.Faults, Findings: r.Findings, Notes: r.Notes, Exchange: []viewEvent{}, Millis: r.Took.Milliseconds()}
	events, whole := r.Exchange, r.State == conformance.Failed || r.State == conformance.Blocked || len(r.Findings) > 0
	if !whole {
		events = events[:min(len(events), passedEvents)]
	}
	for _, e := range events {
		y := viewEvent{Conn: e.Conn, Kind: e.Kind, Millis: e.At.Milliseconds(), Text: e.Summary()}
		if len(e.Data) > 0 && whole {
			y.Fields = e.Fields()
		} else if len(e.Data) > 0 {
			y.Hex = hex.EncodeToString(e.Data[:min(len(e.Data), passedBytes)])
		}
		x.Exchange = append(x.Exchange, y)
	}
	return x
}

// facts is what the broker announces, in a line.
func facts(f conformance.Facts) string {
	var all []string
	for _, v := range versions {
		if why := f.Speaks[v.String()]; why == "" {
			all = append(all, "speaks "+v.String())
		} else {
			all = append(all, "does not speak "+v.String()+" ("+why+")")
		}
	}
	all = append(all, fmt.Sprintf("Maximum QoS %d, Receive Maximum %d, Topic Alias Maximum %d", f.MaximumQoS, f.ReceiveMaximum, f.TopicAliasMaximum))
	if f.MaximumPacketSize > 0 {
		all = append(all, fmt.Sprintf("Maximum Packet Size %d", f.MaximumPacketSize))
	}
	for name, has := range map[string]bool{"retained messages": f.Retain, "wildcards": f.Wildcard, "Subscription Identifiers": f.SubscriptionIdentifiers, "shared subscriptions": f.Shared} {
		if !has {
			all = append(all, "no "+name)
		}
	}
	return strings.Join(all, "; ")
}
