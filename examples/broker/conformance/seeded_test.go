package conformance

import (
	"bytes"
	"flag"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/conformance"
	"github.com/mqttwire/mqttwire/conformance/brokers"
	"github.com/mqttwire/mqttwire/internal/race"
	"github.com/mqttwire/mqttwire/internal/seeded"
	"github.com/mqttwire/mqttwire/testdata"
)

var (
	all  = flag.Bool("faults.all", false, "run every check against every fault")
	some = flag.String("faults.run", "", "only the faults whose names match a regexp")
)

// faulty builds the broker with all faults in it.
func faulty(t *testing.T) (program string) {
	t.Helper()
	dir := t.TempDir()
	overlay, err := seeded.Plant(dir, "../../..", faults, nil)
	if err != nil {
		t.Fatal(err)
	}
	program = filepath.Join(dir, "broker.exe")
	out, err := exec.Command("go", "build", "-overlay", overlay, "-o", program, "..").CombinedOutput()
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
	return 24
}

// byWaiting are the numbers of the faults, those first whose checks wait longest.
func byWaiting(checks []conformance.Check) (order []int) {
	waits := map[string]int{}
	for _, c := range checks {
		waits[c.Name] = c.Needs.Seconds
	}
	of := func(n int) int {
		name, _, _ := strings.Cut(faults[n].Test, " ")
		return waits[name]
	}
	for n := range faults {
		order = append(order, n)
	}
	slices.SortStableFunc(order, func(a, b int) int { return of(b) - of(a) })
	return order
}

// Every fault is caught by the check that is made for the rule it breaks. With
// -faults.all every check is run against every fault, and no check of another
// clause may fail: what cannot be judged is blocked.
func TestFaults(t *testing.T) {
	if testing.Short() || race.Enabled { // what it builds is without the race detector
		t.Skip("builds the broker and starts it many times")
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip(err)
	}
	t.Parallel()
	match, err := regexp.Compile(*some)
	if err != nil {
		t.Fatal(err)
	}
	program := faulty(t)
	checks := brokers.Checks()
	slots := make(chan struct{}, atOnce())
	var running sync.WaitGroup
	var mu sync.Mutex
	for _, n := range byWaiting(checks) {
		f := faults[n]
		if !match.MatchString(f.Name) {
			continue
		}
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			caught, others, took, err := try(t, program, n, f, checks)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				t.Errorf("%q: %v", f.Name, err)
			case caught == "":
				t.Errorf("%q: not caught by %s", f.Name, f.Test)
			}
			t.Logf("%-55s %s (%v)", f.Name, caught, took.Round(10*time.Millisecond))
			for _, other := range others {
				t.Errorf("%q: also failed: %s", f.Name, other)
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

// alsoBroken are the clauses that a fault breaks beside those of its check. To pass
// over what an error is about breaks all the clauses that the vectors with that error
// are about.
func alsoBroken(t *testing.T, f seeded.Bug) (of conformance.Clauses) {
	if text, ok := strings.CutPrefix(f.Name, passedOverName); ok {
		vectors, err := testdata.Vectors()
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range vectors {
			if v.Error != text {
				continue
			}
			for _, id := range v.Clauses {
				of = append(of, conformance.Clause(v.Version+" "+id))
			}
		}
	}
	return of
}

// try runs the check of a fault, or all, against the broker that has it.
func try(t *testing.T, program string, n int, f seeded.Bug, checks []conformance.Check) (caught string, others []string, took time.Duration, err error) {
	var said bytes.Buffer
	p, err := conformance.Start(t.Context(), fmt.Sprintf("env %s=%d %s -listen 127.0.0.1:PORT", seeded.Env, n, program), &said)
	if err != nil {
		return "", nil, 0, fmt.Errorf("%w\n%s", err, &said)
	}
	defer p.Stop()
	name, version, _ := strings.Cut(f.Test, " ")
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
	own := alsoBroken(t, f)
	for _, c := range checks {
		if c.Name == name {
			own = append(own, c.Clauses...)
		}
	}
	for _, x := range report.Results {
		switch {
		case x.State != conformance.Failed || x.Level != conformance.Must && x.Check != name:
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
