package qos

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire/internal/race"
	"github.com/mqttwire/mqttwire/internal/seeded"
)

// Every rule, broken on purpose, must be caught: by the model checker, or where
// honest ends never come to where the rule matters, by the test that bears its
// name. The bugs are edits of the source, all in one build of the tests, each
// behind a condition; the library has no trace of them.

func bug(name, file, old, new string) seeded.Bug { return seeded.New(name, file, old, new) }

// seed turns a bug on. It is there only in the build that has the bugs.
var seed func(n int)

// seededFile is added to that build.
const seededFile = `package qos

import ("os"; "strconv")

var planted = -1

func sayUnless(b bool, c Change) Change {
	if b {
		return 0
	}
	return c
}

func one(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}

func init() {
	seed = func(n int) { planted = n }
	if n, err := strconv.Atoi(os.Getenv("` + seeded.Env + `")); err == nil {
		planted = n
	}
}
`

func TestSeededBugs(t *testing.T) {
	if seed != nil {
		t.Skip("this is the build with the bugs")
	}
	if testing.Short() || race.Enabled { // what it builds is without the race detector
		t.Skip("builds and runs the tests again")
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 9*time.Minute)
	defer cancel()
	// Windows runs no program without .exe; elsewhere it is a name like any other.
	binary, hunt := filepath.Join(dir, "qos.test.exe"), []string{"-test.run=^TestHunt$", "-test.v", "-test.timeout=8m"}
	if *full {
		hunt = append(hunt, "-modelcheck.full") // all bugs, not larger bounds
	}
	run := func(env, name string, args ...string) (string, error) {
		c := exec.CommandContext(ctx, name, args...)
		c.Env = append(os.Environ(), env)
		out, err := c.CombinedOutput()
		return string(out), err
	}
	overlay, err := seeded.Plant(dir, ".", seededBugs, map[string]string{
		"seeded_on.go":      strings.Replace(seededFile, "seed = func", "setSeed = func", 1) + "\nvar setSeed func(int)\n",
		"seeded_on_test.go": "package qos\n\nfunc init() { seed = setSeed }\n",
	})
	if err != nil {
		t.Fatal(err)
	}
	if out, err := run("", "go", "test", "-c", "-vet=off", "-overlay", overlay, "-o", binary, "."); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	caught := map[string]string{}
	out, err := run(seeded.Env+"=-1", binary, hunt...)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for line := range strings.Lines(out) {
		if name, how, ok := strings.Cut(strings.TrimSpace(line), " CAUGHT "); ok {
			caught[name] = how
		}
	}
	for n, b := range seededBugs {
		how := caught[b.Name]
		if b.Test != "" {
			out, err := run(seeded.Env+"="+strconv.Itoa(n), binary, "-test.run=^"+b.Test+"$", "-test.timeout=2m")
			if err == nil || !strings.Contains(out, "--- FAIL: "+b.Test) {
				t.Errorf("%q: not caught by %s\n%s", b.Name, b.Test, out)
			}
			how = strings.TrimPrefix(how+"; "+b.Test, "; ")
		}
		if how == "" {
			t.Errorf("%q: not caught", b.Name)
		}
		t.Logf("%-60s %s", b.Name, how)
	}
}

// TestHunt is the checker in the build with the bugs: it looks for those that
// no other test catches, and with -modelcheck.full for all.
func TestHunt(t *testing.T) {
	if seed == nil {
		t.Skip("without bugs")
	}
	seed(-1)
	results := exploreSmall()
	order := make([]int, len(results)) // the smallest first
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return results[i].states - results[j].states })
	for n, bug := range seededBugs {
		if bug.Test != "" && !*full {
			continue
		}
		seed(n)
		for _, i := range order {
			b := &smallBounds[i]
			if r := explore(b); r.broken != "" {
				fmt.Printf("%s CAUGHT in %d moves, %d states (%s): %s\n", bug.Name, len(r.trace), r.states, b.name, r.broken)
				break
			}
		}
	}
}
