package mqttwire_test

import (
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/mqttwire/mqttwire"

// house is what may import what: each package may import those of this module
// that are listed, and nothing above it. The root is "".
var house = map[string][]string{
	"":                {},
	"internal/binary": {},
	"varint":          {""},
	"internal/text":   {""},
	"topicmatch":      {"", "internal/text"},
	"connack":         {""},
	"keepalive":       {},
	"fixedheader":     {"", "varint"},
	"qos":             {"", "internal/binary", "fixedheader"},
	"codec":           {"", "internal/binary", "varint", "internal/text", "topicmatch", "connack", "fixedheader", "qos"},
	"session":         {"", "internal/binary", "varint", "topicmatch", "connack", "fixedheader", "qos", "codec", "keepalive"},
	"tokenauth":       {"", "connack", "topicmatch"},
}

// barred are the packages that a library without I/O, goroutines and a clock
// has no use for, or that would cost its users more than they ask for.
var barred = []string{"net", "os", "reflect", "unsafe", "log", "log/slog", "fmt", "io", "context"}

// within are those of the barred that may be reached through other packages of
// the standard library: sync and bytes are built on them.
var within = []string{"unsafe", "io"}

// reaching are the packages of the house that reach what is barred all the same.
var reaching = []string{
	"tokenauth/hmactoken", // by crypto/hmac
}

// clocks are what reads the clock in package time, and what waits.
var clocks = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick"}

// guests hold programs, and what only tests import: they may import what they
// like.
var guests = []string{"testdata", "fuzz", "conformance", "examples", "peers", "internal/jsonschema", "internal/mermaid", "internal/race", "internal/seeded", "internal/topictwin", "internal/topicload"}

// TestHouse holds that imports run downward, that library packages import
// nothing that is barred and reach nothing of it through others, and that none
// starts a goroutine or reads a clock.
func TestHouse(t *testing.T) {
	seen := map[string]bool{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (strings.HasPrefix(d.Name(), ".") && path != "." || slices.Contains(guests, filepath.ToSlash(path))):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		dir := filepath.ToSlash(filepath.Dir(path))
		if dir == "." {
			dir = ""
		}
		seen[dir] = true
		checkHouse(t, path, dir)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"", "varint", "fixedheader", "topicmatch", "codec"} {
		if !seen[dir] {
			t.Errorf("no file of package %q was read", dir)
		}
	}
}

func checkHouse(t *testing.T, path, dir string) {
	// A package below one of the house (tokenauth/hmac ...) lives by its rules.
	allowed, ok := house[dir]
	for parent := dir; !ok && parent != "."; {
		parent = filepath.ToSlash(filepath.Dir(parent))
		if allowed, ok = house[parent]; ok {
			allowed = append(slices.Clone(allowed), parent)
		}
	}
	if !ok {
		t.Errorf("%s: package %q has no place in the house: say what it may import", path, dir)
		return
	}
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, spec := range file.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		rest, ours := strings.CutPrefix(name, module)
		switch {
		case ours && !slices.Contains(allowed, strings.TrimPrefix(rest, "/")):
			t.Errorf("%s imports %s: not below it", path, name)
		case !ours && (slices.Contains(barred, name) || strings.HasPrefix(name, "net/")):
			t.Errorf("%s imports %s", path, name)
		case !ours && strings.Contains(name, "."):
			t.Errorf("%s imports %s: a library package depends on nothing", path, name)
		case !ours && !slices.Contains(reaching, dir):
			if way := wayToBarred(t, name); way != "" {
				t.Errorf("%s imports %s", path, way)
			}
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			t.Errorf("%s starts a goroutine", path)
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains(clocks, n.Sel.Name) {
				t.Errorf("%s reads the clock: time.%s", path, n.Sel.Name)
			}
		}
		return true
	})
}

// ways remembers what wayToBarred has found.
var ways = map[string]string{}

// wayToBarred returns how a package of the standard library comes to import
// what is barred, "a imports b imports reflect", or "" where it does not.
func wayToBarred(t *testing.T, name string) string {
	if way, ok := ways[name]; ok {
		return way
	}
	ways[name] = ""
	if name == "unsafe" { // the compiler's own
		return ""
	}
	p, err := build.Default.Import(name, "", 0)
	if err != nil {
		t.Skipf("the sources of the standard library are not there: %v", err)
	}
	for _, next := range p.Imports {
		way := next
		if !slices.Contains(barred, next) || slices.Contains(within, next) {
			if way = wayToBarred(t, next); way == "" {
				continue
			}
		}
		ways[name] = name + " imports " + way
		break
	}
	return ways[name]
}
