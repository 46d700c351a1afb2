//go:build interop

package interop

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"roomline/test/interop/rig"
)

// This file holds what may break while a call rings.

// ringFor is the change that lets calls ring for so long and no longer.
func ringFor(d time.Duration) []string {
	return []string{"http:\n", fmt.Sprintf("calls: {ring_timeout: %v}\nhttp:\n", d)}
}

// homeserverDown stops the homeserver, and starts it again once: when the returned
// function is called, or at the test's end.
func (s *scene) homeserverDown() (back func()) {
	s.t.Helper()
	ok(s.t, bed.StopHomeserver(s.ctx))
	done := false
	back = func() {
		if !done {
			done = true
			ok(s.t, bed.StartHomeserver(s.t.Context()))
		}
	}
	s.t.Cleanup(back)
	return back
}

// endsWithin waits for the phone's end.
func (s *scene) endsWithin(phone *rig.Phone, least, most time.Duration) {
	s.t.Helper()
	began := time.Now()
	_, _, err := phone.WaitEnded(s.ctx)
	ok(s.t, err)
	if took := time.Since(began); took < least || took > most {
		s.t.Errorf("the phone's call ended after %v, want %v to %v", took, least, most)
	}
}

// TestHomeserverDownWhenThePhoneCalls: nobody can be rung, and the phone is
// told so before its caller loses patience.
func TestHomeserverDownWhenThePhoneCalls(t *testing.T) {
	s := open(t, with{limit: 2 * time.Minute})
	before, mark := s.holdings(s.ctx), bed.Mark()
	back := s.homeserverDown()
	phone, err := bed.Originate(s.ctx, rig.Call{To: did, From: caller})
	ok(t, err)
	s.endsWithin(phone, 0, 17*time.Second) // signalling/matrix gives the homeserver 15 s
	s.waitSIP(mark, did, "< 480 Temporarily Unavailable")
	r := s.record(s.ctx, 0)
	back()
	ending{notice: "Missed call from +49 30 23125999 at ", cause: "unavailable", by: "called"}.check(t, s, s.line, r)
	s.settled(s.ctx, before)
}

// TestHomeserverDownWhileTheRoomRings: the phone gives up meanwhile, and the
// client rings no longer than until the homeserver is back.
func TestHomeserverDownWhileTheRoomRings(t *testing.T) {
	s := open(t, with{limit: 2 * time.Minute})
	before := s.holdings(s.ctx)
	call, phone := s.ring()
	back := s.homeserverDown()
	ok(t, phone.Hangup(s.ctx))
	s.endsWithin(phone, 0, 3*time.Second)
	r := s.record(s.ctx, 0)
	back()
	ok(t, call.WaitState(s.ctx, "ended"))
	ending{sent: "hangup(user_hangup)", notice: "Missed call from Carol (+49 30 23125999) at ", cause: "cancelled", by: "caller", sip: "CANCEL"}.check(t, s, call.Room, r)
	s.settled(s.ctx, before)
}

// TestHomeserverDownWhenThePhoneAnswers: the answer cannot reach the room, so
// the phone is not left in silence for longer than media.connect_timeout.
func TestHomeserverDownWhenThePhoneAnswers(t *testing.T) {
	s := open(t, with{limit: 2 * time.Minute, changes: []string{"media:\n", "media:\n  connect_timeout: 6s\n"}})
	before := s.holdings(s.ctx)
	call, phone := s.dial("030 23125608", "+493023125608") // rings for 3 s
	back := s.homeserverDown()
	_, err := phone.WaitAnswered(s.ctx)
	ok(t, err)
	s.endsWithin(phone, 4*time.Second, 9*time.Second)
	r := s.record(s.ctx, 0)
	back()
	ok(t, call.WaitState(s.ctx, "ended"))
	ending{sent: "reject(unknown_error)", notice: "The call to +49 30 23125608 failed: no audio connection could be made",
		cause: "media_failed", by: "caller", sip: "BYE"}.check(t, s, call.Room, r)
	s.settled(s.ctx, before)
}

// TestAsteriskDiesWhileItRings: nothing says so, so the call rings as long as it may.
func TestAsteriskDiesWhileItRings(t *testing.T) {
	s := open(t, with{changes: ringFor(10 * time.Second)})
	before := s.holdings(s.ctx)
	call, err := s.alice.Dial(s.ctx, "030 23125609", 0)
	ok(t, err)
	s.untilRinging()
	ok(t, bed.KillAsterisk())
	defer func() { ok(t, bed.StartAsterisk(t.Context())) }()
	began := time.Now()
	ok(t, call.WaitState(s.ctx, "ended"))
	if took := time.Since(began); took > 12*time.Second {
		t.Errorf("alice saw the end after %v, want at most 10 s", took)
	}
	ending{sent: "reject(invite_timeout)", notice: "+49 30 23125609 did not answer", cause: "no_answer", by: "gateway", sip: "CANCEL"}.check(t, s, call.Room, s.record(s.ctx, 0))
	s.settled(s.ctx, before)
}

// TestAsteriskDiesBeforeTheRoomAnswers: nobody is there any more to take the answer.
func TestAsteriskDiesBeforeTheRoomAnswers(t *testing.T) {
	s := open(t, with{limit: 2 * time.Minute})
	before := s.holdings(s.ctx)
	call, _ := s.ring()
	ok(t, bed.KillAsterisk())
	defer func() { ok(t, bed.StartAsterisk(t.Context())) }()
	ok(t, call.Answer(s.ctx, 0))
	began := time.Now()
	ok(t, call.WaitState(s.ctx, "ended"))
	if took := time.Since(began); took > 28*time.Second { // media.connect_timeout and 5 s, less than the 64*T1 of RFC 3261 §13.3.1.4
		t.Errorf("alice saw the end after %v, want 25 s", took)
	}
	ending{sent: "hangup(unknown_error)", notice: "The call from Carol (+49 30 23125999) ended: the other side stopped responding",
		cause: "peer_timeout", by: "gateway", sip: "BYE"}.check(t, s, call.Room, s.record(s.ctx, 0))
	s.settled(s.ctx, before)
}

// TestPageClosesWhileItRings: nobody is left to answer; the phone is told so
// when it has rung long enough.
func TestPageClosesWhileItRings(t *testing.T) {
	s := open(t, with{changes: ringFor(10 * time.Second)})
	before, mark := s.holdings(s.ctx), bed.Mark()
	call, phone := s.ring()
	ok(t, s.alice.Vanish(s.ctx))
	s.endsWithin(phone, 7*time.Second, 12*time.Second)
	s.waitSIP(mark, did, "< 480 Temporarily Unavailable")
	ending{sent: "hangup(invite_timeout)", notice: "Missed call from Carol (+49 30 23125999) at ", cause: "no_answer"}.check(t, s, call.Room, s.record(s.ctx, 0))
	s.settled(s.ctx, before)
}

// TestInviteLifetime: a client that placed a call and vanished; its invite
// says how long the call may ring.
func TestInviteLifetime(t *testing.T) {
	for name, version := range map[string]any{"version 1": "1", "version 0": 0} {
		t.Run(name, func(t *testing.T) {
			s := open(t, with{})
			before := s.holdings(s.ctx)
			room := s.roomOf("030 23125609")
			s.invite(room, version, 10*time.Second)
			phone, err := bed.WaitCall(s.ctx, "+493023125609")
			ok(t, err)
			s.endsWithin(phone, 7*time.Second, 11*time.Second)
			sent := "reject(invite_timeout)"
			if version == 0 {
				sent = "hangup(invite_timeout)"
			}
			ending{sent: sent, notice: "+49 30 23125609 did not answer", cause: "no_answer", sip: "CANCEL"}.check(t, s, room, s.record(s.ctx, 0))
			s.settled(s.ctx, before)
		})
	}
}

// TestStaleInvite: the homeserver keeps what was said while the gateway was
// away; a call that nobody waits for any more is not placed.
func TestStaleInvite(t *testing.T) {
	s := open(t, with{})
	room := s.roomOf("030 23125609")
	ok(t, s.Stop(s.ctx))
	s.invite(room, "1", 10*time.Second)
	pause(s.ctx, 8*time.Second)
	s.start()
	s.until(s.ctx, "the stale invite", func() bool { return s.logged("ignored a stale invite", "") == 1 })
	if n := bed.Live(); n != 0 || len(s.all()) != 0 {
		t.Errorf("Asterisk has %d channels; records %+v", n, s.all())
	}
	if got := s.sent(room, true); len(got) != 0 {
		t.Errorf("the gateway sent %q", got)
	}
}

// roomOf is alice's chat with a number.
func (s *scene) roomOf(typed string) string {
	s.t.Helper()
	found, err := s.alice.Lookup(s.ctx, typed)
	ok(s.t, err)
	room, err := s.alice.Room(s.ctx, found.UserID)
	ok(s.t, err)
	return room
}

// invite places a call that may ring for so long, as a client that says no more.
func (s *scene) invite(room string, version any, lifetime time.Duration) {
	s.t.Helper()
	sdp, err := os.ReadFile("../../media/peer/testdata/chrome-offer.sdp")
	ok(s.t, err)
	ok(s.t, s.alice.Send(s.ctx, room, "m.call.invite", map[string]any{"version": version, "call_id": "vanished", "party_id": "GONE",
		"lifetime": lifetime.Milliseconds(), "offer": map[string]any{"type": "offer", "sdp": strings.ReplaceAll(string(sdp), "\n", "\r\n")}}))
}
