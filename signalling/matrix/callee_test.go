package matrix

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"roomline/media"
	"roomline/media/peer"
	"roomline/signalling"
)

// fromBob is a telephone's call to alice.
var fromBob = signalling.Target{Via: "matrix", To: signalling.Party{User: alice}, From: signalling.Party{Number: dialled}}

// rung rings alice and returns what she sees.
func (r *rig) rung() (*signalling.Inbox, signalling.Leg, *fakePeer, sent) {
	r.t.Helper()
	in := signalling.NewInbox("test", r.c.log)
	leg := r.c.Dial(fromBob, []media.Format{media.PCMA}, in)
	p := r.peer()
	invite := r.expect(typeInvite)
	r.expect(typeCandidates)
	r.follow(in, signalling.Ringing)
	return in, leg, p, invite
}

// says makes an event of alice's for our call.
func (r *rig) says(invite sent, eventType, party string, extra map[string]any) map[string]any {
	content := map[string]any{"version": "1", "call_id": invite.Body["call_id"], "party_id": party}
	if party == "" {
		content["version"] = 0
		delete(content, "party_id")
	}
	for k, v := range extra {
		content[k] = v
	}
	return r.event(eventType, alice, content)
}

func answerSDP(sdp string) map[string]any {
	return map[string]any{"answer": map[string]any{"type": "answer", "sdp": sdp}}
}

func candidate1(text string) map[string]any {
	return map[string]any{"candidates": []any{map[string]any{"candidate": text, "sdpMid": "0", "sdpMLineIndex": 0}}}
}

// T30, T32: answered by one of two devices.
func TestTelephoneCallsRoom(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	in, leg, p, invite := r.rung()
	id, _ := invite.Body["call_id"].(string)
	if !strings.HasPrefix(id, "~") || invite.As != ghost || invite.Body["invitee"] != alice || invite.Body["version"] != "1" {
		t.Errorf("invite as %s: %s", invite.As, invite.Raw)
	}
	r.wantBody(invite, "lifetime", 90000)
	r.wantBody(invite, "sdp_stream_metadata", map[string]any{"stream1": map[string]any{"purpose": "m.usermedia", "audio_muted": false, "video_muted": true}})
	r.push(r.says(invite, typeCandidates, "LAPTOP", candidate1("laptop")), r.says(invite, typeCandidates, "PHONE", candidate1("phone")))
	r.push(r.says(invite, typeAnswer, "PHONE", answerSDP("from phone")), r.says(invite, typeCandidates, "PHONE", candidate1("more")))
	chosen := r.expect(typeSelectAnswer)
	r.wantBody(chosen, "selected_party_id", "PHONE")
	r.wantBody(chosen, "party_id", invite.Body["party_id"])
	r.until("candidates arrive", func() bool { return p.heardCandidates() == "phone,more" })
	if p.get(func() string { return p.accepted }) != "from phone" {
		t.Errorf("accepted %q", p.accepted)
	}
	if leg.Media() != nil {
		t.Error("answered before audio can flow")
	}
	p.on(peer.Connected)
	r.follow(in, signalling.Answered)
	if leg.Media() == nil {
		t.Error("no media after Answered")
	}
	leg.Hangup(signalling.Reason{Cause: signalling.NormalClearing})
	r.wantBody(r.expect(typeHangup), "reason", "user_hangup")
	r.follow(in, signalling.Gone)
	r.notice("Call from +49 301234567 ended after 0:00.")
	r.quiet()
}

// T31: two answers race; the first one counts.
func TestTwoAnswers(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	in, leg, p, invite := r.rung()
	r.push(r.says(invite, typeAnswer, "PHONE", answerSDP("first")), r.says(invite, typeAnswer, "LAPTOP", answerSDP("second")),
		r.says(invite, typeReject, "LAPTOP", nil), r.says(invite, typeHangup, "LAPTOP", nil))
	r.wantBody(r.expect(typeSelectAnswer), "selected_party_id", "PHONE")
	p.on(peer.Connected)
	r.follow(in, signalling.Answered)
	if p.accepted != "first" {
		t.Errorf("accepted %q", p.accepted)
	}
	leg.Hangup(signalling.Reason{})
	r.follow(in, signalling.Gone)
}

// T33: an answer of version 0 is honoured, without select_answer. T37: so is
// one of version 1 that forgot its party.
func TestOldAnswers(t *testing.T) {
	t.Parallel()
	for name, version := range map[string]any{"version 0": 0, "no party": "1"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t).meet()
			in, _, p, invite := r.rung()
			old := map[string]any{"version": version}
			a, c := answerSDP("old"), candidate1("c")
			a["version"], c["version"] = version, version
			r.push(r.says(invite, typeCandidates, "", c), r.says(invite, typeAnswer, "", a))
			r.until("the answer is taken", func() bool { return p.heardCandidates() == "c" })
			p.on(peer.Connected)
			r.follow(in, signalling.Answered)
			r.push(r.says(invite, typeHangup, "", old))
			r.ends(in, signalling.NormalClearing)
			r.notice("Call from +49 301234567 ended after 0:00.")
			r.quiet()
		})
	}
}

// T34: declined, busy, declined in version 0; late rejects do nothing.
func TestRoomDeclines(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		event, party, reason string
		cause                signalling.Cause
		said                 string
	}{
		"reject":       {typeReject, "PHONE", "", signalling.Rejected, "You declined a call from +49 301234567."},
		"busy":         {typeReject, "PHONE", "user_busy", signalling.Busy, "+49 301234567 called while you were busy."},
		"version 0":    {typeHangup, "", "", signalling.Rejected, "You declined a call from +49 301234567."},
		"device fails": {typeHangup, "PHONE", "user_media_failed", signalling.MediaFailed, "The call from +49 301234567 failed: no audio connection could be made between your client and the gateway."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t).meet()
			in, _, p, invite := r.rung()
			extra := map[string]any{}
			if tt.reason != "" {
				extra["reason"] = tt.reason
			}
			r.push(r.says(invite, tt.event, tt.party, extra))
			r.ends(in, tt.cause)
			if tt.party != "" {
				r.wantBody(r.expect(typeSelectAnswer), "selected_party_id", tt.party)
			}
			r.notice(tt.said)
			r.quiet()
			if !p.closed {
				t.Error("the peer is still open")
			}
		})
	}
}

// T34: a reject after the answer, of whichever device, is ignored.
func TestRejectAfterTheAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	in, _, p, invite := r.talkingTo()
	r.push(r.says(invite, typeReject, "PHONE", nil), r.says(invite, typeReject, "LAPTOP", map[string]any{"reason": "user_busy"}))
	r.reached(invite, p)
	if got := in.Take(); len(got) != 0 {
		t.Errorf("posted %v", got)
	}
}

// X2: a stranger in the room neither answers nor declines.
func TestForgedAnswers(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	in, leg, p, invite := r.rung()
	r.push(with(r.says(invite, typeAnswer, "X", answerSDP("forged")), "sender", mallet),
		with(r.says(invite, typeReject, "X", nil), "sender", mallet), r.says(invite, typeAnswer, "PHONE", answerSDP("true")))
	r.expect(typeSelectAnswer)
	if p.accepted != "true" {
		t.Errorf("accepted %q", p.accepted)
	}
	leg.Hangup(signalling.Reason{})
	r.follow(in, signalling.Gone)
}

// T35: nobody answers.
func TestRoomDoesNotAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	r.c.cfg.RingTimeout = 500 * time.Millisecond // enough for what is sent before, on a busy machine
	in, _, _, _ := r.rung()
	r.ends(in, signalling.NoAnswer)
	r.wantBody(r.expect(typeHangup), "reason", "invite_timeout")
	r.notice("Missed call from +49 301234567.")
}

// T36: the telephone gives up, or somebody else answered there.
func TestTelephoneGivesUp(t *testing.T) {
	t.Parallel()
	for cause, reason := range map[signalling.Cause]string{signalling.Cancelled: "user_hangup", signalling.Elsewhere: "answered_elsewhere"} {
		t.Run(reason, func(t *testing.T) {
			t.Parallel()
			r := newRig(t).meet()
			in, leg, _, _ := r.rung()
			leg.Hangup(signalling.Reason{Cause: cause})
			r.wantBody(r.expect(typeHangup), "reason", reason)
			r.follow(in, signalling.Gone)
		})
	}
}

// The user leaves while it rings; the homeserver refuses the invite.
func TestRoomCannotBeRung(t *testing.T) {
	t.Parallel()
	t.Run("left", func(t *testing.T) {
		t.Parallel()
		r := newRig(t).meet()
		in, _, _, _ := r.rung()
		r.push(r.member(alice, alice, "leave"))
		r.ends(in, signalling.Unavailable)
	})
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		r := newRig(t).meet()
		r.hs.script = func(e sent) (int, string) {
			if e.Type == typeInvite {
				return http.StatusForbidden, `{"errcode":"M_FORBIDDEN","error":"no calls in public rooms"}`
			}
			return 0, ""
		}
		in := signalling.NewInbox("test", r.c.log)
		r.c.Dial(fromBob, nil, in)
		e := r.follow(in, signalling.HungUp)
		if e.Reason.Cause != signalling.Unavailable || !strings.Contains(e.Reason.Detail, "public rooms") {
			t.Errorf("ended with %v", e.Reason)
		}
	})
	t.Run("homeserver down", func(t *testing.T) {
		t.Parallel()
		r := newRig(t).meet()
		r.hs.set(func() { r.hs.down = true })
		in := signalling.NewInbox("test", r.c.log)
		r.c.Dial(fromBob, nil, in)
		r.ends(in, signalling.Unavailable)
	})
}

// One room rings for one call at a time, because Element ignores the second.
func TestRoomIsBusy(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	r.rung()
	in := signalling.NewInbox("second", r.c.log)
	r.c.Dial(fromBob, nil, in)
	r.ends(in, signalling.Busy)
}

// The user has not joined: the caller hears that, the operator what to do.
func TestLineNotJoined(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	in := signalling.NewInbox("test", r.c.log)
	r.c.Dial(fromBob, nil, in)
	e := r.follow(in, signalling.HungUp)
	if e.Reason.Cause != signalling.Unavailable || !strings.Contains(e.Reason.Detail, "accept the invitation") {
		t.Errorf("ended with %v", e.Reason)
	}
	r.follow(in, signalling.Gone)
}

// A client whose candidates are of another version than its answer is forgiven.
func TestMixedVersions(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ candidates, answer string }{"old candidates": {"", "PHONE"}, "old answer": {"PHONE", ""}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t).meet()
			_, _, p, invite := r.rung()
			r.push(r.says(invite, typeCandidates, tt.candidates, candidate1("c")), r.says(invite, typeAnswer, tt.answer, answerSDP("x")))
			r.until("the candidate counts", func() bool { return p.heardCandidates() == "c" })
		})
	}
}

// What a party says is kept up to a limit, and only so many parties are heard.
func TestCandidatesAreBounded(t *testing.T) {
	t.Parallel()
	l := &leg{}
	for i := range 3 * maxParties {
		l.keep(heard{message: message{Party: string(rune('A' + i)), Candidates: make([]candidate, 1)}})
	}
	for range 3 * maxCallCandidates {
		l.keep(heard{message: message{Party: "A", Candidates: make([]candidate, 2)}})
	}
	if n := len(l.parties[party{ID: "A"}]); len(l.parties) != maxParties || n < maxCallCandidates || n > maxCallCandidates+maxCandidates {
		t.Errorf("%d parties, %d candidates of the first", len(l.parties), n)
	}
}
