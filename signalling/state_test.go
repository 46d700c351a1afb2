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
	p := start()
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
		{Event{Kind: Confirmed, Side: A}, Connected, []Action{{Do: DoBridge}}},
		{Event{Kind: Digit, Side: A, Digit: '5'}, Connected, []Action{{Do: DoDigit, Side: B, Digit: '5'}}},
		{Event{Kind: Held, Side: B}, Connected, []Action{{Do: DoHold, Side: A}}},
		{Event{Kind: Resumed, Side: B}, Connected, []Action{{Do: DoResume, Side: A}}},
		{Event{Kind: Drain}, Connected, nil},
		{Event{Kind: HungUp, Side: B}, Ending, []Action{{Do: DoUnbridge}, {Do: DoHangup, Side: A}}},
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
		{Event{Kind: HungUp, Side: B, Reason: busy}, map[State]Cause{Routing: Busy, Dialling: Busy, Alerting: Busy, Answering: Busy, Connected: Busy}},
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
			p := start()
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

// FuzzCallAlwaysEnds feeds any events in any order: a call never goes back,
// never acts after its end, unbridges what it bridged, tells each leg once,
// and is buried even when no leg ever lets go.
func FuzzCallAlwaysEnds(f *testing.F) {
	f.Add([]byte{0, 2, 4, 5, 9})
	f.Add([]byte{0, 5, 7, 8, 17, 27, 26})
	f.Fuzz(func(t *testing.T, in []byte) {
		w := watcher{t: t, phase: start()}
		for _, b := range in {
			w.feed(Event{Kind: Kind(b>>1) % kinds, Side: Side(b & 1)})
		}
		w.feed(Event{Kind: Stop})     // whatever happened, this starts the end
		w.feed(Event{Kind: TimedOut}) // and this finishes it, whatever legs do
		if w.State != Ended || w.bridges != 0 || w.reports != 1 || w.hung[A] > 1 || w.hung[B] > 1 || w.dials > 1 {
			t.Fatalf("%+v", w)
		}
	})
}

type watcher struct {
	t *testing.T
	phase
	hung                    [2]int
	bridges, reports, dials int
}

func (w *watcher) feed(e Event) {
	was := w.State
	var do []Action
	w.phase, do = w.step(e)
	if was == Ended && (len(do) > 0 || w.State != Ended) {
		w.t.Fatalf("a dead call acted: %v %v", e, do)
	}
	if w.State < was {
		w.t.Fatalf("went back from %v to %v on %v", was, w.State, e)
	}
	for _, a := range do {
		switch a.Do {
		case DoHangup:
			w.hung[a.Side]++
		case DoBridge:
			w.bridges++
		case DoUnbridge:
			w.bridges--
		case DoReport:
			w.reports++
		case DoDial:
			w.dials++
		}
	}
}
