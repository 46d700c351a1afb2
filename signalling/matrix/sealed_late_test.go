package matrix

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"roomline/media"
	"roomline/signalling"
)

// This file tests encrypted calls of which something comes late.

// T12: who gave up before we came back rings nobody, in encrypted rooms too.
func TestSealedInviteThatIsOver(t *testing.T) {
	t.Parallel()
	r, _ := sealedRig(t)
	r.push(r.seal(r.inviteV1(), "D1", "S1"), r.seal(r.v1(typeHangup, nil), "D1", "S1"))
	r.push(r.seal(r.v1(typeInvite, map[string]any{"call_id": "call2", "offer": map[string]any{"sdp": offer}}), "D1", "S1"))
	r.take()
	if n := len(r.board.in); n != 0 || r.c.Ignored()[typeInvite] != 1 {
		t.Errorf("%d more calls were placed, ignored %v", n, r.c.Ignored())
	}
}

// T66: an invite and a hundred events of its call in one burst arrive in
// order, although their key comes last; T70: a key that is late.
func TestSealedBurstInOrder(t *testing.T) {
	t.Parallel()
	r, b := sealedRig(t)
	b.set(func() { b.missing["LATE"] = true })
	all, want := []map[string]any{r.seal(r.inviteV1(), "D1", "LATE")}, []string{}
	for i := range 100 {
		want = append(want, fmt.Sprint("c", i))
		all = append(all, r.seal(r.v1(typeCandidates, candidate1(fmt.Sprint("c", i))), "D1", "LATE"))
	}
	r.push(all...)
	r.until("the key is waited for", func() bool { b.mu.Lock(); defer b.mu.Unlock(); return b.awaits > 0 })
	b.arrive("LATE")
	_, _, leg := r.take()
	leg.Answer(media.PCMU)
	p := r.peer()
	r.until("all candidates are there", func() bool { return strings.Count(p.heardCandidates(), ",") >= len(want)-1 })
	if got := p.heardCandidates(); got != strings.Join(want, ",") {
		t.Errorf("in the order %s", got)
	}
}

// X1: whoever writes in a user's name without a key that we have holds up
// nothing of what the user's device says; nor does a device's own later key.
func TestKeysWaitForNoOther(t *testing.T) {
	t.Parallel()
	r, b := sealedRig(t)
	b.set(func() { b.missing["NEVER"], b.missing["LATE"] = true, true })
	in, p, a := r.sealedCall()
	r.push(r.seal(r.within(a, typeHangup, nil), "D9", "NEVER"), r.seal(r.within(a, typeCandidates, candidate1("c1")), "D1", "LATE"),
		r.seal(r.within(a, typeCandidates, candidate1("c2")), "D1", "S1"))
	r.until("the second candidate is there", func() bool { return p.heardCandidates() == "c2" })
	b.arrive("LATE")
	r.until("the first is there", func() bool { return p.heardCandidates() == "c2,c1" })
	r.push(r.seal(r.within(a, typeHangup, nil), "D1", "S1"))
	r.ends(in, signalling.NormalClearing)
	r.until("only what has no key waits", func() bool { return r.waits() == 1 })
}

// A device that takes another key between the events of a call, of which the
// first is late, still places it.
func TestSealedInviteUnderALateKey(t *testing.T) {
	t.Parallel()
	r, b := sealedRig(t)
	b.set(func() { b.missing["LATE"] = true })
	over := r.v1(typeInvite, map[string]any{"call_id": "over", "offer": map[string]any{"sdp": offer}})
	r.push(r.seal(over, "D1", "LATE"), r.seal(r.v1(typeHangup, map[string]any{"call_id": "over"}), "D1", "S1"))
	r.push(r.seal(r.inviteV1(), "D1", "LATE"), r.seal(r.v1(typeCandidates, candidate1("c1")), "D1", "S1"), r.seal(r.v1("m.call.mark", nil), "D1", "S1"))
	r.until("the rest is read", func() bool { return r.c.Ignored()["other"] == 1 })
	b.arrive("LATE")
	_, _, leg := r.take()
	leg.Answer(media.PCMU)
	p := r.peer()
	r.until("the candidate is there", func() bool { return p.heardCandidates() == "c1" })
	r.until("the other call is over", func() bool { return len(r.c.atOnce) == 0 })
	if n := len(r.board.in); n != 0 {
		t.Errorf("%d more calls were placed", n)
	}
}

// waits is how many lanes there are.
func (r *rig) waits() int {
	r.c.lanes.mu.Lock()
	defer r.c.lanes.mu.Unlock()
	return len(r.c.lanes.open)
}

// An encrypted invite that was acknowledged just before a sudden end is opened
// and placed at the next start, once; what cannot be of a call is struck off.
func TestSealedInviteSurvives(t *testing.T) {
	t.Parallel()
	r, b := sealedRig(t)
	b.set(func() { b.hold = make(chan struct{}) }) // nothing is opened before the end
	r.push(r.seal(r.inviteV1(), "D1", "S1"), r.seal(r.v1(typeCandidates, candidate1("c1")), "D1", "S1"))
	own := r.seal(r.v1(typeHangup, nil), "D1", "S1")
	r.push(with(own, "sender", ghost), with(r.seal(r.inviteV1(), "D1", "S1"), "sender", mallet))
	r.until("it is being opened", func() bool { b.mu.Lock(); defer b.mu.Unlock(); return len(b.opens) > 0 })
	r.c.Close()
	if n := r.keptNow(); n != 2 {
		t.Errorf("%d are kept", n)
	}
	for _, calls := range []int{1, 0} {
		again := newLockbox()
		r.begin(withVault(again))
		for range calls {
			_, _, leg := r.take()
			leg.Answer(media.PCMU)
			p := r.peer()
			r.until("the candidate is there", func() bool { return p.heardCandidates() == "c1" })
		}
		r.until("nothing is kept", func() bool { return r.keptNow() == 0 })
		if n := len(r.board.in); n != 0 {
			t.Errorf("%d more calls were placed", n)
		}
		r.c.Close()
	}
}

// keptNow is how many events are kept.
func (r *rig) keptNow() int {
	r.t.Helper()
	n := 0
	if err := r.c.store.kept(r.t.Context(), time.Now(), func(time.Time, string) { n++ }); err != nil {
		r.t.Fatal(err)
	}
	return n
}
