package matrix

import (
	"net/http"
	"testing"
	"time"

	"roomline/media"
	"roomline/media/peer"
	"roomline/signalling"
)

// answered plays a room's call up to the conversation.
func (r *rig) answered(invite map[string]any) (*signalling.Inbox, signalling.Leg, *fakePeer, sent) {
	r.t.Helper()
	r.push(invite)
	_, in, leg := r.take()
	leg.Ring()
	leg.Answer(media.PCMU)
	p := r.peer()
	a := r.expect(typeAnswer)
	r.expect(typeCandidates)
	p.on(peer.Connected)
	r.follow(in, signalling.Confirmed)
	return in, leg, p, a
}

// T10: a call of version 1, from invite to hang-up.
func TestRoomCallsTelephone(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	r.push(r.inviteV1(), r.v1(typeCandidates, map[string]any{"candidates": []any{map[string]any{"candidate": "c1", "sdpMid": "0"}}}))
	call, in, leg := r.take()
	if call.Via != "matrix" || call.From.User != alice || call.To.Number != dialled || call.Room != room {
		t.Errorf("the call is %+v", call)
	}
	if f := leg.Offers(); len(f) != 2 || f[0] != media.PCMU {
		t.Errorf("offers %v", f)
	}
	leg.Ring()
	if leg.Media() != nil {
		t.Error("media before the answer")
	}
	leg.Answer(media.PCMA)
	p := r.peer()
	a := r.expect(typeAnswer)
	r.wantBody(a, "version", "1")
	r.wantBody(a, "capabilities", map[string]any{"m.call.dtmf": true, "m.call.transferee": false})
	end := r.expect(typeCandidates)
	r.wantBody(end, "party_id", a.Body["party_id"])
	p.on(peer.Connected)
	r.follow(in, signalling.Confirmed)
	if leg.Media() == nil || leg.Media().Format() != media.PCMA || p.heardCandidates() != "c1" {
		t.Errorf("media %v, candidates %q", leg.Media(), p.heardCandidates())
	}
	r.push(r.v1(typeSelectAnswer, map[string]any{"selected_party_id": a.Body["party_id"]}),
		r.v1(typeCandidates, map[string]any{"candidates": []any{map[string]any{"candidate": "c2", "sdpMid": "0"}}}))
	leg.SendDigit('5')
	r.until("the digit and the candidate arrive", func() bool {
		return p.get(func() string { return p.digits }) == "5" && p.heardCandidates() == "c1,c2"
	})
	r.push(r.v1(typeHangup, map[string]any{"reason": "user_hangup"}))
	r.ends(in, signalling.NormalClearing)
	if !p.closed {
		t.Error("the peer is still open after Gone")
	}
	r.notice("Call to +49 301234567 ended after 0:00.")
	r.quiet()
	ladder := in.Ladder()
	if len(ladder) < 5 || ladder[0].Text != typeInvite || ladder[0].Sent {
		t.Errorf("ladder %v", ladder)
	}
	if left, err := r.c.store.leftOpen(t.Context()); err != nil || len(left) != 0 {
		t.Errorf("left open: %v, %v", left, err)
	}
}

// T11: the same in version 0: integers, no party, no select_answer.
func TestRoomCallsTelephoneVersion0(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	in, leg, _, a := r.answered(r.inviteV0())
	if a.Raw != `{"version":0,"call_id":"call1","answer":{"type":"answer","sdp":"answer to 38"}}` {
		t.Errorf("answer %s", a.Raw)
	}
	leg.Hangup(signalling.Reason{Cause: signalling.NormalClearing})
	if h := r.expect(typeHangup); h.Raw != `{"version":0,"call_id":"call1","reason":"user_hangup"}` {
		t.Errorf("hangup %s", h.Raw)
	}
	r.follow(in, signalling.Gone)
	r.notice("Call to +49 301234567 ended after 0:00.")
	r.quiet()
}

// T12: over before it began, in one transaction or the wrong way round.
func TestInviteThatIsOver(t *testing.T) {
	t.Parallel()
	for name, ender := range map[string]func(*rig) map[string]any{
		"hangup": func(r *rig) map[string]any { return r.v1(typeHangup, nil) },
		"answer": func(r *rig) map[string]any { return r.v1(typeAnswer, map[string]any{"party_id": "LAPTOP"}) },
		"reject": func(r *rig) map[string]any {
			return r.event(typeReject, ghost, map[string]any{"call_id": "call1", "version": "1"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t).meet()
			r.push(r.inviteV1(), ender(r))
			r.settled()
			r.none()
		})
	}
	t.Run("hangup first", func(t *testing.T) {
		t.Parallel()
		r := newRig(t).meet()
		r.push(r.v1(typeHangup, nil))
		r.push(r.inviteV1())
		r.settled()
		r.none()
	})
}

// none checks that no call reached the board.
func (r *rig) none() {
	r.t.Helper()
	select {
	case in := <-r.board.in:
		r.t.Errorf("a call to %v reached the switchboard", in.To)
	default:
	}
}

// T13: stale invites, by age and by time stamp, with three seconds of grace.
func TestStaleInvite(t *testing.T) {
	t.Parallel()
	ago := func(d time.Duration) int64 { return time.Now().Add(-d).UnixMilli() }
	for name, tt := range map[string]struct {
		unsigned map[string]any
		ts       int64
		rings    bool
	}{
		"by age":            {map[string]any{"age": 57_500}, ago(0), false},
		"within the grace":  {map[string]any{"age": 50_000}, ago(time.Hour), true},
		"by time stamp":     {map[string]any{}, ago(58 * time.Second), false},
		"fresh, no age":     {map[string]any{}, ago(20 * time.Second), true},
		"clock of tomorrow": {map[string]any{}, ago(-time.Hour), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t).meet()
			r.push(with(with(r.inviteV1(), "unsigned", tt.unsigned), "origin_server_ts", tt.ts))
			if tt.rings {
				r.take()
				return
			}
			r.settled()
			r.none()
		})
	}
}

// T14: invitee; who is in the room; what the room is.
func TestInviteThatIsNotOurs(t *testing.T) {
	t.Parallel()
	for name, arrange := range map[string]func(*rig, map[string]any){
		"another invitee":   func(_ *rig, c map[string]any) { c["invitee"] = "@bob:example.org" },
		"three in the room": func(r *rig, _ map[string]any) { r.hs.members[room] = []string{alice, ghost, "@bob:example.org"} },
		"two telephones":    func(r *rig, _ map[string]any) { r.hs.members[room] = []string{alice, ghost, "@tel_491:example.org"} },
		"caller not joined": func(r *rig, _ map[string]any) { r.hs.members[room] = []string{"@bob:example.org", ghost} },
		"full mesh":         func(_ *rig, c map[string]any) { c["conf_id"] = "x" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t).meet()
			e := r.inviteV1()
			r.hs.set(func() { arrange(r, e["content"].(map[string]any)) })
			r.push(e)
			r.hs.set(func() {})
			r.until("the invite was looked at", func() bool { return len(r.c.atOnce) == 0 })
			r.none()
			r.quiet()
		})
	}
}

// T15: the homeserver repeats a transaction, and an event in another one.
func TestRepeatedInvite(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	e := r.inviteV1()
	r.pushAs("same", e)
	r.take()
	r.pushAs("same", e)
	r.push(e)
	r.settled()
	r.none()
}

// X4: an invite that was seen before a restart rings nobody after it.
func TestRepeatedInviteAfterRestart(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	e := r.inviteV1()
	r.push(e)
	r.take()
	r.c.Close()
	for len(r.hs.events) > 0 {
		<-r.hs.events
	}
	r.begin()
	r.push(e)
	r.settled()
	r.none()
}

// T16, T17: candidates before the invite; from somebody else.
func TestCandidatesAroundTheInvite(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	c := func(text string) map[string]any {
		return map[string]any{"candidates": []any{map[string]any{"candidate": text, "sdpMid": "0"}}}
	}
	forged := r.v1(typeCandidates, c("forged"))
	r.push(r.v1(typeCandidates, c("early")))
	other := c("laptop")
	other["party_id"] = "LAPTOP"
	r.push(r.inviteV1(), with(forged, "sender", mallet), r.v1(typeCandidates, other), r.v1(typeCandidates, c("late")))
	_, in, leg := r.take()
	leg.Answer(media.PCMU)
	p := r.peer()
	r.until("candidates arrive", func() bool { return p.heardCandidates() == "early,late" })
	leg.Hangup(signalling.Reason{})
	r.follow(in, signalling.Gone)
}

// X1: nobody but the caller's own device ends, moves or answers the call.
func TestForgedEvents(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	in, leg, p, _ := r.answered(r.inviteV1())
	for _, e := range []map[string]any{
		r.v1(typeHangup, nil), r.v1(typeSelectAnswer, map[string]any{"selected_party_id": "other"}),
		r.v1(typeNegotiate, map[string]any{"description": map[string]any{"type": "offer", "sdp": "forged"}}),
	} {
		r.push(with(e, "sender", mallet))
	}
	r.push(r.v1(typeHangup, map[string]any{"party_id": "LAPTOP"}))
	leg.SendDigit('1') // comes after the forgeries
	r.until("the digit arrives", func() bool { return p.get(func() string { return p.digits }) == "1" })
	if len(p.offers) != 0 {
		t.Error("a forged offer was answered")
	}
	leg.Hangup(signalling.Reason{})
	r.follow(in, signalling.Gone)
}

// T18: the caller chose another answer: nothing is sent, all is released.
func TestSelectAnswerOfAnother(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	in, _, p, _ := r.answered(r.inviteV1())
	r.push(r.v1(typeSelectAnswer, map[string]any{"selected_party_id": "LAPTOP"}))
	r.ends(in, signalling.Elsewhere)
	r.notice("Call to +49 301234567 was taken over by another of your devices (after 0:00).")
	r.quiet()
	if !p.closed {
		t.Error("the peer is still open")
	}
}

// T19: another device answers while the telephone rings.
func TestAnsweredElsewhereWhileRinging(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	r.push(r.inviteV1())
	_, in, _ := r.take()
	r.push(r.v1(typeAnswer, map[string]any{"party_id": "LAPTOP", "answer": map[string]any{"sdp": "x"}}))
	r.ends(in, signalling.Elsewhere)
	r.notice("Call to +49 301234567 was taken over by another of your devices.")
	r.quiet()
}

// T20: the caller leaves, or throws our user out.
func TestCallerLeaves(t *testing.T) {
	t.Parallel()
	for name, who := range map[string]string{"caller": alice, "telephone": ghost} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t).meet()
			r.push(r.inviteV1())
			_, in, _ := r.take()
			r.push(r.member(alice, who, "leave"))
			r.ends(in, signalling.Cancelled)
			r.notice("Call to +49 301234567 was cancelled.")
			r.quiet()
		})
	}
}

// T21: how a telephone's refusal looks in the room, in both versions.
func TestRefusedByTheTelephone(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		reason       signalling.Reason
		v1, v0, said string
	}{
		{signalling.Reason{Cause: signalling.Busy, Detail: "486 Busy Here"}, "user_busy", "user_busy", "+49 301234567 is busy (486 Busy Here)."},
		{signalling.Reason{Cause: signalling.Congestion, Detail: "503 \u202eno\n lines"}, "unknown_error", "unknown_error", "+49 301234567 could not be called: all lines are in use (503 no lines)."},
		{signalling.Reason{Cause: signalling.Unallocated}, "unknown_error", "unknown_error", "+49 301234567 is not a number in service."},
		{signalling.Reason{Cause: signalling.TrunkFailure}, "unknown_error", "unknown_error", "+49 301234567 could not be called: the telephone trunk reported a failure."},
		{signalling.Reason{Cause: signalling.Rejected}, "", "", "+49 301234567 declined the call."},
		{signalling.Reason{Cause: signalling.NoAnswer}, "invite_timeout", "invite_timeout", "+49 301234567 did not answer."},
	} {
		t.Run(tt.reason.Cause.String(), func(t *testing.T) {
			t.Parallel()
			r := newRig(t).meet()
			r.refused(r.inviteV1(), tt.reason, typeReject, tt.v1, tt.said)
			v0 := r.inviteV0()
			v0["content"].(map[string]any)["call_id"] = "call2"
			r.refused(v0, tt.reason, typeHangup, tt.v0, tt.said)
		})
	}
}

func (r *rig) refused(invite map[string]any, reason signalling.Reason, eventType, wire, said string) {
	r.t.Helper()
	r.push(invite)
	_, in, leg := r.take()
	leg.Hangup(reason)
	e := r.expect(eventType)
	if got, there := e.Body["reason"]; there != (wire != "") || there && got != wire {
		r.t.Errorf("%s %s, expected reason %q", e.Type, e.Raw, wire)
	}
	r.follow(in, signalling.Gone)
	r.notice(said)
	r.quiet()
}

// T22: the answer is refused twice and comes through the third time, under the
// same transaction id and before the candidates.
func TestAnswerIsSentAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	failures := 2
	r.hs.script = func(e sent) (int, string) {
		if e.Type == typeAnswer && failures > 0 {
			failures--
			return http.StatusTooManyRequests, `{"errcode":"M_LIMIT_EXCEEDED","retry_after_ms":5}`
		}
		return 0, ""
	}
	r.answered(r.inviteV1())
	r.hs.mu.Lock()
	defer r.hs.mu.Unlock()
	if len(r.hs.tries) < 4 || r.hs.tries[0].Txn != r.hs.tries[2].Txn || r.hs.tries[3].Type != typeCandidates {
		t.Errorf("tries %v", r.hs.tries)
	}
}

// F12: the homeserver refuses the answer for good: this call ends, at once.
func TestAnswerIsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	r.hs.script = func(e sent) (int, string) {
		if e.Type == typeAnswer {
			return http.StatusForbidden, `{"errcode":"M_FORBIDDEN"}`
		}
		return 0, ""
	}
	r.push(r.inviteV1())
	_, in, leg := r.take()
	leg.Answer(media.PCMU)
	r.ends(in, signalling.Internal)
}

// T23: no audio connection in time, and one that is lost later.
func TestAudioFails(t *testing.T) {
	t.Parallel()
	t.Run("never", func(t *testing.T) {
		t.Parallel()
		r := newRig(t).meet()
		r.c.cfg.ConnectTimeout = 50 * time.Millisecond
		r.push(r.inviteV1())
		_, in, leg := r.take()
		leg.Answer(media.PCMU)
		r.expect(typeAnswer)
		r.expect(typeCandidates)
		r.ends(in, signalling.MediaFailed)
		r.wantBody(r.expect(typeHangup), "reason", "ice_failed")
	})
	t.Run("lost", func(t *testing.T) {
		t.Parallel()
		r := newRig(t).meet()
		in, _, p, _ := r.answered(r.inviteV1())
		p.on(peer.Interrupted)
		p.on(peer.Lost)
		r.ends(in, signalling.MediaLost)
		r.wantBody(r.expect(typeHangup), "reason", "ice_timeout")
	})
}

// T24: the same call id again, and in another room.
func TestCallIDsBelongToRooms(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	const room2, ghost2 = "!two:example.org", "@tel_s600:example.org"
	r.hs.set(func() { r.hs.members[room2] = []string{alice, ghost2} })
	if err := r.c.store.setRoom(t.Context(), room2, ghost2, alice); err != nil {
		t.Fatal(err)
	}
	r.push(r.inviteV1())
	_, in, _ := r.take()
	r.push(r.inviteV1(), with(r.inviteV1(), "room_id", room2))
	second, in2, _ := r.take()
	if second.Room != room2 || second.To.Number != "600" {
		t.Errorf("second call %+v", second)
	}
	r.push(r.v1(typeHangup, nil))
	r.ends(in, signalling.Cancelled)
	r.notice("Call to +49 301234567 was cancelled.")
	r.settled()
	r.none()
	r.push(with(r.v1(typeHangup, nil), "room_id", room2))
	r.ends(in2, signalling.Cancelled)
}

// T25 as far as it is ours: who may not call is told so.
func TestForbiddenCallers(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	r.hs.set(func() { r.hs.members[room] = []string{mallet, ghost} })
	r.push(with(r.inviteV1(), "sender", mallet))
	e := r.expect(typeReject)
	if _, there := e.Body["reason"]; there {
		t.Errorf("reject %s", e.Raw)
	}
	r.notice("The call to +49 301234567 is not allowed.")
	r.none()
}

// The switchboard refuses, or the gateway is drained.
func TestRefusedByTheSwitchboard(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	r.board.deny.Store(&signalling.Reason{Cause: signalling.Congestion})
	r.push(r.inviteV1())
	r.wantBody(r.expect(typeReject), "reason", "unknown_error")
	r.notice("+49 301234567 could not be called: all lines are in use.")
	r.c.Drain()
	r.push(r.v1(typeInvite, map[string]any{"call_id": "call2", "offer": map[string]any{"sdp": offer}}))
	r.expect(typeReject)
	r.notice("The call to +49 301234567 ended: the telephone gateway is being restarted.")
	r.none()
}

// T40 in part: hold and resume by the room.
func TestRoomHolds(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	in, leg, p, a := r.answered(r.inviteV1())
	negotiate := func(sdp string) map[string]any {
		return r.v1(typeNegotiate, map[string]any{"lifetime": 60000, "description": map[string]any{"type": "offer", "sdp": sdp}})
	}
	r.push(negotiate("a=sendonly"))
	e := r.expect(typeNegotiate)
	r.wantBody(e, "description", map[string]any{"type": "answer", "sdp": "renegotiated"})
	r.wantBody(e, "party_id", a.Body["party_id"])
	r.follow(in, signalling.Held)
	r.push(negotiate("a=sendrecv"))
	r.expect(typeNegotiate)
	r.follow(in, signalling.Resumed)
	r.push(with(negotiate("too late"), "unsigned", map[string]any{"age": 70_000}))
	leg.SendDigit('9')
	r.until("the digit arrives", func() bool { return p.get(func() string { return p.digits }) == "9" })
	if len(p.offers) != 2 {
		t.Errorf("answered %v", p.offers)
	}
}

// F10: the homeserver is down while a call ends: both sides are released now,
// the room learns of it later.
func TestHomeserverIsDownAtTheEnd(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	in, leg, _, _ := r.answered(r.inviteV1())
	r.hs.set(func() { r.hs.down = true })
	leg.Hangup(signalling.Reason{Cause: signalling.NormalClearing})
	r.follow(in, signalling.Gone)
	r.hs.set(func() { r.hs.down = false })
	r.expect(typeHangup)
	r.notice("Call to +49 301234567 ended after 0:00.")
	r.quiet()
}

// T66: a burst keeps the order of each call.
func TestBurstKeepsItsOrder(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	batch := []map[string]any{r.inviteV1()}
	want := ""
	for i := range 100 {
		text := string(rune('A' + i%26))
		if want != "" {
			want += ","
		}
		want += text
		batch = append(batch, r.v1(typeCandidates, map[string]any{"candidates": []any{map[string]any{"candidate": text, "sdpMid": "0"}}}))
	}
	r.push(batch...)
	_, _, leg := r.take()
	leg.Answer(media.PCMU)
	p := r.peer()
	r.until("every candidate in its order", func() bool { return p.heardCandidates() == want })
}
