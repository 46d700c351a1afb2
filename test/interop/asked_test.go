//go:build interop

package interop

import (
	"strings"
	"testing"
	"time"

	"roomline/signalling"
	"roomline/test/interop/rig"
)

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
		s.listens("alice", call, bobTone)
		s.listens("bob", theirs, aliceTone)
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
	s.listens("alice", call, bobTone)
	s.listens("bob", theirs, aliceTone)
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
	heard, err := call.Record(s.ctx, 4*time.Second) // a busy machine hears the other one late
	ok(t, err)
	atLeast(t, "alice", heard, 1500*time.Millisecond, 700)
	hears(t, "the second telephone", two.Listen(s.ctx, 2500*time.Millisecond), aliceTone, 1700*time.Millisecond)
	ok(t, call.Hangup(s.ctx))
	ok(t, two.WaitEnded(s.ctx))
	if r := s.record(s.ctx, 0); r.Direction != signalling.PhoneToRoom {
		t.Errorf("the record: %+v", r)
	}
}
