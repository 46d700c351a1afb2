package matrix

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"roomline/media/peer"
	"roomline/signalling"
)

// within makes an event of alice's phone for the call in which a was sent.
func (r *rig) within(a sent, eventType string, extra map[string]any) map[string]any {
	content := map[string]any{"version": "1", "call_id": a.Body["call_id"], "party_id": "PHONE"}
	for k, v := range extra {
		content[k] = v
	}
	return r.event(eventType, alice, content)
}

func (r *rig) negotiation(a sent, kind, sdp string) map[string]any {
	return r.within(a, typeNegotiate, map[string]any{"lifetime": 60000, "description": map[string]any{"type": kind, "sdp": sdp}})
}

func unmuted() map[string]any {
	return map[string]any{"stream1": map[string]any{"purpose": "m.usermedia", "audio_muted": false, "video_muted": true}}
}

// talkingTo plays a telephone's call to alice up to the conversation.
func (r *rig) talkingTo() (*signalling.Inbox, signalling.Leg, *fakePeer, sent) {
	r.t.Helper()
	in, leg, p, invite := r.rung()
	r.push(r.says(invite, typeAnswer, "PHONE", answerSDP("from phone")))
	r.expect(typeSelectAnswer)
	p.on(peer.Connected)
	r.follow(in, signalling.Answered)
	return in, leg, p, invite
}

// reached waits until the leg has looked at everything that was pushed: the
// homeserver's transactions are answered before that.
func (r *rig) reached(call sent, p *fakePeer) {
	r.t.Helper()
	r.seq++
	last := fmt.Sprint("last", r.seq)
	r.push(r.within(call, typeCandidates, candidate1(last)))
	r.until("the last event arrives", func() bool { return strings.HasSuffix(p.heardCandidates(), last) })
}

// T40: hold and resume by the room, whoever placed the call; both ways to hold.
func TestRoomHolds(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]func(*rig) (*signalling.Inbox, signalling.Leg, *fakePeer, sent){
		"placed": func(r *rig) (*signalling.Inbox, signalling.Leg, *fakePeer, sent) { return r.answered(r.inviteV1()) },
		"called": (*rig).talkingTo,
	} {
		for _, direction := range []string{"sendonly", "inactive"} {
			t.Run(name+" "+direction, func(t *testing.T) {
				t.Parallel()
				r := newRig(t).meet()
				in, _, p, a := begin(r)
				r.push(r.negotiation(a, "offer", "a="+direction))
				e := r.expect(typeNegotiate)
				r.wantBody(e, "description", map[string]any{"type": "answer", "sdp": "renegotiated"})
				r.wantBody(e, "party_id", a.Body["party_id"])
				r.wantBody(e, "sdp_stream_metadata", unmuted())
				if held := r.follow(in, signalling.Held); !held.Silent {
					t.Error("a client that holds plays nothing, and the call was not told so")
				}
				r.push(r.negotiation(a, "offer", "a="+direction+" once more"))
				r.expect(typeNegotiate)
				r.push(r.negotiation(a, "offer", "a=sendrecv"))
				r.expect(typeNegotiate)
				r.follow(in, signalling.Resumed)
				r.reached(a, p)
			})
		}
	}
}

// T41: another network: the offer is answered, and nobody is put on hold.
// T43, T44: so are offers of video and of a shared screen; refusing those
// sections is the peer's part.
func TestLaterOffers(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	in, _, p, a := r.answered(r.inviteV1())
	for _, sdp := range []string{"a=ice-ufrag:new", "m=video 9", "m=video 9 screen"} {
		r.push(r.negotiation(a, "offer", sdp))
		r.expect(typeNegotiate)
	}
	r.reached(a, p)
	if got := in.Take(); len(got) != 0 || len(p.offers) != 3 {
		t.Errorf("posted %v, answered %v", got, p.offers)
	}
}

// T45: negotiations of the wrong party, too late, without a description, and
// answers to nothing.
func TestStrayNegotiations(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	_, _, p, a := r.answered(r.inviteV1())
	late := with(r.negotiation(a, "offer", "late"), "unsigned", map[string]any{"age": 70_000})
	laptop := r.negotiation(a, "offer", "laptop")
	laptop["content"].(map[string]any)["party_id"] = "LAPTOP"
	v0 := r.negotiation(a, "offer", "v0")
	v0["content"].(map[string]any)["version"] = 0
	r.push(late, laptop, v0, with(r.negotiation(a, "offer", "mallet"), "sender", mallet), r.negotiation(a, "answer", "to nothing"),
		r.negotiation(a, "offer", ""))
	r.reached(a, p)
	if len(p.offers)+len(p.answers) != 0 {
		t.Errorf("offers %v, answers %v", p.offers, p.answers)
	}
	if n := r.c.Ignored()[typeNegotiate]; n != 6 {
		t.Errorf("%d were counted", n)
	}
}

// A telephone's hold is shown to the client that it called, by an offer of
// ours, and taken back.
func TestTelephoneHolds(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	_, leg, p, a := r.talkingTo()
	leg.Show(signalling.View{Held: true})
	e := r.expect(typeNegotiate)
	r.wantBody(e, "description", map[string]any{"type": "offer", "sdp": "our sendonly"})
	r.wantBody(e, "lifetime", 60000)
	r.wantBody(e, "sdp_stream_metadata", unmuted())
	leg.Show(signalling.View{}) // one at a time: this waits for the answer
	r.reached(a, p)
	r.push(r.negotiation(a, "answer", "held"))
	r.wantBody(r.expect(typeNegotiate), "description", map[string]any{"type": "offer", "sdp": "our sendrecv"})
	r.push(r.negotiation(a, "answer", "resumed"))
	r.reached(a, p)
	if got := strings.Join(p.answers, ","); got != "held,resumed" {
		t.Errorf("took %s", got)
	}
}

// T42: where both offer at once, ours wins if we placed the call; where we
// answered the call we never offer.
func TestOffersCollide(t *testing.T) {
	t.Parallel()
	t.Run("we placed the call", func(t *testing.T) {
		t.Parallel()
		r := newRig(t).meet()
		in, leg, p, a := r.talkingTo()
		leg.Show(signalling.View{Held: true})
		r.expect(typeNegotiate)
		r.push(r.negotiation(a, "offer", "a=sendonly of theirs"))
		r.reached(a, p)
		if len(p.offers) != 0 {
			t.Errorf("answered %v", p.offers)
		}
		r.push(r.negotiation(a, "answer", "a=inactive")) // so the client says that it holds as well
		if held := r.follow(in, signalling.Held); !held.Silent {
			t.Error("the call was not told to play anything")
		}
		r.push(r.negotiation(a, "offer", "a=sendrecv"))
		r.wantBody(r.expect(typeNegotiate), "description", map[string]any{"type": "answer", "sdp": "renegotiated"})
		r.follow(in, signalling.Resumed)
	})
	t.Run("they placed it", func(t *testing.T) {
		t.Parallel()
		r := newRig(t).meet()
		_, leg, p, a := r.answered(r.inviteV1())
		leg.Show(signalling.View{Held: true})
		muted := r.expect(typeStreams) // in place of an offer
		r.wantBody(muted, "sdp_stream_metadata", map[string]any{"stream1": map[string]any{"purpose": "m.usermedia", "audio_muted": true, "video_muted": true}})
		leg.Show(signalling.View{})
		r.wantBody(r.expect(typeStreams), "sdp_stream_metadata", unmuted())
		r.reached(a, p)
	})
}

// A client that does not answer our offer, or answers it with nonsense, keeps
// its call, and is shown by other means that nobody listens.
func TestOfferWithoutAnswer(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{"none": "", "nonsense": "garbage"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t).meet()
			r.c.calls.waits.offer = 30 * time.Millisecond
			in, leg, p, a := r.talkingTo()
			leg.Show(signalling.View{Held: true})
			r.expect(typeNegotiate)
			if answer != "" {
				r.push(r.negotiation(a, "answer", answer))
			}
			r.expect(typeStreams)
			r.push(r.negotiation(a, "answer", "late"), r.negotiation(a, "offer", "a=sendonly"))
			r.expect(typeNegotiate)
			r.expect(typeStreams)
			r.follow(in, signalling.Held)
			leg.Show(signalling.View{}) // the client may have heard us after all
			e := r.expect(typeNegotiate)
			r.wantBody(e, "description", map[string]any{"type": "offer", "sdp": "our sendrecv"})
			r.wantBody(e, "sdp_stream_metadata", unmuted())
			r.push(r.negotiation(a, "answer", "in time"))
			r.reached(a, p)
			if strings.Contains(strings.Join(p.answers, ","), "late") {
				t.Errorf("took %v", p.answers)
			}
		})
	}
}

// T33 in part: a client of version 0 hears of none of this.
func TestOldClientIsShownNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	in, leg, p, a := r.rung()
	r.push(r.says(a, typeAnswer, "", answerSDP("old")))
	r.until("the answer is taken", func() bool { return p.get(func() string { return p.accepted }) == "old" })
	p.on(peer.Connected)
	r.follow(in, signalling.Answered)
	leg.Show(signalling.View{Held: true, Muted: true, Party: signalling.Party{Name: "Somebody else"}})
	leg.Hangup(signalling.Reason{Cause: signalling.NormalClearing})
	r.expect(typeHangup)
}
