//go:build interop

package interop

import (
	"strings"
	"testing"
	"time"

	"roomline/test/interop/rig"
)

// again logs alice in once more, in a browser context of its own.
func (s *scene) again(l rig.Login) *rig.User {
	s.t.Helper()
	l.Name, l.Crypto = strings.TrimPrefix(strings.Split(s.alice.ID, ":")[0], "@"), true
	return s.join(l)
}

// TestEncryptedNewDevice: alice logs in with a second device in the middle of a
// call. It reads what is said afterwards, takes the next call and places one
// itself; T70.
func TestEncryptedNewDevice(t *testing.T) {
	s := sealed(t, with{limit: 2 * time.Minute}, ", rooms: true")
	key, err := s.alice.Recovery(s.ctx)
	ok(t, err)
	call, phone := s.connect("030 23125606", "+493023125606")
	second := s.again(rig.Login{Tone: bobTone, Recovery: key})
	since := time.Now()
	s.listens("alice", call, phoneTone)
	ok(t, call.Hangup(s.ctx))
	_, _, err = phone.WaitEnded(s.ctx)
	ok(t, err)
	s.notice(call.Room)
	told(s, second, call.Room, "ended after")

	first, phone := s.ring()
	taken, err := second.WaitIncoming(s.ctx, "")
	ok(t, err)
	ok(t, taken.Answer(s.ctx, 0))
	ok(t, taken.WaitState(s.ctx, "connected"))
	ok(t, first.WaitState(s.ctx, "ended"))
	s.listens("the second device", taken, phoneTone)
	ok(t, phone.Hangup(s.ctx))
	ok(t, taken.WaitState(s.ctx, "ended"))
	atLeast(t, "the phone", recorded(s, phone), 2*time.Second, bobTone)
	s.notice(s.line)

	placed, err := second.Dial(s.ctx, "030 23125606", 0)
	ok(t, err)
	ok(t, placed.WaitState(s.ctx, "connected"))
	ok(t, placed.Hangup(s.ctx))
	s.record(s.ctx, 2)
	for _, room := range []string{call.Room, s.line} {
		s.readable(s.alice, room, time.Time{})
		s.readable(second, room, since)
	}
}

// told waits until the last that a user reads in a room has a text in it.
func told(s *scene, u *rig.User, room, want string) {
	s.t.Helper()
	_, err := u.WaitTimeline(s.ctx, room, func(e []rig.Event) bool {
		all := u.Told(e)
		return len(all) > 0 && strings.Contains(all[len(all)-1], want)
	})
	ok(s.t, err)
}

// TestEncryptedNewDeviceWhileItRings: it reads the end of a call whose beginning
// was not for it; T70.
func TestEncryptedNewDeviceWhileItRings(t *testing.T) {
	s := sealed(t, with{}, ", rooms: true")
	key, err := s.alice.Recovery(s.ctx)
	ok(t, err)
	call, phone := s.ring()
	second := s.again(rig.Login{Recovery: key})
	since := time.Now()
	ok(t, call.Answer(s.ctx, 0))
	ok(t, call.WaitState(s.ctx, "connected"))
	s.listens("alice", call, phoneTone)
	ok(t, phone.Hangup(s.ctx))
	ok(t, call.WaitState(s.ctx, "ended"))
	s.notice(s.line)
	told(s, second, s.line, "ended after")
	s.readable(s.alice, s.line, time.Time{})
	s.readable(second, s.line, since)
}

// TestEncryptedUnsignedDevice: a device that its owner has not signed places no
// call, and is told why; with devices: any it does.
func TestEncryptedUnsignedDevice(t *testing.T) {
	for policy, more := range map[string]string{"cross-signed": "", "any": ", devices: any"} {
		t.Run(policy, func(t *testing.T) {
			s := sealed(t, with{login: rig.Login{Unsigned: true}}, more)
			call, err := s.alice.Dial(s.ctx, "030 23125606", 0)
			ok(t, err)
			if policy == "any" {
				ok(t, call.WaitState(s.ctx, "connected"))
				s.listens("alice", call, phoneTone)
				ok(t, call.Hangup(s.ctx))
				s.notice(call.Room)
				s.readable(s.alice, call.Room, time.Time{})
				return
			}
			s.says(call.Room, "not signed by its owner. Verify that device")
			ok(t, call.WaitState(s.ctx, "ended")) // nor does the client ring on
			if n := bed.Live(); n != 0 {
				t.Errorf("the telephone was called all the same: %d channels", n)
			}
		})
	}
}

// TestEncryptedWithheld: alice's client gives keys to verified devices only, so
// that the gateway cannot read her calls; the room is told.
func TestEncryptedWithheld(t *testing.T) {
	s := sealed(t, with{}, "")
	ok(t, s.alice.VerifiedOnly(s.ctx, true))
	call, err := s.alice.Dial(s.ctx, "030 23125606", 0)
	ok(t, err)
	s.says(call.Room, "verified")
	ok(t, call.Hangup(s.ctx))
	ok(t, s.alice.VerifiedOnly(s.ctx, false))
	ok(t, s.alice.Discard(s.ctx, call.Room))
	call, _ = s.connect("030 23125606", "+493023125606")
	s.listens("alice", call, phoneTone)
	ok(t, call.Hangup(s.ctx))
	s.says(call.Room, "ended after")
	s.readable(s.alice, call.Room, time.Time{})
}
