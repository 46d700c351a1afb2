package matrix

import (
	"testing"

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
	r.wantBody(a, "capabilities", map[string]any{"m.call.dtmf": true, "m.call.transferee": true})
	r.wantBody(a, "sdp_stream_metadata", map[string]any{"stream1": map[string]any{"purpose": "m.usermedia", "audio_muted": false, "video_muted": true}})
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
	r.wantBody(r.expect(typeDigits), "digits", "5")
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
