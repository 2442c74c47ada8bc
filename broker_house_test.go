package mqttwire_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// brokerHouse is what may import what of this module in examples/broker.
var brokerHouse = map[string][]string{
	"outbox": {},
	"keep":   {"", "codec", "qos", "session", "topicmatch", "varint"},
	"hub":    {"", "varint", "topicmatch", "connack", "fixedheader", "qos", "codec", "session", "examples/broker/outbox", "examples/broker/keep"},
	"server": {"", "examples/broker/outbox", "examples/broker/keep", "examples/broker/hub"},
}

// TestBrokerHouse holds that imports in the broker run downward, that all but its
// server import no net, start no goroutine and read no clock, and that the locks of
// the hub stand in one file.
func TestBrokerHouse(t *testing.T) {
	for name, allowed := range brokerHouse {
		files, err := filepath.Glob(filepath.Join("examples", "broker", name, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatal(name, err)
		}
		for _, path := range files {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, spec := range file.Imports {
				in, err := strconv.Unquote(spec.Path.Value)
				if err != nil {
					t.Fatal(err)
				}
				rest, ours := strings.CutPrefix(in, module)
				switch {
				case ours && !slices.Contains(allowed, strings.TrimPrefix(rest, "/")):
					t.Errorf("%s imports %s: not below it", path, in)
				case !ours && strings.Contains(in, "."):
					t.Errorf("%s imports %s: the broker depends on nothing", path, in)
				case name != "server" && (in == "net" || strings.HasPrefix(in, "net/") && in != "net/netip" || in == "os" || in == "syscall" || in == "crypto/tls"):
					t.Errorf("%s imports %s", path, in)
				}
			}
			ast.Inspect(file, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.GoStmt:
					if name != "server" {
						t.Errorf("%s starts a goroutine", path)
					}
				case *ast.SelectorExpr:
					x, ok := n.X.(*ast.Ident)
					switch {
					case !ok || name == "server":
					case x.Name == "time" && slices.Contains(clocks, n.Sel.Name):
						t.Errorf("%s reads the clock: time.%s", path, n.Sel.Name)
					case name == "hub" && x.Name == "sync" && strings.HasSuffix(n.Sel.Name, "Mutex") && filepath.Base(path) != "lock.go":
						t.Errorf("%s declares a lock: that belongs into lock.go", path)
					}
				}
				return true
			})
		}
	}
}
