package conformance

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/conformance"
	"github.com/mqttwire/mqttwire/conformance/brokers"
)

var all = flag.Bool("faults.all", false, "run every check against every fault")

// seededFile is added to each package that has faults.
const seededFile = `

import ("os"; "strconv")

var seeded = func() int {
	n, err := strconv.Atoi(os.Getenv("CONFORM_SEEDED"))
	if err != nil {
		return -1
	}
	return n
}()

func either[T any](b bool, x, y T) T {
	if b {
		return x
	}
	return y
}

var _ = either[int]
`

// plant writes the sources with all faults into dir, and returns the overlay that
// puts them into a build. Each fault is behind a condition of its own.
func plant(t *testing.T, root, dir string) string {
	t.Helper()
	type splice struct {
		at       int
		old, new string
	}
	files, sources := map[string][]splice{}, map[string]string{}
	stale := 0
	for n, f := range faults {
		if !applies(t, root, f) {
			stale++
			continue
		}
		for _, e := range f.edits {
			if sources[e.file] == "" {
				text, err := os.ReadFile(filepath.Join(root, e.file))
				if err != nil {
					t.Fatal(err)
				}
				sources[e.file] = string(text)
			}
			// Only what differs, so that two edits may name the same lines.
			at, old, text := strings.Index(sources[e.file], e.old), e.old, e.new
			for old != "" && text != "" && old[0] == text[0] {
				at, old, text = at+1, old[1:], text[1:]
			}
			for old != "" && text != "" && old[len(old)-1] == text[len(text)-1] {
				old, text = old[:len(old)-1], text[:len(text)-1]
			}
			files[e.file] = append(files[e.file], splice{at, old, strings.ReplaceAll(text, "SEEDED", fmt.Sprintf("(seeded == %d)", n))})
		}
	}
	if stale > len(faults)/10 {
		t.Fatalf("%d of %d faults no longer fit the source: write them anew", stale, len(faults))
	}
	replace := map[string]string{}
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, strings.ReplaceAll(name, "/", "_"))
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		replace[filepath.Join(root, name)] = path
	}
	for name, splices := range files {
		slices.SortStableFunc(splices, func(a, b splice) int { return b.at - a.at }) // from the end, so that places stay
		text := sources[name]
		for i, s := range splices {
			if i > 0 && s.at+len(s.old) > splices[i-1].at {
				t.Fatalf("%s: edits overlap at %q", name, text[s.at:min(len(text), s.at+60)])
			}
			text = text[:s.at] + s.new + text[s.at+len(s.old):]
		}
		write(name, text)
		dir := filepath.ToSlash(filepath.Dir(name))
		write(dir+"/seeded_on.go", "package "+filepath.Base(dir)+seededFile)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(path, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// applies reports whether the text that a fault replaces is there, once. A few
// that are not, because the broker has changed, are no reason to stop.
func applies(t *testing.T, root string, f fault) bool {
	t.Helper()
	for _, e := range f.edits {
		text, err := os.ReadFile(filepath.Join(root, e.file))
		if err != nil || strings.Count(string(text), e.old) != 1 {
			t.Logf("STALE %q: its text occurs %d times in %s", f.name, strings.Count(string(text), e.old), e.file)
			return false
		}
	}
	return true
}

// faulty builds the broker with all faults in it.
func faulty(t *testing.T) (program string) {
	t.Helper()
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	program = filepath.Join(dir, "broker.exe")
	out, err := exec.Command("go", "build", "-overlay", plant(t, root, dir), "-o", program, "..").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// atOnce is how many faulty brokers run at once: the checks of most wait. All
// checks keep one busy.
func atOnce() int {
	if *all {
		return 2
	}
	return 12
}

// Every fault is caught by the check that is made for the rule it breaks. With
// -faults.all every check is run against every fault, and no check of another
// clause may fail: what cannot be judged is blocked.
func TestFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the broker and starts it many times")
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip(err)
	}
	program := faulty(t)
	checks := brokers.Checks()
	slots := make(chan struct{}, atOnce())
	var running sync.WaitGroup
	var mu sync.Mutex
	for n, f := range faults {
		if !applies(t, "../../..", f) {
			continue
		}
		running.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			caught, others, took, err := try(t, program, n, f, checks)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				t.Errorf("%q: %v", f.name, err)
			case caught == "":
				t.Errorf("%q: not caught by %s", f.name, f.check)
			}
			t.Logf("%-55s %s (%v)", f.name, caught, took.Round(10*time.Millisecond))
			for _, other := range others {
				t.Logf("    also: %s", other)
			}
		})
	}
	running.Wait()
}

// oneVersion is a version in which the check shows the fault.
func oneVersion(name, version string, checks []conformance.Check) mqttwire.Version {
	for _, v := range []mqttwire.Version{mqttwire.V50, mqttwire.V311, mqttwire.V31} {
		for _, c := range checks {
			if c.Name == name && c.RunsFor(v) && (version == "" || version == v.String()) {
				return v
			}
		}
	}
	return mqttwire.V50
}

// try runs the check of a fault, or all, against the broker that has it.
func try(t *testing.T, program string, n int, f fault, checks []conformance.Check) (caught string, others []string, took time.Duration, err error) {
	var said bytes.Buffer
	p, err := conformance.Start(t.Context(), fmt.Sprintf("env CONFORM_SEEDED=%d %s -listen 127.0.0.1:PORT", n, program), &said)
	if err != nil {
		return "", nil, 0, fmt.Errorf("%w\n%s", err, &said)
	}
	defer p.Stop()
	name, version, _ := strings.Cut(f.check, " ")
	r := brokers.New(p.Addr)
	r.Checks = checks
	if !*all {
		r.Select, r.Patience = func(check string) bool { return check == name }, 2*time.Second
		r.Versions = []mqttwire.Version{oneVersion(name, version, checks)}
	}
	report := r.Run(t.Context())
	if report.Unusable != "" {
		return "", nil, 0, fmt.Errorf("cannot be judged: %s", report.Unusable)
	}
	var own conformance.Clauses
	for _, c := range checks {
		if c.Name == name {
			own = c.Clauses
		}
	}
	for _, x := range report.Results {
		switch {
		case x.State != conformance.Failed || x.Level != conformance.Must:
		case x.Check == name && (version == "" || version == x.Version):
			if caught == "" {
				caught = fmt.Sprintf("%s of %s: %s: expected %s, got %s", x.Check, x.Version, x.Faults[0].Clause, x.Faults[0].Expected, x.Faults[0].Got)
			}
		default:
			for _, fault := range x.Faults {
				if !slices.Contains(own, fault.Clause) {
					others = append(others, fmt.Sprintf("%s of %s: %s: expected %s, got %s", x.Check, x.Version, fault.Clause, fault.Expected, fault.Got))
					break
				}
			}
		}
	}
	return caught, others, report.Took, nil
}
