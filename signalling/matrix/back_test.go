package matrix

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"roomline/media"
	"roomline/media/peer"
	"roomline/signalling"
)

// tones counts who is played to.
type tones struct{ begun, ended atomic.Int32 }

func (m *tones) Play(media.Sink, media.Format) func() {
	m.begun.Add(1)
	return func() { m.ended.Add(1) }
}

func withTones(m *tones) option {
	return func(_ *Config, c *Client) {
		if c != nil {
			c.RingBack(m)
		}
	}
}

// asked has alice rung for a call that she wants to place.
func (r *rig) asked() (*fakePeer, sent) {
	r.t.Helper()
	if err := r.c.callBack(alice, "", signalling.Party{Number: dialled}); err != nil {
		r.t.Fatal(err)
	}
	p, invite := r.peer(), r.expect(typeInvite)
	r.expect(typeCandidates)
	return p, invite
}

// said is the end of what is written into the room after the call.
func (r *rig) said(text string) {
	r.t.Helper()
	for {
		body, _ := r.expect(typeNotice).Body["body"].(string)
		if strings.HasSuffix(body, text) {
			return
		}
	}
}

// A user who asked for a call is rung, hears it ring, and talks.
func TestCallBack(t *testing.T) {
	t.Parallel()
	var m tones
	r := newRig(t, withTones(&m)).meet()
	p, invite := r.asked()
	r.wantBody(invite, "invitee", alice)
	r.push(r.says(invite, typeAnswer, "PHONE", answerSDP("x")))
	r.wantBody(r.expect(typeSelectAnswer), "selected_party_id", "PHONE")
	r.none()
	p.on(peer.Connected)
	call, in, leg := r.take()
	if call.Via != signalling.Matrix || call.From.User != alice || call.To.Number != dialled || call.Room != room {
		t.Errorf("the call is %+v", call)
	}
	if f := leg.Offers(); len(f) != 1 || f[0] != p.format {
		t.Errorf("offers %v", f)
	}
	leg.Ring()
	r.until("it rings", func() bool { return m.begun.Load() == 1 })
	if leg.Media() != nil {
		t.Error("media before the answer")
	}
	leg.Answer(p.format)
	r.follow(in, signalling.Confirmed)
	if !reaches(leg, p) || m.ended.Load() == 0 {
		t.Errorf("media %v, tones ended %d", leg.Media(), m.ended.Load())
	}
	r.push(r.says(invite, typeHangup, "PHONE", nil))
	r.ends(in, signalling.NormalClearing)
}

// It comes to nothing: the user declines, does not answer, is busy, hangs up
// before the telephone is answered; the switchboard refuses; no audio fits.
func TestCallBackFails(t *testing.T) {
	t.Parallel()
	connect := func(r *rig) (*fakePeer, sent) {
		p, invite := r.asked()
		r.push(r.says(invite, typeAnswer, "PHONE", answerSDP("x")))
		r.expect(typeSelectAnswer)
		p.on(peer.Connected)
		return p, invite
	}
	t.Run("declined", func(t *testing.T) {
		t.Parallel()
		r := newRig(t).meet()
		_, invite := r.asked()
		r.push(r.says(invite, typeReject, "PHONE", nil))
		r.expect(typeSelectAnswer)
		r.said("was cancelled (you declined).")
		r.none()
	})
	t.Run("not answered", func(t *testing.T) {
		t.Parallel()
		r := newRig(t).meet()
		r.c.cfg.RingTimeout = 500 * time.Millisecond // enough for what is sent before, on a busy machine
		r.asked()
		r.wantBody(r.expect(typeHangup), "reason", "invite_timeout")
		r.said("was cancelled (you did not answer).")
		r.none()
	})
	t.Run("hung up", func(t *testing.T) {
		t.Parallel()
		r := newRig(t).meet()
		_, invite := connect(r)
		_, in, _ := r.take()
		r.push(r.says(invite, typeHangup, "PHONE", nil))
		r.ends(in, signalling.Cancelled)
	})
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		r := newRig(t).meet()
		r.board.deny.Store(&signalling.Reason{Cause: signalling.Forbidden})
		connect(r)
		r.wantBody(r.expect(typeHangup), "reason", "user_hangup")
		r.said("is not allowed.")
	})
	t.Run("another format", func(t *testing.T) {
		t.Parallel()
		r := newRig(t).meet()
		connect(r)
		_, in, leg := r.take()
		leg.Answer(media.Opus)
		r.ends(in, signalling.NoCodec)
	})
	t.Run("gone before it is a call", func(t *testing.T) {
		t.Parallel()
		r := newRig(t).meet()
		_, invite := connect(r)
		call := <-r.board.in
		r.push(r.says(invite, typeHangup, "PHONE", nil))
		r.expect(typeNotice)
		in := signalling.NewInbox("late", discard())
		call.Leg(in)
		r.ends(in, signalling.Cancelled)
	})
	t.Run("stopping", func(t *testing.T) {
		t.Parallel()
		r := newRig(t).meet()
		connect(r)
		_, in, _ := r.take()
		r.c.Close()
		r.ends(in, signalling.ShuttingDown)
		if err := r.c.callBack(alice, "", signalling.Party{Number: dialled}); err == nil {
			t.Error("called back after the end")
		}
	})
}

// Only so many people are called back at once.
func TestCallBacksAreBounded(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	r.asked()
	r.c.calls.mu.Lock()
	r.c.calls.backs["@others:example.org"] = maxBacks - 1
	r.c.calls.mu.Unlock()
	if err := r.c.callBack(alice, "", signalling.Party{Number: dialled}); err != errNoBacks {
		t.Errorf("%v", err)
	}
}

// Who asks for a call to a number that rings already keeps the call that rings.
func TestCallBackDuringACall(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	r.push(r.inviteV1())
	_, in, leg := r.take()
	if err := r.c.callBack(alice, room, signalling.Party{Number: dialled}); err != nil {
		t.Fatal(err)
	}
	r.said("was cancelled (a call goes on in this room already).")
	leg.Answer(leg.Offers()[0])
	r.peer().on(peer.Connected)
	r.follow(in, signalling.Confirmed)
}

// One person cannot keep everybody else from being called back.
func TestCallBacksOfOnePerson(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	for range maxBacksEach {
		if !r.c.calls.callsBack(alice) {
			t.Fatal("refused too early")
		}
	}
	if err := r.c.callBack(alice, "", signalling.Party{Number: dialled}); err != errNoBacks {
		t.Errorf("%v", err)
	}
	if err := r.c.callBack(bob, "", signalling.Party{Number: dialled}); err != nil {
		t.Errorf("somebody else: %v", err)
	}
	r.c.calls.calledBack(alice)
	r.until("the other one is over", func() bool { return r.c.calls.callsBack(alice) })
}
