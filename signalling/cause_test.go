package signalling

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

func TestSentence(t *testing.T) {
	tests := []struct {
		r      Reason
		placed bool
		talked time.Duration
		want   string
	}{
		{Reason{Cause: NormalClearing}, true, 42 * time.Second, "Call to +49 30 1 ended after 0:42."},
		{Reason{Cause: NormalClearing}, false, time.Hour + 9*time.Second, "Call from +49 30 1 ended after 1:00:09."},
		{Reason{Cause: Busy, Detail: "486 Busy Here"}, true, 0, "+49 30 1 is busy (486 Busy Here)."},
		{Reason{Cause: Cancelled}, false, 0, "Missed call from +49 30 1."},
		{Reason{Cause: MediaLost}, true, 125 * time.Second, "The call to +49 30 1 ended: the audio connection was lost (after 2:05)."},
		{Reason{Cause: causes + 3}, true, 0, "The call to +49 30 1 failed because of a fault in the telephone gateway."},
	}
	for _, tt := range tests {
		if got := Sentence(tt.r, tt.placed, "+49 30 1", tt.talked); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}

// TestCauseTable holds docs/causes.md against the table, and the table
// against gaps: a cause without words would leave a caller without an answer.
func TestCauseTable(t *testing.T) {
	doc, err := os.ReadFile("../docs/causes.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, c := range Causes() {
		row := c.row()
		if row.label == "" || seen[row.label] || row.q850 == 0 || strings.Count(row.placed, "%s") != 1 || strings.Count(row.rung, "%s") != 1 {
			t.Errorf("cause %d: %+v", c, row)
		}
		seen[row.label] = true
		line := fmt.Sprintf("| `%s` | %d | %s. | %s. |", row.label, row.q850, fmt.Sprintf(row.placed, "N"), fmt.Sprintf(row.rung, "N"))
		if !strings.Contains(string(doc), line) {
			t.Errorf("docs/causes.md lacks\n%s", line)
		}
	}
}
