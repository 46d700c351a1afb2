//go:build interop

package interop

import (
	"strings"
	"testing"
	"time"
)

// refers is what of a call's messages is about transfers.
func (s *scene) refers() string {
	s.t.Helper()
	all := s.all()
	var b strings.Builder
	for _, r := range all {
		for _, m := range r.Ladder {
			if strings.Contains(m.Text, "REFER") || strings.Contains(m.Text, "NOTIFY") {
				b.WriteString(m.Leg + ": " + m.Text + "\n")
			}
		}
	}
	return b.String()
}

// The telephone asks by REFER for another number in its place: the user hears
// that one, in the same call.
func TestTelephoneTransfers(t *testing.T) {
	s := open(t, with{})
	before := s.holdings(s.ctx)
	call, _ := s.connect("+4930231253606", "+4930231253606")
	heard, err := call.Record(s.ctx, time.Second)
	ok(t, err)
	hears(t, "alice", heard, 700, 700*time.Millisecond)
	next, err := bed.WaitCall(s.ctx, "+493023125606")
	ok(t, err)
	_, err = next.WaitAnswered(s.ctx)
	ok(t, err)
	pause(s.ctx, time.Second)
	s.listens("alice, after the transfer,", call, phoneTone)
	ok(t, call.Hangup(s.ctx))
	_, _, err = next.WaitEnded(s.ctx)
	ok(t, err)
	s.record(s.ctx, 0)
	if got := s.refers(); !strings.Contains(got, "202 Accepted (REFER)") || !strings.Contains(got, "200 OK (NOTIFY)") {
		t.Errorf("messages:\n%s", got)
	}
	s.settled(s.ctx, before)
}

// A number that nobody may dial is refused, and the call goes on as it was.
func TestTelephoneTransfersInVain(t *testing.T) {
	s := open(t, with{})
	call, phone := s.connect("+4930231253610", "+4930231253610") // busy
	pause(s.ctx, 5*time.Second)
	s.listens("alice", call, 700)
	ok(t, call.Hangup(s.ctx))
	_, _, err := phone.WaitEnded(s.ctx)
	ok(t, err)
}

// Who is at the telephone changes, and the client is told.
func TestConnectedLineChanges(t *testing.T) {
	s := open(t, with{})
	call, _ := s.connect("+493023125631", "+493023125631")
	for {
		facts, err := call.Facts(s.ctx)
		ok(t, err)
		if n := len(facts.Names); n > 0 && strings.Contains(facts.Names[n-1], "Dora") {
			break
		}
		if s.ctx.Err() != nil {
			t.Fatalf("names %q", facts.Names)
		}
		pause(s.ctx, 200*time.Millisecond)
	}
	ok(t, call.Hangup(s.ctx))
}
