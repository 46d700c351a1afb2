package signalling

import (
	"log/slog"
	"testing"
)

func TestInboxIsBounded(t *testing.T) {
	in := newInbox("c1", 3, slog.New(slog.DiscardHandler))
	in.Post(Event{Kind: Gone, Side: B})
	for range 10 {
		in.Post(Event{Kind: Digit})
	}
	in.Post(Event{Kind: Gone, Side: A})
	<-in.Ready()
	var gone [2]int
	failed, events := false, in.Take()
	for _, e := range events {
		failed = failed || e.Kind == Failed && e.Reason.Cause == Internal
		if e.Kind == Gone {
			gone[e.Side]++
		}
	}
	if len(events) > 4 || !failed || gone != [2]int{1, 1} {
		t.Errorf("a flood left %v", events)
	}
	in.seal()
	in.Post(Event{Kind: Digit})
	if len(in.Take()) != 0 {
		t.Error("a sealed inbox took an event")
	}
}

func TestLadderIsBounded(t *testing.T) {
	in := NewInbox("c1", slog.New(slog.DiscardHandler))
	for range 2 * maxLadder {
		in.Note("pbx", true, "INVITE")
	}
	if n := len(in.Ladder()); n != maxLadder {
		t.Errorf("%d messages kept, want %d", n, maxLadder)
	}
}

// TestViews: each leg's view knows its side, whatever the leg says, lets
// nothing through after Gone, and follows the leg into another call with what
// nobody has read.
func TestViews(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	one, two := newInbox("one", 9, log), newInbox("two", 9, log)
	a, b := one.For(A), one.For(C)
	b.Post(Event{Kind: Digit, Side: B, Digit: '1'})
	a.Post(Event{Kind: Digit, Side: B, Digit: '2'})
	read := one.Take()
	if len(read) != 2 || read[0].Side != C || read[1].Side != A {
		t.Fatalf("%+v", read)
	}
	b.Post(Event{Kind: Digit, Digit: '3'})
	_, its := split(read, C)
	if !b.move(two, B, its, Event{Kind: handed, Side: B, letter: &letter{}}) {
		t.Fatal("not moved")
	}
	b.Post(Event{Kind: Gone})
	b.Post(Event{Kind: Digit, Digit: '4'})
	b.Note("pbx", true, "BYE")
	var got string
	for _, e := range two.Take() {
		if got += e.Kind.String() + " "; e.Side != B {
			t.Errorf("%+v comes from %v", e, e.Side)
		}
	}
	if call, side := b.Of(A); got != "handed digit digit gone " || call != "two" || side != B || b.Call() != "two" || len(two.Ladder()) != 1 || len(one.Take()) != 0 {
		t.Errorf("%q of %s, side %v", got, call, side)
	}
	if call, side := a.child(7, a).Of(B); call != "one" || side != A {
		t.Errorf("a leg of a group is of %s, side %v", call, side)
	}
	if call, side := one.Of(B); call != "one" || side != B {
		t.Errorf("nobody's view is of %s, side %v", call, side)
	}
	two.seal()
	if a.move(two, A, nil, Event{Kind: handed, letter: &letter{}}) {
		t.Error("moved to where nobody reads")
	}
}
