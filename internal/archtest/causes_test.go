package archtest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCausesEndToEnd holds the table that goes from a status to the sentence in
// a room against the three from which it is joined, each of which its own
// package holds against the code.
func TestCausesEndToEnd(t *testing.T) {
	sip, matrix, causes := rows(t, "sip.md", "Why a call ended"), rows(t, "matrix.md", "Why a call ends: what the room is told"), rows(t, "causes.md", "")
	joined := rows(t, "sip.md", "From the status to the sentence")
	if len(joined) != len(causes) || len(sip) != len(causes) || len(matrix) != len(causes) {
		t.Errorf("%d rows, from %d, %d and %d", len(joined), len(sip), len(matrix), len(causes))
	}
	for name, said := range causes {
		if len(said) < 3 || len(sip[name]) < 3 || len(matrix[name]) < 4 {
			t.Errorf("%s: %v %v %v", name, said, sip[name], matrix[name])
			continue
		}
		want := []string{sip[name][1], sip[name][2], said[0], matrix[name][0], matrix[name][3], said[1]}
		if got := joined[name]; strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("docs/sip.md lacks\n| %s | %s |", name, strings.Join(want, " | "))
		}
	}
}

// rows are those of a section that begin with a cause, by it.
func rows(t *testing.T, page, section string) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docs", page))
	if err != nil {
		t.Fatal(err)
	}
	part := string(text)
	if section != "" {
		_, part, _ = strings.Cut(part, "\n## "+section+"\n")
		part, _, _ = strings.Cut(part, "\n## ")
	}
	all := map[string][]string{}
	for line := range strings.Lines(part) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if strings.HasPrefix(line, "| `") {
			all[cells[0]] = cells[1:]
		}
	}
	if len(all) == 0 {
		t.Errorf("docs/%s has no causes in %q", page, section)
	}
	return all
}
