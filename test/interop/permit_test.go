//go:build interop

package interop

import (
	"slices"
	"strings"
	"testing"
	"time"

	"roomline/signalling"
)

// TestCallsThatAreNotAllowed is T25 with real peers: the client's call is
// rejected, the room is told which rule it was, and the trunk hears of nothing.
func TestCallsThatAreNotAllowed(t *testing.T) {
	for _, c := range []struct {
		name, number string
		changes      []string
		says         string
	}{
		{"another country", "+33 1 23 45 67 89", nil, "The call to +33 1 23 45 67 89 is not allowed (calls to France are not allowed; ask your administrator to add +33 to dialing.allow)."},
		{"a premium number", "0900 1 234567", nil, "(premium numbers are not allowed; ask your administrator to take premium out of dialing.deny)."},
		{"an emergency", "112", nil, "The call to 112 is not allowed (this line cannot place emergency calls; use another phone)."},
		{"a user who may not", "030 23125606", []string{"  limits: {calls", "  matrix.test: receive\n  limits: {calls"},
			"The call to +49 30 23125606 is not allowed (you may not place calls)."},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t, with{changes: c.changes})
			before := s.holdings(s.ctx)
			call, err := s.alice.Dial(s.ctx, c.number, 0)
			ok(t, err)
			ok(t, call.WaitState(s.ctx, "ended"))
			if got := s.notice(call.Room); !strings.HasSuffix(got, c.says) {
				t.Errorf("the room was told %q, want %q", got, c.says)
			}
			for _, r := range s.all() {
				if r.Cause != "forbidden" || slices.ContainsFunc(r.Ladder, func(m signalling.Message) bool { return strings.HasPrefix(m.Text, "INVITE") }) {
					t.Errorf("the record says %+v", r)
				}
			}
			s.settled(s.ctx, before)
			if n := bed.Live(); n != 0 {
				t.Errorf("Asterisk has %d channels", n)
			}
		})
	}
}

// TestOneCallAtATime is T25's limit per user, which frees its place at once.
func TestOneCallAtATime(t *testing.T) {
	s := open(t, with{changes: []string{"calls_per_user: 0", "calls_per_user: 1"}})
	first, _ := s.connect("030 23125606", "+493023125606")
	second, err := s.alice.Dial(s.ctx, "030 23125600", 0)
	ok(t, err)
	ok(t, second.WaitState(s.ctx, "ended"))
	if got := s.notice(second.Room); !strings.HasSuffix(got, "(you already have 1 call).") {
		t.Errorf("the room was told %q", got)
	}
	heard, err := first.Record(s.ctx, 3*time.Second)
	ok(t, err)
	hears(t, "alice", heard, phoneTone, 2500*time.Millisecond)
	ok(t, first.Hangup(s.ctx))
	ok(t, first.WaitState(s.ctx, "ended"))
	s.record(s.ctx, 1)
	third, _ := s.connect("030 23125606", "+493023125606")
	ok(t, third.Hangup(s.ctx))
}
