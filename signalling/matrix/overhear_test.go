package matrix

import (
	"testing"

	"roomline/media"
	"roomline/media/peer"
	"roomline/signalling"
)

// overhears plays a room's call up to what its client hears before the answer.
func (r *rig) overhears() (*signalling.Inbox, signalling.Leg, *fakePeer) {
	r.t.Helper()
	r.push(r.inviteV1())
	_, in, leg := r.take()
	leg.Progress(media.PCMU, true)
	p := r.peer()
	r.expect(typeAnswer)
	r.expect(typeCandidates)
	if leg.Media() != nil {
		r.t.Error("media before there is a connection")
	}
	p.on(peer.Connected)
	r.follow(in, signalling.Early)
	if leg.Media() == nil {
		r.t.Error("no media")
	}
	return in, leg, p
}

// A client that only has to hear that it rings is not answered for it.
func TestProgressIsRinging(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	r.push(r.inviteV1())
	_, in, leg := r.take()
	leg.Progress(media.PCMU, false)
	leg.Hangup(signalling.Reason{Cause: signalling.Busy})
	r.expect(typeReject)
	r.follow(in, signalling.Gone)
	r.notice("+49 301234567 is busy.")
	r.quiet()
}

// livekit/sip 813: a client hears the announcement of a network that never
// answers, and the room is told why it did not.
func TestAnnouncementAndRefusal(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	in, leg, _ := r.overhears()
	leg.Hangup(signalling.Reason{Cause: signalling.Unallocated, Detail: "404 Not Found"})
	r.expect(typeHangup)
	r.follow(in, signalling.Gone)
	r.notice("+49 301234567 is not a number in service (404 Not Found).")
	r.quiet()
}

// The telephone answers after the announcement: from then on they talk.
func TestAnnouncementAndAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	in, leg, _ := r.overhears()
	audio := leg.Media()
	leg.Ring()
	leg.Answer(media.PCMU)
	r.follow(in, signalling.Confirmed)
	if leg.Media() != audio {
		t.Error("the audio is another than before the answer")
	}
	r.push(r.v1(typeHangup, map[string]any{"reason": "user_hangup"}))
	r.ends(in, signalling.NormalClearing)
	r.notice("Call to +49 301234567 ended after 0:00.")
	r.quiet()
}

// The telephone answers while the client is still being connected.
func TestAnswerDuringConnection(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	r.push(r.inviteV1())
	_, in, leg := r.take()
	leg.Progress(media.PCMU, true)
	leg.Answer(media.PCMU)
	p := r.peer()
	r.expect(typeAnswer)
	r.expect(typeCandidates)
	p.on(peer.Connected)
	r.follow(in, signalling.Confirmed)
	leg.Hangup(signalling.Reason{})
	r.expect(typeHangup)
	r.follow(in, signalling.Gone)
}

// Whoever hangs up while it still rings has given the call up.
func TestGivenUpDuringAnnouncement(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	in, _, _ := r.overhears()
	r.push(r.v1(typeHangup, map[string]any{"reason": "user_hangup"}))
	r.ends(in, signalling.Cancelled)
}

// The connection breaks while the network speaks.
func TestAnnouncementIsLost(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	in, _, p := r.overhears()
	p.on(peer.Lost)
	r.expect(typeHangup)
	r.ends(in, signalling.MediaLost)
}
