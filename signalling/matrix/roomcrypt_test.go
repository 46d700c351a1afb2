package matrix

import (
	"net/http"
	"strings"
	"testing"
)

// veil is whether a room is encrypted, and whether that could be told.
func (r *rig) veil(room string) string {
	r.t.Helper()
	switch veiled, err := r.c.encrypted(r.t.Context(), room, ghost); {
	case err != nil:
		return "unknown"
	case veiled:
		return "encrypted"
	}
	return "plain"
}

func TestWhatIsKnownOfRooms(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	r.hs.set(func() { r.hs.noState = http.StatusBadGateway })
	if is := r.veil(room); is != "unknown" {
		t.Errorf("%s while the homeserver says nothing", is)
	}
	r.hs.set(func() { r.hs.noState = http.StatusForbidden })
	if is := r.veil(room); is != "unknown" {
		t.Errorf("%s while our user is not there", is)
	}
	r.hs.set(func() { r.hs.noState = 0 })
	if is := r.veil(room); is != "plain" || r.c.knownEncrypted(room) {
		t.Errorf("%s", is)
	}
	// It is asked once, and again when our user has been away.
	r.hs.set(func() { r.hs.veiled = map[string]bool{room: true} })
	if is := r.veil(room); is != "plain" {
		t.Errorf("%s: asked again", is)
	}
	r.push(r.member(ghost, ghost, "join"))
	r.settled()
	if is := r.veil(room); is != "encrypted" || !r.c.knownEncrypted(room) {
		t.Errorf("%s", is)
	}
}

// What a room has become it stays: in memory at once, on disk, and whatever the
// homeserver says then. The content of the event does not matter.
func TestRoomsStayEncrypted(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]map[string]any{
		"as usual": {"algorithm": "m.megolm.v1.aes-sha2"}, "strange": {"algorithm": 5}, "redacted": {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t).meet()
			if is := r.veil(room); is != "plain" {
				t.Fatal(is)
			}
			turn := with(r.event("m.room.encryption", alice, content), "state_key", "")
			elsewhere := with(with(r.event("m.room.encryption", alice, content), "state_key", "x"), "room_id", "!else:example.org")
			r.push(turn, elsewhere)
			r.until("it is known", func() bool { return r.c.knownEncrypted(room) })
			r.push(r.member(ghost, ghost, "leave"), r.member(ghost, ghost, "join"))
			r.until("it is written down", func() bool {
				list, err := r.c.store.encryptedRooms(t.Context())
				return err == nil && strings.Join(list, " ") == room
			})
			r.c.Close()
			r.begin()
			if is := r.veil(room); is != "encrypted" || !r.c.knownEncrypted(room) || r.c.knownEncrypted("!else:example.org") {
				t.Errorf("%s after a restart, although the homeserver says otherwise", is)
			}
		})
	}
}

// What earlier versions noted of rooms counts.
func storeEncrypted(t *testing.T, s *store) {
	if _, err := s.Exec(t.Context(), `INSERT INTO mx_room_state (room_id, encryption) VALUES ($1, $2)`, room, `{"algorithm":"m.megolm.v1.aes-sha2"}`); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.setEncrypted(t.Context(), "!b:example.org"); err != nil {
			t.Fatal(err)
		}
	}
	known, err := newSecrecy(t.Context(), s, nil, discard())
	if err != nil || !known.known(room) || !known.known("!b:example.org") || known.known("!c:example.org") {
		t.Errorf("%v, %v", known.rooms, err)
	}
}
