package qos

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"reflect"
	"testing"
)

// The model checker makes every method of the machines a move, except those
// that are listed with a reason: a method that is no move is one whose faults
// the search cannot find.
func TestEveryMethodIsAMove(t *testing.T) {
	var made [kinds]bool
	for _, r := range exploreSmall() {
		for k, yes := range r.made {
			made[k] = made[k] || yes
		}
	}
	moves := map[string]bool{}
	for k, methods := range calls {
		if !made[k] {
			t.Errorf("no search makes a move of kind %d, %v", k, methods)
		}
		for _, m := range methods {
			moves[m] = true
		}
	}
	called := calledByTheWorld(t)
	for name := range noMoves {
		if moves[name] {
			t.Errorf("%s is a move", name)
		}
		moves[name] = true
	}
	for name := range moves {
		if !called[name] {
			t.Errorf("the world does not call %s", name)
		}
	}
	methods := map[string]bool{}
	for prefix, machine := range map[string]reflect.Type{"O.": reflect.TypeFor[*Outbound](), "I.": reflect.TypeFor[*Inbound]()} {
		for i := range machine.NumMethod() {
			methods[prefix+machine.Method(i).Name] = true
		}
	}
	for name := range methods {
		if !moves[name] {
			t.Errorf("%s is neither a move nor listed as none", name)
		}
	}
	if !maps.Equal(methods, moves) {
		t.Errorf("moves: %v\nmethods: %v", moves, methods)
	}
}

// calledByTheWorld reads the source of the world for the methods that it takes
// of its machines, which are called out and in.
func calledByTheWorld(t *testing.T) map[string]bool {
	t.Helper()
	names, err := filepath.Glob("world_*test.go")
	if err != nil || len(names) == 0 {
		t.Fatal("no world")
	}
	called := map[string]bool{}
	for _, name := range names {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			method, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			machine := ""
			switch x := method.X.(type) {
			case *ast.SelectorExpr:
				machine = x.Sel.Name
			case *ast.Ident:
				machine = x.Name
			}
			switch machine {
			case "out":
				called["O."+method.Sel.Name] = true
			case "in":
				called["I."+method.Sel.Name] = true
			}
			return true
		})
	}
	return called
}
