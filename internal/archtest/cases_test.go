package archtest

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestCases holds docs/cases.md against the tests: every case of the page is
// named in a test, and every case that a test names is on the page.
func TestCases(t *testing.T) {
	named := casesInTests(t)
	page, err := os.ReadFile(filepath.Join(root, "docs", "cases.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile(`(?m)^\| ([TFXSR]\d+) \|`).FindAllStringSubmatch(string(page), -1)
	if len(rows) < 75 {
		t.Fatalf("only %d cases in docs/cases.md", len(rows))
	}
	for _, row := range rows {
		if !named[row[1]] {
			t.Errorf("case %s of docs/cases.md is named in no test", row[1])
		}
		delete(named, row[1])
	}
	for number := range named {
		t.Errorf("case %s is named in a test, and not in docs/cases.md", number)
	}
}

func casesInTests(t *testing.T) map[string]bool {
	number := regexp.MustCompile(`\b[TFXSR]\d{1,2}\b`)
	comment := regexp.MustCompile(`(?m)//.*$|^func Test.*$`)
	named := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		timers := under(path, filepath.Join(root, "sip")) // T1 is one there
		for _, line := range comment.FindAllString(string(text), -1) {
			for _, n := range number.FindAllString(line, -1) {
				named[n] = named[n] || !timers || n[0] != 'T'
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return named
}
