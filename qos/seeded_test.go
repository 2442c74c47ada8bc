package qos

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Every rule, broken on purpose, must be caught: by the model checker, or where
// honest ends never come to where the rule matters, by the test that bears its
// name. The bugs are edits of the source, all in one build of the tests, each
// behind a condition; the library has no trace of them.

// edit replaces text that occurs once in a file; SEEDED in it becomes the
// condition that the bug is on.
type edit struct{ file, old, new string }

type seededBug struct {
	name  string
	test  string // that catches it, if the checker need not
	edits []edit
}

func bug(name, file, old, new string) seededBug {
	return seededBug{name, "", []edit{{file, old, new}}}
}

func (s seededBug) caughtBy(test string) seededBug {
	s.test = test
	return s
}

func (s seededBug) and(file, old, new string) seededBug {
	s.edits = append(s.edits, edit{file, old, new})
	return s
}

// seed turns a bug on. It is there only in the build that has the bugs.
var seed func(n int)

// seededFile is added to that build.
const seededFile = `package qos

import ("os"; "strconv")

var seeded = -1

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
	seed = func(n int) { seeded = n }
	if n, err := strconv.Atoi(os.Getenv("QOS_SEEDED")); err == nil {
		seeded = n
	}
}
`

// plant writes the sources with all bugs into dir and returns the overlay that
// puts them into a build.
func plant(t *testing.T, dir string) string {
	t.Helper()
	type splice struct {
		at  int
		old string
		new string
	}
	files := map[string][]splice{}
	sources := map[string]string{}
	for n, b := range seededBugs {
		for _, e := range b.edits {
			if sources[e.file] == "" {
				text, err := os.ReadFile(e.file)
				if err != nil {
					t.Fatal(err)
				}
				sources[e.file] = string(text)
			}
			if c := strings.Count(sources[e.file], e.old); c != 1 {
				t.Fatalf("bug %q: its text occurs %d times in %s", b.name, c, e.file)
			}
			// Only what differs, so that two edits may name the same lines.
			at, old, text := strings.Index(sources[e.file], e.old), e.old, e.new
			for old != "" && text != "" && old[0] == text[0] {
				at, old, text = at+1, old[1:], text[1:]
			}
			for old != "" && text != "" && old[len(old)-1] == text[len(text)-1] {
				old, text = old[:len(old)-1], text[:len(text)-1]
			}
			files[e.file] = append(files[e.file], splice{at, old,
				strings.ReplaceAll(text, "SEEDED", fmt.Sprintf("(seeded == %d)", n))})
		}
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	replace := map[string]string{}
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		replace[filepath.Join(here, name)] = path
	}
	for name, splices := range files {
		slices.SortFunc(splices, func(a, b splice) int { return b.at - a.at }) // from the end, so that places stay
		text := sources[name]
		for i, s := range splices {
			if i > 0 && s.at+len(s.old) > splices[i-1].at {
				t.Fatalf("%s: edits overlap at %q", name, s.old)
			}
			text = text[:s.at] + s.new + text[s.at+len(s.old):]
		}
		write(name, text)
	}
	write("seeded_on.go", strings.Replace(seededFile, "seed = func", "setSeed = func", 1)+"\nvar setSeed func(int)\n")
	write("seeded_on_test.go", "package qos\n\nfunc init() { seed = setSeed }\n")
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

func TestSeededBugs(t *testing.T) {
	if seed != nil {
		t.Skip("this is the build with the bugs")
	}
	if testing.Short() {
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
	if out, err := run("", "go", "test", "-c", "-vet=off", "-overlay", plant(t, dir), "-o", binary, "."); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	caught := map[string]string{}
	out, err := run("QOS_SEEDED=-1", binary, hunt...)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for line := range strings.Lines(out) {
		if name, how, ok := strings.Cut(strings.TrimSpace(line), " CAUGHT "); ok {
			caught[name] = how
		}
	}
	for n, b := range seededBugs {
		how := caught[b.name]
		if b.test != "" {
			out, err := run("QOS_SEEDED="+strconv.Itoa(n), binary, "-test.run=^"+b.test+"$", "-test.timeout=2m")
			if err == nil || !strings.Contains(out, "--- FAIL: "+b.test) {
				t.Errorf("%q: not caught by %s\n%s", b.name, b.test, out)
			}
			how = strings.TrimPrefix(how+"; "+b.test, "; ")
		}
		if how == "" {
			t.Errorf("%q: not caught", b.name)
		}
		t.Logf("%-60s %s", b.name, how)
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
		if bug.test != "" && !*full {
			continue
		}
		seed(n)
		for _, i := range order {
			b := &smallBounds[i]
			if r := explore(b); r.broken != "" {
				fmt.Printf("%s CAUGHT in %d moves, %d states (%s): %s\n", bug.name, len(r.trace), r.states, b.name, r.broken)
				break
			}
		}
	}
}
