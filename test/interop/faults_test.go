//go:build interop

package interop

import (
	"context"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"roomline/test/interop/rig"
)

// TestHangupFromThePhone: the phone hangs up a call that alice placed.
func TestHangupFromThePhone(t *testing.T) {
	for name, login := range dialects {
		t.Run(name, func(t *testing.T) {
			s := open(t, with{login: login})
			before := s.holdings(s.ctx)
			call, _ := s.connect("030 23125615", "+493023125615") // hangs up after 2 s
			ok(t, call.WaitState(s.ctx, "ended"))
			ending{sent: "hangup(user_hangup)", notice: "Call to +49 30 23125615 ended after 0:0", cause: "normal_clearing",
				by: "called", sip: "BYE"}.check(t, s, call.Room, s.record(s.ctx, 0))
			s.settled(s.ctx, before)
		})
	}
}

// TestHangupFromTheRoom: alice hangs up a call that the phone placed.
func TestHangupFromTheRoom(t *testing.T) {
	for name, login := range dialects {
		t.Run(name, func(t *testing.T) {
			s := open(t, with{login: login})
			before, mark := s.holdings(s.ctx), bed.Mark()
			call, phone := s.ring()
			ok(t, call.Answer(s.ctx, 0))
			_, err := phone.WaitAnswered(s.ctx)
			ok(t, err)
			pause(s.ctx, time.Second)
			ok(t, call.Hangup(s.ctx))
			_, cause, err := phone.WaitEnded(s.ctx)
			ok(t, err)
			if cause != 16 {
				t.Errorf("the phone was told cause %d, want 16", cause)
			}
			s.waitSIP(mark, did, "< BYE")
			ending{notice: "Call from Carol (+49 30 23125999) ended after 0:0", cause: "normal_clearing", by: "called"}.check(t, s, call.Room, s.record(s.ctx, 0))
			s.settled(s.ctx, before)
		})
	}
}

// TestClientVanishes: the browser dies in the middle of a call. Only ICE can
// notice; the phone is hung up when its patience (media.ice_timeout) is over.
func TestClientVanishes(t *testing.T) {
	own, err := bed.Browser()
	ok(t, err)
	defer own.Close()
	s := open(t, with{browser: own, changes: []string{"media:\n", "media:\n  ice_timeout: 8s\n"}})
	before := s.holdings(s.ctx)
	call, phone := s.connect("030 23125606", "+493023125606")
	pause(s.ctx, time.Second)
	own.Kill()
	began := time.Now()
	_, _, err = phone.WaitEnded(s.ctx)
	ok(t, err)
	if took := time.Since(began); took < 5*time.Second || took > 17*time.Second {
		t.Errorf("the phone was hung up after %v, want about 8 s", took)
	}
	ending{sent: "hangup(ice_timeout)", notice: "The call to +49 30 23125606 ended: the audio connection was lost (after 0:",
		cause: "media_lost", by: "caller", sip: "BYE"}.check(t, s, call.Room, s.record(s.ctx, 0))
	s.settled(s.ctx, before)
}

// TestCalledClientVanishes: the same when the phone had placed the call, and
// with a client of version 0.
func TestCalledClientVanishes(t *testing.T) {
	for name, login := range map[string]rig.Login{"version 1": {}, "version 0": {V0: true}} {
		t.Run(name, func(t *testing.T) {
			own, err := bed.Browser()
			ok(t, err)
			defer own.Close()
			s := open(t, with{login: login, browser: own, changes: []string{"media:\n", "media:\n  ice_timeout: 8s\n"}})
			before, mark := s.holdings(s.ctx), bed.Mark()
			call, phone := s.ring()
			ok(t, call.Answer(s.ctx, 0))
			_, err = phone.WaitAnswered(s.ctx)
			ok(t, err)
			pause(s.ctx, time.Second)
			own.Kill()
			s.endsWithin(phone, 5*time.Second, 17*time.Second)
			s.waitSIP(mark, did, "< BYE")
			ending{sent: "hangup(ice_timeout)", notice: "The call from Carol (+49 30 23125999) ended: the audio connection was lost (after 0:",
				cause: "media_lost", by: "called", sip: "BYE"}.check(t, s, call.Room, s.record(s.ctx, 0))
			s.settled(s.ctx, before)
		})
	}
}

// TestPageCloses: a closed laptop lid or tab, without a hang-up.
func TestPageCloses(t *testing.T) {
	s := open(t, with{changes: []string{"media:\n", "media:\n  ice_timeout: 8s\n"}})
	before := s.holdings(s.ctx)
	_, phone := s.connect("030 23125606", "+493023125606")
	ok(t, s.alice.Vanish(s.ctx))
	began := time.Now()
	_, _, err := phone.WaitEnded(s.ctx)
	ok(t, err)
	t.Logf("the phone was hung up after %v", time.Since(began))
	if r := s.record(s.ctx, 0); r.EndedBy != "caller" {
		t.Errorf("%+v", r)
	}
	s.settled(s.ctx, before)
}

// TestAsteriskDies: killed mid-call, it says nothing and its audio stops.
func TestAsteriskDies(t *testing.T) {
	brief := []string{"codecs: [pcmu, pcma]", "codecs: [pcmu, pcma]\n    silence_timeout: 5s"}
	t.Run("room to phone", func(t *testing.T) {
		s := open(t, with{changes: brief})
		before := s.holdings(s.ctx)
		call, _ := s.connect("030 23125606", "+493023125606")
		s.killAsterisk(call)
		ending{sent: "hangup(ice_timeout)", notice: "The call to +49 30 23125606 ended: the audio connection was lost", cause: "media_lost",
			by: "called"}.check(t, s, call.Room, s.record(s.ctx, 0))
		s.settled(s.ctx, before)
	})
	t.Run("phone to room, version 0", func(t *testing.T) {
		s := open(t, with{login: rig.Login{V0: true}, changes: brief})
		before := s.holdings(s.ctx)
		call, phone := s.ring()
		ok(t, call.Answer(s.ctx, 0))
		_, err := phone.WaitAnswered(s.ctx)
		ok(t, err)
		s.killAsterisk(call)
		ending{sent: "hangup(ice_timeout)", notice: "The call from Carol (+49 30 23125999) ended: the audio connection was lost", cause: "media_lost",
			by: "caller"}.check(t, s, call.Room, s.record(s.ctx, 0))
		s.settled(s.ctx, before)
	})
}

// killAsterisk a second into a call, and waits for its end in the room.
func (s *scene) killAsterisk(call *rig.RoomCall) {
	s.t.Helper()
	pause(s.ctx, time.Second)
	ok(s.t, bed.KillAsterisk())
	s.t.Cleanup(func() { ok(s.t, bed.StartAsterisk(context.Background())) })
	began := time.Now()
	ok(s.t, call.WaitState(s.ctx, "ended"))
	if took := time.Since(began); took < 4*time.Second || took > 9*time.Second {
		s.t.Errorf("alice saw the end after %v, want about 5 s", took)
	}
}

// TestHomeserverDown: a call goes on while the homeserver is away; the phone
// hangs up; the room is told when the homeserver is back.
func TestHomeserverDown(t *testing.T) {
	s := open(t, with{limit: 2 * time.Minute})
	before := s.holdings(s.ctx)
	call, phone := s.connect("030 23125606", "+493023125606")
	ok(t, bed.StopHomeserver(s.ctx))
	restarted := false
	defer func() {
		if !restarted {
			ok(t, bed.StartHomeserver(t.Context()))
		}
	}()
	heard, err := call.Record(s.ctx, 2*time.Second)
	ok(t, err)
	hears(t, "alice", heard, phoneTone, 1800*time.Millisecond)
	ok(t, phone.Hangup(s.ctx))
	r := s.record(s.ctx, 0) // the call's own end does not wait for the homeserver
	ok(t, bed.StartHomeserver(s.ctx))
	restarted = true
	began := time.Now()
	ok(t, call.WaitState(s.ctx, "ended"))
	t.Logf("alice saw the end %v after the homeserver was back", time.Since(began))
	ending{sent: "hangup(user_hangup)", notice: "Call to +49 30 23125606 ended after 0:0", cause: "normal_clearing", by: "called"}.check(t, s, call.Room, r)
	s.settled(s.ctx, before)
}

// TestDrain: SIGTERM lets a live call go on, refuses new ones from both sides, and the process
// ends by itself when the call does.
func TestDrain(t *testing.T) {
	s := open(t, with{})
	call, phone := s.connect("030 23125606", "+493023125606")
	ok(t, s.Signal(syscall.SIGTERM))
	s.until(s.ctx, "readyz to say draining", func() bool { return !s.Ready(s.ctx) })
	mark := bed.Mark()
	late, err := bed.Originate(s.ctx, rig.Call{To: did, From: caller})
	ok(t, err)
	_, _, err = late.WaitEnded(s.ctx)
	ok(t, err)
	s.waitSIP(mark, did, "< 503 Service Unavailable")
	refused, err := s.alice.Dial(s.ctx, "030 23125608", 0)
	ok(t, err)
	ok(t, refused.WaitState(s.ctx, "ended"))
	if got := s.sent(refused.Room, true); !slices.Equal(got, []string{"reject(unknown_error)"}) {
		t.Errorf("while it drains the gateway sent %q", got)
	}
	if got := s.notice(refused.Room); !strings.Contains(got, "is being restarted") {
		t.Errorf("the room was told %q", got)
	}
	heard, err := call.Record(s.ctx, 2*time.Second)
	ok(t, err)
	hears(t, "alice, while the gateway drains,", heard, phoneTone, 1800*time.Millisecond)
	ok(t, phone.Hangup(s.ctx))
	ok(t, call.WaitState(s.ctx, "ended"))
	ok(t, s.Wait(s.ctx))
}

// TestDrainTimeout: when the time given to live calls is over, both sides are told.
func TestDrainTimeout(t *testing.T) {
	s := open(t, with{changes: []string{"http:\n", "calls: {drain_timeout: 2s}\nhttp:\n"}})
	call, phone := s.connect("030 23125606", "+493023125606")
	ok(t, s.Stop(s.ctx))
	_, _, err := phone.WaitEnded(s.ctx)
	ok(t, err)
	ok(t, call.WaitState(s.ctx, "ended"))
	r := s.record(s.ctx, 0)
	if r.Cause != "shutting_down" || r.EndedBy != "gateway" {
		t.Errorf("%+v", r)
	}
	if got := s.notice(call.Room); !strings.Contains(got, "restarted") {
		t.Errorf("the room was told %q", got)
	}
}

// TestKilledGateway: after kill -9 with a call each way the next start ends what
// was left open on both sides, and calls work again.
func TestKilledGateway(t *testing.T) {
	s := open(t, with{})
	call, out := s.connect("030 23125606", "+493023125606")
	rung, in := s.ring()
	ok(t, rung.Answer(s.ctx, 0))
	ok(t, rung.WaitState(s.ctx, "connected"))
	_, err := in.WaitAnswered(s.ctx)
	ok(t, err)
	pause(s.ctx, 500*time.Millisecond) // what is answered is written down a moment later
	mark := bed.Mark()
	s.Kill()
	s.start()
	for _, c := range []*rig.RoomCall{call, rung} {
		ok(t, c.WaitState(s.ctx, "ended"))
	}
	s.endsWithin(out, 0, 10*time.Second)
	s.endsWithin(in, 0, 10*time.Second)
	s.waitSIP(mark, "+493023125606", "< BYE")
	s.waitSIP(mark, did, "< BYE")
	again, phone := s.connect("030 23125606", "+493023125606")
	heard, err := again.Record(s.ctx, time.Second)
	ok(t, err)
	hears(t, "alice", heard, phoneTone, 900*time.Millisecond)
	ok(t, phone.Hangup(s.ctx))
	ok(t, again.WaitState(s.ctx, "ended"))
}
