// Package legtest is the conformance suite that every kind of leg passes.
package legtest

import (
	"log/slog"
	"slices"
	"testing"
	"time"

	"roomline/media"
	"roomline/signalling"
)

// Make builds a fresh leg that posts to in. Its far end may be a fake or may
// not exist at all: a leg has to keep its promises either way.
type Make func(t *testing.T, in *signalling.Inbox) signalling.Leg

// patience is how long a leg may take to say Gone after Hangup; it is generous
// because a SIP leg waits for the answer to its BYE or CANCEL.
const patience = 40 * time.Second

// Run checks that a leg never blocks, answers each wish for a transfer, says
// Gone exactly once after Hangup, and is silent and harmless from then on.
func Run(t *testing.T, side signalling.Side, mk Make) {
	t.Run("hangup at once", func(t *testing.T) { endsOnce(t, side, mk, nil) })
	t.Run("hangup after every intention", func(t *testing.T) { endsOnce(t, side, mk, everything) })
	t.Run("hangup twice", func(t *testing.T) {
		endsOnce(t, side, mk, func(l signalling.Leg) { l.Hangup(signalling.Reason{}) })
	})
	t.Run("transfer", func(t *testing.T) { answersTransfer(t, side, mk) })
}

// answersTransfer asks a leg to connect its far end elsewhere: it has to say
// what came of it, or to end. A call would wait for that.
func answersTransfer(t *testing.T, side signalling.Side, mk Make) {
	in := signalling.NewInbox("legtest", slog.New(slog.DiscardHandler))
	leg := mk(t, in)
	prompt(t, func() { leg.Transfer(signalling.Destination{To: signalling.Party{Number: "+4930123457"}}) })
	await(t, side, in, signalling.Referred, signalling.NotReferred, signalling.HungUp)
	prompt(t, func() { leg.Hangup(signalling.Reason{Cause: signalling.Transferred}) })
	awaitGone(t, side, in)
}

func everything(l signalling.Leg) {
	l.Offers()
	l.Ring()
	l.Progress(media.PCMU, true)
	l.Show(signalling.View{Held: true, Muted: true, Party: signalling.Party{Number: "+4930123456", Name: "Somebody"}})
	l.SendDigit('5')
	l.Show(signalling.View{})
	l.Transferred(signalling.Reason{Cause: signalling.Busy})
	l.Transfer(signalling.Destination{To: signalling.Party{Number: "+4930123457"}})
	l.Answer(media.PCMU)
	l.Media()
}

func endsOnce(t *testing.T, side signalling.Side, mk Make, before func(signalling.Leg)) {
	in := signalling.NewInbox("legtest", slog.New(slog.DiscardHandler))
	leg := mk(t, in)
	prompt(t, func() {
		if before != nil {
			before(leg)
		}
		leg.Hangup(signalling.Reason{Cause: signalling.NormalClearing})
	})
	awaitGone(t, side, in)
	prompt(t, func() { everything(leg); leg.Hangup(signalling.Reason{}) })
	select {
	case <-in.Ready():
		if events := in.Take(); len(events) > 0 {
			t.Errorf("posted %v after Gone", events)
		}
	case <-time.After(200 * time.Millisecond):
	}
}

// prompt fails when the intentions of a leg block their caller.
func prompt(t *testing.T, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }() // ends with f
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		t.Fatal("a leg blocked its caller")
	}
}

func awaitGone(t *testing.T, side signalling.Side, in *signalling.Inbox) {
	t.Helper()
	if after := await(t, side, in, signalling.Gone); len(after) > 0 {
		t.Fatalf("Gone, and then %v", after)
	}
}

// await reads events until one of some kinds has come, and puts what came with
// it back; for Gone it returns that.
func await(t *testing.T, side signalling.Side, in *signalling.Inbox, kinds ...signalling.Kind) []signalling.Event {
	t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case <-in.Ready():
		case <-deadline:
			t.Fatalf("none of %v in time", kinds)
		}
		events := in.Take()
		for i, e := range events {
			if !slices.Contains(kinds, e.Kind) {
				continue
			}
			if e.Side != side {
				t.Fatalf("%v of side %v", e.Kind, e.Side)
			}
			for _, later := range events[i+1:] {
				if e.Kind != signalling.Gone {
					in.Post(later)
				}
			}
			return events[i+1:]
		}
	}
}
