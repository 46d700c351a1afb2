package matrix

import (
	"bytes"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"roomline/signalling"
)

// flood is 500 candidates in as many events, and one of everything else, so
// many times.
func (r *rig) flood(call sent, sender, party string, times int) {
	r.t.Helper()
	for range times {
		var batch []map[string]any
		for i := range 500 {
			batch = append(batch, r.within(call, typeCandidates, candidate1(fmt.Sprint("forged", i))))
		}
		for _, eventType := range []string{typeAnswer, typeHangup, typeReject, typeSelectAnswer, typeNegotiate, typeStreams, typeReplaces} {
			batch = append(batch, r.within(call, eventType, map[string]any{"selected_party_id": "X", "create_call": "x",
				"answer": map[string]any{"sdp": "forged"}, "description": map[string]any{"type": "offer", "sdp": "forged"}}))
		}
		for _, e := range batch {
			e["sender"] = sender
			e["content"].(map[string]any)["party_id"] = party
		}
		r.push(batch...)
	}
}

// X2, X10: others can write as much as they like; it is counted, and that is all.
func TestFloodsOfOthers(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]func(*rig) (*signalling.Inbox, signalling.Leg, *fakePeer, sent){
		"placed": func(r *rig) (*signalling.Inbox, signalling.Leg, *fakePeer, sent) { return r.answered(r.inviteV1()) },
		"called": (*rig).talkingTo,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t).meet()
			in, _, p, a := begin(r)
			r.flood(a, mallet, "PHONE", 20)
			r.flood(a, alice, "LAPTOP", 2)
			r.reached(a, p)
			if got := in.Take(); len(got) != 0 || strings.Contains(p.heardCandidates(), "forged") || len(p.offers) != 0 {
				t.Errorf("posted %v, candidates %q, offers %v", got, p.heardCandidates(), p.offers)
			}
			r.until("all are counted", func() bool {
				n := r.c.Ignored()
				return n[typeCandidates] == 11_000 && n[typeHangup] == 22 && n[typeReplaces] == 22 && len(n) == 8
			})
			r.push(r.within(a, typeHangup, nil))
			r.ends(in, signalling.NormalClearing)
		})
	}
}

// What never becomes a call is counted too: state events, group calls, what
// cannot be read, what is too late, what is not for us.
func TestWhatIsNoCallIsCounted(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	invite := func(extra map[string]any) map[string]any {
		r.seq++
		return r.v1(typeInvite, merged(map[string]any{"call_id": fmt.Sprint("stray", r.seq), "offer": map[string]any{"sdp": offer}}, extra))
	}
	r.push(with(r.inviteV1(), "state_key", ""), invite(map[string]any{"conf_id": "group"}), invite(map[string]any{"call_id": 5}),
		with(invite(nil), "unsigned", map[string]any{"age": 600_000}), invite(map[string]any{"invitee": "@else:example.org"}),
		r.event("m.call.unheard_of", alice, map[string]any{"call_id": "x"}), by(ghost, invite(nil)))
	r.until("all are counted", func() bool { n := r.c.Ignored(); return n[typeInvite] == 5 && n["other"] == 1 })
	r.none()
}

// merged adds fields to a content.
func merged(content, extra map[string]any) map[string]any {
	maps.Copy(content, extra)
	return content
}

// Who does not know the token learns nothing; the operator does, once a minute
// at most: a homeserver with an old registration looks just like that.
func TestWrongTokenIsCounted(t *testing.T) {
	t.Parallel()
	var said bytes.Buffer
	l := newListener("right", http.NotFoundHandler(), slog.New(slog.NewTextHandler(&said, nil)))
	for _, header := range []string{"", "Bearer wrong", "Bearer canary"} {
		req := httptest.NewRequest(http.MethodPut, "/_matrix/app/v1/transactions/1", strings.NewReader("{}"))
		req.Header.Set("Authorization", header)
		l.ServeHTTP(httptest.NewRecorder(), req)
	}
	if n := l.refused.Load(); n != 3 || strings.Count(said.String(), "hs_token") != 1 || strings.Contains(said.String(), "canary") {
		t.Errorf("%d were counted; the log says %s", n, said.String())
	}
}

// Who floods its own call loses it, and holds no memory meanwhile.
func TestFloodOfOnesOwn(t *testing.T) {
	t.Parallel()
	m := newMailbox()
	for range 10_000 {
		m.put(item{kind: fromRoom})
	}
	if it, ok := m.take(); !ok || it.kind != flooded || len(m.queue) != 0 {
		t.Errorf("%v, %d are left", it.kind, len(m.queue))
	}
}

// While it rings anybody may answer, and a flood still leaves room for it.
func TestFloodWhileRinging(t *testing.T) {
	t.Parallel()
	c, l := newCalls(), newLeg(&Client{log: discard()}, signalling.B)
	l.user, l.room, l.id = alice, room, "call1"
	c.live[l.key()] = l
	say := func(eventType, sender, party string) bool {
		return c.deliver(heard{message: message{Type: eventType, CallID: "call1", Party: party}, Room: room, Sender: sender})
	}
	for i := range 1000 {
		if say(typeCandidates, alice, "LAPTOP") != (i < maxMail/2) {
			t.Fatalf("candidate %d", i)
		}
		say(typeReject, mallet, "X")
	}
	if !say(typeAnswer, alice, "PHONE") {
		t.Error("no room for an answer")
	}
	c.settle(l, party{User: alice, ID: "PHONE"})
	if say(typeHangup, alice, "LAPTOP") || !say(typeHangup, alice, "PHONE") {
		t.Error("another party counts after the answer")
	}
}

// Types that mean nothing share one row, so that the table stays small.
func TestIgnoredIsBounded(t *testing.T) {
	t.Parallel()
	var s strays
	for i := range 1000 {
		s.add(fmt.Sprint("m.call.", i))
	}
	s.add(typeCandidate)
	if len(s.byType) != 2 || s.byType["other"] != 1000 || s.byType[typeCandidates] != 1 {
		t.Errorf("%v", s.byType)
	}
}
