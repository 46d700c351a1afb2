//go:build interop

package interop

import (
	"testing"
	"time"

	"roomline/test/interop/rig"
)

// both opens a call in either direction, on a carrier whose telephone plays a
// tone: T40 with a real client.
func both(t *testing.T, do func(t *testing.T, s *scene, call *rig.RoomCall, line *rig.Line, alicePlaced bool)) {
	t.Run("alice called", func(t *testing.T) {
		s := open(t, with{carrier: true})
		call, line := s.reach()
		do(t, s, call, line, true)
	})
	t.Run("alice was called", func(t *testing.T) {
		s := open(t, with{carrier: true})
		call, line := s.called()
		do(t, s, call, line, false)
	})
}

// reach has alice call a number at the carrier, which answers.
func (s *scene) reach() (*rig.RoomCall, *rig.Line) {
	s.t.Helper()
	call, err := s.alice.Dial(s.ctx, "030 23125606", 0)
	ok(s.t, err)
	line, err := s.carrier.Wait(s.ctx)
	ok(s.t, err)
	line.Provide("180 Ringing")
	line.Play(phoneTone)
	line.Answer("Allow: INVITE, ACK, CANCEL, BYE, UPDATE, REFER, NOTIFY, OPTIONS, INFO")
	ok(s.t, call.WaitState(s.ctx, "connected"))
	return call, line
}

// called has a telephone at the carrier call alice, who answers.
func (s *scene) called(headers ...string) (*rig.RoomCall, *rig.Line) {
	s.t.Helper()
	line, err := s.carrier.Dial(did, caller, headers...)
	ok(s.t, err)
	call, err := s.alice.WaitIncoming(s.ctx, "")
	ok(s.t, err)
	ok(s.t, call.Answer(s.ctx, 0))
	ok(s.t, line.WaitAnswered(s.ctx))
	line.Play(phoneTone)
	ok(s.t, call.WaitState(s.ctx, "connected"))
	return call, line
}

// talks fails unless alice and the telephone hear each other.
func (s *scene) talks(call *rig.RoomCall, line *rig.Line) {
	s.t.Helper()
	heard, err := call.Record(s.ctx, 2*time.Second) // begins with what the browser still has from before
	ok(s.t, err)
	hears(s.t, "alice", heard, phoneTone, 1200*time.Millisecond)
	hears(s.t, "the telephone", line.Listen(s.ctx, 1500*time.Millisecond), aliceTone, 1200*time.Millisecond)
}
