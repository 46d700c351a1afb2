package matrix

import (
	"slices"
	"testing"

	"roomline/media/peer"
	"roomline/signalling"
)

// crossing makes alice's own call, in the moment in which hers rings.
func (r *rig) crossing(version any) map[string]any {
	return r.v1(typeInvite, map[string]any{"call_id": "1760AbCd", "version": version, "lifetime": 60000, "offer": map[string]any{"type": "offer", "sdp": offer}})
}

// T50: both invite: the client's call wins, ours is replaced, and the telephone
// that waits is what the client's call is answered with.
func TestGlare(t *testing.T) {
	t.Parallel()
	for name, version := range map[string]any{"version 1": "1", "version 0": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t).meet()
			in, leg, ours, invite := r.rung()
			theirs := r.v1(typeCandidates, candidate1("theirs"))
			theirs["content"].(map[string]any)["call_id"] = "1760AbCd"
			theirs["content"].(map[string]any)["version"] = version
			r.push(r.crossing(version), theirs)
			got := map[string]sent{}
			for range 3 {
				e := <-r.hs.events
				got[e.Type] = e
			}
			r.wantBody(got[typeHangup], "call_id", invite.Body["call_id"])
			r.wantBody(got[typeHangup], "reason", "replaced")
			r.wantBody(got[typeAnswer], "call_id", "1760AbCd")
			r.wantBody(got[typeAnswer], "version", version)
			p := r.peer()
			r.until("candidates arrive", func() bool { return p.heardCandidates() == "theirs" })
			if closed := ours.get(func() string { return map[bool]string{true: "closed"}[ours.closed] }); closed == "" {
				t.Error("the peer of our call is still open")
			}
			p.on(peer.Connected)
			r.follow(in, signalling.Answered)
			if !reaches(leg, p) {
				t.Error("the telephone does not hear the client")
			}
			r.push(r.says(invite, typeHangup, "PHONE", nil)) // of the call that is no more
			bye := r.v1(typeHangup, map[string]any{"call_id": "1760AbCd"})
			r.push(bye)
			r.ends(in, signalling.NormalClearing)
			r.notice("Call from +49 301234567 ended after 0:00.")
			r.quiet()
			r.none()
			if left, err := r.c.store.leftOpen(t.Context()); err != nil || len(left) != 0 {
				t.Errorf("left open: %v, %v", left, err)
			}
		})
	}
}

// The homeserver has not taken our invite yet, and does not get it any more.
func TestGlareBeforeOurInviteIsSent(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	r.hs.script = func(e sent) (int, string) {
		if e.Type == typeInvite {
			return 502, ""
		}
		return 0, ""
	}
	in := signalling.NewInbox("test", r.c.log)
	leg := r.c.Dial(fromBob, nil, in)
	r.peer()
	r.push(r.crossing("1"))
	p := r.peer()
	p.on(peer.Connected)
	r.follow(in, signalling.Answered)
	leg.SendDigit('5') // the leg takes no harm from what became of our invite
	r.until("the digit arrives", func() bool { return p.get(func() string { return p.digits }) == "5" })
	var types []string
	for range 4 {
		types = append(types, (<-r.hs.events).Type)
	}
	slices.Sort(types)
	if !slices.Equal(types, []string{typeAnswer, typeCandidates, typeHangup, typeDigits}) {
		t.Errorf("sent %v", types)
	}
	leg.Hangup(signalling.Reason{})
	r.follow(in, signalling.Gone)
}

// T51: a client that goes by the specification gives up the call whose id is
// the greater, its own here, and answers ours; or else gives up what we have
// answered. There is one call, or none, and never two.
func TestGlareWithASpecificationInHand(t *testing.T) {
	t.Parallel()
	t.Run("its own is the greater", func(t *testing.T) {
		t.Parallel()
		r := newRig(t).meet()
		in, leg, p, invite := r.rung()
		theirs := func(eventType string, extra map[string]any) map[string]any {
			e := r.v1(eventType, extra)
			e["content"].(map[string]any)["call_id"] = "~~theirs"
			return e
		}
		r.push(theirs(typeInvite, map[string]any{"lifetime": 60000, "offer": map[string]any{"sdp": offer}}))
		r.push(theirs(typeHangup, map[string]any{"reason": "replaced"}), r.says(invite, typeAnswer, "PHONE", answerSDP("to ours")))
		r.wantBody(r.expect(typeSelectAnswer), "selected_party_id", "PHONE")
		p.on(peer.Connected)
		r.follow(in, signalling.Answered)
		r.none()
		leg.Hangup(signalling.Reason{Cause: signalling.NormalClearing})
		r.wantBody(r.expect(typeHangup), "call_id", invite.Body["call_id"])
		r.follow(in, signalling.Gone)
	})
	t.Run("it gives up both", func(t *testing.T) {
		t.Parallel()
		r := newRig(t).meet()
		in, _, _, invite := r.rung()
		r.push(r.crossing("1"))
		for range 3 {
			<-r.hs.events
		}
		r.push(r.v1(typeHangup, map[string]any{"call_id": "1760AbCd", "reason": "replaced"}), r.says(invite, typeAnswer, "PHONE", answerSDP("late")))
		r.ends(in, signalling.NormalClearing)
		r.none()
	})
}

// Once ours is answered, a call from another of the user's devices is a call of
// its own; so is one that comes for a leg that has ended meanwhile.
func TestNoGlare(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	in, leg, p, invite := r.rung()
	r.push(r.says(invite, typeAnswer, "PHONE", answerSDP("x")))
	r.expect(typeSelectAnswer)
	p.on(peer.Connected)
	r.follow(in, signalling.Answered)
	r.push(r.crossing("1"))
	if call, _, _ := r.take(); call.To.Number != dialled {
		t.Errorf("called %+v", call.To)
	}
	late := newLeg(r.c, signalling.B)
	late.box.put(item{kind: crossed, heard: heard{message: message{CallID: "late", Party: "X", SDP: offer}, Room: room, Sender: alice, EventID: "$late"}})
	late.handBack()
	r.take()
	leg.Hangup(signalling.Reason{})
	r.follow(in, signalling.Gone)
}
