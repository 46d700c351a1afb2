// Package archtest keeps the import graph the shape docs/architecture.md draws.
package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	mod  = "roomline/"
	root = "../.."
)

// allowed says which of our packages each package may import. A package that
// is not listed is a mistake: every one has its place.
var allowed = map[string][]string{
	"internal/secret":                 {},
	"internal/database":               {},
	"internal/database/databasetest":  {"internal/database"},
	"internal/nearest":                {},
	"internal/sparse":                 {},
	"media":                           {},
	"media/codec/g711":                {},
	"media/codec/g722":                {},
	"media/codec/opus":                {},
	"media/music":                     {"media", "media/codec/g711", "media/codec/g722", "media/codec/opus"},
	"media/dtmf":                      {"media"},
	"media/line":                      {"media", "media/dtmf"},
	"media/offer":                     {"media"},
	"media/port":                      {"media", "media/codec/g711", "media/dtmf", "media/line"},
	"media/peer":                      {"media", "media/dtmf", "media/line"},
	"turn":                            {"internal/secret"},
	"recordings":                      {"media"},
	"recordings/storetest":            {"recordings"},
	"signalling":                      {"media"},
	"signalling/legtest":              {"signalling", "media"},
	"signalling/number":               {},
	"signalling/permit":               {"signalling", "signalling/number", "internal/database"},
	"signalling/command":              {"signalling", "internal/nearest"},
	"signalling/matrix/e2ee":          {"internal/secret", "internal/database"},
	"signalling/matrix/e2ee/e2eetest": {},
	"signalling/matrix":               {"signalling", "signalling/matrix/e2ee", "signalling/command", "media", "media/dtmf", "media/peer", "internal/secret", "internal/database"},
	"sip":                             {"signalling", "media", "media/offer", "media/port", "media/dtmf", "internal/secret", "internal/sparse", "internal/database", "sip/locate", "sip/proof", "sip/shaken"},
	"sip/locate":                      {},
	"sip/shaken":                      {},
	"sip/proof":                       {},
	"configs": {"internal/database", "internal/nearest", "internal/secret", "media/peer", "media/port", "recordings", "signalling", "signalling/matrix",
		"signalling/number", "signalling/permit", "sip", "turn"},
	"internal/gateway": {"configs", "internal/database", "internal/sparse", "media", "media/music", "media/peer", "media/port", "recordings", "signalling", "signalling/matrix",
		"signalling/number", "signalling/permit", "sip", "turn"},
	"cmd/roomline": {"configs", "internal/gateway", "signalling/matrix"},
}

// home gives each outside library the one folder that may import it.
var home = map[string]string{
	"github.com/emiago/sipgo":             "sip",
	"github.com/icholy/digest":            "sip",
	"github.com/miekg/dns":                "sip/locate",
	"github.com/pion/turn/v3":             "turn",
	"github.com/pion/webrtc/v4":           "media/peer",
	"github.com/pion/ice/v4":              "media/peer",
	"github.com/pion/sdp/v3":              "media/peer",
	"github.com/pion/dtls/v3":             "media/port",
	"github.com/pion/srtp/v3":             "media/port",
	"github.com/pion/rtp":                 "media",
	"github.com/pion/rtcp":                "media",
	"github.com/gotranspile/g722":         "media/codec/g722",
	"github.com/thesyncim/gopus":          "media/codec/opus",
	"maunium.net/go/mautrix":              "signalling/matrix",
	"go.mau.fi/util":                      "internal/database",
	"modernc.org/sqlite":                  "internal/database",
	"github.com/jackc/pgx/v5":             "internal/database",
	"github.com/rs/zerolog":               "signalling/matrix",
	"github.com/nyaruka/phonenumbers":     "signalling/number",
	"go.yaml.in/yaml/v3":                  "configs",
	"github.com/spf13/cobra":              "cmd/roomline",
	"github.com/prometheus/client_golang": "internal/gateway",
}

// lent says who else may name a library's types, because another library of
// its own asks for them: mautrix keeps its state in dbutil's databases.
var lent = map[string][]string{"go.mau.fi/util": {"signalling/matrix", "signalling/matrix/e2ee"}}

// free are folders whose programs only test or demonstrate, from outside.
var free = []string{"test"}

func under(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }

func TestImports(t *testing.T) {
	each(t, func(pkg, file, imp string) {
		if ours, ok := strings.CutPrefix(imp, mod); ok {
			list, ruled := allowed[pkg]
			if !ruled {
				t.Errorf("%s: package %s is not in the map of allowed imports", file, pkg)
			} else if !slices.Contains(list, ours) {
				t.Errorf("%s imports %s", file, ours)
			}
		}
		for lib, dir := range home {
			if under(imp, lib) && !under(pkg, dir) && !slices.Contains(lent[lib], pkg) {
				t.Errorf("%s imports %s, whose home is %s", file, imp, dir)
			}
		}
	})
}

// TestEveryPackageHasItsPlace: the map names all packages, and only those.
func TestEveryPackageHasItsPlace(t *testing.T) {
	seen := map[string]bool{}
	files(t, func(pkg, file string) {
		if _, ruled := allowed[pkg]; !ruled && !strings.HasSuffix(file, "_test.go") && !seen[pkg] {
			t.Errorf("package %s is not in the map of allowed imports", pkg)
		}
		seen[pkg] = true
	})
	for pkg := range allowed {
		if !seen[pkg] {
			t.Errorf("package %s of the map does not exist", pkg)
		}
	}
}

// each calls f for every import of every file that is part of the product.
func each(t *testing.T, f func(pkg, file, imp string)) {
	t.Helper()
	files(t, func(pkg, file string) {
		if strings.HasSuffix(file, "_test.go") {
			return
		}
		for _, im := range parse(t, file, parser.ImportsOnly).Imports {
			f(pkg, file, strings.Trim(im.Path.Value, `"`))
		}
	})
}

// files calls f for every Go file of ours outside the free folders.
func files(t *testing.T, f func(pkg, file string)) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		pkg, err := filepath.Rel(root, filepath.Dir(path))
		if pkg = filepath.ToSlash(pkg); err == nil && !slices.ContainsFunc(free, func(dir string) bool { return under(pkg, dir) }) {
			f(pkg, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func parse(t *testing.T, file string, mode parser.Mode) *ast.File {
	t.Helper()
	tree, err := parser.ParseFile(token.NewFileSet(), file, nil, mode)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}
