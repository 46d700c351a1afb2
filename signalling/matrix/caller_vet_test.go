package matrix

import (
	"testing"
	"time"

	"roomline/media"
	"roomline/signalling"
)

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
	for name, tt := range map[string]struct {
		unsigned map[string]any
		ago      time.Duration
		rings    bool
	}{
		"by age":            {map[string]any{"age": 57_500}, 0, false},
		"within the grace":  {map[string]any{"age": 50_000}, time.Hour, true},
		"by time stamp":     {map[string]any{}, 58 * time.Second, false},
		"fresh, no age":     {map[string]any{}, 20 * time.Second, true},
		"clock of tomorrow": {map[string]any{}, -time.Hour, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t).meet()
			r.push(with(with(r.inviteV1(), "unsigned", tt.unsigned), "origin_server_ts", time.Now().Add(-tt.ago).UnixMilli()))
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

// T6: a call event is no state of a room.
func TestStateEventIsNoInvite(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	r.push(with(r.inviteV1(), "state_key", ""), with(r.inviteV1(), "state_key", alice))
	r.settled()
	r.none()
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
	in, leg, p, a := r.answered(r.inviteV1())
	for _, e := range []map[string]any{
		r.v1(typeHangup, nil), r.v1(typeSelectAnswer, map[string]any{"selected_party_id": "other"}),
		r.v1(typeNegotiate, map[string]any{"description": map[string]any{"type": "offer", "sdp": "forged"}}),
	} {
		r.push(with(e, "sender", mallet))
	}
	r.push(r.v1(typeHangup, map[string]any{"party_id": "LAPTOP"}))
	r.reached(a, p)
	if len(p.offers) != 0 {
		t.Error("a forged offer was answered")
	}
	leg.Hangup(signalling.Reason{})
	r.follow(in, signalling.Gone)
}
