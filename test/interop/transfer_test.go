//go:build interop

package interop

import (
	"strings"
	"testing"
	"time"

	"roomline/test/interop/rig"
)

// heardAt has a phone that records hang up, and returns what it has heard.
func heardAt(s *scene, phone *rig.Phone) rig.Sound {
	s.t.Helper()
	ok(s.t, phone.Hangup(s.ctx))
	sound, err := phone.Heard(s.ctx)
	ok(s.t, err)
	return sound
}

// atLeast fails unless somebody heard each of some tones for so long.
func atLeast(t *testing.T, who string, s rig.Sound, d time.Duration, hz ...float64) {
	t.Helper()
	for _, f := range hz {
		if tone := s.Tone(f); tone.Present < d {
			t.Errorf("%s should have heard %v Hz: %v of %v", who, f, tone, s.Length())
		}
	}
}

// transferred waits until alice's client is out of a call, and her room is told.
func (s *scene) transferred(call *rig.RoomCall) {
	s.t.Helper()
	ok(s.t, call.WaitState(s.ctx, "ended"))
	if got := s.says(call.Room, "transferred"); !strings.HasPrefix(got, "Call ") {
		s.t.Errorf("the room was told %q", got)
	}
}

// idle waits until the gateway has no call any more.
func (s *scene) idle() {
	s.t.Helper()
	s.until(s.ctx, "all calls to end", func() bool { return s.metric(s.ctx, "roomline_calls_live") == 0 })
}

// TestBlindTransferByRefer: the phone is on an exchange that transfers by itself;
// we are out of the call.
func TestBlindTransferByRefer(t *testing.T) {
	s := open(t, with{})
	call, _ := s.connect("030 23125630", "+493023125630")
	phone, err := bed.WaitCall(s.ctx, "+49302312580700")
	ok(t, err)
	s.listens("alice", call, 700)
	target, err := s.alice.Lookup(s.ctx, "030 23125606")
	ok(t, err)
	if facts, err := call.Facts(s.ctx); err != nil || !facts.Transferable {
		t.Errorf("the client does not offer a transfer: %+v %v", facts, err)
	}
	ok(t, call.Transfer(s.ctx, target.UserID))
	s.transferred(call)
	s.idle()
	pause(s.ctx, 2*time.Second)
	atLeast(t, "the phone", heardAt(s, phone), time.Second, aliceTone, phoneTone)
	if got := s.refers(); !strings.Contains(got, "202 Accepted (REFER)") || !strings.Contains(got, "200 OK (NOTIFY)") {
		t.Errorf("messages:\n%s", got)
	}
	if r := s.record(s.ctx, 0); r.Cause != "transferred" {
		t.Errorf("the record says %s", r.Cause)
	}
}

// TestBlindTransferBridged: the exchange refuses REFER, so the two are connected here.
func TestBlindTransferBridged(t *testing.T) {
	s := open(t, with{})
	call, first := s.connect("030 23125606", "+493023125606")
	target, err := s.alice.Lookup(s.ctx, "+49302312580700")
	ok(t, err)
	_, err = call.Record(s.ctx, time.Second)
	ok(t, err)
	ok(t, call.Transfer(s.ctx, target.UserID))
	second, err := bed.WaitCall(s.ctx, "+49302312580700")
	ok(t, err)
	_, err = second.WaitAnswered(s.ctx)
	ok(t, err)
	s.transferred(call)
	pause(s.ctx, 3*time.Second)
	atLeast(t, "the second phone", heardAt(s, second), 2*time.Second, phoneTone)
	_, _, err = first.WaitEnded(s.ctx)
	ok(t, err)
	theirs, err := first.Heard(s.ctx)
	ok(t, err)
	atLeast(t, "the first phone", theirs, 600*time.Millisecond, aliceTone)
	atLeast(t, "the first phone", theirs, 2*time.Second, 700)
	s.idle()
}

// TestBlindTransferToAUser: alice sends the phone to bob, whose client rings.
func TestBlindTransferToAUser(t *testing.T) {
	s, bob := withBob(t, with{})
	call, phone := s.connect("030 23125606", "+493023125606")
	ok(t, call.Transfer(s.ctx, bob.ID))
	s.transferred(call)
	theirs, err := bob.WaitIncoming(s.ctx, "")
	ok(t, err)
	ok(t, theirs.Answer(s.ctx, 0))
	ok(t, theirs.WaitState(s.ctx, "connected"))
	s.listens("bob", theirs, phoneTone)
	ok(t, theirs.Hangup(s.ctx))
	_, _, err = phone.WaitEnded(s.ctx)
	ok(t, err)
	sound, err := phone.Heard(s.ctx)
	ok(t, err)
	atLeast(t, "the phone", sound, 1500*time.Millisecond, bobTone)
	s.idle()
}

// TestAttendedTransferByRefer: both phones are on the exchange, which joins them
// by the name of the other dialog (RFC 3891).
func TestAttendedTransferByRefer(t *testing.T) {
	s := open(t, with{})
	one, _ := s.connect("030 23125630", "+493023125630")
	first, err := bed.WaitCall(s.ctx, "+49302312580700")
	ok(t, err)
	ok(t, one.Hold(s.ctx, true))
	_, err = one.WaitFacts(s.ctx, rig.Wanted{"holding": true, "signalling": "stable"})
	ok(t, err)
	two, _ := s.connect("030 23125632", "+493023125632")
	second, err := bed.WaitCall(s.ctx, "+49302312580550")
	ok(t, err)
	ok(t, one.TransferTo(s.ctx, two))
	s.transferred(one)
	ok(t, two.WaitState(s.ctx, "ended")) // by the exchange's BYE, which says no more than that it is over
	s.idle()
	if got := s.refers(); !strings.Contains(got, "202 Accepted (REFER)") || !strings.Contains(got, "200 OK (NOTIFY)") {
		t.Errorf("messages:\n%s", got)
	}
	pause(s.ctx, 3*time.Second)
	atLeast(t, "the second phone", heardAt(s, second), 2*time.Second, 700)
	_, _, err = first.WaitEnded(s.ctx)
	ok(t, err)
	sound, err := first.Heard(s.ctx)
	ok(t, err)
	atLeast(t, "the first phone", sound, 2*time.Second, 550)
}
