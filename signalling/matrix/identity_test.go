package matrix

import (
	"testing"

	"roomline/media"
	"roomline/media/peer"
	"roomline/signalling"
)

// The client is told the name of who calls or answers, and every change of it,
// but never an id.
func TestIdentity(t *testing.T) {
	t.Parallel()
	name := func(r *rig, e sent, want string) {
		r.t.Helper()
		r.wantBody(e, "asserted_identity", map[string]any{"display_name": want})
	}
	t.Run("called", func(t *testing.T) {
		t.Parallel()
		r := newRig(t).meet()
		in := signalling.NewInbox("test", r.c.log)
		from := fromBob
		from.From.Name = "Bob\u202e\n"
		leg := r.c.Dial(from, []media.Format{media.PCMA}, in)
		p, invite := r.peer(), r.expect(typeInvite)
		r.expect(typeCandidates)
		name(r, r.expect(typeIdentity), "Bob (+49 301234567)")
		r.push(r.says(invite, typeAnswer, "PHONE", answerSDP("x")))
		r.expect(typeSelectAnswer)
		p.on(peer.Connected)
		r.follow(in, signalling.Ringing, signalling.Answered)
		leg.Show(signalling.View{Party: from.From})
		leg.Show(signalling.View{Party: signalling.Party{Number: "+4989"}})
		name(r, r.expect(typeIdentity), "+49 89")
		leg.Show(signalling.View{Party: signalling.Party{User: "@carol:example.org"}})
		name(r, r.expect(typeIdentity), "@carol:example.org")
		leg.Show(signalling.View{Party: signalling.Party{Hidden: true}})
		name(r, r.expect(typeIdentity), "Anonymous caller")
		leg.Show(signalling.View{Party: signalling.Party{Number: "+4989"}})
		name(r, r.expect(typeIdentity), "+49 89")
		leg.Hangup(signalling.Reason{Cause: signalling.NormalClearing})
		r.expect(typeHangup)
		r.follow(in, signalling.Gone)
		r.notice("Call from +49 89 ended after 0:00.")
	})
	t.Run("placed", func(t *testing.T) {
		t.Parallel()
		r := newRig(t).meet()
		r.push(r.inviteV1())
		_, in, leg := r.take()
		leg.Show(signalling.View{Party: signalling.Party{Number: dialled, Name: "Widgets Inc"}})
		leg.Answer(media.PCMU)
		r.expect(typeAnswer)
		r.expect(typeCandidates)
		name(r, r.expect(typeIdentity), "Widgets Inc (+49 301234567)")
		r.peer().on(peer.Connected)
		r.follow(in, signalling.Confirmed)
		r.quiet()
	})
	t.Run("version 0", func(t *testing.T) {
		t.Parallel()
		r := newRig(t).meet()
		r.push(r.inviteV0())
		_, in, leg := r.take()
		leg.Show(signalling.View{Party: signalling.Party{Name: "Widgets Inc"}})
		leg.Answer(media.PCMU)
		r.expect(typeAnswer)
		r.expect(typeCandidates)
		r.peer().on(peer.Connected)
		r.follow(in, signalling.Confirmed)
		r.quiet()
	})
}
