package hub_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire/internal/race"
	"github.com/mqttwire/mqttwire/internal/seeded"
)

var seededAll = flag.Bool("seeded.all", false, "plant all bugs, not a few")

// Every rule, broken on purpose, is caught by the simulation, or by the test that it
// names.
func TestSeededBugs(t *testing.T) {
	if testing.Short() || race.Enabled { // what it builds is without the race detector
		t.Skip("builds and runs the simulation again")
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	binary := filepath.Join(dir, "hub.test.exe") // Windows runs no program without .exe; elsewhere it is a name like any other
	overlay, err := seeded.Plant(dir, ".", seededBugs, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 9*time.Minute)
	defer cancel()
	run := func(env, name string, args ...string) (string, error) {
		c := exec.CommandContext(ctx, name, args...)
		c.Env = append(os.Environ(), env)
		out, err := c.CombinedOutput()
		return string(out), err
	}
	if out, err := run("", "go", "test", "-c", "-vet=off", "-overlay", overlay, "-o", binary, "."); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	simulation := []string{"-test.run=^TestSimulation$", "-test.timeout=2m"}
	if out, err := run(seeded.Env+"=-1", binary, simulation...); err != nil {
		t.Fatalf("without a bug: %v\n%s", err, out)
	}
	simulation = append(simulation, "-sim.seeds=200")
	for n, b := range seededBugs {
		if !*seededAll && n%10 != 0 {
			continue
		}
		search := simulation
		if b.Test != "" {
			search = []string{"-test.run=^" + b.Test + "$"}
		}
		out, err := run(fmt.Sprintf("%s=%d", seeded.Env, n), binary, search...)
		if err == nil {
			t.Errorf("%q: not caught\n%s", b.Name, out)
			continue
		}
		t.Logf("%-52s %s", b.Name, firstLine(out))
	}
}

// firstLine is what a run says of what it has found.
func firstLine(out string) string {
	for line := range strings.Lines(out) {
		if _, found, ok := strings.Cut(line, ": seed "); ok {
			return "seed " + strings.TrimSpace(found)
		}
		if strings.HasPrefix(line, "panic: ") {
			return strings.TrimSpace(line)
		}
	}
	return out
}
