// Package seeded plants bugs into a build, to show that tests catch them. They are
// edits of the source, all in one build, each behind a condition: the source itself
// has no trace of them.
package seeded

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// A Bug is a rule that is broken on purpose.
type Bug struct {
	Name  string
	Test  string // that catches it, "" for the one that is meant for all
	Edits []Edit
}

// An Edit replaces text that occurs once in a file. SEEDED in what takes its place
// becomes the condition that the bug is on; either(SEEDED, x, y) is x where it is.
type Edit struct{ File, Old, New string }

// New returns a Bug of one Edit.
func New(name, file, old, new string) Bug { return Bug{Name: name, Edits: []Edit{{file, old, new}}} }

// And adds an Edit.
func (b Bug) And(file, old, new string) Bug {
	b.Edits = append(slices.Clip(b.Edits), Edit{file, old, new})
	return b
}

// CaughtBy says which test catches the Bug.
func (b Bug) CaughtBy(test string) Bug {
	b.Test = test
	return b
}

// Env is the variable that turns the Bug with a number on.
const Env = "MQTTWIRE_SEEDED"

// onFile is the name of what is added to each package that has bugs, and on is
// what it says.
const (
	onFile = "seeded_on.go"
	on     = `
import ("os"; "strconv")

var planted = func() int {
	if n, err := strconv.Atoi(os.Getenv("` + Env + `")); err == nil {
		return n
	}
	return -1
}()

func either[T any](b bool, x, y T) T {
	if b {
		return x
	}
	return y
}

var _ = either[int]
`
)

// Plant writes the sources below root that the bugs are in, with all of them, into
// dir, and returns the overlay that puts them into a build (go build -overlay).
// Files are named from root, with slashes. More files are added to the build: names
// and texts. To each package that has a bug goes a file with the number of the one
// that is on, which Env sets, unless more has one of its own for it, seeded_on.go,
// that declares var planted int.
func Plant(dir, root string, bugs []Bug, more map[string]string) (overlay string, err error) {
	sources, splices, err := find(root, bugs)
	if err != nil {
		return "", err
	}
	added := map[string]string{}
	for file, list := range splices {
		if added[file], err = splice(sources[file], list); err != nil {
			return "", fmt.Errorf("%s: %w", file, err)
		}
		_, rest, _ := strings.Cut("\n"+sources[file], "\npackage ")
		name, _, _ := strings.Cut(rest, "\n")
		added[path.Join(path.Dir(file), onFile)] = "package " + name + "\n" + on
	}
	for file, text := range more {
		added[file] = text
	}
	if root, err = filepath.Abs(root); err != nil {
		return "", err
	}
	replace := map[string]string{}
	for file, text := range added {
		to := filepath.Join(dir, strings.NewReplacer("/", "_", "..", "up").Replace(file))
		if err := os.WriteFile(to, []byte(text), 0o600); err != nil {
			return "", err
		}
		replace[filepath.Join(root, filepath.FromSlash(file))] = to
	}
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	overlay = filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, b, 0o600)
}

// A change is what an Edit does to its file, and where.
type change struct {
	at       int
	old, new string
}

// find reads the files of the bugs, and finds the places of their edits.
func find(root string, bugs []Bug) (sources map[string]string, changes map[string][]change, err error) {
	sources, changes = map[string]string{}, map[string][]change{}
	for n, b := range bugs {
		condition := fmt.Sprintf("(planted == %d)", n)
		for _, e := range b.Edits {
			if sources[e.File] == "" {
				text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(e.File)))
				if err != nil {
					return nil, nil, err
				}
				sources[e.File] = string(text)
			}
			if c := strings.Count(sources[e.File], e.Old); c != 1 {
				return nil, nil, fmt.Errorf("bug %q: its text occurs %d times in %s", b.Name, c, e.File)
			}
			// Only what differs, so that two edits may name the same lines.
			at, old, text := strings.Index(sources[e.File], e.Old), e.Old, e.New
			for old != "" && text != "" && old[0] == text[0] {
				at, old, text = at+1, old[1:], text[1:]
			}
			for old != "" && text != "" && old[len(old)-1] == text[len(text)-1] {
				old, text = old[:len(old)-1], text[:len(text)-1]
			}
			changes[e.File] = append(changes[e.File], change{at, old, strings.ReplaceAll(text, "SEEDED", condition)})
		}
	}
	return sources, changes, nil
}

// splice makes all changes to a text.
func splice(text string, changes []change) (string, error) {
	slices.SortStableFunc(changes, func(a, b change) int { return b.at - a.at }) // from the end, so that places stay
	for i, c := range changes {
		if i > 0 && c.at+len(c.old) > changes[i-1].at {
			return "", fmt.Errorf("edits overlap at %q", text[c.at:min(len(text), c.at+60)])
		}
		text = text[:c.at] + c.new + text[c.at+len(c.old):]
	}
	return text, nil
}
