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

// dialects are the ways in which a client may speak m.call.
var dialects = map[string]rig.Login{
	"version 1":                   {},
	"version 0":                   {V0: true},
	"version 0, m.call.candidate": {V0: true, Singular: true},
}

func TestRoomToPhone(t *testing.T) {
	for name, login := range dialects {
		t.Run(name, func(t *testing.T) {
			s := open(t, with{login: login})
			before := s.holdings(s.ctx)
			call, phone := s.connect("030 / 23125-606", "+493023125606")
			heard, err := call.Record(s.ctx, 3*time.Second)
			ok(t, err)
			hears(t, "alice", heard, phoneTone, 2700*time.Millisecond)
			stats, err := call.Stats(s.ctx)
			ok(t, err)
			if stats.Codec != "PCMU" || stats.SentCodec != "PCMU" || stats.Lost > 5 {
				t.Errorf("the browser's figures: %+v", stats)
			}
			ok(t, call.Hangup(s.ctx))
			_, cause, err := phone.WaitEnded(s.ctx)
			ok(t, err)
			if cause != 16 {
				t.Errorf("the phone was told cause %d, want 16", cause)
			}
			theirs, err := phone.Heard(s.ctx)
			ok(t, err)
			if tone := hears(t, "the phone", theirs, aliceTone, 2700*time.Millisecond); tone.Onset > 1500*time.Millisecond {
				t.Errorf("the phone heard nothing for %v", tone.Onset)
			}
			r := s.record(s.ctx, 0)
			checkRecord(t, r, signalling.RoomToPhone, "+493023125606")
			if got := s.notice(call.Room); !strings.HasPrefix(got, "Call to +49 30 23125606 ended after 0:0") {
				t.Errorf("the room was told %q", got)
			}
			wantSent := []string{"answer", "candidates"}
			if got := s.sent(call.Room, true); !slices.Equal(got, wantSent) {
				t.Errorf("the gateway sent %q, want %q", got, wantSent)
			}
			checkVersions(t, s, call.Room, login.V0)
			s.settled(s.ctx, before)
		})
	}
}

func TestPhoneToRoom(t *testing.T) {
	for name, login := range dialects {
		t.Run(name, func(t *testing.T) {
			s := open(t, with{login: login})
			before := s.holdings(s.ctx)
			call, phone := s.ring()
			if call.Room != s.line {
				t.Errorf("it rings in %s, want the phone line %s", call.Room, s.line)
			}
			ok(t, call.Answer(s.ctx, 0))
			ok(t, call.WaitState(s.ctx, "connected"))
			_, err := phone.WaitAnswered(s.ctx)
			ok(t, err)
			heard, err := call.Record(s.ctx, 3*time.Second)
			ok(t, err)
			hears(t, "alice", heard, phoneTone, 2700*time.Millisecond)
			ok(t, phone.Hangup(s.ctx))
			ok(t, call.WaitState(s.ctx, "ended"))
			theirs, err := phone.Heard(s.ctx)
			ok(t, err)
			if tone := hears(t, "the phone", theirs, aliceTone, 2700*time.Millisecond); tone.Onset > 400*time.Millisecond {
				t.Errorf("the phone heard nothing for %v after the answer", tone.Onset)
			}
			r := s.record(s.ctx, 0)
			checkRecord(t, r, signalling.PhoneToRoom, did)
			if got := s.notice(s.line); !strings.HasPrefix(got, "Call from Carol (+49 30 23125999) ended after 0:0") {
				t.Errorf("the room was told %q", got)
			}
			want := []string{"invite", "select_answer", "hangup(user_hangup)"}
			if login.V0 {
				want = []string{"invite", "hangup(user_hangup)"}
			}
			if got := slices.DeleteFunc(s.sent(s.line, true), func(k string) bool { return k == "candidates" || k == "asserted_identity" }); !slices.Equal(got, want) {
				t.Errorf("the gateway sent %q, want %q", got, want)
			}
			s.settled(s.ctx, before)
		})
	}
}

func checkRecord(t *testing.T, r signalling.Record, d signalling.Direction, to string) {
	t.Helper()
	if r.Direction != d || r.To != to || r.Cause != "normal_clearing" || r.Audio != signalling.BothWays || r.Codec != "PCMU" ||
		r.TalkMS < 2500 || r.SetupMS <= 0 || r.Caller.LossPercent > 2 || r.Called.LossPercent > 2 || len(r.Ladder) < 6 {
		t.Errorf("the record: %+v", r)
	}
	t.Logf("set-up %d ms, caller %+v, called %+v", r.SetupMS, r.Caller, r.Called)
}

// checkVersions: a version 0 caller is answered with the integer 0 and no
// party_id, a version 1 caller with the string "1" and one.
func checkVersions(t *testing.T, s *scene, room string, zero bool) {
	t.Helper()
	events, err := s.alice.Timeline(s.ctx, room)
	ok(t, err)
	for _, e := range events {
		if !strings.HasPrefix(e.Type, "m.call.") || e.Sender == s.alice.ID {
			continue
		}
		version, party := e.Content["version"], e.Content["party_id"]
		if zero && (version != float64(0) || party != nil) || !zero && (version != "1" || party == nil) {
			t.Errorf("%s says version %#v, party %#v", e.Type, version, party)
		}
	}
}

// TestFirstWordIsHeard: the phone speaks the moment it answers, while the room
// is still being connected. Its first 300 ms, at 700 Hz, must not be lost.
func TestFirstWordIsHeard(t *testing.T) {
	s := open(t, with{})
	call, phone := s.connect("030 23125607", "+493023125607")
	pause(s.ctx, 2*time.Second)
	heard, err := call.Heard(s.ctx)
	ok(t, err)
	first, rest := heard.Tone(700), heard.Tone(phoneTone)
	t.Logf("alice hears %v, then %v", first, rest)
	if first.Present < 160*time.Millisecond || rest.Present < time.Second || first.Onset > rest.Onset {
		t.Errorf("the first word was lost: %v, then %v", first, rest)
	}
	ok(t, phone.Hangup(s.ctx))
	ok(t, call.WaitState(s.ctx, "ended"))
}

// TestNumbersAsTyped: the dial pad sends what was typed; all of these are one number.
func TestNumbersAsTyped(t *testing.T) {
	s := open(t, with{})
	users := map[string]bool{}
	for _, typed := range []string{"+493023125606", "030 23125606", "0049 30 23125 606", "(030) 23125-606", "+49 (0)30 23125606"} {
		found, err := s.alice.Lookup(s.ctx, typed)
		ok(t, err)
		users[found.UserID] = true
		var profile struct {
			Displayname string `json:"displayname"`
		}
		ok(t, s.alice.Client(s.ctx, "GET", "/_matrix/client/v3/profile/"+found.UserID, nil, &profile))
		if profile.Displayname != "+49 30 23125606" {
			t.Errorf("%q leads to %s, named %q", typed, found.UserID, profile.Displayname)
		}
	}
	if len(users) != 1 {
		t.Errorf("one number led to %v", users)
	}
	if _, err := s.alice.Lookup(s.ctx, "hello"); err == nil {
		t.Error("a word was taken for a number")
	}
}

// TestKeysBothWays: telephone-event passes in both directions.
func TestKeysBothWays(t *testing.T) {
	t.Run("room to phone", func(t *testing.T) {
		s := open(t, with{})
		call, phone := s.connect("030 23125603", "+493023125603")
		ok(t, call.Press(s.ctx, "4711#*0", 120*time.Millisecond))
		if got := pressed(s, phone, 7); got != "4711#*0" {
			t.Errorf("the phone heard %q", got)
		}
		ok(t, call.Hangup(s.ctx))
		s.record(s.ctx, 0)
	})
	t.Run("phone to room", func(t *testing.T) {
		s := open(t, with{})
		call, phone := s.connect("030 23125614", "+493023125614")
		_, _, err := phone.WaitEnded(s.ctx)
		ok(t, err)
		heard, err := call.Heard(s.ctx)
		ok(t, err)
		if got := heard.Digits(); got != "0123456789*#ABCD" {
			t.Errorf("the room heard %q", got)
		}
	})
}

// TestKnownCallerRingsInTheirChat: a call from a number that alice has a chat
// with rings there, not on the phone line.
func TestKnownCallerRingsInTheirChat(t *testing.T) {
	s := open(t, with{})
	found, err := s.alice.Lookup(s.ctx, caller)
	ok(t, err)
	room, err := s.alice.Room(s.ctx, found.UserID)
	ok(t, err)
	call, phone := s.ring()
	if call.Room != room {
		t.Errorf("it rings in %s, want the chat with %s, %s", call.Room, found.UserID, room)
	}
	ok(t, phone.Hangup(s.ctx))
	ok(t, call.WaitState(s.ctx, "ended"))
}
