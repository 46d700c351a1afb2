package signalling

import (
	"log/slog"
	"testing"
)

func TestInboxIsBounded(t *testing.T) {
	in := newInbox("c1", 3, slog.New(slog.DiscardHandler))
	for range 10 {
		in.Post(Event{Kind: Digit})
	}
	<-in.Ready()
	events := in.Take()
	if len(events) > 3 || events[0].Kind != Failed || events[0].Reason.Cause != Internal {
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
