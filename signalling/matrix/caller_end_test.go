package matrix

import (
	"net/http"
	"testing"
	"time"

	"roomline/media"
	"roomline/media/peer"
	"roomline/signalling"
)

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
		r.c.cfg.ConnectTimeout = 500 * time.Millisecond // enough for what is sent before, on a busy machine
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
	r.notice("The call to +49 301234567 is not allowed (you may not place calls).")
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
