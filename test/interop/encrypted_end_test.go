//go:build interop

package interop

import (
	"context"
	"strings"
	"testing"
	"time"

	"roomline/internal/database/databasetest"
	"roomline/test/interop/rig"
)

// TestKeysSurviveASuddenEnd: the gateway is killed between two calls, and in the
// middle of one. Its device comes back with all its keys: nobody is unable to
// decrypt afterwards, on either side.
func TestKeysSurviveASuddenEnd(t *testing.T) {
	s := sealed(t, with{limit: 2 * time.Minute}, ", rooms: true")
	s.survives()
}

// TestKeysInPostgreSQL: the same with the keys in the other database.
func TestKeysInPostgreSQL(t *testing.T) {
	at := databasetest.Start(t).New(t)
	s := sealed(t, with{limit: 2 * time.Minute, changes: []string{"database: ", "database: " + at.Reveal() + " # "}}, ", rooms: true")
	s.survives()
}

func (s *scene) survives() {
	s.t.Helper()
	call, _ := s.connect("030 23125606", "+493023125606")
	ok(s.t, call.Hangup(s.ctx))
	s.says(call.Room, "ended after")
	s.Kill()
	s.start()
	call, phone := s.connect("030 23125606", "+493023125606")
	s.listens("alice", call, phoneTone)
	s.Kill()
	s.start()
	ok(s.t, call.WaitState(s.ctx, "ended"))
	s.endsWithin(phone, 0, 10*time.Second)
	rings, phone := s.ring()
	ok(s.t, rings.Answer(s.ctx, 0))
	ok(s.t, rings.WaitState(s.ctx, "connected"))
	s.listens("alice", rings, phoneTone)
	ok(s.t, phone.Hangup(s.ctx))
	ok(s.t, rings.WaitState(s.ctx, "ended"))
	s.notice(s.line)
	for _, room := range []string{call.Room, s.line} {
		s.readable(s.alice, room, time.Time{})
	}
	devices, err := s.alice.Trust(s.ctx, rings.From)
	ok(s.t, err)
	if len(devices) != 1 {
		s.t.Errorf("the number's devices are %+v, want one", devices)
	}
}

// TestSwitchesAreOff: Synapse as it is shipped. Chats with numbers stay
// plain and work; in an encrypted room one sentence names the switch, and
// `roomline check` prints the lines to paste.
func TestSwitchesAreOff(t *testing.T) {
	ok(t, bed.StopHomeserver(t.Context()))
	t.Cleanup(func() { // the environment is as it was by then
		ok(t, bed.StopHomeserver(context.Background()))
		ok(t, bed.StartHomeserver(context.Background()))
	})
	t.Setenv("BED_SYNAPSE_PLAIN", "1")
	ok(t, bed.StartHomeserver(t.Context()))
	s := sealed(t, with{}, "")
	call, _ := s.connect("030 231258 0950", "+49302312580950") // never rung before: of no other test does it have keys
	if is, err := s.alice.Encrypted(s.ctx, call.Room); err != nil || is {
		t.Errorf("the chat is encrypted: %v, %v", is, err)
	}
	ok(t, call.Hangup(s.ctx))
	s.notice(call.Room)
	found, err := s.alice.Lookup(s.ctx, "030 231258 0950")
	ok(t, err)
	room, err := s.alice.EncryptedRoom(s.ctx, nil, found.UserID)
	ok(t, err)
	s.until(s.ctx, "the number in the room", func() bool {
		members, err := s.alice.Members(s.ctx, room)
		ok(t, err)
		return len(members) == 2
	})
	for range 2 {
		call, err = s.alice.Place(s.ctx, room, 0)
		ok(t, err)
		s.says(room, "msc2409_to_device_messages_enabled")
		ok(t, call.Hangup(s.ctx))
	}
	if all := s.alice.Told(s.timeline(room, func([]rig.Event) bool { return true })); len(all) > 2 {
		t.Errorf("the room was told %q, want a sentence when the number comes, and one at the first call", all)
	}
	said, _ := check(s)
	for _, want := range []string{"experimental_features:", "msc2409_to_device_messages_enabled: true", "msc3202_transaction_extensions: true"} {
		if !strings.Contains(said, want) {
			t.Errorf("check does not print %q:\n%s", want, said)
		}
	}
}
