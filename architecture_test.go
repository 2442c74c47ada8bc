package mqttwire_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every name of the broker that docs/architecture.md gives, such as
// hub.Conn.Receive, is one of a type, a function or a method there.
func TestArchitecture(t *testing.T) {
	text, err := os.ReadFile("docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, name := range []string{"hub", "server", "outbox", "keep", "command"} {
		files, err := filepath.Glob(filepath.Join("examples", "broker", name, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range files {
			if !strings.HasSuffix(path, "_test.go") {
				declared(t, path, name, known)
			}
		}
	}
	names := regexp.MustCompile("`((?:hub|server|outbox|keep|command)\\.[\\w.]+)`").FindAllStringSubmatch(string(text), -1)
	for _, m := range names {
		if !known[m[1]] {
			t.Errorf("docs/architecture.md: there is no %s", m[1])
		}
	}
	if len(names) < 50 {
		t.Errorf("docs/architecture.md has %d names: are they found?", len(names))
	}
}

// declared notes the types, functions and methods of a file.
func declared(t *testing.T, path, in string, known map[string]bool) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			name := in + "."
			if d.Recv != nil {
				of := d.Recv.List[0].Type
				if star, ok := of.(*ast.StarExpr); ok {
					of = star.X
				}
				if id, ok := of.(*ast.Ident); ok {
					name += id.Name + "."
				}
			}
			known[name+d.Name.Name] = true
		case *ast.GenDecl:
			for _, s := range d.Specs {
				if s, ok := s.(*ast.TypeSpec); ok {
					known[in+"."+s.Name.Name] = true
				}
			}
		}
	}
}
