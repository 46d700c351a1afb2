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

// TestSwitchesAreOff: a homeserver that cannot do its part: Synapse as it is
// shipped, or Dendrite. A number's chat stays plain and works, before and after;
// an encrypted room with the number gets exactly one sentence, which names what is
// missing, and no call from there rings; `roomline check` prints the lines to paste.
func TestSwitchesAreOff(t *testing.T) {
	missing, number := "msc2409_to_device_messages_enabled in the homeserver's experimental_features", "+49302312580950" // that no other test rings: it has no keys
	lines := []string{"  experimental_features:\n", "    msc2409_to_device_messages_enabled: true\n", "    msc3202_transaction_extensions: true\n"}
	if bed.Dendrite {
		missing = "a homeserver that lets the telephone gateway have devices (MSC4190)"
		lines = []string{"  account:\n", "    user: \"@telephone:" + bed.Domain + "\"\n", "    password: "}
	} else {
		asShipped(t)
	}
	s := sealed(t, with{limit: 2 * time.Minute}, "") // the homeserver is put to the test twice, and given 15 s for it
	plain := s.callInPlain(number)
	room := s.encryptedWith(number)
	s.says(room, missing)
	for range 2 {
		call, err := s.alice.Place(s.ctx, room, 0)
		ok(t, err)
		ok(t, call.Hangup(s.ctx))
		ok(t, call.WaitState(s.ctx, "ended"))
	}
	if again := s.callInPlain(number); again != plain { // by then the events of the other room have been looked at
		t.Errorf("the number is called in %s, was in %s", again, plain)
	}
	if all := s.alice.Told(s.timeline(room, func([]rig.Event) bool { return true })); len(all) != 1 {
		t.Errorf("the room was told %q, want one sentence", all)
	}
	if n := len(s.all()); n != 2 {
		t.Errorf("%d calls were placed, want the two of the plain chat", n)
	}
	said, err := check(s)
	for _, line := range lines {
		if err != nil || !strings.Contains(said, line) {
			t.Errorf("check: %v; it does not print %q:\n%s", err, line, said)
		}
	}
}

// asShipped has Synapse run without its switches until the test is over.
func asShipped(t *testing.T) {
	t.Helper()
	ok(t, bed.StopHomeserver(t.Context()))
	t.Cleanup(func() { // the environment is as it was by then
		ok(t, bed.StopHomeserver(context.Background()))
		ok(t, bed.StartHomeserver(context.Background()))
	})
	t.Setenv("BED_SYNAPSE_PLAIN", "1")
	ok(t, bed.StartHomeserver(t.Context()))
}

// callInPlain has alice call a number in their chat, which is not encrypted.
func (s *scene) callInPlain(number string) (room string) {
	s.t.Helper()
	call, phone := s.connect(number, number)
	if is, err := s.alice.Encrypted(s.ctx, call.Room); err != nil || is {
		s.t.Errorf("the chat is encrypted: %v, %v", is, err)
	}
	s.listens("alice", call, 950)
	n := len(s.all())
	ok(s.t, call.Hangup(s.ctx))
	_, _, err := phone.WaitEnded(s.ctx)
	ok(s.t, err)
	s.record(s.ctx, n)
	s.timeline(call.Room, func(e []rig.Event) bool { return len(s.alice.Told(e)) == n+1 })
	return call.Room
}

// encryptedWith is an encrypted room of alice's in which a number's user has come.
func (s *scene) encryptedWith(number string) string {
	s.t.Helper()
	found, err := s.alice.Lookup(s.ctx, number)
	ok(s.t, err)
	room, err := s.alice.EncryptedRoom(s.ctx, nil, found.UserID)
	ok(s.t, err)
	s.until(s.ctx, "the number in the room", func() bool {
		members, err := s.alice.Members(s.ctx, room)
		ok(s.t, err)
		return len(members) == 2
	})
	return room
}
