package matrix

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"roomline/media"
	"roomline/signalling"
	"roomline/signalling/legtest"
)

const thirdparty = "/_matrix/app/v1/thirdparty/"

func (r *rig) get(path string) (int, string) {
	r.t.Helper()
	return r.ask(http.MethodGet, path, "Bearer "+r.hs.hsToken, nil)
}

// T60, X8: exact answers, and who gets none.
func TestLookup(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const protocol = `{"user_fields":["m.id.phone"],"location_fields":[],"icon":"","field_types":{"m.id.phone":{"regexp":"[+0-9*#]+","placeholder":"+493012345"}},` +
		`"instances":[{"network_id":"pstn","desc":"Telephone network","fields":{}}]}`
	found := func(p string) string {
		return `[{"userid":"` + ghost + `","protocol":"` + p + `","fields":{"m.id.phone":"+49301234567"}}]`
	}
	for _, tt := range []struct {
		path   string
		status int
		body   string
	}{
		{"protocol/m.protocol.pstn", 200, protocol},
		{"protocol/im.vector.protocol.pstn", 200, protocol},
		{"protocol/im.vector.protocol.sip_native", 404, ""},
		{"user/m.protocol.pstn?m.id.phone=%2B49301234567", 200, found("m.protocol.pstn")},
		{"user/im.vector.protocol.pstn?m.id.phone=0049%2030%201234567", 200, found("im.vector.protocol.pstn")},
		{"user/m.protocol.pstn?m.id.phone=600", 200, `[{"userid":"@tel_s600:example.org","protocol":"m.protocol.pstn","fields":{"m.id.phone":"600"}}]`},
		{"user/m.protocol.pstn?m.id.phone=*21%23", 200, `[{"userid":"@tel_s=2a21=23:example.org","protocol":"m.protocol.pstn","fields":{"m.id.phone":"*21#"}}]`},
		{"user/m.protocol.pstn?m.id.phone=alice", 200, "[]"},
		{"user/m.protocol.pstn", 200, "[]"},
		{"user/im.vector.protocol.sip_native?native_mxid=x", 200, "[]"},
		{"user?userid=" + ghost, 200, found("m.protocol.pstn")},
		{"user?userid=@alice:example.org", 200, "[]"},
		{"location", 200, "[]"},
		{"location/m.protocol.pstn?x=y", 200, "[]"},
		{"nonsense", 404, ""},
	} {
		status, body := r.get(thirdparty + tt.path)
		if status != tt.status || tt.body != "" && strings.TrimSpace(body) != tt.body {
			t.Errorf("%s: %d %s, expected %s", tt.path, status, body, tt.body)
		}
	}
	for token, status := range map[string]int{"": 401, "Basic x": 401, "Bearer wrong": 403} {
		if got, _ := r.ask(http.MethodGet, thirdparty+"protocol/m.protocol.pstn", token, nil); got != status {
			t.Errorf("token %q: %d, expected %d", token, got, status)
		}
		if got, _ := r.ask(http.MethodPut, "/_matrix/app/v1/transactions/1", token, strings.NewReader("{}")); got != status {
			t.Errorf("transaction with token %q: %d, expected %d", token, got, status)
		}
	}
}

// T61: the user exists and has its name before the lookup replies, once.
func TestLookupMakesTheUserFirst(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for range 2 {
		r.get(thirdparty + "user/m.protocol.pstn?m.id.phone=%2B49301234567")
		r.hs.mu.Lock()
		calls := slices.DeleteFunc(slices.Clone(r.hs.calls), func(c string) bool { return strings.Contains(c, "ping") })
		r.hs.mu.Unlock()
		want := []string{"POST register tel_49301234567", "PUT profile/" + ghost + "/displayname +49 301234567"}
		if !slices.Equal(calls, want) {
			t.Errorf("asked %q, expected %q", calls, want)
		}
	}
	if status, _ := r.get("/_matrix/app/v1/users/@tel_s600:example.org"); status != 200 || !r.hs.said("POST register tel_s600") {
		t.Errorf("user query: %d", status)
	}
	if status, _ := r.get("/_matrix/app/v1/users/@tel_line_x:example.org"); status != 404 {
		t.Errorf("user query of no number: %d", status)
	}
}

// T61: a homeserver that cannot make the user gets an error, not a user.
func TestLookupWithoutHomeserver(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.hs.set(func() { r.hs.down = true })
	if status, body := r.get(thirdparty + "user/m.protocol.pstn?m.id.phone=600"); status < 400 || strings.Contains(body, "tel_") {
		t.Errorf("%d %s", status, body)
	}
}

// X8: a body without end is cut off.
func TestBodyIsBounded(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	endless := io.LimitReader(zeros{}, maxBody+1)
	if status, _ := r.ask(http.MethodPut, "/_matrix/app/v1/transactions/1", "Bearer "+r.hs.hsToken, endless); status != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d", status)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }

// T63: a telephone accepts the invitation of somebody who may call, but not to
// a public room, and nobody else's.
func TestInvitations(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	invitation := func(sender, room string) map[string]any {
		return with(r.member(sender, ghost, "invite"), "room_id", room)
	}
	r.hs.set(func() { r.hs.public["!open:example.org"] = true })
	shown := with(invitation(alice, "!shown:example.org"), "unsigned", map[string]any{"invite_room_state": []any{
		map[string]any{"type": "m.room.join_rules", "state_key": "", "sender": alice, "content": map[string]any{"join_rule": "public"}}}})
	r.push(invitation(mallet, "!evil:evil.org"), invitation(alice, "!open:example.org"), shown, invitation(alice, room))
	of := func(room string) string { g, _ := r.c.store.ghostOf(context.Background(), room); return g }
	r.until("the telephone joins", func() bool { return r.hs.said("POST rooms/" + room + "/join") })
	r.until("it leaves the public rooms", func() bool {
		return r.hs.said("POST rooms/!open:example.org/leave") && r.hs.said("POST rooms/!shown:example.org/leave")
	})
	r.until("all was looked at", func() bool { return len(r.c.atOnce) == 0 })
	if of(room) != ghost || of("!open:example.org") != "" || of("!shown:example.org") != "" || of("!evil:evil.org") != "" {
		t.Error("the wrong rooms are telephones")
	}
	if r.hs.said("POST rooms/!evil") || r.hs.said("POST rooms/!shown:example.org/join") {
		t.Errorf("asked %v", r.hs.calls)
	}
	r.hs.set(func() { r.hs.members[room] = append(r.hs.members[room], alice) })
	r.push(r.inviteV1())
	if in, _, _ := r.take(); in.To.Number != dialled {
		t.Errorf("called %v", in.To)
	}
	r.push(with(r.event("m.room.tombstone", alice, map[string]any{}), "state_key", ""))
	r.until("it leaves a room that was replaced", func() bool { return of(room) == "" })
}

// T64: an encrypted room: this build says so.
func TestEncryptedRoom(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	r.push(with(r.event("m.room.encryption", alice, map[string]any{"algorithm": "m.megolm.v1.aes-sha2"}), "state_key", ""), r.inviteV1())
	r.expect(typeReject)
	r.notice(abilityOff.sentence(false))
	r.none()
}

// T65: we ping at the start; while the homeserver is down we are not ready.
func TestPingAtStart(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.until("ready", func() bool { return r.c.Ready() == nil })
	if !r.hs.said("POST v1/appservice/roomline/ping") {
		t.Errorf("asked %v", r.hs.calls)
	}
	r.c.Close()
	r.hs.set(func() { r.hs.down = true })
	r.begin()
	r.until("it says what is wrong", func() bool {
		err := r.c.Ready()
		return err != nil && strings.Contains(err.Error(), "does not answer")
	})
	r.hs.set(func() { r.hs.down = false; r.hs.asToken = "another" })
	r.until("it says that the registration is unknown", func() bool {
		err := r.c.Ready()
		return err != nil && strings.Contains(err.Error(), "does not know the registration")
	})
}

// Calls that a sudden end left behind are ended at the next start.
func TestLeftOpen(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, c := range []openCall{{room, "call1", ghost, "US", false, roleCaller}, {room, "old", ghost, "", true, roleCaller}, {room, "~ours", ghost, "US", false, roleCallee}} {
		if err := r.c.store.open(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	r.c.Close()
	r.begin()
	var raw []string
	for range 4 {
		e := <-r.hs.events
		raw = append(raw, e.Type+" "+e.Raw)
	}
	slices.Sort(raw)
	want := []string{
		`m.call.hangup {"version":"1","call_id":"call1","party_id":"US","reason":"unknown_error"}`,
		`m.call.hangup {"version":"1","call_id":"~ours","party_id":"US","reason":"unknown_error"}`,
		`m.call.hangup {"version":0,"call_id":"old","reason":"unknown_error"}`,
		`m.call.reject {"version":"1","call_id":"call1","party_id":"US","reason":"unknown_error"}`,
	}
	if !slices.Equal(raw, want) {
		t.Errorf("sent %s", strings.Join(raw, "\n"))
	}
	r.until("they are forgotten", func() bool { left, err := r.c.store.leftOpen(t.Context()); return err == nil && len(left) == 0 })
}

// Close ends calls properly, also when the homeserver is gone, and may be
// called twice. That nothing is left of it is checked by TestMain.
func TestCloseWithCalls(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	r.push(r.inviteV1())
	_, in, _ := r.take()
	r.c.Close()
	r.ends(in, signalling.ShuttingDown)
	r.wantBody(r.expect(typeReject), "reason", "unknown_error")
	if err := r.c.Close(); err != nil {
		t.Error(err)
	}
}

func TestCloseBeforeStart(t *testing.T) {
	t.Parallel()
	c, err := newClient(Config{Homeserver: "http://127.0.0.1:1", Domain: "example.org"}, nil, nil, digitsOnly{}, nil, nil, locals("example.org"), discard())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// Both kinds of leg keep the promises of signalling.Leg.
func TestConformance(t *testing.T) {
	t.Parallel()
	t.Run("caller", func(t *testing.T) {
		legtest.Run(t, signalling.A, func(t *testing.T, in *signalling.Inbox) signalling.Leg {
			r := newRig(t).meet()
			r.push(r.inviteV1())
			select {
			case call := <-r.board.in:
				return call.Leg(in)
			case <-t.Context().Done():
				return nil
			}
		})
	})
	t.Run("callee", func(t *testing.T) {
		legtest.Run(t, signalling.B, func(t *testing.T, in *signalling.Inbox) signalling.Leg {
			return newRig(t).meet().c.Dial(fromBob, []media.Format{media.PCMU}, in)
		})
	})
}

// Hostile transactions are taken, or the homeserver would repeat them for ever
// and send nothing else; what is sound in them still counts.
func TestHostileTransactions(t *testing.T) {
	t.Parallel()
	for name, poison := range map[string]string{
		"nothing":        `{}`,
		"null":           `null`,
		"content":        `{"type":"m.call.invite","content":5}`,
		"membership":     `{"type":"m.room.member","state_key":"` + ghost + `","content":{"membership":7}}`,
		"type":           `{"type":5,"content":{}}`,
		"foreign state":  `{"type":"m.room.member","state_key":"` + ghost + `","content":{"membership":"invite"},"unsigned":{"invite_room_state":[{"type":7}]}}`,
		"age":            `{"type":"m.call.hangup","content":{},"unsigned":{"age":"old"}}`,
		"a list of none": `{"type":"m.room.member","state_key":"` + ghost + `","content":{"membership":"invite"},"unsigned":{"invite_room_state":[null]}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t).meet()
			sound, err := json.Marshal(r.inviteV1())
			if err != nil {
				t.Fatal(err)
			}
			body := `{"events":[` + poison + `,` + string(sound) + `]}`
			if status, said := r.ask(http.MethodPut, "/_matrix/app/v1/transactions/h", "Bearer "+r.hs.hsToken, strings.NewReader(body)); status != http.StatusOK {
				t.Fatalf("%d %s", status, said)
			}
			r.take()
		})
	}
	r := newRig(t).meet()
	for _, body := range []string{"", "null", "[]", `{"events":null}`, `{"events":{}}`} {
		r.ask(http.MethodPut, "/_matrix/app/v1/transactions/h"+strings.Repeat("x", len(body)), "Bearer "+r.hs.hsToken, strings.NewReader(body))
	}
	r.settled()
}
