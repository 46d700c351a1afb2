package signalling

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"roomline/media"
)

func TestHoldWithMusicBothWays(t *testing.T) {
	inOffice(t, func(o *office) {
		room, phone := o.talk(alice, "+49301")
		o.joined(room, phone)

		phone.say(Event{Kind: Held}) // its own music comes from there
		synctest.Wait()
		if o.music(room) || !room.hears(phone) || room.view() != (View{Party: Party{Number: "+49301"}, Held: true}) {
			t.Errorf("held with the far end's music: %+v", room.view())
		}
		phone.say(Event{Kind: Held, Silent: true})
		synctest.Wait()
		if !o.music(room) || room.hears(phone) || phone.hears(room) {
			t.Error("held in silence: no music, or who holds overhears")
		}
		room.say(Event{Kind: Held, Silent: true})
		room.say(Event{Kind: Muted})
		synctest.Wait()
		if !o.music(room) || !o.music(phone) || phone.view() != (View{Party: Party{User: alice}, Held: true, Muted: true}) {
			t.Errorf("both hold: %+v", phone.view())
		}
		o.pass(time.Second)
		phone.say(Event{Kind: Resumed})
		synctest.Wait()
		if o.music(room) || !o.music(phone) || room.view().Held {
			t.Error("one has resumed")
		}
		room.say(Event{Kind: Resumed})
		room.say(Event{Kind: Unmuted})
		o.joined(room, phone)
		if phone.view() != (View{Party: Party{User: alice}}) {
			t.Errorf("all over: %+v", phone.view())
		}
		room.leave(NormalClearing)
	})
}

func TestConnectedLineChanges(t *testing.T) {
	inOffice(t, func(o *office) {
		room, phone := o.talk(alice, "+49301")
		phone.say(Event{Kind: Identified, Party: Party{Number: "+49309", Name: "Nine"}})
		synctest.Wait()
		if room.view().Party.Name != "Nine" {
			t.Errorf("the room was shown %+v", room.view())
		}
		phone.leave(NormalClearing)
		synctest.Wait()
		if r := o.records[0]; r.Connected != "+49309" || r.To != "+49301" || r.User != alice {
			t.Errorf("%+v", r)
		}
	})
}

func TestBlindTransferByTheFarEnd(t *testing.T) {
	inOffice(t, func(o *office) {
		room, phone := o.talk(alice, "+49301")
		phone.refer = &Event{Kind: Referred}
		room.say(Event{Kind: Refer, To: Destination{To: Party{Number: "+49302"}}})
		synctest.Wait()
		if len(phone.asked) != 1 || len(o.legs) != 2 || len(room.became) != 1 || room.became[0].Cause != NormalClearing {
			t.Errorf("asked %v, %d legs, became %v", phone.asked, len(o.legs), room.became)
		}
		if room.hung[0].Cause != Transferred || phone.hung[0].Cause != Transferred {
			t.Errorf("%v %v", room.hung, phone.hung)
		}
		if r := o.records[0]; r.Cause != "transferred" || r.Moved != "+49302" || r.EndedBy != "caller" {
			t.Errorf("%+v", r)
		}
	})
}

// TestBlindTransferHere: the far end does not do it, so both legs are here.
func TestBlindTransferHere(t *testing.T) {
	to := Event{Kind: Refer, To: Destination{To: Party{Number: "+49302"}}}
	left := Event{Kind: Refer, To: Destination{To: Party{Number: "+49302"}, Left: true}}
	busy := []Event{{Kind: HungUp, Reason: Reason{Cause: Busy}}}
	for _, tt := range []struct {
		name   string
		on     Event
		when   []Event // the target
		then   func(o *office, s, other *fakeLeg)
		ok     bool
		became Cause // NormalClearing and !ok: nobody was there to be told
	}{
		{"answered", to, answers, nil, true, NormalClearing},
		{"answered later", to, []Event{{Kind: Ringing}}, func(o *office, s, other *fakeLeg) {
			if !o.music(other) || s.hears(other) {
				o.t.Error("who waits hears no music, or who asked overhears")
			}
			o.pass(5 * time.Second)
			o.last().say(Event{Kind: Answered})
		}, true, NormalClearing},
		{"who asked leaves early", to, []Event{{Kind: Ringing}}, func(o *office, s, _ *fakeLeg) {
			s.leave(NormalClearing)
			synctest.Wait()
			o.last().say(Event{Kind: Answered})
		}, true, NormalClearing},
		{"who asked has left", left, answers, nil, true, NormalClearing},
		{"busy", to, busy, nil, false, Busy},
		{"no answer", to, []Event{{Kind: Ringing}}, func(o *office, _, _ *fakeLeg) { o.pass(61 * time.Second) }, false, NoAnswer},
		{"another format", Event{Kind: Refer, To: Destination{To: Party{Number: "+49303"}}}, nil, nil, false, NoCodec},
		{"no route", Event{Kind: Refer, To: Destination{To: Party{Number: "+331"}}}, nil, nil, false, NoRoute},
		{"a number that is not allowed", Event{Kind: Refer, To: Destination{To: Party{Number: "+49900"}}}, nil, nil, false, Forbidden},
		{"to a user", Event{Kind: Refer, To: Destination{To: Party{User: bob}}}, nil, nil, true, NormalClearing},
		{"to another trunk", Event{Kind: Refer, To: Destination{To: Party{Number: "+1555"}}}, nil, nil, true, NormalClearing},
		{"to a number of ours", Event{Kind: Refer, To: Destination{To: Party{Number: "+4930800"}}}, nil, func(o *office, _, _ *fakeLeg) {
			o.legs[4].say(Event{Kind: Answered})
		}, true, NormalClearing},
	} {
		for _, by := range []string{"room", "phone"} {
			t.Run(tt.name+" by the "+by, func(t *testing.T) {
				inOffice(t, func(o *office) {
					o.when["+49303"], o.when[bob], o.when["+1555"] = answers, answers, answers
					o.format["+49303"], o.deny = media.G722, "+49900"
					room, phone := o.talk(alice, "+49301")
					s, other := room, phone
					if by == "phone" {
						s, other = phone, room
					}
					o.when["+49302"] = tt.when
					s.say(tt.on)
					synctest.Wait()
					if tt.then != nil {
						tt.then(o, s, other)
					}
					synctest.Wait()
					target := o.last()
					for _, l := range o.legs[2:] {
						if len(l.hung) == 0 {
							target = l
						}
					}
					if !tt.ok {
						o.joined(s, other)
						if m := o.x.Calls(); !slices.ContainsFunc(o.story(m[0].ID), func(m Message) bool { return m.Text == "transfer: "+tt.became.String() }) {
							t.Errorf("the story does not tell of %v", tt.became)
						}
						if len(s.became) != 1 || s.became[0].Cause != tt.became || len(s.hung) != 0 {
							t.Errorf("who asked was told %v %v, want %v", s.became, s.hung, tt.became)
						}
						return
					}
					o.joined(other, target)
					o.parted(other, s)
					if other.view().Party.Label() != target.to.To.Label() || target.view().Party != (map[*fakeLeg]Party{room: {User: alice}, phone: {Number: "+49301"}}[other]) {
						t.Errorf("they see %+v and %+v", other.view(), target.view())
					}
					if to := target.to; to.Via == Matrix && to.From != target.view().Party || to.Via != Matrix && to.From.User != alice {
						t.Errorf("the target was rung by %+v", to.From)
					}
					if !s.left() && s.hung[0].Cause != Transferred || !s.left() && !tt.on.To.Left && s.became[0].Cause != NormalClearing {
						t.Errorf("who asked was told %v %v", s.became, s.hung)
					}
					o.pass(10 * time.Second)
					target.leave(NormalClearing)
					synctest.Wait()
					if len(o.records) != 1 {
						t.Fatalf("%d records; %v", len(o.records), o.x.Calls())
					}
					if r := o.records[0]; r.Moved != target.to.To.Label() || r.Cause != "normal_clearing" || r.EndedBy == "gateway" || len(other.hung) != 1 {
						t.Errorf("%+v", r)
					}
				})
			})
		}
	}
}

// story is a live call's ladder.
func (o *office) story(id string) []Message {
	in, ok := o.x.find(id)
	if !ok {
		o.t.Fatalf("no call %s", id)
	}
	return in.Ladder()
}

func TestNobodyDialsWithoutPermit(t *testing.T) {
	inOffice(t, func(o *office) {
		o.deny = "+49301"
		caller := &fakeLeg{side: A, audio: &fakeEnd{f: media.PCMA}}
		o.legs = append(o.legs, caller)
		o.x.Accept(Incoming{Via: Matrix, From: Party{User: alice}, To: Party{Number: "+49301"},
			Leg: func(in *Inbox) Leg { caller.in = in; return caller }})
		synctest.Wait()
		if len(o.legs) != 1 || len(caller.hung) != 1 || caller.hung[0].Cause != Forbidden {
			t.Errorf("%d legs, told %v", len(o.legs), caller.hung)
		}
	})
}

func TestTransferThatCannotGoBack(t *testing.T) {
	inOffice(t, func(o *office) {
		room, phone := o.talk(alice, "+49301")
		o.when["+49302"] = []Event{{Kind: HungUp, Reason: Reason{Cause: Busy}}}
		room.say(Event{Kind: Refer, To: Destination{To: Party{Number: "+49302"}, Left: true}})
		synctest.Wait()
		if phone.hung[0].Cause != Busy || room.hung[0].Cause != Transferred || len(o.records) != 1 || o.records[0].Cause != "busy" {
			t.Errorf("%v %v %+v", phone.hung, room.hung, o.records)
		}
	})
}

func TestWhoIsTransferredLeaves(t *testing.T) {
	inOffice(t, func(o *office) {
		room, phone := o.talk(alice, "+49301")
		room.say(Event{Kind: Refer, To: Destination{To: Party{Number: "+49302"}}})
		synctest.Wait()
		phone.leave(NormalClearing)
		synctest.Wait()
		if len(room.hung) != 1 || len(o.last().hung) != 1 || len(o.records) != 1 || o.records[0].EndedBy != "called" {
			t.Errorf("%v %v %+v", room.hung, o.last().hung, o.records)
		}
	})
}

func TestSilentFarEndOfATransfer(t *testing.T) {
	inOffice(t, func(o *office) {
		room, phone := o.talk(alice, "+49301")
		phone.refer = nil
		room.say(Event{Kind: Refer, To: Destination{To: Party{Number: "+49302"}}})
		room.say(Event{Kind: Refer, To: Destination{To: Party{Number: "+49303"}}})
		synctest.Wait()
		if len(room.became) != 1 || room.became[0].Cause != Congestion {
			t.Errorf("a second wish at once: %v", room.became)
		}
		o.pass(36 * time.Second)
		if len(room.became) != 2 || room.became[1].Cause != PeerTimeout {
			t.Errorf("no word for 35 s: %v", room.became)
		}
		o.joined(room, phone)
	})
}

// TestTransfersFollowEachOther: a side that is free again is used again, each
// with the first user's rights, until the call was moved often enough.
func TestTransfersFollowEachOther(t *testing.T) {
	inOffice(t, func(o *office) {
		room, phone := o.talk(alice, "+49301")
		s := room
		for i, number := range []string{"+49302", "+49303", "+49304"} {
			o.when[number] = answers
			o.pass(time.Second)
			s.say(Event{Kind: Refer, To: Destination{To: Party{Number: number}}})
			synctest.Wait()
			o.joined(phone, o.last())
			if s = o.last(); len(o.legs) != i+3 || s.to.From.User != alice {
				t.Fatalf("transfer %d: %d legs, from %+v", i, len(o.legs), s.to.From)
			}
		}
		s.say(Event{Kind: Refer, To: Destination{To: Party{Number: "+49305"}}})
		synctest.Wait()
		if len(s.became) != 1 || s.became[0].Cause != Forbidden {
			t.Errorf("the fourth: %v", s.became)
		}
		o.pass(time.Second)
		phone.leave(NormalClearing)
		synctest.Wait()
		if o.talked["+49301"] != 4*time.Second || o.talked["+49302"] != time.Second || o.talked["+49304"] != time.Second {
			t.Errorf("talked %v", o.talked)
		}
	})
}

// S15: who was given somebody else's call does not dial with that one's rights;
// a telephone dials with those of the user whose call it is.
func TestATransferIsItsAskersCall(t *testing.T) {
	inOffice(t, func(o *office) {
		phone, group := o.ring()
		o.when[dave], o.when["+49302"], o.deny = answers, answers, dave
		group[1].say(Event{Kind: Answered})
		o.joined(phone, group[1])
		group[1].say(Event{Kind: Refer, To: Destination{To: Party{User: dave}}})
		given := o.last()
		o.joined(phone, given)
		given.say(Event{Kind: Refer, To: Destination{To: Party{Number: "+49302"}}})
		o.joined(phone, given)
		if len(given.became) != 1 || given.became[0].Cause != Forbidden || len(o.legs) != 5 {
			t.Errorf("told %v, %d legs", given.became, len(o.legs))
		}
		phone.say(Event{Kind: Refer, To: Destination{To: Party{Number: "+49302"}}})
		o.joined(given, o.last())
	})
}
