//go:build interop

package interop

import (
	"testing"
	"time"

	"roomline/test/interop/rig"
)

// The user talks to two telephones and connects them with each other: on the
// trunk by REFER with Replaces, or here, where one call takes the other's leg.
func TestUserConnectsTwoTelephones(t *testing.T) {
	for name, changes := range map[string][]string{
		"on the trunk": nil,
		"here":         {"    codecs: [pcmu, pcma]\n", "    codecs: [pcmu, pcma]\n    transfer: bridge\n"},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, with{changes: changes})
			before := s.holdings(s.ctx)
			first, high := s.connect("+493023125606", "+493023125606")
			second, low := s.connect("+49302312580700", "+49302312580700")
			ok(t, first.TransferTo(s.ctx, second))
			s.until(s.ctx, "the user's calls to end", func() bool {
				return first.Update(s.ctx) == nil && second.Update(s.ctx) == nil && first.State == "ended" && second.State == "ended"
			})
			pause(s.ctx, 4*time.Second)
			if bed.Live() == 0 {
				t.Fatal("the telephones talk to nobody")
			}
			ok(t, bed.HangupAll(s.ctx))
			atHigh, err := high.Heard(s.ctx)
			ok(t, err)
			hears(t, "the first telephone", atHigh, 700, 2*time.Second)
			atLow, err := low.Heard(s.ctx)
			ok(t, err)
			hears(t, "the second telephone", atLow, 1000, 2*time.Second)
			moved := 0
			for i := range 2 {
				if r := s.record(s.ctx, i); r.Moved != "" {
					moved++
				}
			}
			if moved != 2 {
				t.Errorf("%d records tell of the transfer", moved)
			}
			s.settled(s.ctx, before)
		})
	}
}

// The user sends a telephone to another, on a trunk that is not asked to do it:
// the call goes on here without the user.
func TestUserTransfersHere(t *testing.T) {
	s := open(t, with{changes: []string{"    codecs: [pcmu, pcma]\n", "    codecs: [pcmu, pcma]\n    transfer: bridge\n"}})
	before := s.holdings(s.ctx)
	call, low := s.connect("+49302312580700", "+49302312580700")
	found, err := s.alice.Lookup(s.ctx, "+493023125606")
	ok(t, err)
	ok(t, call.Transfer(s.ctx, found.UserID))
	high, err := bed.WaitCall(s.ctx, "+493023125606")
	ok(t, err)
	pause(s.ctx, 4*time.Second)
	ok(t, high.Hangup(s.ctx))
	for _, end := range []struct {
		phone *rig.Phone
		hz    float64
	}{{low, 1000}, {high, 700}} {
		_, _, err := end.phone.WaitEnded(s.ctx)
		ok(t, err)
		heard, err := end.phone.Heard(s.ctx)
		ok(t, err)
		hears(t, "the telephone", heard, end.hz, 2*time.Second)
	}
	if r := s.record(s.ctx, 0); r.Moved != "+493023125606" || r.Cause != "normal_clearing" {
		t.Errorf("%+v", r)
	}
	s.settled(s.ctx, before)
}
