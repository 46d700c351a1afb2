package signalling

import (
	"testing"
	"testing/synctest"
	"time"

	"roomline/media"
)

// S15: a far end that sends a call on to another number has it dialled with the
// user's rights, by the dial plan, and on its own trunk only.
func TestRedirectIsANewCall(t *testing.T) {
	inOffice(t, func(o *office) {
		o.deny = "+49666"
		_, phone := o.talk(alice, "+49301")
		for number, ok := range map[string]bool{"+49302": true, "+49666": false, "+1900": false, "": false, "+33": false} {
			to, why, may := phone.to.Redirect(number)
			if may != ok || ok && to != number || !ok && why.Cause == 0 {
				t.Errorf("%s: %s, %s, %t", number, to, why, may)
			}
			for n, count := range o.parts {
				if want := map[bool]int{true: 1}[ok && n == number]; count != want {
					t.Errorf("sent on to %s: %d parts with %s, want %d", number, count, n, want)
				}
			}
		}
		phone.to.Redirect("+49303")
		pass(time.Minute)
		phone.leave(NormalClearing)
		synctest.Wait()
		if o.talked["+49303"] != time.Minute || o.talked["+49301"] != 0 {
			t.Errorf("talked %v", o.talked)
		}
		if _, _, ok := phone.to.Redirect("+49302"); ok {
			t.Error("a call that is over was sent on")
		}
	})
}

// Inbound calls reach no other number of a trunk by being sent on.
func TestNobodyOfATrunkIsRedirected(t *testing.T) {
	inOffice(t, func(o *office) {
		caller := &fakeLeg{side: A, in: nil, to: Target{To: Party{Number: "+49111"}}, audio: &fakeEnd{}}
		o.legs = append(o.legs, caller)
		o.x.Accept(Incoming{Via: "pbx", From: Party{Number: "+49111"}, To: Party{Number: "+4930700"},
			Leg: func(in *Inbox) Leg { caller.in = in; return caller }})
		if l := o.last(); l == caller || l.to.Redirect != nil {
			t.Errorf("the leg to %s may be sent on", l.to.To.Label())
		}
		caller.leave(Cancelled)
	})
}

// S14, S15: a call that is passed on from trunk to trunk is no user's: nobody's
// rights take it further, neither by a transfer nor by being sent on, and the
// record says which way it went.
func TestPassedOnAndNoFurther(t *testing.T) {
	inOffice(t, func(o *office) {
		o.when["+4420"] = answers
		caller := &fakeLeg{side: A, to: Target{To: Party{Number: "+49111"}}, audio: &fakeEnd{f: media.PCMA}}
		o.legs = append(o.legs, caller)
		o.x.Accept(Incoming{Via: "pbx", From: Party{Number: "+49111"}, To: Party{Number: "+4420"},
			Leg: func(in *Inbox) Leg { caller.in = in; return caller }})
		synctest.Wait()
		called := o.last()
		caller.say(Event{Kind: Confirmed})
		o.joined(caller, called)
		if called.to.Via != "world" || called.to.Redirect != nil || len(o.parts) != 0 {
			t.Errorf("dialled %+v with the rights of %v", called.to, o.parts)
		}
		for i, l := range []*fakeLeg{caller, called} {
			for k, to := range []Destination{{To: Party{Number: "+49302"}}, {To: Party{Number: "+4421"}}, {To: Party{Number: "+4930700"}}} {
				l.say(Event{Kind: Refer, To: to})
				o.joined(caller, called)
				if len(l.became) != k+1 || l.became[k].Cause != Forbidden || o.last() != called {
					t.Errorf("leg %d to %s: told %v", i, to.To.Number, l.became)
				}
			}
		}
		o.pass(time.Second)
		caller.leave(NormalClearing)
		synctest.Wait()
		if r := o.records[0]; r.Direction != PhoneToPhone || r.Trunk != "pbx" || r.Via != "world" || r.User != "" || r.Moved != "" {
			t.Errorf("%+v", r)
		}
	})
}
