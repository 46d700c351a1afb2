package matrix

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"roomline/signalling"
)

// T65: what a homeserver repeats after ten minutes rings nobody, whether it
// tells the age (Synapse) or only when it was said (Dendrite).
func TestStaleInvitesAfterAnOutage(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	old := time.Now().Add(-10 * time.Minute).UnixMilli()
	var all []map[string]any
	for i := range 20 {
		e := r.v1(typeInvite, map[string]any{"call_id": fmt.Sprint("old", i), "lifetime": 60000, "offer": map[string]any{"sdp": offer}})
		e["origin_server_ts"], e["unsigned"] = old, map[string]any{"age": 600_000}
		if i%2 == 1 {
			delete(e, "unsigned")
		}
		all = append(all, e)
	}
	r.push(all...)
	r.push(r.inviteV1())
	if call, _, _ := r.take(); call.Room != room {
		t.Errorf("called %+v", call)
	}
	if n := len(r.board.in); n != 0 {
		t.Errorf("%d stale calls were placed", n)
	}
}

// T66: an invite and a hundred events of its call in one burst arrive in order.
func TestBurstInOrder(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	all, want := []map[string]any{r.inviteV1()}, []string{}
	for i := range 100 {
		line := fmt.Sprintf("candidate:%d 1 udp 1 192.0.2.1 9 typ host", i)
		want = append(want, line)
		all = append(all, r.v1(typeCandidates, map[string]any{"candidates": []any{map[string]any{"candidate": line, "sdpMid": "0"}}}))
	}
	r.push(all...)
	call, _, leg := r.take()
	leg.Answer(leg.Offers()[0])
	p := r.peer()
	r.until("all candidates are there", func() bool { return strings.Count(p.heardCandidates(), ",") >= len(want)-1 })
	if got := p.heardCandidates(); got != strings.Join(want, ",") {
		t.Errorf("%v: in the order %s", call.To, got)
	}
}

// T66: a thousand invites in one transaction are acknowledged within a second;
// what is taken up stays bounded, and the first of them are.
func TestThousandInvites(t *testing.T) {
	t.Parallel()
	const many = 1000
	r := newRig(t)
	r.board.in = make(chan signalling.Incoming, many)
	all := make([]map[string]any, many)
	r.hs.set(func() {
		for i := range all {
			room := fmt.Sprintf("!r%d:example.org", i)
			user := fmt.Sprintf("@user%d:example.org", i%100)
			r.hs.members[room] = []string{user, ghost}
			all[i] = with(with(r.v1(typeInvite, map[string]any{"call_id": fmt.Sprint("call", i), "invitee": ghost, "offer": map[string]any{"sdp": offer}}), "room_id", room), "sender", user)
		}
	})
	begun := time.Now()
	r.push(all...)
	took := time.Since(begun)
	first := <-r.board.in
	patience, tick := time.After(2*time.Minute), time.NewTicker(10*time.Millisecond)
	defer tick.Stop()
	for len(r.c.atOnce) > 0 {
		select {
		case <-tick.C:
		case <-patience:
			t.Fatal("what was taken up is never done")
		}
	}
	placed := 1 + len(r.board.in) // the others were refused, because the homeserver was too slow
	t.Logf("%d invites in one transaction: acknowledged after %v, %d taken up at once, %d placed after %v", many, took.Round(time.Millisecond), cap(r.c.atOnce), placed, time.Since(begun).Round(time.Millisecond))
	if took > 10*time.Second {
		t.Errorf("acknowledged after %v", took)
	}
	in := signalling.NewInbox("test", r.log)
	leg := first.Leg(in)
	leg.Hangup(signalling.Reason{})
	r.follow(in, signalling.Gone)
	r.c.calls.mu.Lock()
	defer r.c.calls.mu.Unlock()
	if live := len(r.c.calls.live); live > many {
		t.Errorf("%d calls are alive", live)
	}
}

// T67: Dendrite tells no age, has no ping but asks for our protocols whenever
// somebody wants the list of them, and asks every application service
// about every protocol.
func TestDendrite(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.hs.set(func() { r.hs.noPing = true })
	if err := r.c.ask(); err == nil || !strings.Contains(err.Error(), "cannot reach us at") {
		t.Errorf("it has nothing from us: %v", err)
	}
	r.hs.set(func() { r.hs.networks = `{"m.protocol.pstn":{"instances":[{"network_id":"pstn"}]}}` })
	r.meet()
	r.until("ready without a ping", func() bool { return r.c.ask() == nil })
	for _, protocol := range []string{"irc", "im.vector.protocol.sip_virtual"} {
		if status, body := r.get(thirdparty + "user/" + protocol + "?m.id.phone=%2B49301234567"); status != 200 || strings.TrimSpace(body) != "[]" {
			t.Errorf("%s: %d %s", protocol, status, body)
		}
	}
	for age, placed := range map[time.Duration]bool{-time.Hour: false, time.Second: true} {
		e := with(r.v1(typeInvite, map[string]any{"call_id": fmt.Sprint("age", age), "lifetime": 60000, "offer": map[string]any{"sdp": offer}}), "origin_server_ts", time.Now().Add(-age.Abs()).UnixMilli())
		delete(e, "unsigned")
		r.push(e)
		if placed {
			r.take()
		}
	}
	if len(r.board.in) != 0 {
		t.Error("a stale call was placed")
	}
}
