//go:build interop

package interop

import (
	"slices"
	"strings"
	"testing"

	"roomline/test/interop/rig"
)

// TestCallersName: who calls is who the trunk asserts, and is named in the room.
func TestCallersName(t *testing.T) {
	for _, e := range []struct {
		name    string
		headers []string
		want    string // the caller's name in the room, and in the client
		not     string
	}{
		{"From alone", []string{`From: "Carol" <sip:+493023125999@127.7.0.3>`}, "Carol", ""},
		{"asserted", []string{`From: "Mallory" <sip:+4915550000@127.7.0.3>`, `P-Asserted-Identity: "Dora" <sip:+493023125998@127.7.0.3>`}, "Dora", "Mallory"},
		{"no name", []string{`From: <sip:030-23125997@127.7.0.3>`}, "+49 30 23125997", ""},
		{"withheld", []string{`From: "Anonymous" <sip:anonymous@anonymous.invalid>`, `P-Asserted-Identity: "Dora" <sip:+493023125998@127.7.0.3>`, "Privacy: id"}, "nonymous", "Dora"},
	} {
		t.Run(e.name, func(t *testing.T) {
			s := open(t, with{carrier: true})
			call, line := s.called(e.headers...)
			names, err := s.alice.Members(s.ctx, call.Room)
			ok(t, err)
			shown := names[call.From]
			facts, err := call.Facts(s.ctx)
			ok(t, err)
			t.Logf("rings as %q, asserted %q", shown, facts.Names)
			if !strings.Contains(shown, e.want) || e.not != "" && strings.Contains(shown, e.not) {
				t.Errorf("it rings as %q, want %q", shown, e.want)
			}
			if e.not != "" && slices.ContainsFunc(facts.Names, func(n string) bool { return strings.Contains(n, e.not) }) {
				t.Errorf("the client was told %q", facts.Names)
			}
			ok(t, line.Hangup(s.ctx))
			told := e.want
			if e.name == "withheld" {
				told = "an unknown caller"
			}
			if got := s.notice(call.Room); !strings.Contains(got, told) || e.not != "" && strings.Contains(got, e.not) {
				t.Errorf("the room was told %q", got)
			}
		})
	}
}

// TestConnectedLine: somebody else takes the receiver at the far end, and the
// client is told who (RFC 5876, MSC3086), by UPDATE and by re-INVITE.
func TestConnectedLine(t *testing.T) {
	s := open(t, with{carrier: true})
	call, line := s.reach()
	res, err := line.Say(s.ctx, "UPDATE", "", `P-Asserted-Identity: "Dora" <sip:+493023125998@127.7.0.3>`)
	ok(t, err)
	if res.Status() != "200" {
		t.Fatalf("UPDATE was answered %q", res.First)
	}
	s.shows(call, "Dora")
	_, err = line.Direct(s.ctx, "sendrecv", `P-Asserted-Identity: "Emil" <sip:+493023125997@127.7.0.3>`)
	ok(t, err)
	s.shows(call, "Emil")
	s.talks(call, line)
	ok(t, call.Hangup(s.ctx))
	if got := s.notice(call.Room); !strings.HasPrefix(got, "Call to Emil (+49 30 23125997) ended") {
		t.Errorf("the room was told %q", got)
	}
}

// shows waits until the client has been told a name.
func (s *scene) shows(call *rig.RoomCall, name string) {
	s.t.Helper()
	s.until(s.ctx, "the name "+name, func() bool {
		facts, err := call.Facts(s.ctx)
		ok(s.t, err)
		return slices.ContainsFunc(facts.Names, func(n string) bool { return strings.Contains(n, name) })
	})
}

// TestDigitsReachTheRoom: what the telephone presses is an event that bots can
// read, all sixteen keys in order.
func TestDigitsReachTheRoom(t *testing.T) {
	s := open(t, with{})
	call, phone := s.connect("030 23125614", "+493023125614")
	_, _, err := phone.WaitEnded(s.ctx)
	ok(t, err)
	var digits strings.Builder
	events, err := s.alice.Events(s.ctx, call.Room)
	ok(t, err)
	for _, e := range events {
		if strings.Contains(e.Type, "digits") || strings.Contains(e.Type, "dtmf") {
			digits.WriteString(e.Text("digits"))
		}
	}
	if digits.String() != "0123456789*#ABCD" {
		t.Errorf("the room was told %q", digits.String())
	}
}

// TestKeypadIsShown: both kinds of call let the client show its keypad and its
// transfer button.
func TestKeypadIsShown(t *testing.T) {
	both(t, func(t *testing.T, s *scene, call *rig.RoomCall, _ *rig.Line, _ bool) {
		if f, err := call.Facts(s.ctx); err != nil || !f.Keypad || !f.Transferable || !f.Streams || f.FarMuted {
			t.Errorf("the client knows %+v (%v)", f, err)
		}
		ok(t, call.Hangup(s.ctx))
	})
}
