package archtest

import (
	"go/ast"
	"go/parser"
	"strings"
	"testing"
)

// TestHouseRules: every package opens with one sentence; nothing registers
// itself by init, ends the process by panic, waits by the wall clock in a test,
// or skips one.
func TestHouseRules(t *testing.T) {
	documented := map[string]bool{}
	files(t, func(pkg, file string) {
		tree := parse(t, file, parser.ParseComments)
		if tree.Doc != nil && strings.HasPrefix(tree.Doc.Text(), "Package ") || tree.Name.Name == "main" {
			documented[pkg] = true
		} else if !documented[pkg] {
			documented[pkg] = false
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Name.Name == "init" && n.Recv == nil {
					t.Errorf("%s: func init", file)
				}
			case *ast.CallExpr:
				callRules(t, file, n)
			}
			return true
		})
	})
	for pkg, ok := range documented {
		if !ok {
			t.Errorf("package %s does not say what it is", pkg)
		}
	}
}

func callRules(t *testing.T, file string, call *ast.CallExpr) {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		if f.Name == "panic" {
			t.Errorf("%s calls panic", file)
		}
	case *ast.SelectorExpr:
		if x, ok := f.X.(*ast.Ident); ok && x.Name == "time" && f.Sel.Name == "Sleep" && strings.HasSuffix(file, "_test.go") {
			t.Errorf("%s sleeps: use testing/synctest or wait for the thing itself", file)
		}
		if name := f.Sel.Name; (name == "Skip" || name == "Skipf" || name == "SkipNow") && strings.HasSuffix(file, "_test.go") {
			t.Errorf("%s skips a test: what cannot run fails, and says why", file)
		}
	}
}
