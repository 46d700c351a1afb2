package matrix

import (
	"log/slog"
	"testing"
	"time"

	"roomline/media/peer"
	"roomline/signalling"
)

const (
	room2  = "!two:example.org"
	ghost2 = "@tel_s600:example.org"
)

func (r *rig) replaces(call sent, extra map[string]any, target string) map[string]any {
	extra["replacement_id"], extra["target_user"] = "r1", map[string]any{"id": target, "display_name": "?"}
	return r.within(call, typeReplaces, extra)
}

// second gives alice another call, of hers to 600, in another room.
func (r *rig) second() (*signalling.Inbox, signalling.Leg, sent) {
	r.t.Helper()
	r.hs.set(func() { r.hs.members[room2] = []string{alice, ghost2} })
	if err := r.c.store.setRoom(r.t.Context(), room2, ghost2, alice); err != nil {
		r.t.Fatal(err)
	}
	e := with(r.inviteV1(), "room_id", room2)
	e["content"].(map[string]any)["call_id"] = "call2"
	r.push(e)
	in := <-r.board.in
	box := signalling.NewInbox("second", slog.New(slog.DiscardHandler))
	leg := in.Leg(box)
	leg.Answer(leg.Offers()[0])
	p := r.peer()
	a := r.expect(typeAnswer)
	r.expect(typeCandidates)
	p.on(peer.Connected)
	r.follow(box, signalling.Confirmed)
	return box, leg, a
}

// gone checks that a leg waits for its call's hangup, whatever becomes of its
// client, and then says goodbye.
func (r *rig) gone(in *signalling.Inbox, leg signalling.Leg, p *fakePeer) {
	r.t.Helper()
	if p != nil {
		p.on(peer.Lost)
	}
	leg.Show(signalling.View{Held: true})
	leg.Transferred(signalling.Reason{})
	leg.Transfer(signalling.Destination{})
	r.follow(in, signalling.NotReferred)
	leg.Hangup(signalling.Reason{Cause: signalling.NormalClearing})
	r.wantBody(r.expect(typeHangup), "reason", "user_hangup")
	r.follow(in, signalling.Gone)
	r.expect(typeNotice)
}

// A blind transfer, to a number and to a user.
func TestBlindTransfer(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]signalling.Party{
		ghost2: {Number: "600"}, "@tel_4989:example.org": {Number: "+4989"}, "@bob:elsewhere.org": {User: "@bob:elsewhere.org"},
	} {
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			r := newRig(t).meet()
			in, leg, p, a := r.answered(r.inviteV1())
			laptop := r.replaces(a, map[string]any{"create_call": "new"}, "@eve:example.org")
			laptop["content"].(map[string]any)["party_id"] = "LAPTOP"
			r.push(with(r.replaces(a, map[string]any{"create_call": "new"}, "@eve:example.org"), "sender", mallet), laptop,
				r.replaces(a, map[string]any{"create_call": "new", "await_call": "new"}, target), r.replaces(a, map[string]any{}, target),
				r.replaces(a, map[string]any{"create_call": "new", "target_room": "!elsewhere:example.org"}, target),
				r.replaces(a, map[string]any{"create_call": "once more"}, target))
			e := r.follow(in, signalling.Refer)
			if e.To != (signalling.Destination{To: want, Left: true}) || e.Side != signalling.A {
				t.Errorf("refer %+v", e)
			}
			r.gone(in, leg, p)
			if n := r.c.Ignored()[typeReplaces]; n != 4 {
				t.Errorf("%d were ignored", n)
			}
		})
	}
}

// To nobody: the client is gone already, so the call ends.
func TestTransferToNobody(t *testing.T) {
	t.Parallel()
	for _, target := range []string{"", "bob", "@:", "@bob", "@tel_line_alice:example.org"} {
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			r := newRig(t).meet()
			in, _, _, a := r.answered(r.inviteV1())
			r.push(r.replaces(a, map[string]any{"create_call": "new"}, target))
			r.ends(in, signalling.InvalidNumber)
			r.expect(typeHangup)
		})
	}
}

// An attended transfer, in the order of all clients and the wrong way round.
func TestAttendedTransfer(t *testing.T) {
	t.Parallel()
	for name, awaitFirst := range map[string]bool{"await first": true, "create first": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t).meet()
			in, leg, p, invite := r.talkingTo()
			in2, leg2, a2 := r.second()
			await := with(r.replaces(a2, map[string]any{"await_call": "new"}, ghost), "room_id", room2)
			create := r.replaces(invite, map[string]any{"create_call": "new"}, ghost2)
			if awaitFirst {
				r.push(await)
				r.push(create)
			} else {
				r.push(create)
				r.push(await)
			}
			e := r.follow(in, signalling.Refer)
			if e.To != (signalling.Destination{With: "second", WithSide: signalling.A, Left: true}) || e.Side != signalling.B {
				t.Errorf("refer %+v", e)
			}
			r.gone(in, leg, p)
			r.gone(in2, leg2, nil)
			r.quiet()
		})
	}
}

// The other half never comes.
func TestHalfAnAttendedTransfer(t *testing.T) {
	t.Parallel()
	t.Run("await", func(t *testing.T) {
		t.Parallel()
		r := newRig(t).meet()
		r.c.calls.waits.create = 30 * time.Millisecond
		in, _, _, a := r.answered(r.inviteV1())
		r.push(r.replaces(a, map[string]any{"await_call": "new"}, ghost))
		r.ends(in, signalling.NormalClearing)
		r.expect(typeHangup)
	})
	t.Run("create", func(t *testing.T) {
		t.Parallel()
		r := newRig(t).meet()
		r.c.calls.waits.await = 30 * time.Millisecond
		in, _, _, invite := r.talkingTo()
		r.second()
		r.push(r.replaces(invite, map[string]any{"create_call": "new"}, ghost2))
		if e := r.follow(in, signalling.Refer); e.To != (signalling.Destination{To: signalling.Party{Number: "600"}, Left: true}) {
			t.Errorf("refer %+v", e)
		}
	})
	t.Run("of another user", func(t *testing.T) {
		t.Parallel()
		p := newPairs()
		first, second := end{call: "1", box: newMailbox()}, end{call: "2", box: newMailbox()}
		p.await(pairKey{alice, "new"}, second)
		if _, ok := p.create(pairKey{mallet, "new"}, first); ok {
			t.Error("paired with a stranger's call")
		}
	})
}

// Before anybody talks there is nothing to transfer.
func TestTransferTooEarly(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	r.push(r.inviteV1())
	_, in, leg := r.take()
	leg.Answer(leg.Offers()[0])
	p, a := r.peer(), r.expect(typeAnswer)
	r.expect(typeCandidates)
	r.push(r.replaces(a, map[string]any{"create_call": "new"}, ghost2))
	r.until("it is ignored", func() bool { return r.c.Ignored()[typeReplaces] == 1 })
	p.on(peer.Connected)
	r.follow(in, signalling.Confirmed)
}
