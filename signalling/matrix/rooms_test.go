package matrix

import (
	"testing"
)

// A client that dials a new number calls before the telephone has joined, and
// the homeserver sends us nothing of that: the call is found by looking back.
func TestCallBeforeTheTelephoneJoined(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	invite, over := r.inviteV1(), r.v1(typeInvite, map[string]any{"call_id": "over", "offer": map[string]any{"sdp": offer}})
	stale := with(r.v1(typeInvite, map[string]any{"call_id": "stale", "offer": map[string]any{"sdp": offer}}), "unsigned", map[string]any{"age": 90_000})
	r.hs.set(func() {
		r.hs.members[room] = []string{alice}
		r.hs.history = map[string][]map[string]any{room: {invite, r.member(alice, ghost, "invite"),
			r.v1(typeHangup, map[string]any{"call_id": "over"}), over, stale}}
	})
	r.push(r.member(alice, ghost, "invite"))
	if in, _, _ := r.take(); in.To.Number != dialled {
		t.Errorf("called %+v", in.To)
	}
	r.push(invite) // the homeserver sends it after all
	r.settled()
	r.none()
}

// An invitation comes once: a homeserver that cannot let us in is asked again.
func TestJoinIsTriedAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.hs.set(func() { r.hs.busy = 3; r.hs.members[room] = []string{alice} })
	r.push(r.member(alice, ghost, "invite"))
	r.until("the telephone joins", func() bool { return r.hs.said("POST rooms/" + room + "/join") })
	r.until("it is done", func() bool { return len(r.c.atOnce) == 0 })
	r.push(r.inviteV1())
	r.take()
}

// A second telephone is not let into a room, and when it goes the room still
// is the first one's.
func TestOneTelephonePerRoom(t *testing.T) {
	t.Parallel()
	const second = "@tel_s600:example.org"
	r := newRig(t).meet()
	r.push(r.member(alice, second, "invite"))
	r.until("it declines", func() bool { return r.hs.said("POST rooms/" + room + "/leave") })
	r.push(r.member(second, second, "leave"))
	r.settled()
	r.until("all was looked at", func() bool { return len(r.c.atOnce) == 0 })
	if g, err := r.c.store.ghostOf(t.Context(), room); err != nil || g != ghost {
		t.Errorf("the room is %q's: %v", g, err)
	}
	r.push(r.inviteV1())
	r.take()

	r.hs.set(func() { r.hs.members[room] = []string{alice} }) // the first one was thrown out while we were away
	r.push(r.member(alice, second, "invite"))
	r.until("the second takes its place", func() bool { g, _ := r.c.store.ghostOf(t.Context(), room); return g == second })
}

// What is called from an encrypted room cannot be seen, so the room is told:
// once, when the telephone comes, or at the first sign of a call if it is there
// already; and again when it has been away.
func TestEncryptedRoomIsTold(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.hs.set(func() { r.hs.members[room] = []string{alice}; r.hs.veiled = map[string]bool{room: true} })
	r.push(r.member(alice, ghost, "invite"))
	r.notice(abilityOff.sentence(false))
	hidden := map[string]any{"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "x"}
	r.push(r.event(typeEncrypted, mallet, hidden), r.event(typeEncrypted, ghost, hidden), with(r.event(typeEncrypted, alice, hidden), "room_id", "!else:example.org"))
	r.push(r.event(typeEncrypted, alice, hidden), r.event(typeEncrypted, alice, hidden))
	r.until("all was looked at", func() bool { return len(r.c.atOnce) == 0 })
	r.quiet()
	r.hs.set(func() { r.hs.members[room] = []string{alice} })
	r.push(r.member(alice, ghost, "leave"))
	r.until("it has left", func() bool { g, err := r.c.store.ghostOf(t.Context(), room); return err == nil && g == "" })
	r.push(r.member(alice, ghost, "invite"))
	r.notice(abilityOff.sentence(false))
	other := "!other:example.org" // where the telephone has been for long
	if err := r.c.store.setRoom(t.Context(), other, ghost, alice); err != nil {
		t.Fatal(err)
	}
	r.hs.set(func() { r.hs.members[other], r.hs.veiled[other] = []string{alice, ghost}, true })
	r.push(with(r.event(typeEncrypted, alice, hidden), "room_id", other), with(r.event(typeEncrypted, alice, hidden), "room_id", other))
	r.notice(abilityOff.sentence(false))
	r.until("all was looked at", func() bool { return len(r.c.atOnce) == 0 })
	r.quiet()
}

// X3: a homeserver that does not say at once who may join is asked again: the
// room may be public.
func TestJoinRuleIsAskedAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.hs.set(func() { r.hs.ruleless, r.hs.public[room], r.hs.members[room] = 3, true, []string{alice} })
	r.push(r.member(alice, ghost, "invite"))
	r.until("the telephone leaves", func() bool { return r.hs.said("POST rooms/" + room + "/leave") })
}
