package matrix

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"roomline/internal/database"
	"roomline/internal/database/databasetest"
	"roomline/signalling"
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
		if err := r.c.store.keep(t.Context(), list, nil, time.Now().Add(-ago)); err != nil {
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
// ourselves, nor what strangers say.
func TestOnlyCallsAreKept(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	own := r.v1(typeHangup, nil)
	own["sender"] = ghost
	stranger := with(r.inviteV1(), "sender", mallet)
	r.push(own, stranger, r.v1(typeCandidates, map[string]any{"candidates": []any{}}), r.event("m.room.message", alice, map[string]any{"body": "m.call.invite"}))
	n := 0
	if err := r.c.store.kept(t.Context(), time.Now(), func(time.Time, string) { n++ }); err != nil || n != 0 {
		t.Errorf("%d are kept, %v", n, err)
	}
}

// X11: what is kept does not grow for ever, and is of nobody who may not call.
func TestKeptIsBounded(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, at database.Address) {
		s, _ := storeAt(t, at)
		now := time.Now()
		for i := range 5 {
			list := map[string]string{}
			for j := range maxKept / 2 {
				list[fmt.Sprintf("$%d.%d", i, j)] = "{}"
			}
			if err := s.keep(t.Context(), list, nil, now.Add(time.Duration(i)*time.Millisecond)); err != nil {
				t.Fatal(err)
			}
		}
		var n int
		if err := s.QueryRow(t.Context(), `SELECT COUNT(*) FROM kept_event`).Scan(&n); err != nil || n > maxKept*3/2 {
			t.Errorf("%d are kept, %v", n, err)
		}
	})
}

// F9: a database that cannot be written holds up no call that goes on: the
// client hangs up.
func TestHangupWhileTheDatabaseIsLocked(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	in, _, _, _ := r.answered(r.inviteV1())
	other, err := sql.Open("sqlite", string(r.path))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	other.SetMaxOpenConns(1)
	if _, err := other.Exec(`BEGIN IMMEDIATE`); err != nil {
		t.Fatal(err)
	}
	var all []map[string]any
	for i := range 20 {
		all = append(all, r.member(mallet, fmt.Sprintf("@u%d:evil.org", i), "join"))
	}
	begun := time.Now()
	if status := r.pushAs("locked", append(all, r.v1(typeHangup, nil))...); status != 200 {
		t.Errorf("status %d", status)
	}
	if took := time.Since(begun); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
	if e := r.follow(in, signalling.HungUp); e.Reason.Cause != signalling.NormalClearing {
		t.Errorf("ended with %v", e.Reason)
	}
	if _, err := other.Exec(`ROLLBACK`); err != nil {
		t.Fatal(err)
	}
}
