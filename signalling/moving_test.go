package signalling

import "testing"

// up is how every transfer begins: both talk.
func up(more ...step) []step {
	return append([]step{
		{Event{Kind: Routed}, Dialling, []Action{{Do: DoDial, Side: B}}},
		{Event{Kind: Answered, Side: B}, Answering, []Action{{Do: DoAnswer, Side: A}}},
		{Event{Kind: Confirmed, Side: A}, Connected, nil},
	}, more...)
}

// the words of the tables below.
func blind(left bool) Destination { return Destination{To: Party{Number: "2"}, Left: left} }

func asks(left bool) Event { return Event{Kind: Refer, Side: A, To: blind(left)} }

var (
	gone     = Action{Do: DoHangup, Side: A, Reason: Reason{Cause: Transferred}}
	connects = []Action{{Do: DoShow, Side: B}, {Do: DoShow, Side: C}}
)

func became(c Cause) Action {
	return Action{Do: DoTransferred, Side: A, Reason: Reason{Cause: c}}
}

func TestBlindTransferTable(t *testing.T) {
	route := Action{Do: DoRoute, To: blind(false)}
	native := step{Event{Kind: Routed, native: true}, Connected, []Action{{Do: DoTransfer, Side: B, To: blind(false)}}}
	here := step{Event{Kind: Routed}, Connected, []Action{{Do: DoDial, Side: C}}}
	busy := Reason{Cause: Busy}
	for name, rows := range map[string][]step{
		"by the far end": up(step{asks(false), Connected, []Action{route}}, native,
			step{Event{Kind: Referred, Side: A}, Connected, nil}, // it was not asked
			step{Event{Kind: Referred, Side: B}, Ending, []Action{became(NormalClearing), gone, {Do: DoHangup, Side: B, Reason: Reason{Cause: Transferred}}}}),
		"refused by the far end, so here": up(step{asks(false), Connected, []Action{route}}, native,
			step{Event{Kind: NotReferred, Side: B}, Connected, []Action{{Do: DoDial, Side: C}}},
			step{Event{Kind: Ringing, Side: C}, Connected, nil},
			step{Event{Kind: Answered, Side: C}, Connected, append(connects, became(NormalClearing), gone)},
			step{Event{Kind: HungUp, Side: A}, Connected, nil},
			step{Event{Kind: Gone, Side: A}, Connected, nil},
			step{Event{Kind: Digit, Side: C, Digit: '1'}, Connected, []Action{{Do: DoDigit, Side: B, Digit: '1'}}},
			step{Event{Kind: HungUp, Side: C}, Ending, []Action{{Do: DoHangup, Side: B}}}),
		"the far end has found it busy": up(step{asks(false), Connected, []Action{route}}, native,
			step{Event{Kind: NotReferred, Side: B, Reason: busy}, Connected, []Action{became(Busy)}}),
		"the far end says nothing": up(step{asks(false), Connected, []Action{route}}, native,
			step{Event{Kind: overdue}, Connected, []Action{became(PeerTimeout)}}),
		"nowhere": up(step{asks(false), Connected, []Action{route}},
			step{Event{Kind: Unroutable, Reason: Reason{Cause: NoRoute}}, Connected, []Action{became(NoRoute)}}),
		"busy": up(step{asks(false), Connected, []Action{route}}, here,
			step{Event{Kind: HungUp, Side: C, Reason: busy}, Connected, []Action{became(Busy)}},
			step{Event{Kind: Gone, Side: C}, Connected, nil},
			step{asks(false), Connected, []Action{route}}, here),
		"no answer": up(step{asks(false), Connected, []Action{route}}, here,
			step{Event{Kind: overdue}, Connected, []Action{{Do: DoHangup, Side: C, Reason: Reason{Cause: NoAnswer}}, became(NoAnswer)}},
			step{asks(false), Connected, []Action{route}}, // its leg has still to let go
			step{Event{Kind: Routed}, Connected, []Action{{Do: DoTransferred, Side: A, Reason: Reason{Congestion, "a leg of this call is still ending"}}}}),
		"the wrong format": up(step{asks(false), Connected, []Action{route}}, here,
			step{Event{Kind: mismatched, Side: C}, Connected, []Action{{Do: DoHangup, Side: C, Reason: Reason{Cause: NoCodec}}, became(NoCodec)}}),
		"who asked leaves": up(step{asks(false), Connected, []Action{route}}, here,
			step{Event{Kind: HungUp, Side: A}, Connected, nil},
			step{Event{Kind: Gone, Side: A}, Connected, nil},
			step{Event{Kind: Answered, Side: C}, Connected, connects}),
		"who asked has left, and it is busy": up(step{asks(true), Connected, []Action{{Do: DoRoute, To: blind(true)}, gone}}, here,
			step{Event{Kind: HungUp, Side: C, Reason: busy}, Ending, []Action{{Do: DoHangup, Side: B, Reason: busy}}}),
		"who was transferred leaves": up(step{asks(false), Connected, []Action{route}}, here,
			step{Event{Kind: HungUp, Side: B}, Ending, []Action{{Do: DoHangup, Side: A}, {Do: DoHangup, Side: C}}}),
		"twice at once": up(step{asks(false), Connected, []Action{route}},
			step{Event{Kind: Refer, Side: B}, Connected, []Action{{Do: DoTransferred, Side: B, Reason: Reason{Congestion, "another transfer of this call goes on"}}}},
			step{asks(true), Connected, []Action{gone}}, here), // it has left by now
		"too early": {
			{Event{Kind: Routed}, Dialling, []Action{{Do: DoDial, Side: B}}},
			{asks(false), Dialling, []Action{{Do: DoTransferred, Side: A, Reason: Reason{Unavailable, "the call is not connected yet"}}}},
		},
	} {
		t.Run(name, func(t *testing.T) { walk(t, rows) })
	}
}

// TestAttendedTransferTable is the same for both calls of an attended one.
func TestAttendedTransferTable(t *testing.T) {
	to := Destination{With: "z"}
	shows := &letter{call: "z", fits: true}
	refers := Event{Kind: Refer, Side: A, To: to}
	hello, ours := &letter{call: "z", first: true}, &letter{call: "z"}
	other := Reason{Unavailable, "the other call cannot be joined now"}
	begin := step{refers, Connected, []Action{{Do: DoAsk, Side: B, To: to}}}
	learns := step{Event{Kind: shown, letter: shows}, Connected, []Action{{Do: DoTransfer, Side: B, To: to}}}
	claims := step{Event{Kind: NotReferred, Side: B}, Connected, []Action{{Do: DoClaim, Side: C, To: to}}}
	for name, rows := range map[string][]step{
		"by the far end": up(begin, learns,
			step{Event{Kind: Referred, Side: B}, Ending, []Action{became(NormalClearing), {Do: DoRelieve, Side: B, To: to}, gone, {Do: DoHangup, Side: B, Reason: Reason{Cause: Transferred}}}}),
		"here": up(begin, learns, claims,
			step{Event{Kind: handed, Side: C, letter: &letter{call: "z", state: slot{live: true, up: true}}}, Connected, append(connects, became(NormalClearing), gone)}),
		"the other call is over": up(begin,
			step{Event{Kind: hidden, Reason: other, letter: ours}, Connected, []Action{{Do: DoTransferred, Side: A, Reason: other}}}),
		"the other call ends meanwhile": up(begin, learns, claims,
			step{Event{Kind: withheld, Side: C, Reason: other, letter: ours}, Connected, []Action{{Do: DoTransferred, Side: A, Reason: other}}}),
		"a leg that comes too late": up(begin, learns, claims,
			step{Event{Kind: overdue}, Connected, []Action{became(PeerTimeout)}},
			step{Event{Kind: handed, Side: C, letter: ours}, Connected, []Action{{Do: DoHangup, Side: C, Reason: Reason{Cause: Transferred}}}}),
		"a leg that comes to the end of the call": up(begin, learns, claims,
			step{Event{Kind: HungUp, Side: B}, Ending, []Action{{Do: DoHangup, Side: A}}},
			step{Event{Kind: Gone, Side: A}, Ending, nil},
			step{Event{Kind: Gone, Side: B}, Ending, nil}, // it waits for the leg, to end it
			step{Event{Kind: handed, Side: C, letter: ours}, Ending, []Action{{Do: DoHangup, Side: C, Reason: Reason{Cause: Transferred}}}},
			step{Event{Kind: withheld, Side: C, letter: ours}, Ended, []Action{{Do: DoReport}}}),
		"the other's wish crosses ours, and we yield": up(begin,
			step{Event{Kind: asked, Side: A, letter: hello}, Connected, []Action{{Do: DoReveal, Side: B, letter: hello}}},
			step{Event{Kind: hidden, letter: &letter{call: "z", crossed: true}}, Connected, nil},
			step{Event{Kind: overdue}, Connected, []Action{became(PeerTimeout)}}),
		"the other call is not up": {
			{Event{Kind: claimed, Side: A, letter: ours}, Routing, []Action{{Do: DoWithhold, Reason: other, letter: ours}}},
		},
		"the other call is elsewhere": up(step{Event{Kind: relieved, Side: A, letter: ours}, Ending,
			[]Action{gone, {Do: DoHangup, Side: B, Reason: Reason{Cause: Transferred}}}}),
	} {
		t.Run(name, func(t *testing.T) { walk(t, rows) })
	}
}

// TestWhatIsHeard is who hears what while a transfer goes on.
func TestWhatIsHeard(t *testing.T) {
	p := walk(t, up())
	quiet := p
	quiet.slots[A].held, quiet.slots[A].quiet = true, true
	both := quiet
	both.slots[B].held, both.slots[B].quiet = true, true
	loud := p
	loud.slots[A].held = true
	away := p
	away.move = move{at: ringing, by: A, to: C}
	asked := p
	asked.move = move{at: asking, by: A}
	left := asked
	left.slots[A].told = true
	over := p
	over.State = Ending
	for name, tt := range map[string]struct {
		phase
		a, b source
	}{
		"talking": {p, partner, partner}, "held in silence": {quiet, silence, music}, "both hold": {both, music, music},
		"held with its own music": {loud, partner, partner}, "being connected": {away, silence, music},
		"being asked": {asked, partner, partner}, "being asked, and the other has left": {left, silence, music}, "over": {over, silence, silence},
	} {
		if a, b := tt.hears(A), tt.hears(B); a != tt.a || b != tt.b || tt.hears(C) != silence {
			t.Errorf("%s: %v and %v, want %v and %v", name, a, b, tt.a, tt.b)
		}
	}
}
