package signalling

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"roomline/media"
)

// ring is a call from a trunk to a group of three: who calls, and who rings.
func (o *office) ring() (caller *fakeLeg, group []*fakeLeg) {
	caller = &fakeLeg{side: A, audio: &fakeEnd{f: media.PCMA}, to: Target{To: Party{Number: "+49301"}}}
	before := len(o.legs)
	o.legs = append(o.legs, caller)
	_, ok := o.x.Accept(Incoming{Via: "pbx", From: Party{Number: "+49301"}, To: Party{Number: "+4930800"},
		Leg: func(in *Inbox) Leg { caller.in = in; return caller }})
	synctest.Wait()
	if !ok || len(o.legs) != before+4 {
		o.t.Fatalf("%d legs were made", len(o.legs)-before)
	}
	return caller, o.legs[before+1:]
}

// T39: a hunt group of three, where the first answer wins and the others are
// told that it was taken elsewhere.
func TestT39HuntGroup(t *testing.T) {
	inOffice(t, func(o *office) {
		caller, group := o.ring()
		for _, l := range group {
			l.say(Event{Kind: Ringing})
		}
		synctest.Wait()
		group[0].leave(Busy) // the others ring on
		group[1].say(Event{Kind: Answered})
		group[2].say(Event{Kind: Answered}) // too late
		o.joined(caller, group[1])
		if !slices.Equal(caller.did, []string{"ring", "answer PCMA"}) || len(group[1].hung) != 0 {
			t.Errorf("the caller's leg did %v", caller.did)
		}
		if len(group[2].hung) != 1 || group[2].hung[0].Cause != Elsewhere {
			t.Errorf("the third was told %v", group[2].hung)
		}
		if s, ok := o.x.Calls()[0].SideOf(carol); !ok || s != B {
			t.Errorf("who answered is not known: %+v", o.x.Calls())
		}
		group[1].say(Event{Kind: Digit, Digit: '5'})
		caller.say(Event{Kind: Held})
		caller.say(Event{Kind: Digit, Digit: '6'})
		synctest.Wait()
		if caller.did[2] != "digit 5" || !group[1].view().Held || group[1].did[0] != "digit 6" {
			t.Errorf("%v %+v %v", caller.did, group[1].view(), group[1].did)
		}
		group[1].leave(NormalClearing)
		synctest.Wait()
		if r := o.records[0]; r.Cause != "normal_clearing" || r.EndedBy != "called" || r.User != carol {
			t.Errorf("%+v", r)
		}
	})
}

// A room that is rung as a whole says who took the call there.
func TestRoomOfAHuntGroupAnswers(t *testing.T) {
	inOffice(t, func(o *office) {
		caller, group := o.ring()
		group[2].say(Event{Kind: Identified, Party: Party{User: "@dan:ex.org", Number: "+4930800"}})
		group[2].say(Event{Kind: Answered})
		o.joined(caller, group[2])
		if s, ok := o.x.Calls()[0].SideOf("@dan:ex.org"); !ok || s != B {
			t.Errorf("who answered is not known: %+v", o.x.Calls())
		}
		group[2].leave(NormalClearing)
		synctest.Wait()
		if r := o.records[0]; r.User != "@dan:ex.org" {
			t.Errorf("%+v", r)
		}
	})
}

func TestHuntGroupThatFails(t *testing.T) {
	for _, tt := range []struct {
		causes [3]Cause
		want   Cause
	}{
		{[3]Cause{Unavailable, Busy, Rejected}, Busy},
		{[3]Cause{Unavailable, NoAnswer, Rejected}, Rejected},
		{[3]Cause{NoAnswer, Unavailable, Unavailable}, NoAnswer},
		{[3]Cause{Unavailable, Internal, MediaFailed}, Unavailable},
		{[3]Cause{MediaFailed, MediaFailed, MediaFailed}, MediaFailed},
	} {
		inOffice(t, func(o *office) {
			caller, group := o.ring()
			for i, l := range group {
				if len(caller.hung) > 0 {
					t.Errorf("%v: over before the last has left", tt.causes)
				}
				l.leave(tt.causes[i])
				synctest.Wait()
			}
			if len(caller.hung) != 1 || caller.hung[0].Cause != tt.want || len(o.records) != 1 {
				t.Errorf("%v: the caller was told %v, want %v", tt.causes, caller.hung, tt.want)
			}
		})
	}
}

func TestHuntGroupNobodyAnswers(t *testing.T) {
	inOffice(t, func(o *office) {
		caller, group := o.ring()
		o.pass(61 * time.Second)
		for _, l := range append(group, caller) {
			if len(l.hung) != 1 || l.hung[0].Cause != NoAnswer {
				t.Errorf("%s was told %v", l.to.To.Label(), l.hung)
			}
		}
		if o.x.Live() != 0 {
			t.Error("the call is still there")
		}
	})
}

// TestALoserNeverLetsGo: the call is not kept up by it for ever.
func TestALoserNeverLetsGo(t *testing.T) {
	inOffice(t, func(o *office) {
		caller, group := o.ring()
		group[0].stuck = true
		group[1].say(Event{Kind: Answered})
		o.joined(caller, group[1])
		caller.leave(NormalClearing)
		o.pass(80 * time.Second)
		if o.x.Live() != 0 || len(o.records) != 1 {
			t.Errorf("%d calls, %d records", o.x.Live(), len(o.records))
		}
	})
}

// TestHuntedLegIsHandedOver: what a group's winner says reaches the call that
// has it by now.
func TestHuntedLegIsHandedOver(t *testing.T) {
	inOffice(t, func(o *office) {
		_, group := o.ring()
		group[0].say(Event{Kind: Answered})
		synctest.Wait()
		_, phone := o.talk(alice, "+49302")
		calls := o.x.Calls()
		if !o.x.Transfer(calls[1].ID, A, Destination{With: calls[0].ID, WithSide: A}) {
			t.Fatal("no such call")
		}
		o.joined(phone, group[0])
		group[0].leave(NormalClearing)
		synctest.Wait()
		if len(phone.hung) != 1 || o.x.Live() != 0 {
			t.Errorf("%v, %d calls", phone.hung, o.x.Live())
		}
	})
}
