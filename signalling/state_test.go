package signalling

import (
	"slices"
	"testing"
)

type step struct {
	on   Event
	want State
	do   []Action
}

func walk(t *testing.T, steps []step) phase {
	t.Helper()
	p := start(3)
	for i, tt := range steps {
		var do []Action
		p, do = p.step(tt.on)
		if p.State != tt.want || !slices.Equal(do, tt.do) {
			t.Fatalf("step %d (%v): %v %v, want %v %v", i, tt.on, p.State, do, tt.want, tt.do)
		}
	}
	return p
}

func TestAnsweredCall(t *testing.T) {
	walk(t, []step{
		{Event{Kind: Routed}, Dialling, []Action{{Do: DoDial, Side: B}}},
		{Event{Kind: Ringing, Side: A}, Dialling, nil},
		{Event{Kind: Ringing, Side: B}, Alerting, []Action{{Do: DoRing, Side: A}}},
		{Event{Kind: Ringing, Side: B}, Alerting, nil},
		{Event{Kind: Answered, Side: B}, Answering, []Action{{Do: DoAnswer, Side: A}}},
		{Event{Kind: Confirmed, Side: B}, Answering, nil},
		{Event{Kind: Confirmed, Side: A}, Connected, nil},
		{Event{Kind: Digit, Side: A, Digit: '5'}, Connected, []Action{{Do: DoDigit, Side: B, Digit: '5'}}},
		{Event{Kind: Held, Side: B}, Connected, []Action{{Do: DoShow, Side: A}}},
		{Event{Kind: Resumed, Side: B}, Connected, []Action{{Do: DoShow, Side: A}}},
		{Event{Kind: Drain}, Connected, nil},
		{Event{Kind: HungUp, Side: B}, Ending, []Action{{Do: DoHangup, Side: A}}},
		{Event{Kind: HungUp, Side: A}, Ending, nil},
		{Event{Kind: Gone, Side: B}, Ending, nil},
		{Event{Kind: Gone, Side: B}, Ending, nil},
		{Event{Kind: Gone, Side: A}, Ended, []Action{{Do: DoReport}}},
		{Event{Kind: HungUp, Side: A}, Ended, nil},
	})
}

func TestAnswerWithoutRinging(t *testing.T) {
	walk(t, []step{
		{Event{Kind: Routed}, Dialling, []Action{{Do: DoDial, Side: B}}},
		{Event{Kind: Answered, Side: B}, Answering, []Action{{Do: DoAnswer, Side: A}}},
	})
}

// TestEndings is the table of what ends a call, in each state, and with what.
func TestEndings(t *testing.T) {
	to := map[State][]Event{
		Routing:   nil,
		Dialling:  {{Kind: Routed}},
		Alerting:  {{Kind: Routed}, {Kind: Ringing, Side: B}},
		Answering: {{Kind: Routed}, {Kind: Answered, Side: B}},
		Connected: {{Kind: Routed}, {Kind: Answered, Side: B}, {Kind: Confirmed, Side: A}},
	}
	busy := Reason{Cause: Busy, Detail: "486 Busy Here"}
	tests := []struct {
		on   Event
		want map[State]Cause // absent: the state stays
	}{
		{Event{Kind: HungUp, Side: B, Reason: busy}, map[State]Cause{Dialling: Busy, Alerting: Busy, Answering: Busy, Connected: Busy}},
		{Event{Kind: HungUp, Side: A, Reason: Reason{Cause: Cancelled}}, map[State]Cause{Routing: Cancelled, Dialling: Cancelled, Alerting: Cancelled, Answering: Cancelled, Connected: Cancelled}},
		{Event{Kind: TimedOut}, map[State]Cause{Routing: PeerTimeout, Dialling: NoAnswer, Alerting: NoAnswer, Answering: PeerTimeout, Connected: NormalClearing}},
		{Event{Kind: Drain}, map[State]Cause{Routing: ShuttingDown, Dialling: ShuttingDown, Alerting: ShuttingDown}},
		{Event{Kind: Stop}, map[State]Cause{Routing: ShuttingDown, Dialling: ShuttingDown, Alerting: ShuttingDown, Answering: ShuttingDown, Connected: ShuttingDown}},
		{Event{Kind: Failed, Reason: Reason{Cause: Internal}}, map[State]Cause{Routing: Internal, Dialling: Internal, Alerting: Internal, Answering: Internal, Connected: Internal}},
		{Event{Kind: Gone, Side: A}, map[State]Cause{Routing: PeerTimeout, Dialling: PeerTimeout, Alerting: PeerTimeout, Answering: PeerTimeout, Connected: PeerTimeout}},
		{Event{Kind: Digit, Side: A, Digit: '1'}, nil},
	}
	for _, tt := range tests {
		for s, before := range to {
			p := start(3)
			for _, e := range before {
				p, _ = p.step(e)
			}
			if p.State != s {
				t.Fatalf("the way to %v leads to %v", s, p.State)
			}
			p, do := p.step(tt.on)
			cause, ends := tt.want[s]
			if ended := p.State >= Ending; ended != ends || p.Reason.Cause != cause {
				t.Errorf("%v in %v: %v with %v, want ended=%v with %v", tt.on.Kind, s, p.State, p.Reason, ends, cause)
			}
			for _, a := range do {
				if a.Do == DoHangup && (a.Side == tt.on.Side && (tt.on.Kind == HungUp || tt.on.Kind == Gone)) {
					t.Errorf("%v in %v: told a leg that had left to hang up", tt.on.Kind, s)
				}
			}
		}
	}
}

// FuzzCallAlwaysEnds feeds any events in any order, also those of transfers: a
// call never goes back, never acts after its end, tells each leg once, makes
// no leg in a place that is taken, answers every letter, and is buried even
// when no leg ever lets go.
func FuzzCallAlwaysEnds(f *testing.F) {
	f.Add([]byte{0, 6, 9, 12, 54})
	for _, seed := range transferSeeds() {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		w := watcher{t: t, phase: start(3), owed: -1}
		w.legs[A].here = true
		for _, b := range in {
			w.feed(w.event(b))
		}
		if w.State < Ending && w.move.at != settled {
			w.feed(Event{Kind: overdue}) // a transfer ends by its timer,
			if w.move.at != settled {
				t.Fatalf("a transfer goes on: %+v", w.move)
			}
		}
		if w.State < Ending {
			w.feed(Event{Kind: TimedOut}) // a call by its own,
		}
		w.feed(Event{Kind: TimedOut}) // and its end too, whatever legs do
		if w.State != Ended || w.reports != 1 {
			t.Fatalf("%+v", w)
		}
		for s, l := range w.legs {
			if l.here && l.hung == 0 && !l.left {
				t.Fatalf("nobody told leg %v: %+v", Side(s), w)
			}
			if w.hears(Side(s)) != silence {
				t.Fatalf("%v still hears something", Side(s))
			}
		}
	})
}

// transferSeeds are the bytes that lead into each kind of transfer.
func transferSeeds() [][]byte {
	up := []byte{at(Routed, A), at(Answered, B), at(Confirmed, A)}
	blind := append(slices.Clone(up), at(Refer, B), at(Routed, A))
	attended := append(slices.Clone(up), at(Refer, A))
	return [][]byte{up, {at(Routed, A), at(Early, B), at(Early, A), at(Digit, A), at(Ringing, B), at(Answered, B), at(Digit, B), at(Confirmed, A)},
		append(slices.Clone(blind), at(Answered, C), at(Gone, B), at(Refer, C), at(Routed, A), at(Ringing, B)),
		append(slices.Clone(blind), at(HungUp, C), at(Gone, C), at(HungUp, A)),
		append(slices.Clone(attended), at(shown, A), at(NotReferred, B), at(handed, C), at(Gone, A)),
		append(slices.Clone(attended), at(asked, A), at(claimed, A))}
}

func at(k Kind, s Side) byte { return byte(int(k)*sides + int(s)) }

type watcher struct {
	t *testing.T
	phase
	legs [sides]struct {
		here, left bool
		hung       int
	}
	owed    int // the side for which another call owes a leg; -1: none
	reports int
}

// event makes one of a byte: of a leg only what a leg that is here may say,
// and of another call only what it owes.
func (w *watcher) event(b byte) Event {
	e := Event{Kind: Kind(b/sides) % kinds, Side: Side(b % sides)}
	l := &letter{call: "other", first: b&1 == 0, fits: b&2 == 0, crossed: b&4 != 0, state: slot{live: true, up: true}, hops: 3}
	switch e.Kind {
	case Refer:
		if e.To.Left = b&2 == 0; e.Side != B {
			e.To.With = "other"
		}
	case Routed:
		e.native = b&4 == 0
	case handed, withheld:
		if e.Side = Side(w.owed); w.owed < 0 {
			return Event{Kind: Digit}
		}
		e.letter = l
	case asked, shown, hidden, claimed, relieved:
		e.letter = l
	}
	if fromLegs := e.Kind >= Ringing && e.Kind <= HungUp || e.Kind == Gone; fromLegs && !w.legs[e.Side].here {
		return Event{Kind: Digit}
	}
	return e
}

func (w *watcher) feed(e Event) {
	was := w.State
	switch e.Kind {
	case handed:
		w.owed = -1
		w.legs[e.Side].here, w.legs[e.Side].left, w.legs[e.Side].hung = true, false, 0
	case withheld:
		w.owed = -1
	case HungUp:
		w.legs[e.Side].left = true
	case Gone:
		w.legs[e.Side].here = false
	}
	var do []Action
	w.phase, do = w.step(e)
	if was == Ended && (len(do) > 0 || w.State != Ended) {
		w.t.Fatalf("a dead call acted: %v %v", e, do)
	}
	if w.State < was {
		w.t.Fatalf("went back from %v to %v on %v", was, w.State, e)
	}
	answers := 0
	for _, a := range do {
		answers += w.watch(a)
	}
	if (e.Kind == asked || e.Kind == claimed) && was != Ended && answers != 1 {
		w.t.Fatalf("%d answers to %v", answers, e)
	}
	for s := range Side(sides) {
		if w.hears(s) != silence && (!w.legs[s].here || w.legs[s].hung > 0 || w.legs[s].left) {
			w.t.Fatalf("%v hears %v and is not there: %+v", s, w.hears(s), w)
		}
	}
}

// watch holds an action against what is there, and counts answers to letters.
func (w *watcher) watch(a Action) int {
	l := &w.legs[a.Side]
	switch a.Do {
	case DoHangup:
		if l.hung++; l.hung > 1 || !l.here || l.left {
			w.t.Fatalf("%v was hung up %d times: %+v", a.Side, l.hung, w)
		}
	case DoShow, DoTransfer, DoTransferred, DoDigit, DoRing, DoProgress, DoAnswer:
		if !l.here || l.hung > 0 || l.left {
			w.t.Fatalf("%v for %v, which is not there: %+v", a.Do, a.Side, w)
		}
	case DoDial, DoClaim:
		if l.here || w.owed == int(a.Side) {
			w.t.Fatalf("%v in the place of %v, which is there: %+v", a.Do, a.Side, w)
		}
		if l.left, l.hung = false, 0; a.Do == DoClaim {
			w.owed = int(a.Side)
		} else {
			l.here = true
		}
	case DoReport:
		w.reports++
	case DoGive:
		l.here = false
		return 1
	case DoReveal, DoHide, DoWithhold:
		return 1
	}
	return 0
}
