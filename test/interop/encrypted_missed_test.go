//go:build interop

package interop

import (
	"testing"
	"time"
)

// TestEncryptedKeyWhileDown: a client sends a new key while the gateway does not
// run, which Synapse never brings to an application service. The gateway asks for
// it, and the call that is said under it is taken.
func TestEncryptedKeyWhileDown(t *testing.T) {
	s := sealed(t, with{limit: 2 * time.Minute}, "")
	call, _ := s.connect("030 23125606", "+493023125606")
	ok(s.t, call.Hangup(s.ctx))
	s.says(call.Room, "ended")
	s.Kill()
	ok(s.t, s.alice.Discard(s.ctx, call.Room))
	ok(s.t, s.alice.Say(s.ctx, call.Room, "is anybody there?"))
	s.start()
	begun := time.Now()
	call, phone := s.connect("030 23125606", "+493023125606")
	t.Logf("connected after %v", time.Since(begun))
	s.listens("alice", call, phoneTone)
	ok(s.t, phone.Hangup(s.ctx))
	ok(s.t, call.WaitState(s.ctx, "ended"))
	s.readable(s.alice, call.Room, time.Time{})
}
