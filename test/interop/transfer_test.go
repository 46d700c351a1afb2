//go:build interop

package interop

import (
	"strings"
	"testing"
	"time"

	"roomline/signalling"
	"roomline/test/interop/rig"
)

// hearsAt waits until a phone that records has heard a tone for a second, by
// what it has recorded once it has hung up.
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
	heard, err := call.Record(s.ctx, 2*time.Second)
	ok(t, err)
	hears(t, "alice", heard, 700, 1500*time.Millisecond)
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
	heard, err := theirs.Record(s.ctx, 2*time.Second)
	ok(t, err)
	hears(t, "bob", heard, phoneTone, 1700*time.Millisecond)
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

// TestPhoneTransfersBlind: the phone asks by REFER (Asterisk's Transfer) to be
// replaced by a user; and the phone that asks is one that had called alice.
func TestPhoneTransfersBlind(t *testing.T) {
	t.Run("to a user", func(t *testing.T) {
		s, bob := withBob(t, with{})
		call, first := s.connect("+4930231253702", "+4930231253702")
		theirs, err := bob.WaitIncoming(s.ctx, "")
		ok(t, err)
		ok(t, theirs.Answer(s.ctx, 0))
		ok(t, theirs.WaitState(s.ctx, "connected"))
		_, _, err = first.WaitEnded(s.ctx)
		ok(t, err)
		heard, err := call.Record(s.ctx, 2*time.Second)
		ok(t, err)
		hears(t, "alice", heard, bobTone, 1500*time.Millisecond)
		heard, err = theirs.Record(s.ctx, 2*time.Second)
		ok(t, err)
		hears(t, "bob", heard, aliceTone, 1500*time.Millisecond)
		ok(t, theirs.Hangup(s.ctx))
		ok(t, call.WaitState(s.ctx, "ended"))
		s.idle()
	})
	t.Run("who called alice", func(t *testing.T) {
		s := open(t, with{})
		call, first := s.ring()
		ok(t, call.Answer(s.ctx, 0))
		ok(t, call.WaitState(s.ctx, "connected"))
		_, err := first.WaitAnswered(s.ctx)
		ok(t, err)
		ok(t, first.Send(s.ctx, "refer", "+49302312580850"))
		second, err := bed.WaitCall(s.ctx, "+49302312580850")
		ok(t, err)
		_, err = second.WaitAnswered(s.ctx)
		ok(t, err)
		heard, err := call.Record(s.ctx, 3*time.Second)
		ok(t, err)
		atLeast(t, "alice", heard, 1500*time.Millisecond, 850)
		ok(t, call.Hangup(s.ctx))
		_, _, err = second.WaitEnded(s.ctx)
		ok(t, err)
		s.idle()
	})
}

// TestPhoneTransfersAttended: two telephones of one trunk, each with a call of
// ours: REFER with the other dialog in Replaces (RFC 3891) joins what is behind them.
func TestPhoneTransfersAttended(t *testing.T) {
	s, bob := withBob(t, with{carrier: true})
	call, one := s.called()
	two, err := s.carrier.Dial("+493023125702", caller)
	ok(t, err)
	theirs, err := bob.WaitIncoming(s.ctx, "")
	ok(t, err)
	ok(t, theirs.Answer(s.ctx, 0))
	ok(t, two.WaitAnswered(s.ctx))
	ok(t, theirs.WaitState(s.ctx, "connected"))
	res, err := one.Say(s.ctx, "REFER", "", "Refer-To: <sip:+493023125702@"+bed.Gateway+"?Replaces="+two.Replaces()+">", "Referred-By: <sip:"+caller+"@"+carrierAt+">")
	ok(t, err)
	if res.Status() != "202" {
		t.Fatalf("REFER was answered %q", res.First)
	}
	_, _, err = one.WaitFor(s.ctx, "a NOTIFY of success", 0, func(m rig.Message) bool {
		return m.Method() == "NOTIFY" && strings.HasPrefix(m.Body, "SIP/2.0 200")
	})
	ok(t, err)
	ok(t, two.WaitEnded(s.ctx))
	heard, err := call.Record(s.ctx, 2*time.Second)
	ok(t, err)
	hears(t, "alice", heard, bobTone, 1500*time.Millisecond)
	heard, err = theirs.Record(s.ctx, 2*time.Second)
	ok(t, err)
	hears(t, "bob", heard, aliceTone, 1500*time.Millisecond)
	ok(t, call.Hangup(s.ctx))
	ok(t, theirs.WaitState(s.ctx, "ended"))
	s.idle()
}

// TestPhoneReplaces: another telephone of the trunk takes the call over, by an
// INVITE with Replaces: the room's call goes on.
func TestPhoneReplaces(t *testing.T) {
	s := open(t, with{carrier: true})
	call, one := s.called()
	replaces := strings.NewReplacer("%3B", ";", "%3D", "=").Replace(one.Replaces())
	two, err := s.carrier.Dial(did, "+493023125998", "Replaces: "+replaces, "Require: replaces")
	ok(t, err)
	ok(t, two.WaitAnswered(s.ctx))
	two.Play(700)
	ok(t, one.WaitEnded(s.ctx))
	heard, err := call.Record(s.ctx, 3*time.Second)
	ok(t, err)
	atLeast(t, "alice", heard, 1500*time.Millisecond, 700)
	hears(t, "the second telephone", two.Listen(s.ctx, 2*time.Second), aliceTone, 1700*time.Millisecond)
	ok(t, call.Hangup(s.ctx))
	ok(t, two.WaitEnded(s.ctx))
	if r := s.record(s.ctx, 0); r.Direction != signalling.PhoneToRoom {
		t.Errorf("the record: %+v", r)
	}
}
