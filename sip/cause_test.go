package sip

import (
	"fmt"
	"os"
	"strings"
	"testing"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/signalling"
)

func TestEveryCauseHasOneRow(t *testing.T) {
	seen := map[signalling.Cause]bool{}
	status, q850 := map[int]bool{}, map[int]bool{}
	for _, r := range causeTable {
		if seen[r.cause] {
			t.Errorf("%s has two rows", r.cause)
		}
		seen[r.cause] = true
		if r.send < 400 || r.send > 699 || r.phrase == "" {
			t.Errorf("%s is sent as %d %s", r.cause, r.send, r.phrase)
		}
		for _, s := range r.status {
			if status[s] {
				t.Errorf("%d stands in two rows", s)
			}
			status[s] = true
		}
		for _, q := range r.q850 {
			if q850[q] {
				t.Errorf("Q.850 %d stands in two rows", q)
			}
			q850[q] = true
		}
	}
	for _, c := range signalling.Causes() {
		if !seen[c] {
			t.Errorf("%s has no row", c)
		}
	}
}

func TestCauseOfResponse(t *testing.T) {
	for _, c := range []struct {
		status int
		reason string
		want   signalling.Cause
	}{
		{486, "", signalling.Busy}, {600, "", signalling.Busy}, {404, "", signalling.Unallocated}, {301, "", signalling.Unallocated},
		{302, "", signalling.TrunkFailure}, {480, "", signalling.Unavailable}, {480, "Q.850;cause=19", signalling.NoAnswer},
		{480, `SIP;cause=600;text="x,y", Q.850 ; cause = 17`, signalling.Busy}, {503, "Q.850;cause=34", signalling.Congestion},
		{500, "Q.850;cause=1", signalling.Unallocated}, {500, "Q.850;cause=16", signalling.TrunkFailure},
		{486, "Q.850;cause=1", signalling.Busy}, {499, "", signalling.TrunkFailure}, {699, "", signalling.Rejected},
		{599, "Q.850;cause=ten", signalling.TrunkFailure}, {480, "Q.850;cause=999", signalling.Unavailable},
	} {
		res := sipmsg.NewResponse(c.status, "Because\x07")
		if c.reason != "" {
			res.AppendHeader(sipmsg.NewHeader("Reason", c.reason))
		}
		want := signalling.Reason{Cause: c.want, Detail: fmt.Sprint(c.status, " Because")}
		if got := causeOf(res); got != want {
			t.Errorf("%d with %q is %s, want %s", c.status, c.reason, got, want)
		}
	}
}

// docs/sip.md shows the same table.
func TestDocumentedCauses(t *testing.T) {
	doc, err := os.ReadFile("../docs/sip.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range causeTable {
		line := fmt.Sprintf("| `%s` | %d %s | %s | %s |", r.cause, r.send, r.phrase, list(r.status), list(r.q850))
		if !strings.Contains(string(doc), line+"\n") {
			t.Errorf("docs/sip.md lacks\n%s", line)
		}
	}
	_, table, _ := strings.Cut(string(doc), "## Why a call ended\n")
	table, _, _ = strings.Cut(table, "\n## ")
	if got := strings.Count(table, "\n| `"); got != len(causeTable) {
		t.Errorf("docs/sip.md has %d rows of causes, want %d", got, len(causeTable))
	}
}

func list(numbers []int) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(numbers), " ", ", "), "[]")
}
