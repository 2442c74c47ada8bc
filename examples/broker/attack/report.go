package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// A report prints results as they come.
type report struct {
	out    io.Writer
	asJSON bool
}

func newReport(out io.Writer, asJSON bool) *report {
	if !asJSON {
		fmt.Fprintf(out, "%-22s %7s %7s %7s %7s %5s %6s | %7s %6s %6s | %6s %6s %6s %9s %7s\n", "", "ping s", "trip s", "join s", "refused", "lost", "twice",
			"MiB in", "conns", "denied", "before", "peak", "after", "ns/byte", "log MiB")
	}
	return &report{out, asJSON}
}

func (r *report) add(x result) {
	if r.asJSON {
		b, _ := json.Marshal(x) // of a struct of numbers and strings
		fmt.Fprintf(r.out, "%s\n", b)
		return
	}
	if x.Skipped != "" {
		fmt.Fprintf(r.out, "%-22s skipped: %s\n", x.Attack, x.Skipped)
		return
	}
	verdict := "ok"
	if len(x.Faults) > 0 {
		verdict = "FAIL: " + strings.Join(x.Faults, ", ")
	}
	fmt.Fprintf(r.out, "%-22s %7.3f %7.3f %7.3f %7d %5d %6d | %7.1f %6d %6d | %6.0f %6.0f %6.0f %9.0f %7.2f  %s\n", x.Attack, x.Ping, x.Trip, x.Join, x.Refused, x.Lost, x.Doubled,
		x.Sent, x.Connections, x.TurnedAway, x.Before, x.Peak, x.After, x.ProcessorByte, x.Log, verdict)
}

// compareFiles prints the results of several runs side by side.
func compareFiles(out io.Writer, files []string) error {
	runs := make([]map[string]result, len(files))
	fmt.Fprint(out, "| attack |")
	for i, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		runs[i] = map[string]result{}
		for line := range bytes.Lines(b) {
			var r result
			if err := json.Unmarshal(line, &r); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			runs[i][r.Attack] = r
		}
		fmt.Fprintf(out, " %s |", strings.TrimSuffix(filepath.Base(name), ".json"))
	}
	fmt.Fprintf(out, "\n|---|%s\n", strings.Repeat("---|", len(files)))
	for _, a := range attacks() {
		fmt.Fprintf(out, "| %s: %s |", a.name, a.about)
		for _, run := range runs {
			fmt.Fprintf(out, " %s |", run[a.name].cell())
		}
		fmt.Fprintln(out)
	}
	return nil
}

// cell is a result in a few words.
func (r result) cell() string {
	switch {
	case r.Attack == "" || r.Skipped != "":
		return "–"
	case len(r.Faults) == 0:
		return fmt.Sprintf("ok (%.2f s, +%.0f MiB)", max(r.Ping, r.Trip, r.Join), max(0, r.Peak-r.Before))
	}
	return fmt.Sprintf("**%s** (+%.0f MiB)", strings.Join(r.Faults, ", "), max(0, r.Peak-r.Before))
}
