package matrix

import (
	"encoding/json"
	"testing"
	"time"
)

// A call whose invite was acknowledged just before a sudden end is placed at
// the next start, once; not if it was taken back meanwhile, is too old, or was
// taken up already.
func TestAcknowledgedInviteIsTakenUp(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	invite := func(call string) map[string]any {
		return r.v1(typeInvite, map[string]any{"call_id": call, "lifetime": 60000, "offer": map[string]any{"sdp": offer}})
	}
	kept := func(ago time.Duration, events ...map[string]any) {
		t.Helper()
		list := map[string]string{}
		for _, e := range events {
			text, err := json.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			list[e["event_id"].(string)] = string(text)
		}
		if err := r.c.store.keep(t.Context(), list, time.Now().Add(-ago)); err != nil {
			t.Fatal(err)
		}
	}
	waiting, taken := invite("waiting"), invite("taken")
	r.push(taken)
	r.take()
	kept(0, waiting, invite("over"), r.v1(typeHangup, map[string]any{"call_id": "over"}))
	kept(2*time.Minute, invite("stale")) // its age grows
	r.c.Close()
	r.begin()
	call, _, _ := r.take()
	if call.To.Number != dialled || call.Room != room {
		t.Errorf("called %+v", call)
	}
	r.push(waiting, taken)
	r.settledOr(func() bool { return len(r.c.atOnce) == 0 })
	if n := len(r.board.in); n != 0 {
		t.Errorf("%d more calls were placed", n)
	}
	r.c.Close()
	r.begin()
	r.settledOr(func() bool { return len(r.c.atOnce) == 0 })
	if n := len(r.board.in); n != 0 {
		t.Errorf("%d calls were placed again", n)
	}
}

// What is not the beginning or the end of a call is not kept, nor what we said
// ourselves.
func TestOnlyCallsAreKept(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	own := r.v1(typeHangup, nil)
	own["sender"] = ghost
	r.push(own, r.v1(typeCandidates, map[string]any{"candidates": []any{}}), r.event("m.room.message", alice, map[string]any{"body": "m.call.invite"}))
	n := 0
	if err := r.c.store.kept(t.Context(), time.Now(), func(time.Time, string) { n++ }); err != nil || n != 0 {
		t.Errorf("%d are kept, %v", n, err)
	}
}
