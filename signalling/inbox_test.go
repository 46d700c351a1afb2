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
