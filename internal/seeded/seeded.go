// Package seeded plants bugs into a build of a package, to show that its tests
// catch them. They are edits of the source, all in one build, each behind a
// condition: the source itself has no trace of them.
package seeded

import (
	"encoding/json"
	"fmt"
	"os"
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
// becomes the condition that the bug is on.
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

// on is added to the package, unless the caller has more to say.
const on = `
import ("os"; "strconv")

var planted = func() int {
	if n, err := strconv.Atoi(os.Getenv("` + Env + `")); err == nil {
		return n
	}
	return -1
}()
`

// Plant writes the sources of the package in folder with all bugs into dir, and
// returns the overlay that puts them into a build (go build -overlay). More files
// are added to the package: names and texts. Without one that declares
// var planted int, the number of the Bug that is on, Env sets it.
func Plant(dir, folder, name string, bugs []Bug, more map[string]string) (overlay string, err error) {
	type splice struct {
		at       int
		old, new string
	}
	files := map[string][]splice{}
	sources := map[string]string{}
	for n, b := range bugs {
		for _, e := range b.Edits {
			if sources[e.File] == "" {
				text, err := os.ReadFile(filepath.Join(folder, e.File))
				if err != nil {
					return "", err
				}
				sources[e.File] = string(text)
			}
			if c := strings.Count(sources[e.File], e.Old); c != 1 {
				return "", fmt.Errorf("bug %q: its text occurs %d times in %s", b.Name, c, e.File)
			}
			// Only what differs, so that two edits may name the same lines.
			at, old, text := strings.Index(sources[e.File], e.Old), e.Old, e.New
			for old != "" && text != "" && old[0] == text[0] {
				at, old, text = at+1, old[1:], text[1:]
			}
			for old != "" && text != "" && old[len(old)-1] == text[len(text)-1] {
				old, text = old[:len(old)-1], text[:len(text)-1]
			}
			files[e.File] = append(files[e.File], splice{at, old, strings.ReplaceAll(text, "SEEDED", fmt.Sprintf("(planted == %d)", n))})
		}
	}
	added := map[string]string{}
	if len(more) == 0 {
		added["seeded_on.go"] = "package " + name + "\n" + on
	}
	for file, text := range more {
		added[file] = text
	}
	for file, splices := range files {
		slices.SortFunc(splices, func(a, b splice) int { return b.at - a.at }) // from the end, so that places stay
		text := sources[file]
		for i, s := range splices {
			if i > 0 && s.at+len(s.old) > splices[i-1].at {
				return "", fmt.Errorf("%s: edits overlap at %q", file, s.old)
			}
			text = text[:s.at] + s.new + text[s.at+len(s.old):]
		}
		added[file] = text
	}
	here, err := filepath.Abs(folder)
	if err != nil {
		return "", err
	}
	replace := map[string]string{}
	for file, text := range added {
		path := filepath.Join(dir, file)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return "", err
		}
		replace[filepath.Join(here, file)] = path
	}
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	overlay = filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, b, 0o600)
}
