package conformance

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/mqttwire/mqttwire/testdata"
)

var (
	citation = regexp.MustCompile(`3\.1\.1|5\.0|\[MQTT-[0-9.]+-[0-9]+\]|E-[0-9.]+/[0-9]+`)
	version  = regexp.MustCompile(`^[0-9.]+$`)
)

// cited returns the tests of this package by the clauses that their comments
// cite, such as "3.1.1 MQTT-3.1.2-4", and "5.0 E-3.14/1" for an error rule: a
// version holds until another is named.
func cited(t *testing.T) map[string][]string {
	t.Helper()
	files, err := filepath.Glob("*_test.go")
	if err != nil || len(files) == 0 {
		t.Fatal("no files: ", err)
	}
	tests := map[string][]string{}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv != nil || !strings.HasPrefix(f.Name.Name, "Test") {
				continue
			}
			current := ""
			for _, word := range citation.FindAllString(f.Doc.Text(), -1) {
				if version.MatchString(word) {
					current = word
					continue
				}
				key := current + " " + strings.Trim(word, "[]")
				tests[key] = append(tests[key], f.Name.Name)
			}
		}
	}
	return tests
}

// Every rule whose breach only a broker as a whole can show has a test here.
func TestClauses(t *testing.T) {
	tests := cited(t)
	known := map[string]bool{}
	missing := 0
	check := func(key, also, layer, text string) {
		known[key] = true
		if layer != testdata.LayerBroker {
			return
		}
		if by := slices.Concat(tests[key], tests[also]); len(by) > 0 {
			t.Logf("%s: %s", key, strings.Join(by, ", "))
		} else {
			missing++
			t.Errorf("no test cites %s: %s", key, text)
		}
	}
	for _, v := range []string{"3.1.1", "5.0"} {
		clauses, err := testdata.Clauses(v)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range clauses {
			check(v+" "+c.ID, "", c.Layer, c.Text)
		}
	}
	rules, err := testdata.ErrorRules()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rules {
		also := ""
		if r.Clause != "" {
			also = "5.0 " + r.Clause
		}
		check("5.0 "+r.ID, also, r.Layer, r.Text)
	}
	for _, key := range slices.Sorted(maps.Keys(tests)) {
		if !known[key] {
			t.Errorf("%s cites %s, which there is not", fmt.Sprint(tests[key]), key)
		}
	}
	if missing > 0 {
		t.Errorf("%d rules have no test", missing)
	}
}
