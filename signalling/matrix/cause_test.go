package matrix

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"roomline/signalling"
)

// androidReasons are what Element on Android reads; anything else makes it
// ignore the hangup.
var androidReasons = []string{"", "ice_failed", "ice_timeout", "user_hangup", "replaced", "user_media_failed", "invite_timeout", "unknown_error", "user_busy", "answered_elsewhere"}

func TestEveryCauseHasItsRow(t *testing.T) {
	t.Parallel()
	table := outwardTable()
	for _, c := range signalling.Causes() {
		row, ok := table[c]
		if !ok {
			t.Errorf("%v has no row", c)
		}
		for _, reason := range []string{row.reject, row.old, row.cancel, row.hangup} {
			if !slices.Contains(androidReasons, reason) {
				t.Errorf("%v is %q, which Android ignores", c, reason)
			}
		}
	}
	if len(table) != len(signalling.Causes()) {
		t.Errorf("%d rows", len(table))
	}
}

func TestEnding(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		cause        signalling.Cause
		stage        stage
		event, wants string
	}{
		{signalling.Busy, stage{placed: true}, typeReject, "user_busy"},
		{signalling.Busy, stage{placed: true, v0: true}, typeHangup, "user_busy"},
		{signalling.Rejected, stage{placed: true}, typeReject, ""},
		{signalling.Rejected, stage{placed: true, v0: true}, typeHangup, ""},
		{signalling.Cancelled, stage{}, typeHangup, "user_hangup"},
		{signalling.Elsewhere, stage{}, typeHangup, "answered_elsewhere"},
		{signalling.NoAnswer, stage{}, typeHangup, "invite_timeout"},
		{signalling.NormalClearing, stage{answered: true}, typeHangup, "user_hangup"},
		{signalling.MediaFailed, stage{placed: true, answered: true}, typeHangup, "ice_failed"},
		{signalling.MediaLost, stage{answered: true}, typeHangup, "ice_timeout"},
		{signalling.Cause(200), stage{answered: true}, typeHangup, "unknown_error"},
	} {
		if event, reason := ending(tt.cause, tt.stage); event != tt.event || reason != tt.wants {
			t.Errorf("%v at %+v: %s %q, expected %s %q", tt.cause, tt.stage, event, reason, tt.event, tt.wants)
		}
	}
}

func TestHeardReason(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		reason string
		stage  stage
		want   signalling.Cause
	}{
		{"", stage{placed: true}, signalling.Cancelled},
		{"user hangup", stage{placed: true}, signalling.Cancelled},
		{"", stage{}, signalling.Rejected},
		{"user_busy", stage{}, signalling.Busy},
		{"a word of tomorrow", stage{answered: true}, signalling.NormalClearing},
		{"ice_failed", stage{answered: true}, signalling.MediaLost},
		{"invite_timeout", stage{placed: true}, signalling.NoAnswer},
	} {
		if got := heardReason(tt.reason, tt.stage); got != tt.want {
			t.Errorf("%q at %+v: %v, expected %v", tt.reason, tt.stage, got, tt.want)
		}
	}
}

// The page for people holds the same tables; -update writes them anew.
func TestDocumentedTables(t *testing.T) {
	t.Parallel()
	const page = "../../docs/matrix.md"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	doc := string(text)
	for name, table := range map[string]string{"outward": outwardDoc(), "inward": inwardDoc()} {
		open, shut := "<!-- "+name+" -->\n", "<!-- /"+name+" -->"
		before, rest, ok := strings.Cut(doc, open)
		have, after, ok2 := strings.Cut(rest, shut)
		if !ok || !ok2 {
			t.Fatalf("%s has no table %q", page, name)
		}
		if *update {
			doc = before + open + table + shut + after
		} else if have != table {
			t.Errorf("%s: the table %q is not that of the code; go test -update writes it", page, name)
		}
	}
	if *update {
		if err := os.WriteFile(page, []byte(doc), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func word(reason string) string {
	if reason == "" {
		return "no reason"
	}
	return "`" + reason + "`"
}

func outwardDoc() string {
	var b strings.Builder
	b.WriteString("| Cause | room placed it, unanswered, version 1: `m.call.reject` | the same, version 0: `m.call.hangup` | room rings: `m.call.hangup` | answered: `m.call.hangup` |\n|---|---|---|---|---|\n")
	for _, c := range signalling.Causes() {
		row := outwardTable()[c]
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", c, word(row.reject), word(row.old), word(row.cancel), word(row.hangup))
	}
	return b.String()
}

func inwardDoc() string {
	var b strings.Builder
	b.WriteString("| Reason heard | the caller takes it back | the called user does not answer | answered |\n|---|---|---|---|\n")
	table := inwardTable()
	var reasons []string
	for r := range table {
		reasons = append(reasons, r)
	}
	slices.Sort(reasons)
	for _, r := range reasons {
		name := word(r)
		if r == "" {
			name = "none, or any other"
		}
		fmt.Fprintf(&b, "| %s | `%s` | `%s` | `%s` |\n", name, table[r].placed, table[r].called, table[r].answered)
	}
	return b.String()
}
