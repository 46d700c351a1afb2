package signalling

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"roomline/media"
)

func TestCommands(t *testing.T) {
	inOffice(t, func(o *office) {
		room, phone := o.talk(alice, "+49301")
		s := o.x.Calls()[0]
		side, ok := s.SideOf(alice)
		if !ok || side != A || s.State != Connected || s.Direction != RoomToPhone || s.Ends[1].Via != "pbx" || s.Ends[1].Party.Number != "+49301" || s.Connected.IsZero() {
			t.Fatalf("%+v", s)
		}
		if _, ok := s.SideOf(bob); ok {
			t.Error("bob has part in the call")
		}
		if !o.x.Hold(s.ID, side, true) {
			t.Error("hold")
		}
		synctest.Wait()
		if !phone.view().Held || !o.music(phone) || !o.x.Calls()[0].Ends[0].Held {
			t.Errorf("held: %+v", o.x.Calls())
		}
		if !o.x.Hold(s.ID, side, false) || !o.x.Press(s.ID, side, "12#") {
			t.Error("resume and press")
		}
		o.joined(room, phone)
		if !slices.Equal(phone.did, []string{"digit 1", "digit 2", "digit #"}) {
			t.Errorf("%v", phone.did)
		}
		for _, digits := range []string{"", "12x", "1 2", fmt.Sprintf("%065d", 0)} {
			if o.x.Press(s.ID, side, digits) {
				t.Errorf("pressed %q", digits)
			}
		}
		if o.x.Hangup("nobody", A) || o.x.Hangup(s.ID, C) || o.x.Hold(s.ID, 9, true) {
			t.Error("a command for nobody")
		}
		o.when["+49302"] = answers
		if !o.x.Transfer(s.ID, side, Destination{To: Party{Number: "+49302"}}) {
			t.Error("transfer")
		}
		o.joined(phone, o.last())
		if s = o.x.Calls()[0]; s.Ends[0].Side != C || s.Ends[0].Via != "pbx" || s.Moving {
			t.Errorf("%+v", s)
		}
		if !o.x.Hangup(s.ID, B) {
			t.Error("hangup")
		}
		synctest.Wait()
		if r := o.x.Recent(); len(r) != 1 || r[0].EndedBy != "called" || r[0].Cause != "normal_clearing" || r[0].Moved != "+49302" || o.x.Hangup(s.ID, B) {
			t.Errorf("%+v", r)
		}
	})
}

// TestHangupBeforeTheAnswer: the two sides mean different things by it.
func TestHangupBeforeTheAnswer(t *testing.T) {
	for side, want := range map[Side]string{A: "cancelled", B: "rejected"} {
		inOffice(t, func(o *office) {
			o.ring()
			o.x.Hangup(o.x.Calls()[0].ID, side)
			synctest.Wait()
			if r := o.x.Recent(); len(r) != 1 || r[0].Cause != want {
				t.Errorf("%v: %+v", side, r)
			}
		})
	}
}

func TestRecentIsBounded(t *testing.T) {
	inOffice(t, func(o *office) {
		o.x.Drain(o.t.Context())
		for i := range maxRecent + 5 {
			o.x.Accept(Incoming{Via: "pbx", To: Party{Number: fmt.Sprint(i)}})
		}
		r := o.x.Recent()
		if len(r) != maxRecent || r[0].To != fmt.Sprint(maxRecent+4) || r[0].Cause != "shutting_down" || r[0].Direction != PhoneToRoom || r[0].Sentence == "" {
			t.Errorf("%d, %+v", len(r), r[0])
		}
	})
}

// TestClickToDial: a leg whose far end has answered already is the caller's:
// it hears the ringing, and is up at once when the number answers.
func TestClickToDial(t *testing.T) {
	inOffice(t, func(o *office) {
		o.when["+49301"] = []Event{{Kind: Ringing}}
		ready := &fakeLeg{side: A, audio: &fakeEnd{f: media.PCMA}, to: Target{To: Party{User: alice}}}
		o.legs = append(o.legs, ready)
		o.x.Accept(Incoming{Via: Matrix, From: Party{User: alice}, To: Party{Number: "+49301"},
			Leg: func(in *Inbox) Leg { ready.in = in; ready.say(Event{Kind: Confirmed}); return ready }})
		synctest.Wait()
		if !slices.Equal(ready.did, []string{"ring"}) {
			t.Errorf("%v", ready.did)
		}
		o.pass(time.Second)
		o.last().say(Event{Kind: Answered})
		o.joined(ready, o.last())
	})
}
