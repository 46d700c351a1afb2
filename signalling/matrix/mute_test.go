package matrix

import (
	"testing"

	"roomline/media"
	"roomline/media/peer"
	"roomline/signalling"
)

func metadata(muted bool) map[string]any {
	return map[string]any{"sdp_stream_metadata": map[string]any{"s": map[string]any{"purpose": "m.usermedia", "audio_muted": muted, "video_muted": true}}}
}

// T46: a client mutes and unmutes, under both names of the event, and is the
// only one who can.
func TestRoomMutes(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	in, _, _, a := r.answered(r.inviteV1())
	stranger := with(r.within(a, typeStreams, metadata(true)), "sender", mallet)
	r.push(stranger, r.within(a, typeStreams, metadata(false)), r.within(a, typeStreams, metadata(true)), r.within(a, typeStreams, metadata(true)))
	r.follow(in, signalling.Muted)
	r.push(r.within(a, "org.matrix.call.sdp_stream_metadata_changed", metadata(false)), r.within(a, typeStreams, map[string]any{"sdp_stream_metadata": 7}))
	r.follow(in, signalling.Unmuted)
	muted := r.negotiation(a, "offer", "a=sendrecv")
	muted["content"].(map[string]any)["sdp_stream_metadata"] = metadata(true)["sdp_stream_metadata"]
	r.push(muted)
	r.expect(typeNegotiate)
	r.follow(in, signalling.Muted)
}

// T46: who was muted from the beginning, on either side of the call.
func TestMutedFromTheBeginning(t *testing.T) {
	t.Parallel()
	t.Run("caller", func(t *testing.T) {
		t.Parallel()
		r := newRig(t).meet()
		invite := r.inviteV1()
		invite["content"].(map[string]any)["sdp_stream_metadata"] = metadata(true)["sdp_stream_metadata"]
		r.push(invite)
		_, in, leg := r.take()
		leg.Answer(media.PCMU)
		r.peer().on(peer.Connected)
		r.follow(in, signalling.Confirmed, signalling.Muted)
	})
	t.Run("called", func(t *testing.T) {
		t.Parallel()
		r := newRig(t).meet()
		in, _, p, invite := r.rung()
		answer := answerSDP("x")
		answer["sdp_stream_metadata"] = metadata(true)["sdp_stream_metadata"]
		r.push(r.says(invite, typeAnswer, "PHONE", answer))
		r.expect(typeSelectAnswer)
		p.on(peer.Connected)
		r.follow(in, signalling.Answered, signalling.Muted)
	})
}

// T46: what the other side does is shown under the stream's one id, and said
// again after a negotiation, which always begins audibly.
func TestTelephoneMutes(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	_, leg, p, a := r.answered(r.inviteV1())
	r.wantBody(a, "sdp_stream_metadata", unmuted())
	leg.Show(signalling.View{Muted: true})
	on := r.expect(typeStreams)
	r.wantBody(on, "sdp_stream_metadata", map[string]any{"stream1": map[string]any{"purpose": "m.usermedia", "audio_muted": true, "video_muted": true}})
	r.wantBody(on, "party_id", a.Body["party_id"])
	leg.Show(signalling.View{Muted: true})
	r.push(r.negotiation(a, "offer", "a=sendrecv"))
	r.wantBody(r.expect(typeNegotiate), "sdp_stream_metadata", unmuted())
	r.wantBody(r.expect(typeStreams), "sdp_stream_metadata", on.Body["sdp_stream_metadata"])
	leg.Show(signalling.View{})
	r.wantBody(r.expect(typeStreams), "sdp_stream_metadata", unmuted())
	r.reached(a, p)
}
