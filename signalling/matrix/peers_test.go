package matrix

import (
	"strings"
	"testing"

	"roomline/media"
	"roomline/media/peer"
	"roomline/signalling"
)

func newFactory(t *testing.T) *peer.Factory {
	t.Helper()
	f, err := peer.New(peer.Config{Address: "127.0.0.1"}, discard())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// Both kinds of leg connect with a real WebRTC peer in the client's place.
func TestRealPeers(t *testing.T) {
	t.Parallel()
	silent := func(peer.State) {}
	t.Run("caller", func(t *testing.T) {
		t.Parallel()
		ours := newFactory(t)
		r := newRig(t, func(_ *Config, c *Client) {
			if c != nil {
				c.peers = factory{ours}
			}
		}).meet()
		browser, sdp, err := newFactory(t).Offer([]media.Format{media.Opus, media.PCMA}, silent)
		if err != nil {
			t.Fatal(err)
		}
		defer browser.Close()
		invite := r.inviteV1()
		invite["content"].(map[string]any)["offer"] = map[string]any{"type": "offer", "sdp": sdp}
		r.push(invite)
		_, in, leg := r.take()
		leg.Answer(media.PCMA)
		a := r.expect(typeAnswer)
		answer := a.Body["answer"].(map[string]any)["sdp"].(string)
		for id := range a.Body["sdp_stream_metadata"].(map[string]any) { // js-sdk looks a stream up by it
			if !strings.Contains(answer, "a=msid:"+id+" ") {
				t.Errorf("no stream %s in\n%s", id, answer)
			}
		}
		if err := browser.Accept(answer); err != nil {
			t.Fatal(err)
		}
		r.follow(in, signalling.Confirmed)
		if leg.Media().Format() != media.PCMA {
			t.Errorf("format %v", leg.Media().Format())
		}
		leg.Hangup(signalling.Reason{Cause: signalling.NormalClearing})
		r.follow(in, signalling.Gone)
	})
	t.Run("callee", func(t *testing.T) {
		t.Parallel()
		ours := newFactory(t)
		r := newRig(t, func(_ *Config, c *Client) {
			if c != nil {
				c.peers = factory{ours}
			}
		}).meet()
		in := signalling.NewInbox("test", discard())
		leg := r.c.Dial(fromBob, []media.Format{media.PCMU}, in)
		invite := r.expect(typeInvite)
		r.follow(in, signalling.Ringing)
		browser, sdp, err := newFactory(t).Answer(invite.Body["offer"].(map[string]any)["sdp"].(string), media.PCMU, silent)
		if err != nil {
			t.Fatal(err)
		}
		defer browser.Close()
		if _, ok := invite.Body["sdp_stream_metadata"].(map[string]any); !ok {
			t.Error("no stream metadata")
		}
		r.push(r.says(invite, typeAnswer, "PHONE", answerSDP(sdp)))
		r.expect(typeCandidates)
		r.expect(typeSelectAnswer)
		r.follow(in, signalling.Answered)
		for _, hold := range []bool{true, false} {
			leg.Show(signalling.View{Held: hold})
			e := r.expect(typeNegotiate)
			answer, held, err := browser.Renegotiate(e.Body["description"].(map[string]any)["sdp"].(string))
			if err != nil || held != hold {
				t.Fatalf("held %v, %v", held, err)
			}
			r.push(r.negotiation(invite, "answer", answer))
		}
		leg.Hangup(signalling.Reason{Cause: signalling.NormalClearing})
		r.follow(in, signalling.Gone)
	})
}
