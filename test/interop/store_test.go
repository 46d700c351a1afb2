//go:build interop

package interop

import (
	"testing"
	"time"

	"roomline/internal/database/databasetest"
)

// TestPostgreSQL: the same with the other database: a call, a sudden end with a
// call that lasts, and a call after that.
func TestPostgreSQL(t *testing.T) {
	at := databasetest.Start(t).New(t)
	s := open(t, with{changes: []string{"database: ", "database: " + at.Reveal() + " # "}})
	call, phone := s.connect("030 23125606", "+493023125606")
	s.listens("alice", call, phoneTone)
	s.Kill()
	s.start()
	ok(t, call.WaitState(s.ctx, "ended"))
	s.endsWithin(phone, 0, 10*time.Second)
	call, phone = s.connect("030 23125606", "+493023125606")
	ok(t, call.Hangup(s.ctx))
	_, _, err := phone.WaitEnded(s.ctx)
	ok(t, err)
}
