package matrix

import (
	"testing"

	"roomline/media"
	"roomline/media/peer"
	"roomline/signalling"
)

// T50, the other half: the room's call to a number is under way when that
// number calls the room. The two that want to talk get one call.
func TestTelephoneCallsTheRoomThatCallsIt(t *testing.T) {
	t.Parallel()
	for name, v0 := range map[string]bool{"version 1": false, "version 0": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t).meet()
			invite := r.inviteV1()
			if v0 {
				invite = r.inviteV0()
			}
			r.push(invite, r.v1(typeCandidates, candidate1("early")))
			_, placed, _ := r.take()
			waiting := signalling.NewInbox("waiting", r.c.log)
			leg := r.c.Dial(fromBob, []media.Format{media.PCMA}, waiting)
			r.ends(placed, signalling.Cancelled)
			a := map[string]sent{}
			for len(a) < 3 {
				e := <-r.hs.events
				a[e.Type] = e
			}
			r.wantBody(a[typeAnswer], "call_id", "call1")
			p := r.peer()
			r.push(r.v1(typeCandidates, candidate1("late")))
			r.until("candidates arrive", func() bool { return p.heardCandidates() == "early,late" })
			p.on(peer.Connected)
			r.follow(waiting, signalling.Answered)
			if !reaches(leg, p) {
				t.Error("the telephone does not hear the client")
			}
			r.push(r.v1(typeHangup, nil))
			r.ends(waiting, signalling.NormalClearing)
			r.none()
			r.expect(typeNotice)
			r.quiet()
			if left, err := r.c.store.leftOpen(t.Context()); err != nil || len(left) != 0 {
				t.Errorf("left open: %v, %v", left, err)
			}
		})
	}
}

// A call to somebody else, one that is answered already, and one that is just
// given up are no reason to wait.
func TestTelephoneDoesNotMeetOtherCalls(t *testing.T) {
	t.Parallel()
	t.Run("answered", func(t *testing.T) {
		t.Parallel()
		r := newRig(t).meet()
		r.answered(r.inviteV1())
		in := signalling.NewInbox("waiting", r.c.log)
		r.c.Dial(fromBob, []media.Format{media.PCMA}, in)
		r.ends(in, signalling.Busy)
	})
	t.Run("another number", func(t *testing.T) {
		t.Parallel()
		r := newRig(t).meet()
		r.push(r.inviteV1())
		r.take()
		in := signalling.NewInbox("waiting", r.c.log)
		other := fromBob
		other.From.Number, other.Room = "+4989", room
		r.c.Dial(other, []media.Format{media.PCMA}, in)
		r.ends(in, signalling.Busy)
	})
	t.Run("too late", func(t *testing.T) {
		t.Parallel()
		c, from, to := newCalls(), newLeg(&Client{log: discard()}, signalling.A), newLeg(&Client{log: discard()}, signalling.B)
		from.room, from.id, from.user, from.dialled = room, "call1", alice, dialled
		to.room, to.user, to.other.Number = room, alice, dialled
		c.live[from.key()] = from
		if !c.ask(to) || !c.forgo(to) || c.handOver(from, to, invitation{id: "call1"}) || c.live[from.key()] != from {
			t.Error("handed to a leg that is gone")
		}
		if !c.ask(to) || !c.handOver(from, to, invitation{id: "call1"}) || c.forgo(to) || c.live[from.key()] != to {
			t.Error("not handed to a leg that waits")
		}
	})
	t.Run("hung up while it was handed over", func(t *testing.T) {
		t.Parallel()
		r := newRig(t).meet()
		l := newLeg(r.c, signalling.B)
		l.room, l.user, l.in = room, alice, signalling.NewInbox("waiting", r.c.log)
		l.box.put(item{kind: hangItUp, reason: signalling.Reason{Cause: signalling.Cancelled}})
		l.box.put(item{kind: handed, invitation: &invitation{id: "call1", ghost: ghost, stage: stage{placed: true}}})
		o := l.awaitCall(nil)
		if o == nil || o.reason.Cause != signalling.Cancelled {
			t.Fatalf("%+v", o)
		}
		l.conclude(*o)
		r.wantBody(r.expect(typeReject), "call_id", "call1")
	})
}
