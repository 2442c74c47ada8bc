// Package conformancetest runs the checks of package conformance as tests of
// package testing: a broker's or a client's own.
//
//	func TestConformance(t *testing.T) {
//		addr := startMyBroker(t)
//		conformancetest.Broker(t, addr)
//	}
package conformancetest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mqttwire/mqttwire/conformance"
	"github.com/mqttwire/mqttwire/conformance/brokers"
)

// Broker judges the broker that listens on an address of TCP: a subtest for each
// check and version. A check that fails fails its subtest; one of level SHOULD
// says so in the log only. One that is blocked or skipped is skipped, with the
// cause: t fails where a clause of level MUST is broken, and where something is
// blocked and nothing is broken. Options change the Runner before it runs.
//
// With -short, checks that wait on purpose are left out.
func Broker(t *testing.T, addr string, options ...func(*conformance.Runner)) *conformance.Report {
	t.Helper()
	r := brokers.New(addr)
	if testing.Short() {
		waits := map[string]bool{}
		for _, c := range r.Checks {
			waits[c.Name] = c.Needs.Seconds > 0
		}
		r.Select = func(name string) bool { return !waits[name] }
	}
	for _, o := range options {
		o(r)
	}
	report := r.Run(t.Context())
	Show(t, report)
	return report
}

// Show makes subtests of t of a Report, as Broker does.
func Show(t *testing.T, report *conformance.Report) {
	t.Helper()
	if report.Unusable != "" {
		t.Fatal("nothing could be judged: ", report.Unusable)
	}
	blocked := ""
	for _, r := range report.Results {
		t.Run(r.Check+"/"+r.Version, func(t *testing.T) {
			switch text := describe(r); {
			case r.State == conformance.Failed && r.Level == conformance.Must:
				t.Error(text)
			case r.State == conformance.Failed:
				t.Log(text)
			case r.State == conformance.Blocked, r.State == conformance.Skipped:
				t.Skip(r.State, ": ", r.Cause)
			case text != "":
				t.Log(text)
			}
		})
		if r.State == conformance.Blocked {
			blocked = r.Check + " of " + r.Version + ": " + r.Cause
		}
	}
	for _, f := range report.Broken() {
		t.Errorf("%s is broken: %s\nexpected %s\ngot      %s", f.Clause, f.Rule, f.Expected, f.Got)
	}
	if blocked != "" && !t.Failed() {
		t.Error("blocked, and nothing is broken: ", blocked)
	}
}

func describe(r *conformance.Result) string {
	var b strings.Builder
	for _, list := range []struct {
		name   string
		faults []conformance.Fault
	}{{"breaks", r.Faults}, {"finding of", r.Findings}} {
		for _, f := range list.faults {
			fmt.Fprintf(&b, "\n%s %s (%v): %s\n  sent     %s\n  expected %s\n  got      %s", list.name, f.Clause, f.Level, f.Rule, f.Sent, f.Expected, f.Got)
		}
	}
	if r.State == conformance.Failed {
		for _, e := range r.Exchange {
			fmt.Fprintf(&b, "\n  %6d ms %-10s %-7s %s", e.At.Milliseconds(), e.Conn, e.Kind, e.Summary())
		}
	}
	return b.String()
}
