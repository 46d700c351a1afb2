package archtest

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestCases holds docs/cases.md against the tests: every case of the table is
// named in a test.
func TestCases(t *testing.T) {
	named := casesInTests(t)
	page, err := os.ReadFile(filepath.Join(root, "docs", "cases.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile(`(?m)^\| (T\d+) \|`).FindAllStringSubmatch(string(page), -1)
	if len(rows) < 50 {
		t.Fatalf("only %d cases in docs/cases.md", len(rows))
	}
	for _, row := range rows {
		if !named[row[1]] {
			t.Errorf("case %s of docs/cases.md is named in no test", row[1])
		}
	}
}

func casesInTests(t *testing.T) map[string]bool {
	number := regexp.MustCompile(`\bT\d{1,2}\b`)
	named := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") || under(path, filepath.Join(root, "sip")) { // T1 is a timer there
			return err
		}
		text, err := os.ReadFile(path)
		for _, n := range number.FindAllString(string(text), -1) {
			named[n] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return named
}
