//go:build interop

package interop

import (
	"strings"
	"testing"
	"time"

	"roomline/test/interop/rig"
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
	heard, err = call.Record(s.ctx, 2*time.Second)
	ok(t, err)
	hears(t, "alice, after the transfer,", heard, phoneTone, 1700*time.Millisecond)
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
	heard, err := call.Record(s.ctx, 2*time.Second)
	ok(t, err)
	hears(t, "alice", heard, 700, 1500*time.Millisecond)
	ok(t, call.Hangup(s.ctx))
	_, _, err = phone.WaitEnded(s.ctx)
	ok(t, err)
}

// The user sends the telephone to another: the trunk connects the two, and
// nothing of the call is left here.
func TestUserTransfersOnTheTrunk(t *testing.T) {
	s := open(t, with{})
	before := s.holdings(s.ctx)
	call, _ := s.connect("+493023125630", "+493023125630")
	found, err := s.alice.Lookup(s.ctx, "+493023125606")
	ok(t, err)
	ok(t, call.Transfer(s.ctx, found.UserID))
	if r := s.record(s.ctx, 0); r.Cause != "transferred" {
		t.Errorf("the call ended for %s (%s)", r.Cause, r.Detail)
	}
	if got := s.refers(); !strings.Contains(got, "202 Accepted (REFER)") || !strings.Contains(got, "200 OK (NOTIFY)") {
		t.Errorf("messages:\n%s", got)
	}
	if bed.Live() == 0 {
		t.Error("the telephone talks to nobody")
	}
	ok(t, bed.HangupAll(s.ctx))
	s.settled(s.ctx, before)
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

// The user joins two telephones that are on the same trunk: the trunk connects
// them by the name of the other dialog (RFC 3891).
func TestUserJoinsTwoOnTheTrunk(t *testing.T) {
	s := open(t, with{})
	before := s.holdings(s.ctx)
	first, _ := s.connect("+493023125630", "+493023125630")
	second, _ := s.connect("+493023125606", "+493023125606")
	ok(t, first.TransferTo(s.ctx, second))
	s.record(s.ctx, 0)
	s.record(s.ctx, 1)
	if got := s.refers(); !strings.Contains(got, "202 Accepted (REFER)") || !strings.Contains(got, "200 OK (NOTIFY)") {
		t.Errorf("messages:\n%s", got)
	}
	if bed.Live() == 0 {
		t.Error("the telephones are not connected")
	}
	ok(t, bed.HangupAll(s.ctx))
	s.settled(s.ctx, before)
}

// F1: the gateway dies with calls in both directions; the next start ends both
// at the telephones.
func TestSuddenEndReachesTheTelephones(t *testing.T) {
	s := open(t, with{})
	_, out := s.connect("+493023125606", "+493023125606")
	call, in := s.ring()
	ok(t, call.Answer(s.ctx, 0))
	_, err := in.WaitAnswered(s.ctx)
	ok(t, err)
	pause(s.ctx, 500*time.Millisecond) // what is answered is written down a moment later
	s.Kill()
	s.start()
	up := time.Now()
	for _, phone := range []*rig.Phone{out, in} {
		at, _, err := phone.WaitEnded(s.ctx)
		ok(t, err)
		if took := at.Sub(up); took > 10*time.Second {
			t.Errorf("a telephone was told %v after the start", took)
		}
	}
}
