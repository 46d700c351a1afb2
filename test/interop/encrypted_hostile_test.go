//go:build interop

package interop

import (
	"slices"
	"strings"
	"testing"
	"time"

	"roomline/test/interop/rig"
)

// TestEncryptedForgeries: whoever has alice's token, but not her device, ends no
// call, places none and gives no command; nor does what alice has said once
// already, or in another room.
func TestEncryptedForgeries(t *testing.T) {
	s := sealed(t, with{}, "")
	elsewhere, ghost := s.elsewhere()
	s.callIn(elsewhere, ghost)
	call, phone := s.connect("030 23125606", "+493023125606")
	in := s.alice.Session // in clear
	ok(t, in.Send(s.ctx, call.Room, "m.call.hangup", map[string]any{"version": "1", "call_id": call.ID, "party_id": s.alice.Device, "reason": "user_hangup"}))
	ok(t, in.Say(s.ctx, call.Room, "!hangup"))
	ok(t, in.Send(s.ctx, elsewhere, "m.call.invite", map[string]any{"version": "1", "call_id": "forged", "party_id": s.alice.Device, "lifetime": 60000,
		"offer": map[string]any{"type": "offer", "sdp": offered(s, call)}}))
	s.listens("alice", call, phoneTone)

	id, err := s.alice.Write(s.ctx, call.Room, "m.room.message", map[string]any{"msgtype": "m.text", "body": "!calls"})
	ok(t, err)
	s.says(call.Room, "+49 30 23125606")
	said, err := in.Raw(s.ctx, call.Room, id)
	ok(t, err)
	for _, room := range []string{call.Room, elsewhere} {
		ok(t, in.Send(s.ctx, room, said.Type, said.Content))
	}
	said = last(s, elsewhere, "m.call.hangup") // what her device itself has said of another call
	ok(t, in.Send(s.ctx, call.Room, said.Type, said.Content))
	s.listens("alice", call, phoneTone)
	if n := bed.Live(); n != 1 {
		t.Errorf("%d telephones are busy, want 1", n)
	}
	ok(t, call.Hangup(s.ctx))
	_, _, err = phone.WaitEnded(s.ctx)
	ok(t, err)
	s.says(call.Room, "ended after")
	s.record(s.ctx, 1)
	for room, want := range map[string][]string{
		call.Room: {"without encryption", "talks", "ended after"},
		elsewhere: {"ended after", "without encryption"},
	} {
		events, err := s.alice.Timeline(s.ctx, room)
		ok(t, err)
		all := s.alice.Told(events)
		if !slices.EqualFunc(all, want, strings.Contains) {
			t.Errorf("%s was told %q, want %q", room, all, want)
		}
	}
}

// elsewhere is an encrypted room that alice has with a number besides their chat.
func (s *scene) elsewhere() (room, ghost string) {
	s.t.Helper()
	found, err := s.alice.Lookup(s.ctx, "030 23125606")
	ok(s.t, err)
	room, err = s.alice.EncryptedRoom(s.ctx, nil, found.UserID)
	ok(s.t, err)
	s.until(s.ctx, "the number in the room", func() bool {
		members, err := s.alice.Members(s.ctx, room)
		ok(s.t, err)
		return len(members) == 2
	})
	return room, found.UserID
}

// offered is the offer of a client's call.
func offered(s *scene, call *rig.RoomCall) string {
	stats, err := call.Stats(s.ctx)
	ok(s.t, err)
	return stats.SDP.Local
}

// last is the latest of alice's events of one of some types, as the homeserver has it.
func last(s *scene, room string, types ...string) rig.Event {
	s.t.Helper()
	all, err := s.alice.Reads(s.ctx, room)
	ok(s.t, err)
	for _, e := range slices.Backward(all) {
		if e.Sender == s.alice.ID && slices.Contains(types, e.Type) {
			raw, err := s.alice.Raw(s.ctx, room, e.ID)
			ok(s.t, err)
			return raw
		}
	}
	s.t.Fatalf("alice has sent none of %q", types)
	return rig.Event{}
}

// TestEncryptedForWhoIsThere: who has left cannot read what is said afterwards,
// with all the keys that they were given.
func TestEncryptedForWhoIsThere(t *testing.T) {
	s := sealed(t, with{}, "")
	bob := s.join(rig.Login{Name: "bob-of-" + s.alice.Device, Crypto: true, Tone: bobTone})
	found, err := s.alice.Lookup(s.ctx, "030 23125606")
	ok(t, err)
	room, err := s.alice.EncryptedRoom(s.ctx, nil, found.UserID, bob.ID)
	ok(t, err)
	s.until(s.ctx, "all to be in the room", func() bool {
		members, err := s.alice.Members(s.ctx, room)
		ok(t, err)
		return len(members) == 3
	})
	s.callIn(room, found.UserID)
	told(s, bob, room, "ended after")
	s.readable(bob, room, time.Time{})
	before := s.latest(room, func(e rig.Event) bool { return e.Sender == found.UserID })
	if why, err := bob.Decrypts(s.ctx, before); err != nil || why != "" {
		t.Errorf("bob was there, and cannot read: %q, %v", why, err)
	}
	ok(t, bob.Client(s.ctx, "POST", "/_matrix/client/v3/rooms/"+room+"/leave", map[string]any{}, nil))
	s.callIn(room, found.UserID)
	after := s.latest(room, func(e rig.Event) bool { return e.Sender == found.UserID })
	if why, err := bob.Decrypts(s.ctx, after); err != nil || why == "" {
		t.Errorf("bob has left, and reads what was said then: %v", err)
	}
	if before.Text("session_id") == after.Text("session_id") {
		t.Error("the key is still the one that bob has")
	}
	s.readable(s.alice, room, time.Time{})
}

// callIn has alice call a telephone in a room and hang up.
func (s *scene) callIn(room, user string) {
	s.t.Helper()
	n := len(s.all())
	call, err := s.alice.PlaceTo(s.ctx, room, user)
	ok(s.t, err)
	ok(s.t, call.WaitState(s.ctx, "connected"))
	ok(s.t, call.Hangup(s.ctx))
	s.record(s.ctx, n)
	s.timeline(room, func(e []rig.Event) bool { return len(s.alice.Told(e)) > n })
}

// latest is the last encrypted event in a room that f takes, as the homeserver has it.
func (s *scene) latest(room string, f func(rig.Event) bool) (found rig.Event) {
	s.t.Helper()
	all, err := s.alice.Events(s.ctx, room)
	ok(s.t, err)
	for _, e := range all {
		if e.Type == "m.room.encrypted" && f(e) {
			found = e
		}
	}
	return found
}
