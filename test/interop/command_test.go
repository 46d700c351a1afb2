//go:build interop

package interop

import (
	"strings"
	"testing"
	"time"

	"roomline/test/interop/rig"
)

// chat opens alice's management room: a direct chat with the gateway's own user.
func (s *scene) chat() (room string) {
	s.t.Helper()
	room, err := s.alice.Room(s.ctx, "@roomline:"+bed.Domain)
	ok(s.t, err)
	s.says(room, "!help") // it says what it can do
	return room
}

// command writes one and returns what is said next, which must have a text in it.
func (s *scene) command(room, text, want string) string {
	s.t.Helper()
	events, err := s.alice.Timeline(s.ctx, room)
	ok(s.t, err)
	before := len(s.alice.Told(events))
	ok(s.t, s.alice.Say(s.ctx, room, text))
	events = s.timeline(room, func(e []rig.Event) bool { return len(s.alice.Told(e)) > before })
	got := s.alice.Told(events)[before]
	s.t.Logf("%s: %q", text, got)
	if !strings.Contains(got, want) {
		s.t.Errorf("%s was answered %q, want %q", text, got, want)
	}
	return got
}

// TestCommands: a whole telephone life by commands in the management room.
func TestCommands(t *testing.T) {
	s := open(t, with{limit: 3 * time.Minute})
	room := s.chat()
	s.command(room, "!help transfer", "!transfer")
	s.command(room, "!transfr 123", "Did you mean !transfer?")
	s.command(room, "!calls", "no call")
	s.command(room, "!dial 030 23125606", "Your client rings")
	call, err := s.alice.WaitIncoming(s.ctx, "")
	ok(t, err)
	if n := bed.Live(); n != 0 {
		t.Errorf("the number is called before alice has answered: %d channels", n)
	}
	ok(t, call.Answer(s.ctx, 0))
	phone, err := bed.WaitCall(s.ctx, "+493023125606")
	ok(t, err)
	ok(t, call.WaitState(s.ctx, "connected"))
	heard, err := call.Record(s.ctx, 2*time.Second)
	ok(t, err)
	atLeast(t, "alice", heard, time.Second, phoneTone)
	s.command(room, "!calls", "+49 30 23125606")
	s.command(room, "!hold", "on hold")
	pause(s.ctx, 3*time.Second)
	s.command(room, "!resume", "You talk with")
	heard, err = call.Record(s.ctx, 2*time.Second)
	ok(t, err)
	atLeast(t, "alice", heard, 1500*time.Millisecond, phoneTone)
	s.command(room, "!hangup", "Hung up")
	ok(t, call.WaitState(s.ctx, "ended"))
	_, _, err = phone.WaitEnded(s.ctx)
	ok(t, err)
	sound, err := phone.Heard(s.ctx)
	ok(t, err)
	if tone := sound.Tone(aliceTone); tone.Present < 3*time.Second || tone.Longest < 2*time.Second {
		t.Errorf("the phone hears %v of %v", tone, sound.Length())
	}
	s.idle()
}

// TestKeysByCommand: !dtmf presses what was typed.
func TestKeysByCommand(t *testing.T) {
	s := open(t, with{})
	call, phone := s.connect("030 23125603", "+493023125603")
	s.command(call.Room, "!dtmf 4711#", "Pressed 4711#")
	if got := pressed(s, phone, 5); got != "4711#" {
		t.Errorf("the phone heard %q", got)
	}
	ok(t, call.Hangup(s.ctx))
}

// TestTransferByCommand: in the call's own room, to another number.
func TestTransferByCommand(t *testing.T) {
	s := open(t, with{})
	call, first := s.connect("030 23125606", "+493023125606")
	s.command(call.Room, "!transfer +49302312580700", "Connecting")
	second, err := bed.WaitCall(s.ctx, "+49302312580700")
	ok(t, err)
	_, err = second.WaitAnswered(s.ctx)
	ok(t, err)
	ok(t, call.WaitState(s.ctx, "ended"))
	pause(s.ctx, 2*time.Second)
	atLeast(t, "the second phone", heardAt(s, second), time.Second, phoneTone)
	_, _, err = first.WaitEnded(s.ctx)
	ok(t, err)
	s.idle()
}

// TestWhy: a call that failed is explained.
func TestWhy(t *testing.T) {
	s := open(t, with{})
	room := s.chat()
	call, err := s.alice.Dial(s.ctx, "030 23125610", 0)
	ok(t, err)
	ok(t, call.WaitState(s.ctx, "ended"))
	s.record(s.ctx, 0)
	if got := s.command(room, "!why", "busy"); !strings.Contains(got, "486") {
		t.Errorf("it does not say what the trunk said: %q", got)
	}
}

// TestStrangersMayNothing: who has no level in permissions places no calls, by
// client or by command, and is told so.
func TestStrangersMayNothing(t *testing.T) {
	s := open(t, with{changes: []string{"  limits: {calls_per_user: 0,", "  \"@nobody:matrix.test\": none\n  matrix.test: dial\n  limits: {calls_per_user: 0,"}})
	call, phone := s.connect("030 23125606", "+493023125606") // alice may
	ok(t, call.Hangup(s.ctx))
	_, _, err := phone.WaitEnded(s.ctx)
	ok(t, err)
	nobody := s.join(rig.Login{Name: "nobody"})
	found, err := nobody.Lookup(s.ctx, "030 23125606")
	ok(t, err)
	room, err := nobody.CreateRoom(s.ctx, map[string]any{"is_direct": true}, found.UserID)
	ok(t, err)
	pause(s.ctx, 2*time.Second)
	members, err := nobody.Members(s.ctx, room)
	ok(t, err)
	if len(members) != 1 {
		t.Errorf("the number's user came: %v", members)
	}
	if n := len(s.all()); n != 1 {
		t.Errorf("%d calls were placed", n)
	}
}
