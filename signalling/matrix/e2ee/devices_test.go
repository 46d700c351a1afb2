package e2ee

import (
	"testing"

	"roomline/internal/database"
	"roomline/internal/database/databasetest"
)

// T70: two ghosts keep their keys in one database, and each reads what is for
// it; on both kinds of database.
func TestTwoGhosts(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, at database.Address) {
		r := setUpAt(t, at, Config{})
		mine, hers := r.device(ghost), r.device(other)
		if mine == hers {
			t.Fatal("two ghosts have the same device")
		}
		phone := r.hs.Peer(alice, "PHONE").CrossSigned()
		one := phone.Say(room, "m.call.invite", call, ghost)
		if got := r.opens(ghost, one); got.Type.Type != "m.call.invite" || got.Sender != alice || !got.Mautrix.WasEncrypted ||
			got.Mautrix.TrustSource == nil || got.Mautrix.TrustSource.IdentityKey.String() != phone.Key() {
			t.Errorf("opened %+v", got)
		}
		if err := r.refuses(other, one); err != ErrNoKey {
			t.Errorf("the other ghost: %v", err)
		}
		both := phone.Say(room, "m.call.invite", call, ghost, other)
		r.opens(ghost, both)
		r.opens(other, both)
		for _, user := range []string{ghost, other} {
			e := r.says(user, alice, ghost, other)
			got, err := phone.Read(e)
			if err != nil || got.Type.Type != "m.call.answer" {
				t.Errorf("alice reads of %s: %v", user, err)
			}
		}
		r.restart()
		r.opens(ghost, phone.Seal(room, "m.call.hangup", call))
		if _, err := phone.Read(r.says(ghost, alice, ghost)); err != nil {
			t.Errorf("after a restart: %v", err)
		}
	})
}
