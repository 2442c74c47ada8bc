package main

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/mqttwire/mqttwire/conformance"
)

func list(w io.Writer, checks []conformance.Check) {
	for _, c := range checks {
		var of []string
		for _, v := range versions {
			if c.RunsFor(v) {
				of = append(of, v.String())
			}
		}
		fmt.Fprintf(w, "%-6v %-32s %-14s %s\n", c.Level, c.Name, strings.Join(of, " "), c.About)
	}
}

// section is what a check belongs to.
func section(check string) string {
	s, _, _ := strings.Cut(check, "/")
	return s
}

// writeText prints what is wrong, and a summary of each section.
func writeText(out io.Writer, report *conformance.Report, verbose bool) error {
	w := bufio.NewWriter(out)
	if report.Unusable != "" {
		fmt.Fprintf(w, "%s cannot be judged: %s\n", report.Subject, report.Unusable)
		return w.Flush()
	}
	for _, r := range report.Results {
		if r.State == conformance.Failed {
			failure(w, r, verbose)
		}
	}
	findings(w, report)
	reasons(w, report, conformance.Blocked)
	reasons(w, report, conformance.Skipped)
	if len(report.Choices) > 0 {
		fmt.Fprintln(w, "Choices that the standards leave:")
		for _, c := range report.Choices {
			fmt.Fprintf(w, "  %s: %s\n", c.Name, c.Value)
		}
		fmt.Fprintln(w)
	}
	summary(w, report)
	return w.Flush()
}

// few is how many faults of a check are shown, without -v.
const few = 3

func failure(w io.Writer, r *conformance.Result, verbose bool) {
	fmt.Fprintf(w, "FAILED %s in %s (%v): %s\n", r.Check, r.Version, r.Level, r.About)
	for i, f := range r.Faults {
		if i == few && !verbose {
			fmt.Fprintf(w, "  and %d more: see -v\n", len(r.Faults)-few)
			break
		}
		fault(w, f)
	}
	events := r.Exchange
	if !verbose && len(r.Faults) > 0 {
		// What led to the first fault.
		end := min(r.Faults[0].Event, len(events))
		events = events[max(0, end-8):end]
	}
	for _, e := range events {
		exchange(w, e, verbose)
	}
	fmt.Fprintln(w)
}

func fault(w io.Writer, f conformance.Fault) {
	fmt.Fprintf(w, "  %s: %s\n    sent     %s\n    expected %s\n    got      %s\n", f.Clause, f.Rule, or(f.Sent, "nothing"), f.Expected, f.Got)
}

func or(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

func exchange(w io.Writer, e conformance.Event, verbose bool) {
	arrow := map[conformance.EventKind]string{conformance.Sent: "->", conformance.Got: "<-"}[e.Kind]
	fmt.Fprintf(w, "    %5d ms %-10s %-2s %s\n", e.At.Milliseconds(), e.Conn, arrow, e.Summary())
	if len(e.Data) == 0 {
		return
	}
	if !verbose {
		hex := fmt.Sprintf("% x", []byte(e.Data[:min(len(e.Data), 32)]))
		if e.Size > 32 {
			hex += fmt.Sprintf(" ... %d bytes", e.Size)
		}
		fmt.Fprintf(w, "%25s%s\n", "", hex)
		return
	}
	for _, f := range e.Fields() {
		fmt.Fprintf(w, "%24s %4d  %-26s %s", "", f.Offset, f.Hex, f.Text)
		if f.Fault != "" {
			fmt.Fprintf(w, "  ! %s", f.Fault)
		}
		fmt.Fprintln(w)
	}
}

// findings lists what checks saw of clauses that are not theirs, and what only
// should be so: a line each, with how often.
func findings(w io.Writer, report *conformance.Report) {
	type key struct {
		clause conformance.Clause
		level  conformance.Level
	}
	var order []key
	first, n := map[key]conformance.Fault{}, map[key]int{}
	for _, r := range report.Results {
		for _, f := range r.Findings {
			k := key{f.Clause, f.Level}
			if n[k]++; n[k] == 1 {
				order = append(order, k)
				first[k] = f
			}
		}
	}
	for _, level := range []conformance.Level{conformance.Must, conformance.Should} {
		heading := map[conformance.Level]string{conformance.Must: "Findings of clauses by checks of others:", conformance.Should: "Not as it should be:"}[level]
		for _, k := range order {
			if k.level != level {
				continue
			}
			if heading != "" {
				fmt.Fprintln(w, heading)
				heading = ""
			}
			f := first[k]
			fmt.Fprintf(w, "  %s (%d times): expected %s, got %s\n", k.clause, n[k], f.Expected, f.Got)
		}
		if heading == "" {
			fmt.Fprintln(w)
		}
	}
}

// reasons lists why checks are in a state, with their names.
func reasons(w io.Writer, report *conformance.Report, s conformance.State) {
	var order []string
	names := map[string][]string{}
	for _, r := range report.Results {
		if r.State == s {
			if names[r.Cause] == nil {
				order = append(order, r.Cause)
			}
			names[r.Cause] = append(names[r.Cause], r.Check+" "+r.Version)
		}
	}
	if len(order) == 0 {
		return
	}
	fmt.Fprintf(w, "%s%v:\n", strings.ToUpper(s.String()[:1]), s.String()[1:])
	for _, cause := range order {
		fmt.Fprintf(w, "  %s: %d checks, %s\n", cause, len(names[cause]), strings.Join(names[cause][:min(3, len(names[cause]))], ", "))
	}
	fmt.Fprintln(w)
}

func summary(w io.Writer, report *conformance.Report) {
	var order []string
	count := map[string]*[2][4]int{}
	var total [2][4]int
	for _, r := range report.Results {
		s := section(r.Check)
		if count[s] == nil {
			count[s] = &[2][4]int{}
			order = append(order, s)
		}
		level := min(r.Level, conformance.Should)
		count[s][level][r.State]++
		total[level][r.State]++
	}
	fmt.Fprintf(w, "%-14s %6s %6s %7s %7s   %s\n", "", "passed", "FAILED", "blocked", "skipped", "of SHOULD and MAY")
	row := func(name string, n [2][4]int) {
		fmt.Fprintf(w, "%-14s %6d %6d %7d %7d", name, n[0][0], n[0][1], n[0][2], n[0][3])
		if n[1] != [4]int{} {
			fmt.Fprintf(w, "   %d passed, %d failed, %d blocked, %d skipped", n[1][0], n[1][1], n[1][2], n[1][3])
		}
		fmt.Fprintln(w)
	}
	for _, s := range order {
		row(s, *count[s])
	}
	row("all", total)
	broken := report.Broken()
	clauses := "clauses"
	if len(broken) == 1 {
		clauses = "clause"
	}
	fmt.Fprintf(w, "\n%s: %d %s broken, in %v\n", report.Subject, len(broken), clauses, report.Took.Round(100*time.Millisecond))
	if report.Gone != "" {
		fmt.Fprintf(w, "  %s\n", report.Gone)
	}
	if !report.Judged() {
		fmt.Fprintln(w, "  nothing could be judged")
	}
	for _, f := range broken {
		fmt.Fprintf(w, "  %s: %s\n", f.Clause, f.Rule)
	}
}
