//go:build interop

package interop

import (
	"crypto/rand"
	"fmt"
	"strings"
	"testing"

	"roomline/test/interop/rig"
)

// TestHuntGroup: one number rings two users; the first has the call, and the
// other is told that it was answered elsewhere.
func TestHuntGroup(t *testing.T) {
	names := [2]string{"alice-" + strings.ToLower(rand.Text()[:8]), "bob-" + strings.ToLower(rand.Text()[:8])}
	s := open(t, with{login: rig.Login{Name: names[0]}, changes: []string{`user: "@alice:matrix.test"`,
		fmt.Sprintf(`users: ["@%s:matrix.test", "@%s:matrix.test"]`, names[0], names[1])}})
	bob := s.join(rig.Login{Name: names[1], Tone: bobTone})
	s.until(s.ctx, "bob to join his phone line", func() bool { return len(joined(s, bob)) > 0 })
	s.takenBefore(bob)
	s.idle()
}

// takenBefore rings alice and another user at once; the other one answers, and
// hears the telephone.
func (s *scene) takenBefore(other *rig.User) {
	t := s.t
	t.Helper()
	phone, err := bed.Originate(s.ctx, rig.Call{To: did, From: caller, Name: "Carol"})
	ok(t, err)
	hers, err := s.alice.WaitIncoming(s.ctx, "")
	ok(t, err)
	theirs, err := other.WaitIncoming(s.ctx, "")
	ok(t, err)
	ok(t, theirs.Answer(s.ctx, 0))
	ok(t, theirs.WaitState(s.ctx, "connected"))
	ok(t, hers.WaitState(s.ctx, "ended"))
	if hers.Reason != "answered_elsewhere" {
		t.Errorf("alice's client says %q", hers.Reason)
	}
	s.listens("who answered", theirs, phoneTone)
	ok(t, theirs.Hangup(s.ctx))
	_, _, err = phone.WaitEnded(s.ctx)
	ok(t, err)
}

// TestRoomAndUserAtOnce: one number rings a user and, beside her, whoever is in
// a room. Who takes it there has the call, by name, and hers ends.
func TestRoomAndUserAtOnce(t *testing.T) {
	carol, err := browser.Login(t.Context(), rig.Login{Name: "carol-" + strings.ToLower(rand.Text()[:8]), Tone: bobTone})
	ok(t, err)
	room, err := carol.CreateRoom(t.Context(), nil, "@tel_"+did[1:]+":matrix.test")
	ok(t, err)
	name := "alice-" + strings.ToLower(rand.Text()[:8])
	s := open(t, with{login: rig.Login{Name: name}, changes: []string{`user: "@alice:matrix.test"`,
		fmt.Sprintf(`users: ["@%s:matrix.test"], rooms: [%q]`, name, room)}})
	t.Cleanup(func() { _ = carol.Leave(s.ctx) })
	s.until(s.ctx, "the number's user to accept the invitation", func() bool {
		members, err := carol.Members(s.ctx, room)
		ok(t, err)
		return len(members) == 2
	})
	s.takenBefore(carol)
	if r := s.record(s.ctx, 0); r.User != carol.ID {
		t.Errorf("the record says that %q had the call", r.User)
	}
	s.idle()
}

// TestGroupRoom: a room of three people and a number's user: only a call that
// names the number's user is a telephone call, and bob may place it too.
func TestGroupRoom(t *testing.T) {
	s := open(t, with{})
	bob := s.join(rig.Login{Name: "bob", Tone: bobTone})
	found, err := s.alice.Lookup(s.ctx, "030 23125606")
	ok(t, err)
	room, err := s.alice.CreateRoom(s.ctx, nil, bob.ID, found.UserID)
	ok(t, err)
	s.until(s.ctx, "all to be in the room", func() bool {
		members, err := s.alice.Members(s.ctx, room)
		ok(t, err)
		return len(members) == 3
	})
	general, err := s.alice.Place(s.ctx, room, 0) // rings bob's client, and no telephone
	ok(t, err)
	rung, err := bob.WaitIncoming(s.ctx, s.alice.ID)
	ok(t, err)
	ok(t, general.Hangup(s.ctx))
	ok(t, rung.WaitState(s.ctx, "ended"))
	if n := bed.Live(); n != 0 {
		t.Errorf("Asterisk has %d channels", n)
	}
	call, err := bob.PlaceTo(s.ctx, room, found.UserID)
	ok(t, err)
	phone, err := bed.WaitCall(s.ctx, "+493023125606")
	ok(t, err)
	ok(t, call.WaitState(s.ctx, "connected"))
	s.listens("bob", call, phoneTone)
	ok(t, call.Hangup(s.ctx))
	_, _, err = phone.WaitEnded(s.ctx)
	ok(t, err)
}
