package matrix

import (
	"context"
	"testing"

	"roomline/media"
	"roomline/signalling"
)

// F25: a fault in one call ends that call on both sides, and no other.
func TestFaultEndsOneCall(t *testing.T) {
	t.Parallel()
	t.Run("in a leg", func(t *testing.T) {
		t.Parallel()
		r := newRig(t).meet()
		r.peers.breaks.Store(true)
		r.push(r.inviteV1())
		_, in, leg := r.take()
		leg.Answer(media.PCMU)
		r.ends(in, signalling.Internal)
		r.wantBody(r.expect(typeReject), "reason", "unknown_error")
	})
	t.Run("before it is a call", func(t *testing.T) {
		t.Parallel()
		r := newRig(t).meet()
		r.push(r.v1(typeInvite, map[string]any{"offer": map[string]any{"sdp": poisoned}}))
		r.wantBody(r.expect(typeReject), "reason", "unknown_error")
		r.expect(typeNotice)
		r.none()
	})
}

// A trunk's call that comes before the Matrix side is up is refused, not lost.
func TestDialBeforeStart(t *testing.T) {
	t.Parallel()
	c, err := newClient(Config{Homeserver: "http://127.0.0.1:1", Domain: "example.org"}, nil, nil, digitsOnly{}, nil, nil, locals("example.org"), discard())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	in := signalling.NewInbox("test", discard())
	c.Dial(fromBob, nil, in)
	(&rig{t: t}).ends(in, signalling.Unavailable)
}

// F25: a fault in what is done beside the calls, or while a room is looked for,
// is no fault of the gateway's.
func TestFaultBesideTheCalls(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	none := []error{}
	r.c.background(func(context.Context) error { return none[len(none)] })
	find := r.c.lines.ghosts
	r.c.lines.ghosts = nil
	in := signalling.NewInbox("test", r.log)
	r.c.Dial(fromBob, nil, in)
	r.ends(in, signalling.Unavailable)
	r.until("nobody is told where the call would have rung", func() bool {
		r.c.mu.Lock()
		defer r.c.mu.Unlock()
		return len(r.c.unsaid) == 0
	})
	r.c.lines.ghosts = find
	r.until("the other work is done", func() bool { return len(r.c.atOnce) == 0 })
	r.push(r.inviteV1())
	r.take()
}
