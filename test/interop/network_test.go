//go:build interop

package interop

import (
	"testing"
	"time"

	"roomline/test/interop/rig"
)

// TestICERestart: the browser's network changes in the middle of a call (T41, in
// Chromium). The call goes on, on a new path, and nobody is told anything.
func TestICERestart(t *testing.T) {
	s := open(t, with{})
	call, phone := s.connect("030 23125606", "+493023125606")
	before, err := call.Facts(s.ctx)
	ok(t, err)
	for range 2 {
		ok(t, call.RestartICE(s.ctx))
		s.until(s.ctx, "a new path", func() bool {
			now, err := call.Facts(s.ctx)
			ok(t, err)
			renewed := now.Ufrag != before.Ufrag && now.FarUfrag != before.FarUfrag && now.Signalling == "stable" && now.ICE == "connected"
			if renewed {
				before = now
			}
			return renewed
		})
		s.listens("alice", call, phoneTone)
	}
	ok(t, call.Hangup(s.ctx))
	theirs, err := phone.Heard(s.ctx)
	ok(t, err)
	if tone := theirs.Tone(aliceTone); tone.Present < 3500*time.Millisecond || tone.Longest > time.Second {
		t.Errorf("the phone hears %v of %v", tone, theirs.Length())
	}
	if r := s.record(s.ctx, 0); r.Cause != "normal_clearing" {
		t.Errorf("the call ended for %s", r.Cause)
	}
}

// TestPathLostAndBack: nothing passes for 10 s; the client restarts ICE by itself
// and the call goes on, the phone never told.
func TestPathLostAndBack(t *testing.T) {
	s := open(t, with{limit: 2 * time.Minute})
	call, phone := s.connect("030 23125606", "+493023125606")
	s.listens("alice", call, phoneTone) // what is lost is measured between two tones
	before, err := call.Facts(s.ctx)
	ok(t, err)
	ok(t, bed.Cut(s.ctx, 10*time.Second))
	s.until(s.ctx, "the path to come back", func() bool {
		now, err := call.Facts(s.ctx)
		ok(t, err)
		return now.ICE == "connected" && now.Signalling == "stable" && now.Ufrag != before.Ufrag
	})
	s.listens("alice", call, phoneTone)
	all, err := call.Heard(s.ctx)
	ok(t, err)
	if tone := all.Tone(phoneTone); tone.Longest < 8*time.Second {
		t.Errorf("nothing was lost: %v", tone)
	}
	ok(t, call.Hangup(s.ctx))
	_, _, err = phone.WaitEnded(s.ctx)
	ok(t, err)
	if r := s.record(s.ctx, 0); r.Cause != "normal_clearing" {
		t.Errorf("the call ended for %s", r.Cause)
	}
}

// TestVideoIsRefused: a client that asks for a video call in the middle of one
// keeps the call it has (T43, in Chromium).
func TestVideoIsRefused(t *testing.T) {
	s := open(t, with{})
	call, _ := s.connect("030 23125606", "+493023125606")
	facts, err := call.Facts(s.ctx)
	ok(t, err)
	if !facts.Streams {
		t.Errorf("the client was not told of streams: it will not even ask")
	}
	ok(t, call.Video(s.ctx, true))
	events := s.timeline(call.Room, func(e []rig.Event) bool { return count(e, "m.call.negotiate") >= 2 })
	if n := count(events, "m.call.hangup"); n != 0 {
		t.Errorf("%d hangups", n)
	}
	_, err = call.WaitFacts(s.ctx, rig.Wanted{"signalling": "stable", "ice": "connected"})
	ok(t, err)
	s.listens("alice", call, phoneTone)
	ok(t, call.Hold(s.ctx, true)) // a further offer passes too
	s.timeline(call.Room, func(e []rig.Event) bool { return count(e, "m.call.negotiate") >= 4 })
	ok(t, call.Hangup(s.ctx))
	if r := s.record(s.ctx, 0); r.Cause != "normal_clearing" {
		t.Errorf("the call ended for %s", r.Cause)
	}
}

func count(events []rig.Event, kind string) (n int) {
	for _, e := range events {
		if e.Type == kind {
			n++
		}
	}
	return n
}
