//go:build interop

package interop

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"roomline/test/interop/rig"
)

// strict opens a scene in which only who is verified may call.
func strict(t *testing.T, changes ...string) (s *scene, bot, room string) {
	t.Helper()
	s = open(t, with{login: rig.Login{Crypto: true}, limit: time.Minute,
		changes: append([]string{"  domain: ", "  encryption: {enabled: true, devices: verified}\n  domain: "}, changes...)})
	bot = "@roomline:" + bed.Domain
	s.until(s.ctx, "the bot to have the keys of this gateway, and none of the test before", func() bool {
		devices, err := s.alice.Trust(s.ctx, bot)
		ok(t, err)
		log := string(read(t, s.Log()))
		return len(devices) > 0 && !slices.ContainsFunc(devices, func(d rig.Trust) bool {
			return !strings.Contains(log, fmt.Sprintf(`"msg":"made a device","side":"matrix","user":%q,"device":%q`, bot, d.Device))
		})
	})
	room, err := s.alice.Room(s.ctx, bot)
	ok(t, err)
	is, err := s.alice.Encrypted(s.ctx, room)
	ok(t, err)
	if !is {
		t.Fatal("the chat with the bot is not encrypted")
	}
	s.until(s.ctx, "the bot to have greeted, which alice may not read", func() bool {
		// Of two messages to devices that cross Synapse may lose one, and the bot cannot ask for it again.
		all, err := s.alice.Reads(s.ctx, room)
		ok(t, err)
		return slices.ContainsFunc(all, func(e rig.Sealed) bool { return e.Sender == bot && e.Wire == "m.room.encrypted" })
	})
	return s, bot, room
}

// writes has alice say something, encrypted as her client does.
func (s *scene) writes(room, text string) {
	s.t.Helper()
	_, err := s.alice.Write(s.ctx, room, "m.room.message", map[string]any{"msgtype": "m.text", "body": text})
	ok(s.t, err)
}

// compares waits until alice reads the same emoji and numbers in the room.
func (s *scene) compares(room string, want rig.Short) {
	s.t.Helper()
	s.hasSaid(room, append(want.Names, strings.Trim(fmt.Sprint(want.Decimals), "[]"))...)
}

// hasSaid waits until something was said in a room that has all these texts in it.
func (s *scene) hasSaid(room string, texts ...string) {
	s.t.Helper()
	_, err := s.alice.WaitTimeline(s.ctx, room, func(all []rig.Event) bool {
		for _, said := range s.alice.Told(all) {
			if !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(said, text) }) {
				return true
			}
		}
		return false
	})
	if err != nil {
		events, _ := s.alice.Timeline(s.ctx, room)
		s.t.Fatalf("nothing in the room has %q: %v; told %q", texts, err, s.alice.Told(events))
	}
}

// refused has alice place a call that rings nobody.
func (s *scene) refused(typed string) {
	s.t.Helper()
	call, err := s.alice.Dial(s.ctx, typed, 0)
	ok(s.t, err)
	pause(s.ctx, 3*time.Second)
	if n := bed.Live(); n != 0 {
		s.t.Errorf("the telephone was called although alice is not verified: %d channels", n)
	}
	ok(s.t, call.Hangup(s.ctx))
}

// taken has alice place a call that is answered.
func (s *scene) taken(typed, number string) {
	s.t.Helper()
	call, _ := s.connect(typed, number)
	heard, err := call.Record(s.ctx, 2*time.Second)
	ok(s.t, err)
	hears(s.t, "alice", heard, phoneTone, 1500*time.Millisecond)
	ok(s.t, call.Hangup(s.ctx))
	ok(s.t, call.WaitState(s.ctx, "ended"))
}

// TestVerifyTheBot: alice begins in her client; the policy that refused her call
// takes it then.
func TestVerifyTheBot(t *testing.T) {
	s, bot, room := strict(t)
	s.refused("030 23125606")
	short, err := s.alice.Verify(s.ctx, room, bot)
	ok(t, err)
	s.compares(room, short)
	ok(t, s.alice.Matches(s.ctx, true))
	s.writes(room, "!verify yes")
	ok(t, s.alice.Verified(s.ctx))
	s.hasSaid(room, "Verified.")
	if known, err := s.alice.Knows(s.ctx, bot); err != nil || !known {
		t.Errorf("alice's client does not know the bot: %v", err)
	}
	s.taken("030 23125606", "+493023125606")
	s.writes(room, "!devices")
	s.says(room, "It is confirmed")
}

// TestVerifyByCommand: the bot begins, because alice says so.
func TestVerifyByCommand(t *testing.T) {
	s, bot, room := strict(t)
	ok(t, s.alice.ExpectVerification(s.ctx))
	s.writes(room, "!verify")
	short, err := s.alice.AcceptVerification(s.ctx)
	ok(t, err)
	s.compares(room, short)
	s.writes(room, "!verify yes")
	ok(t, s.alice.Matches(s.ctx, true))
	ok(t, s.alice.Verified(s.ctx))
	s.hasSaid(room, "Verified.")
	if known, err := s.alice.Knows(s.ctx, bot); err != nil || !known {
		t.Errorf("alice's client does not know the bot: %v", err)
	}
	s.taken("030 23125606", "+493023125606")
}

// TestVerifyInVain: other emoji end it on both sides, and the policy goes on
// refusing; so does a restart in the middle.
func TestVerifyInVain(t *testing.T) {
	s, bot, room := strict(t)
	short, err := s.alice.Verify(s.ctx, room, bot)
	ok(t, err)
	s.compares(room, short)
	s.writes(room, "!verify no")
	if err := s.alice.Verified(s.ctx); err == nil || !strings.Contains(err.Error(), "m.mismatched_sas") {
		t.Errorf("alice's client says %v", err)
	}
	_, err = s.alice.Verify(s.ctx, room, bot)
	ok(t, err)
	s.Kill()
	s.start()
	if err := s.alice.Verified(s.ctx); err == nil || !strings.Contains(err.Error(), "m.user") {
		t.Errorf("after a restart alice's client says %v", err)
	}
	s.refused("030 23125606")
}
