//go:build interop

package interop

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"roomline/signalling"
	"roomline/test/interop/rig"
)

// ending is one way for a call from the room to end, and what each side must
// then see. Empty expectations are not looked at.
type ending struct {
	name    string
	number  string // what alice dials, last digits of +493023125...
	changes []string
	login   rig.Login
	act     func(s *scene, call *rig.RoomCall) // what happens once the call is placed
	within  time.Duration                      // from then until alice's client shows the end

	sent   string // the event that ends the call in the room; "" when alice ended it
	notice string // how the sentence begins
	cause  string
	by     string
	sip    string // a message of the ladder that must be there
}

// roomEndings: calls that alice places and that are never answered.
func roomEndings() []ending {
	v0 := rig.Login{V0: true}
	cancels := func(s *scene, call *rig.RoomCall) {
		s.untilRinging()
		ok(s.t, call.Hangup(s.ctx))
	}
	return []ending{
		{name: "busy", number: "610", within: 3 * time.Second, sent: "reject(user_busy)",
			notice: "+49 30 23125610 is busy", cause: "busy", by: "called", sip: "486 Busy Here"},
		{name: "busy, version 0", number: "610", login: v0, within: 3 * time.Second, sent: "hangup(user_busy)",
			notice: "+49 30 23125610 is busy", cause: "busy", by: "called"},
		{name: "declined", number: "9603", within: 3 * time.Second, sent: "reject",
			notice: "+49 30 231259603 declined the call", cause: "rejected", by: "called", sip: "603 Decline"},
		{name: "declined, version 0", number: "9603", login: v0, within: 3 * time.Second, sent: "hangup",
			notice: "+49 30 231259603 declined the call", cause: "rejected", by: "called"},
		{name: "unknown number", number: "404", within: 3 * time.Second, sent: "reject(unknown_error)",
			notice: "+49 30 23125404 is not a number in service", cause: "unallocated", by: "called", sip: "404 Not Found"},
		{name: "unavailable", number: "480", within: 3 * time.Second, sent: "reject(invite_timeout)",
			notice: "+49 30 23125480 cannot be reached", cause: "unavailable", by: "called", sip: "480 Temporarily Unavailable"},
		{name: "the trunk fails", number: "503", within: 3 * time.Second, sent: "reject(unknown_error)",
			notice: "+49 30 23125503 could not be called: the telephone trunk reported a failure", cause: "trunk_failure", by: "called", sip: "503 Service Unavailable"},
		{name: "no answer", number: "609", changes: []string{"http:\n", "calls: {ring_timeout: 10s}\nhttp:\n"}, within: 13 * time.Second,
			sent: "reject(invite_timeout)", notice: "+49 30 23125609 did not answer", cause: "no_answer", by: "gateway", sip: "CANCEL"},
		{name: "alice cancels while it rings", number: "609", act: cancels, within: 3 * time.Second, notice: "Call to +49 30 23125609 was cancelled", cause: "cancelled", by: "caller", sip: "CANCEL"},
		{name: "trunk unreachable", number: "606", changes: []string{"host: 127.7.0.1:5060", "host: 127.7.0.9:5060"}, within: 8 * time.Second,
			sent: "reject(unknown_error)", notice: "+49 30 23125606 could not be called: the telephone trunk does not answer",
			cause: "trunk_unreachable", by: "called"},
		{name: "wrong trunk password", number: "606", changes: []string{"password: gwsecret", "password: wrong"}, within: 3 * time.Second,
			sent: "reject(unknown_error)", notice: "+49 30 23125606 could not be called: the telephone trunk refused our user name or password",
			cause: "trunk_auth", by: "called", sip: "401 Unauthorized"},
		{name: "unknown number, version 0", number: "404", login: v0, within: 3 * time.Second, sent: "hangup(unknown_error)",
			notice: "+49 30 23125404 is not a number in service", cause: "unallocated", by: "called"},
		{name: "no answer, version 0", number: "609", login: v0, changes: []string{"http:\n", "calls: {ring_timeout: 10s}\nhttp:\n"}, within: 13 * time.Second,
			sent: "hangup(invite_timeout)", notice: "+49 30 23125609 did not answer", cause: "no_answer", by: "gateway", sip: "CANCEL"},
		{name: "alice cancels while it rings, version 0", number: "609", login: v0, act: cancels, within: 3 * time.Second,
			notice: "Call to +49 30 23125609 was cancelled", cause: "cancelled", by: "caller", sip: "CANCEL"},
		{name: "trunk unreachable, version 0", number: "606", login: v0, changes: []string{"host: 127.7.0.1:5060", "host: 127.7.0.9:5060"}, within: 8 * time.Second,
			sent: "hangup(unknown_error)", notice: "+49 30 23125606 could not be called: the telephone trunk does not answer",
			cause: "trunk_unreachable", by: "called"},
		{name: "wrong trunk password, version 0", number: "606", login: v0, changes: []string{"password: gwsecret", "password: wrong"}, within: 3 * time.Second,
			sent: "hangup(unknown_error)", notice: "+49 30 23125606 could not be called: the telephone trunk refused our user name or password",
			cause: "trunk_auth", by: "called", sip: "401 Unauthorized"},
		{name: "no route", number: "606", changes: []string{`match: "*"`, `match: "+1*"`}, within: 3 * time.Second,
			sent: "reject(unknown_error)", notice: "There is no route to +49 30 23125606", cause: "no_route", by: "gateway"},
	}
}

func TestUnansweredFromTheRoom(t *testing.T) {
	for _, e := range roomEndings() {
		t.Run(e.name, func(t *testing.T) {
			s := open(t, with{login: e.login, changes: e.changes})
			before := s.holdings(s.ctx)
			call, err := s.alice.Dial(s.ctx, "+493023125"+e.number, 0)
			ok(t, err)
			if e.act != nil {
				e.act(s, call)
			}
			began := time.Now()
			ok(t, call.WaitState(s.ctx, "ended"))
			if took := time.Since(began); took > e.within {
				t.Errorf("alice saw the end after %v, want %v", took, e.within)
			}
			e.check(t, s, call.Room, s.record(s.ctx, 0))
			checkVersions(t, s, call.Room, e.login.V0)
			s.settled(s.ctx, before)
			if n := bed.Live(); n != 0 {
				t.Errorf("Asterisk still has %d channels", n)
			}
		})
	}
}

// untilRinging waits until the number that rings for ever does.
func (s *scene) untilRinging() {
	s.t.Helper()
	_, err := bed.WaitCall(s.ctx, "+493023125609")
	ok(s.t, err)
	pause(s.ctx, 300*time.Millisecond)
}

func (e ending) check(t *testing.T, s *scene, room string, r signalling.Record) {
	t.Helper()
	if got := s.notice(room); !strings.HasPrefix(got, e.notice) {
		t.Errorf("the room was told %q, want %q", got, e.notice)
	} else {
		t.Logf("the room was told %q", got)
	}
	if got := s.sent(room, true); e.sent != "" && (len(got) == 0 || got[len(got)-1] != e.sent) {
		t.Errorf("the gateway sent %q, want %q last", got, e.sent)
	} else if e.sent == "" && slices.ContainsFunc(got, func(k string) bool { return strings.HasPrefix(k, "hangup") || strings.HasPrefix(k, "reject") }) && e.by == "caller" {
		t.Errorf("the gateway sent %q although alice had ended the call", got)
	}
	if e.cause != "" && r.Cause != e.cause || e.by != "" && r.EndedBy != e.by {
		t.Errorf("the record says %s by %s, want %s by %s", r.Cause, r.EndedBy, e.cause, e.by)
	}
	if e.sip != "" && !slices.ContainsFunc(r.Ladder, func(m signalling.Message) bool { return strings.HasPrefix(m.Text, e.sip) }) {
		t.Errorf("the ladder has no %s: %+v", e.sip, r.Ladder)
	}
	if n := len(s.all()); n != 1 {
		t.Errorf("%d records were written", n)
	}
	if n := s.logged("call ended", r.ID); n != 1 {
		t.Errorf("the log says %d times that the call ended", n)
	}
}

// phoneEnding is one way for a call to the room to end unanswered.
type phoneEnding struct {
	name    string
	changes []string
	login   rig.Login
	act     func(s *scene, call *rig.RoomCall, phone *rig.Phone)
	within  time.Duration

	status string // what Asterisk was told; "" when the phone gave up
	sent   string // the gateway's last event; "" for none
	notice string
	cause  string
	by     string
}

func phoneEndings() []phoneEnding {
	reject := func(s *scene, call *rig.RoomCall, _ *rig.Phone) { ok(s.t, call.Reject(s.ctx)) }
	giveUp := func(s *scene, _ *rig.RoomCall, p *rig.Phone) { ok(s.t, p.Hangup(s.ctx)) }
	return []phoneEnding{
		{name: "the phone gives up, version 0", login: rig.Login{V0: true}, act: giveUp, within: 3 * time.Second,
			sent: "hangup(user_hangup)", notice: "Missed call from Carol (+49 30 23125999) at ", cause: "cancelled", by: "caller"},
		{name: "alice is busy", act: func(s *scene, call *rig.RoomCall, _ *rig.Phone) { s.otherDevice(call, "m.call.reject", "user_busy") },
			within: 3 * time.Second, status: "486 Busy Here", sent: "select_answer",
			notice: "Carol (+49 30 23125999) called while you were busy", cause: "busy", by: "called"},
		{name: "another device of alice's declines", act: func(s *scene, call *rig.RoomCall, _ *rig.Phone) { s.otherDevice(call, "m.call.reject", "") },
			within: 3 * time.Second, status: "603 Decline", sent: "select_answer",
			notice: "You declined a call from Carol (+49 30 23125999)", cause: "rejected", by: "called"},
		{name: "no answer, version 0", login: rig.Login{V0: true}, changes: []string{"http:\n", "calls: {ring_timeout: 10s}\nhttp:\n"}, within: 13 * time.Second,
			status: "480 Temporarily Unavailable", sent: "hangup(invite_timeout)", notice: "Missed call from Carol (+49 30 23125999) at ", cause: "no_answer"},
		{name: "the phone gives up", act: giveUp,
			within: 3 * time.Second, sent: "hangup(user_hangup)", notice: "Missed call from Carol (+49 30 23125999) at ", cause: "cancelled", by: "caller"},
		{name: "alice declines", act: reject, within: 3 * time.Second, status: "603 Decline",
			notice: "You declined a call from Carol (+49 30 23125999)", cause: "rejected", by: "called"},
		{name: "alice declines, version 0", login: rig.Login{V0: true}, act: reject, within: 3 * time.Second, status: "603 Decline",
			notice: "You declined a call from Carol (+49 30 23125999)", cause: "rejected", by: "called"},
		{name: "no answer", changes: []string{"http:\n", "calls: {ring_timeout: 10s}\nhttp:\n"}, within: 13 * time.Second, status: "480 Temporarily Unavailable",
			sent: "hangup(invite_timeout)", notice: "Missed call from Carol (+49 30 23125999) at ", cause: "no_answer"}, // her client's timer runs out with ours
	}
}

func TestUnansweredFromThePhone(t *testing.T) {
	for _, e := range phoneEndings() {
		t.Run(e.name, func(t *testing.T) {
			s := open(t, with{login: e.login, changes: e.changes})
			before, mark := s.holdings(s.ctx), bed.Mark()
			call, phone := s.ring()
			began := time.Now()
			if e.act != nil {
				e.act(s, call, phone)
			}
			_, _, err := phone.WaitEnded(s.ctx)
			ok(t, err)
			ok(t, call.WaitState(s.ctx, "ended"))
			if took := time.Since(began); took > e.within {
				t.Errorf("it took %v to end on both sides, want %v", took, e.within)
			}
			r := s.record(s.ctx, 0)
			ending{sent: e.sent, notice: e.notice, cause: e.cause, by: e.by}.check(t, s, call.Room, r)
			if e.status != "" {
				s.waitSIP(mark, did, "< "+e.status)
			}
			s.settled(s.ctx, before)
		})
	}
}

// otherDevice ends a ringing call as another client of alice's would.
func (s *scene) otherDevice(call *rig.RoomCall, kind, reason string) {
	s.t.Helper()
	content := map[string]any{"version": "1", "call_id": call.ID, "party_id": "OTHERDEVICE"}
	if reason != "" {
		content["reason"] = reason
	}
	ok(s.t, s.alice.Send(s.ctx, call.Room, kind, content))
}

// waitSIP waits until Asterisk's log of calls with a number has a message.
func (s *scene) waitSIP(mark rig.Mark, number, want string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, 5*time.Second)
	defer cancel()
	var messages []string
	for !slices.Contains(messages, want) {
		if ctx.Err() != nil {
			s.t.Errorf("%s: Asterisk saw no %q: %q", number, want, messages)
			return
		}
		pause(ctx, 100*time.Millisecond)
		messages, _ = bed.SIP(mark, number)
	}
}

// TestNobodyToRing: a number that leads nowhere, and a user who has not joined.
func TestNobodyToRing(t *testing.T) {
	s := open(t, with{})
	before, mark := s.holdings(s.ctx), bed.Mark()
	for i, e := range []struct{ number, status, cause string }{
		{"+493023125777", "< 404 Not Found", "unallocated"},               // no route has it
		{"+493023125702", "< 480 Temporarily Unavailable", "unavailable"}, // bob never joined his line
	} {
		phone, err := bed.Originate(s.ctx, rig.Call{To: e.number, From: caller})
		ok(t, err)
		s.endsWithin(phone, 0, 3*time.Second)
		s.waitSIP(mark, e.number, e.status)
		if r := s.record(s.ctx, i); r.To != e.number || r.Cause != e.cause || s.logged("call ended", r.ID) != 1 {
			t.Errorf("the record says %s to %s, want %s", r.Cause, r.To, e.cause)
		}
	}
	s.settled(s.ctx, before)
}
