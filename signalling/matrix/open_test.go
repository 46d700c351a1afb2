package matrix

import (
	"testing"

	"roomline/media"
	"roomline/media/peer"
	"roomline/signalling"
)

const bob = "@bob:example.org"

// office is a room with several people and a telephone.
func (r *rig) office(user string) (*signalling.Inbox, signalling.Leg, *fakePeer, sent) {
	r.t.Helper()
	r.hs.set(func() { r.hs.members[room] = []string{alice, bob, ghost} })
	in := signalling.NewInbox("test", r.c.log)
	to := signalling.Target{Via: signalling.Matrix, To: signalling.Party{User: user}, From: signalling.Party{Number: dialled}, Room: room}
	leg := r.c.Dial(to, []media.Format{media.PCMA}, in)
	p, invite := r.peer(), r.expect(typeInvite)
	r.expect(typeCandidates)
	r.follow(in, signalling.Ringing)
	return in, leg, p, invite
}

func by(user string, e map[string]any) map[string]any { return with(e, "sender", user) }

// A room is rung as a whole: whoever answers first has the call, with that
// party's candidates alone, and the others hear of it.
func TestRoomIsRungAsAWhole(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	in, _, p, invite := r.office("")
	if _, there := invite.Body["invitee"]; there {
		t.Errorf("invite %s", invite.Raw)
	}
	r.push(r.says(invite, typeCandidates, "PHONE", candidate1("alice")), by(bob, r.says(invite, typeCandidates, "PHONE", candidate1("bob"))),
		r.says(invite, typeReject, "PHONE", nil), by(ghost, r.says(invite, typeAnswer, "X", answerSDP("our own"))))
	r.push(by(bob, r.says(invite, typeAnswer, "PHONE", answerSDP("from bob"))), r.says(invite, typeAnswer, "PHONE", answerSDP("from alice")))
	r.wantBody(r.expect(typeSelectAnswer), "selected_party_id", "PHONE")
	r.until("candidates arrive", func() bool { return p.heardCandidates() == "bob" })
	p.on(peer.Connected)
	if who := r.follow(in, signalling.Identified); who.Party.User != bob || who.Party.Number != fromBob.To.Number {
		t.Errorf("the call is told that %+v has it", who.Party)
	}
	r.follow(in, signalling.Answered)
	r.push(r.says(invite, typeHangup, "PHONE", nil))
	r.until("it is ignored", func() bool { return r.c.Ignored()[typeHangup] == 1 })
	if got := p.get(func() string { return p.accepted }); got != "from bob" {
		t.Errorf("accepted %q", got)
	}
	r.push(by(bob, r.says(invite, typeHangup, "PHONE", nil)))
	r.ends(in, signalling.NormalClearing)
}

// It has been declined when nobody is left who could take it.
func TestRoomDeclinesAsAWhole(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	in, _, _, invite := r.office("")
	r.push(r.says(invite, typeReject, "PHONE", nil))
	r.push(by(bob, r.says(invite, typeReject, "PHONE", map[string]any{"reason": "user_busy"})))
	r.ends(in, signalling.Busy)
	r.wantBody(r.expect(typeSelectAnswer), "selected_party_id", "PHONE")
}

// T38: one member is rung, and another answers.
func TestAnswerOfAMemberWhoWasNotCalled(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	in, _, p, invite := r.office(alice)
	r.wantBody(invite, "invitee", alice)
	r.push(by(bob, r.says(invite, typeAnswer, "PHONE", answerSDP("from bob"))), r.says(invite, typeAnswer, "PHONE", answerSDP("from alice")))
	r.expect(typeSelectAnswer)
	p.on(peer.Connected)
	r.follow(in, signalling.Answered)
	if p.accepted != "from alice" || r.c.Ignored()[typeAnswer] != 1 {
		t.Errorf("accepted %q, ignored %v", p.accepted, r.c.Ignored())
	}
}
