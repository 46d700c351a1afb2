package signalling

import (
	"testing"
	"testing/synctest"
	"time"

	"roomline/media"
)

// both is two calls of one user: to 301, who is to be connected with 302.
func (o *office) both() (r1, p1, r2, p2 *fakeLeg, to func(call int, left bool) Event) {
	r1, p1 = o.talk(alice, "+49301")
	o.pass(time.Second)
	r2, p2 = o.talk(alice, "+49302")
	calls := o.x.Calls()
	to = func(i int, left bool) Event {
		side, ok := calls[1-i].SideOf(alice)
		if !ok || side != A {
			o.t.Fatalf("alice is on side %v of %+v", side, calls[1-i])
		}
		return Event{Kind: Refer, To: Destination{With: calls[1-i].ID, WithSide: side, Left: left}}
	}
	return r1, p1, r2, p2, to
}

func TestAttendedTransferByTheFarEnd(t *testing.T) {
	inOffice(t, func(o *office) {
		r1, p1, r2, p2, to := o.both()
		p1.refer = &Event{Kind: Referred}
		r1.say(to(0, false))
		synctest.Wait()
		if len(p1.asked) != 1 || p1.asked[0].Leg != p2 || r1.became[0].Cause != NormalClearing {
			t.Errorf("asked %+v, told %v", p1.asked, r1.became)
		}
		for _, l := range o.legs {
			if len(l.hung) != 1 || l.hung[0].Cause != Transferred {
				t.Errorf("%s: %v", l.to.To.Label(), l.hung)
			}
		}
		moved := map[string]string{} // the two end in no certain order
		for _, r := range o.records {
			moved[r.To] = r.Moved
		}
		if len(o.records) != 2 || len(r2.hung) != 1 || moved["+49301"] != "+49302" || moved["+49302"] != "+49301" {
			t.Errorf("%+v", o.records)
		}
	})
}

// TestGoodbyeBeforeTheNews: an exchange that joins two telephones may say BYE
// in the second call before it reports in the first.
func TestGoodbyeBeforeTheNews(t *testing.T) {
	inOffice(t, func(o *office) {
		r1, p1, _, p2, to := o.both()
		p1.refer = nil
		r1.say(to(0, true))
		synctest.Wait()
		p2.leave(NormalClearing)
		synctest.Wait()
		p1.say(Event{Kind: Referred})
		synctest.Wait()
		if len(o.records) != 2 || o.records[0].To != "+49302" || o.records[0].Cause != "transferred" || o.records[1].Cause != "transferred" {
			t.Errorf("%+v", o.records)
		}
	})
}

func TestAttendedTransferHere(t *testing.T) {
	for _, left := range []bool{false, true} {
		inOffice(t, func(o *office) {
			r1, p1, r2, p2, to := o.both()
			r1.say(Event{Kind: Held, Silent: true}) // as a client does to consult
			synctest.Wait()
			p2.say(Event{Kind: Muted})
			r1.say(to(0, left))
			o.joined(p1, p2)
			if p1.view() != (View{Party: Party{Number: "+49302"}, Muted: true}) || p2.view() != (View{Party: Party{Number: "+49301"}}) {
				t.Errorf("they see %+v and %+v", p1.view(), p2.view())
			}
			if len(r1.hung) != 1 || len(r2.hung) != 1 || r2.hung[0].Cause != Transferred || left != (len(r1.became) == 0) {
				t.Errorf("who asked was told %v %v %v", r1.became, r1.hung, r2.hung)
			}
			if len(o.records) != 1 || o.records[0].To != "+49302" || o.records[0].Moved != "+49301" || o.records[0].Cause != "transferred" {
				t.Errorf("the call that gave its leg: %+v", o.records)
			}
			if o.talked["+49302"] != 0 {
				t.Error("the part that goes on was left")
			}
			o.pass(9 * time.Second)
			p2.say(Event{Kind: Digit, Digit: '7'})
			p2.leave(NormalClearing)
			synctest.Wait()
			if len(p1.hung) != 1 || p1.did[len(p1.did)-1] != "digit 7" || o.talked["+49302"] != 9*time.Second || o.talked["+49301"] != 10*time.Second {
				t.Errorf("%v %v, talked %v", p1.hung, p1.did, o.talked)
			}
		})
	}
}

// TestALegIsHandedOverAgain: what a leg says reaches whichever call has it.
func TestALegIsHandedOverAgain(t *testing.T) {
	inOffice(t, func(o *office) {
		r1, p1, _, p2, to := o.both()
		r1.say(to(0, false))
		synctest.Wait()
		r3, p3 := o.talk(alice, "+49303")
		calls := o.x.Calls()
		if len(calls) != 2 {
			t.Fatalf("%+v", calls)
		}
		r3.say(Event{Kind: Refer, To: Destination{With: calls[0].ID, WithSide: calls[0].Ends[1].Side}})
		synctest.Wait()
		o.joined(p3, o.one(p1, p2))
		o.one(p1, p2).leave(NormalClearing)
		synctest.Wait()
		if len(p3.hung) != 1 || o.x.Live() != 0 {
			t.Errorf("%v, %d calls", p3.hung, o.x.Live())
		}
	})
}

// one is the only leg of several that still is in a call.
func (o *office) one(legs ...*fakeLeg) *fakeLeg {
	var one *fakeLeg
	for _, l := range legs {
		if len(l.hung) > 0 || l.left() {
			continue
		}
		if one != nil {
			o.t.Fatal("more than one is left")
		}
		one = l
	}
	return one
}

func TestAttendedTransferThatCannotBe(t *testing.T) {
	for name, tt := range map[string]struct {
		before func(o *office, to *Event, p2 *fakeLeg)
		became Cause
	}{
		"with the call itself":    {func(o *office, to *Event, _ *fakeLeg) { to.To.With = o.x.Calls()[0].ID }, Unavailable},
		"with no call":            {func(_ *office, to *Event, _ *fakeLeg) { to.To.With = "nobody" }, Unavailable},
		"with a side that is not": {func(_ *office, to *Event, _ *fakeLeg) { to.To.WithSide = C }, Unavailable},
		"with no side at all":     {func(_ *office, to *Event, _ *fakeLeg) { to.To.WithSide = 9 }, Unavailable},
		"in another format":       {func(_ *office, _ *Event, p2 *fakeLeg) { p2.audio.f = media.G722 }, NoCodec},
		"which is over":           {func(_ *office, _ *Event, p2 *fakeLeg) { p2.leave(NormalClearing); synctest.Wait() }, Unavailable},
		"which is over just now":  {func(_ *office, _ *Event, p2 *fakeLeg) { p2.leave(NormalClearing) }, Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			inOffice(t, func(o *office) {
				r1, p1, _, p2, to := o.both()
				e := to(0, false)
				tt.before(o, &e, p2)
				r1.say(e)
				o.joined(r1, p1)
				if len(r1.became) != 1 || r1.became[0].Cause != tt.became {
					t.Errorf("who asked was told %v", r1.became)
				}
			})
		})
	}
}

// TestBothCallsAskEachOther: a client that transfers tells both its calls
// (matrix-js-sdk transferToCall), and is gone.
func TestBothCallsAskEachOther(t *testing.T) {
	for _, left := range []bool{false, true} {
		for _, first := range []int{0, 1} {
			inOffice(t, func(o *office) {
				r1, p1, r2, p2, to := o.both()
				rooms := []*fakeLeg{r1, r2}
				rooms[first].say(to(first, left))
				rooms[1-first].say(to(1-first, left))
				o.joined(p1, p2)
				if len(r1.hung) != 1 || len(r2.hung) != 1 || o.x.Live() != 1 {
					t.Errorf("%v %v, %d calls", r1.hung, r2.hung, o.x.Live())
				}
			})
		}
	}
}

// FuzzTwoCalls lets two calls do anything to each other, in any order: nothing
// hangs, and no leg, music or permit is left behind.
func FuzzTwoCalls(f *testing.F) {
	f.Add([]byte{8, 40, 250})
	f.Add([]byte{9, 0, 8, 16})
	f.Add([]byte{25, 24, 0, 3})
	f.Add([]byte{8, 41, 9, 200, 72, 251})
	f.Add([]byte{24, 25, 90, 240, 17, 57, 121})
	f.Fuzz(func(t *testing.T, in []byte) {
		in = in[:min(len(in), 40)]
		inOffice(t, func(o *office) {
			o.when["+49303"], o.when["+49304"] = []Event{{Kind: Ringing}}, answers
			_, _, _, _, event := o.both()
			to := []Event{event(0, false), event(1, false), event(0, true), event(1, true)}
			for _, b := range in {
				o.mu.Lock()
				l := o.legs[int(b/8)%len(o.legs)]
				o.mu.Unlock()
				if !l.over() {
					o.poke(l, b, to)
				}
			}
			if len(in) > 0 && in[0]%2 == 1 {
				return // stopped in the middle of it
			}
			synctest.Wait()
			for range 2 {
				o.pass(50 * time.Second) // longer than any stage but ringing
			}
			for _, s := range o.x.Calls() {
				if s.Moving {
					t.Errorf("a transfer still goes on in %+v", s)
				}
			}
		})
	})
}

// poke has a leg say something. Events that to makes are of the first moment,
// when the calls were whole.
func (o *office) poke(l *fakeLeg, b byte, to []Event) {
	switch b % 8 {
	case 0, 1:
		l.say(to[int(b/8)%4])
	case 2:
		l.say(Event{Kind: Refer, To: Destination{To: Party{Number: []string{"+49303", "+49304"}[b/8%2]}, Left: b/16%2 == 0}})
	case 3:
		l.leave(NormalClearing)
	case 4:
		l.say(Event{Kind: Held, Silent: true})
	case 5:
		l.say(Event{Kind: Answered})
	case 6:
		synctest.Wait()
	case 7:
		l.mu.Lock()
		defer l.mu.Unlock()
		l.refer = []*Event{nil, {Kind: Referred}, {Kind: NotReferred}}[b/8%3]
	}
}
