//go:build interop

package interop

import (
	"slices"
	"strings"
	"testing"
	"time"

	"roomline/signalling"
	"roomline/test/interop/rig"
)

// sealed opens a scene in which the gateway and alice encrypt; more is what
// the gateway's section of encryption has besides: ", rooms: true".
func sealed(t *testing.T, w with, more string) *scene {
	t.Helper()
	w.login.Crypto = true
	w.changes = append([]string{"  domain: ", "  encryption: {enabled: true" + more + "}\n  domain: "}, w.changes...)
	return open(t, w)
}

// readable fails unless a user's client takes a room for encrypted and reads all
// that was said there since, with nothing to warn of, and nobody spoke in clear.
func (s *scene) readable(u *rig.User, room string, since time.Time) {
	s.t.Helper()
	is, err := u.Encrypted(s.ctx, room)
	ok(s.t, err)
	lost, err := u.Unreadable(s.ctx, room)
	ok(s.t, err)
	lost = slices.DeleteFunc(lost, func(e rig.Sealed) bool { return e.At().Before(since) })
	plain, err := u.Plain(s.ctx, room)
	ok(s.t, err)
	if !is || len(lost) > 0 || len(plain) > 0 {
		s.t.Errorf("%s: encrypted: %v; unable to decrypt %+v; in clear %q", u.ID, is, lost, plain)
	}
	if since.IsZero() {
		s.trusted(u, room)
	}
}

// trusted fails where a client would draw a shield beside what the gateway says.
func (s *scene) trusted(u *rig.User, room string) {
	s.t.Helper()
	shields, err := u.Shields(s.ctx, room)
	ok(s.t, err)
	for _, shield := range shields {
		if shield.Colour != 0 {
			s.t.Errorf("%s sees a shield beside %s: %+v", u.ID, shield.Type, shield)
		}
	}
}

// recorded is what a telephone has heard of a call that is over.
func recorded(s *scene, phone *rig.Phone) rig.Sound {
	s.t.Helper()
	heard, err := phone.Heard(s.ctx)
	ok(s.t, err)
	return heard
}

// TestEncryptedRoomToPhone: the dial pad makes an encrypted chat, for the number
// has keys, signed by its user; T71 with a real client.
func TestEncryptedRoomToPhone(t *testing.T) {
	s := sealed(t, with{}, "")
	call, phone := s.connect("030 / 23125-606", "+493023125606")
	s.listens("alice", call, phoneTone)
	ok(t, call.Hold(s.ctx, true))
	_, err := call.WaitFacts(s.ctx, rig.Wanted{"holding": true, "signalling": "stable"})
	ok(t, err)
	ok(t, call.Hold(s.ctx, false))
	_, err = call.WaitFacts(s.ctx, rig.Wanted{"holding": false, "signalling": "stable"})
	ok(t, err)
	s.listens("alice", call, phoneTone)
	ok(t, call.Hangup(s.ctx))
	_, cause, err := phone.WaitEnded(s.ctx)
	ok(t, err)
	if cause != 16 {
		t.Errorf("the phone was told cause %d, want 16", cause)
	}
	atLeast(t, "the phone", recorded(s, phone), 4*time.Second, aliceTone)
	checkRecord(t, s.record(s.ctx, 0), signalling.RoomToPhone, "+493023125606")
	if got := s.notice(call.Room); !strings.HasPrefix(got, "Call to +49 30 23125606 ended after 0:0") {
		t.Errorf("the room was told %q", got)
	}
	if got := s.sent(call.Room, true); !slices.Equal(got, []string{"answer", "candidates", "negotiate", "negotiate"}) {
		t.Errorf("the gateway sent %q", got)
	}
	s.readable(s.alice, call.Room, time.Time{})
	s.signed(call)
}

// signed fails unless the device of a call's number is one that its user has
// signed; other tests, with databases of their own, have left others behind.
func (s *scene) signed(call *rig.RoomCall) {
	s.t.Helper()
	last := s.latest(call.Room, func(e rig.Event) bool { return e.Sender != s.alice.ID })
	devices, err := s.alice.Trust(s.ctx, last.Sender)
	ok(s.t, err)
	for _, d := range devices {
		if d.Device == last.Text("device_id") && d.Signed {
			return
		}
	}
	s.t.Errorf("%s is not signed among %+v", last.Text("device_id"), devices)
}

// TestEncryptedPhoneToRoom: rooms: true makes the telephone room encrypted.
func TestEncryptedPhoneToRoom(t *testing.T) {
	s := sealed(t, with{}, ", rooms: true")
	call, phone := s.ring()
	if call.Room != s.line {
		t.Errorf("it rings in %s, want the phone line %s", call.Room, s.line)
	}
	ok(t, call.Answer(s.ctx, 0))
	ok(t, call.WaitState(s.ctx, "connected"))
	heard, err := call.Record(s.ctx, 3500*time.Millisecond) // a busy machine hears its first sound late
	ok(t, err)
	hears(t, "alice", heard, phoneTone, 2700*time.Millisecond)
	ok(t, phone.Hangup(s.ctx))
	ok(t, call.WaitState(s.ctx, "ended"))
	atLeast(t, "the phone", recorded(s, phone), 2*time.Second, aliceTone)
	checkRecord(t, s.record(s.ctx, 0), signalling.PhoneToRoom, did)
	if got := s.notice(s.line); !strings.HasPrefix(got, "Call from Carol (+49 30 23125999) ended after 0:0") {
		t.Errorf("the room was told %q", got)
	}
	missed, phone := s.ring()
	ok(t, phone.Hangup(s.ctx))
	ok(t, missed.WaitState(s.ctx, "ended"))
	s.says(s.line, "Missed call from Carol")
	s.readable(s.alice, s.line, time.Time{})
}

// TestEncryptedKeysBothWays: digits, between two numbers at once. Each is a user
// with a device of its own; T70 with a real client.
func TestEncryptedKeysBothWays(t *testing.T) {
	s := sealed(t, with{}, "")
	first, phone := s.connect("030 23125603", "+493023125603")
	ok(t, first.Press(s.ctx, "4711#*0", 120*time.Millisecond))
	if got := pressed(s, phone, 7); got != "4711#*0" {
		t.Errorf("the phone heard %q", got)
	}
	second, speaks := s.connect("030 23125614", "+493023125614")
	_, _, err := speaks.WaitEnded(s.ctx)
	ok(t, err)
	heard, err := second.Heard(s.ctx)
	ok(t, err)
	if got := heard.Digits(); got != "0123456789*#ABCD" {
		t.Errorf("the room heard %q", got)
	}
	_ = first.Hangup(s.ctx) // the phone may have enough of waiting for more digits
	s.notice(first.Room)
	for _, call := range []*rig.RoomCall{first, second} {
		s.readable(s.alice, call.Room, time.Time{})
	}
}

// TestEncryptedHolds: hold from both sides, in the encrypted chat with a number
// that calls.
func TestEncryptedHolds(t *testing.T) {
	s := sealed(t, with{carrier: true}, "")
	found, err := s.alice.Lookup(s.ctx, caller)
	ok(t, err)
	room, err := s.alice.Room(s.ctx, found.UserID)
	ok(t, err)
	call, line := s.called()
	if call.Room != room {
		t.Errorf("it rings in %s, want the chat with %s, %s", call.Room, found.UserID, room)
	}
	s.talks(call, line)
	n := len(line.Messages())
	ok(t, call.Hold(s.ctx, true))
	m, _, err := line.Request(s.ctx, "INVITE", n)
	ok(t, err)
	if m.Direction() != "sendonly" {
		t.Errorf("the trunk was told %s, want sendonly", m.Direction())
	}
	ok(t, call.Hold(s.ctx, false))
	_, err = call.WaitFacts(s.ctx, rig.Wanted{"holding": false, "signalling": "stable"})
	ok(t, err)
	s.talks(call, line)
	for _, hold := range []bool{true, false} {
		_, err := line.Direct(s.ctx, map[bool]string{true: "sendonly", false: "sendrecv"}[hold])
		ok(t, err)
		_, err = call.WaitFacts(s.ctx, rig.Wanted{"held": hold, "signalling": "stable"})
		ok(t, err)
	}
	s.talks(call, line)
	ok(t, line.Hangup(s.ctx))
	ok(t, call.WaitState(s.ctx, "ended"))
	s.notice(room)
	s.readable(s.alice, room, time.Time{})
}
