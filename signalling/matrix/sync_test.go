package matrix

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"roomline/internal/database"
)

func names(list []*event.Event) []string {
	all := []string{}
	for _, e := range list {
		all = append(all, e.ID.String())
	}
	return all
}

// asks are the queries of /sync so far.
func (h *home) asks() (list []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, q := range h.asked {
		list = append(list, q.Get("since"))
	}
	return list
}

func plainly(id, sender, eventType, content string) string {
	return fmt.Sprintf(`{"event_id":%q,"sender":%q,"type":%q,"origin_server_ts":%d,"content":%s}`, id, sender, eventType, time.Now().UnixMilli(), content)
}

// At the very first time nothing old is heard: only invitations are, and where
// we stand. From there on events come in batches, in their order, and those of
// other rooms than they say, or that are none, are dropped.
func TestSyncBegins(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	h.set(func() {
		h.invites[room] = `{"type":"m.room.join_rules","state_key":"","sender":"` + alice + `","content":{"join_rule":"public"}},
			{"type":"m.room.member","state_key":"` + telephone + `","sender":"` + alice + `","content":{"membership":"invite"}},
			{"type":"m.room.member","state_key":"` + alice + `","sender":"` + alice + `","content":{"membership":"join"}},
			{"type":5}, 7, null, {"type":"m.room.name","sender":"nobody","state_key":"","content":{}}`
	})
	c := h.transport(t, place(t), Account{Password: password})
	first := batch(t, c)
	if len(first) != 1 || !strings.HasPrefix(first[0].ID.String(), "$invite-") || first[0].GetStateKey() != telephone || first[0].RoomID != room ||
		len(first[0].Unsigned.InviteRoomState) != 2 || !public(first[0].Unsigned.InviteRoomState) {
		t.Errorf("heard %+v", first)
	}
	invite := plainly("$1", alice, typeInvite, `{"call_id":"c"}`)
	h.say(`{"next_batch":"%s","rooms":{"join":{"!b:x":{"timeline":{"events":[` + invite + `,` + plainly("$2", alice, typeHangup, `{}`) + `]},
		"state":{"events":[` + strings.Replace(plainly("$0", alice, "m.room.tombstone", `{}`), `{`, `{"state_key":"",`, 1) + `,` + plainly("$no", alice, "m.room.tombstone", `{}`) + `]}},
		"!a:x":{"timeline":{"events":[` + strings.Replace(plainly("$old", alice, "m.room.member", `{"membership":"invite"}`), `{`, `{"state_key":"`+telephone+`",`, 1) + `,` + plainly("$3", alice, typeNotice, `{"body":"!a"}`) + `,
			` + strings.Replace(plainly("$4", alice, typeNotice, `{}`), `{`, `{"room_id":"!b:x",`, 1) + `,
			{"event_id":"$5"},{},[],null,"x",{"event_id":"6","sender":"` + alice + `","type":"m.call.invite"},
			{"event_id":"$7","sender":"` + alice + `","type":"m.call.invite","content":{},"state_key":7}]}},
		"no room":{"timeline":{"events":[` + invite + `]}},"!c:x":"?"},
		"leave":{"!gone:x":{"timeline":{"events":[` + strings.Replace(plainly("$8", alice, "m.room.member", `{"membership":"leave"}`), `{`, `{"state_key":"`+telephone+`",`, 1) + `]}}}}}`)
	got := batch(t, c)
	if list := names(got); !slices.Equal(list, []string{"$8", "$3", "$0", "$1", "$2"}) {
		t.Fatalf("heard %v", list)
	}
	if got[3].RoomID != "!b:x" || got[3].Mautrix.ReceivedAt.IsZero() || got[3].Type.Class != event.MessageEventType || got[2].Type.Class != event.StateEventType {
		t.Errorf("%+v", got[3])
	}
	if since := h.asks(); len(since) < 2 || since[0] != "" || since[1] != "s1" {
		t.Errorf("asked since %q", since)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	var filter mautrix.Filter
	for _, q := range h.asked {
		if err := json.Unmarshal([]byte(q.Get("filter")), &filter); err != nil {
			t.Fatalf("filter: %v", err)
		}
	}
	if !filter.Room.State.LazyLoadMembers || filter.Room.Timeline.Limit != 50 || filter.Presence.NotTypes[0].Type != "*" {
		t.Errorf("filter %+v", filter)
	}
}

// A homeserver may take every type for what is written, as Dendrite does on
// SQLite: each one that we understand is asked for by its name, and where
// nothing is wanted the list of types is empty.
func TestSyncAsksByName(t *testing.T) {
	t.Parallel()
	var all, first mautrix.Filter
	if err := errors.Join(json.Unmarshal([]byte(syncFilter), &all), json.Unmarshal([]byte(firstFilter), &first)); err != nil {
		t.Fatal(err)
	}
	var asked []string
	for _, kind := range all.Room.Timeline.Types {
		asked = append(asked, kind.Type)
	}
	for _, name := range []string{"invite", "candidates", "candidate", "answer", "select_answer", "reject", "negotiate", "hangup", "replaces",
		"sdp_stream_metadata_changed", "asserted_identity"} {
		for _, kind := range []string{typePrefix + name, unstablePrefix + name} {
			if (stable(kind) != "") != slices.Contains(asked, kind) {
				t.Errorf("%s is understood (%v), or asked for, but not both", kind, stable(kind) != "")
			}
		}
	}
	for _, kind := range []string{"m.room.encrypted", "m.room.message", "m.room.member", "m.key.verification.start"} {
		if !slices.Contains(asked, kind) {
			t.Errorf("%s is not asked for", kind)
		}
	}
	if i := slices.IndexFunc(asked, func(kind string) bool { return strings.Contains(kind, "*") }); i >= 0 {
		t.Errorf("asks for %q", asked[i])
	}
	for _, part := range []*mautrix.FilterPart{all.Presence, all.AccountData, all.Room.Ephemeral, first.Room.State, first.Room.Timeline} {
		if part.Types == nil || len(part.Types) > 0 || len(part.NotTypes) == 0 {
			t.Errorf("%+v asks for something", part)
		}
	}
}

// What was not taken up is heard again after a sudden end, and nothing is
// lost: where we are is written down last. After a normal end we go on.
func TestSyncGoesOn(t *testing.T) {
	t.Parallel()
	h, at := newHome(t), place(t)
	c := h.transport(t, at, Account{Password: password})
	batch(t, c)
	h.say(`{"next_batch":"%s","rooms":{"join":{"!a:x":{"timeline":{"events":[` + plainly("$1", alice, typeInvite, `{"call_id":"c"}`) + `]}}}}}`)
	batch(t, c)
	user := telephone
	device := c.hs.access.(*account).login.now.device
	waitFor(t, "where we are is written down", func() bool { s, err := c.store.since(t.Context(), user, device); return s == "s2" && err == nil })
	kept := 0
	if err := c.store.kept(t.Context(), time.Now(), func(_ time.Time, text string) {
		var e event.Event
		if json.Unmarshal([]byte(text), &e) != nil || e.RoomID != "!a:x" || e.ID != "$1" {
			t.Errorf("kept %s", text)
		}
		kept++
	}); err != nil || kept != 1 {
		t.Errorf("kept %d, %v", kept, err)
	}
	// The next answer is handed out, but nobody takes it before the end.
	var many []string
	for i := range 100 {
		many = append(many, plainly(fmt.Sprint("$m", i), alice, typeHangup, `{"call_id":"c"}`))
	}
	h.say(`{"next_batch":"%s","rooms":{"join":{"!a:x":{"timeline":{"events":[` + strings.Join(many, ",") + `]}}}}}`)
	waitFor(t, "the batch comes", func() bool { return len(c.hs.events) == cap(c.hs.events) })
	c.Close()
	c.db.Close()
	c = h.transport(t, at, Account{Password: password})
	batch(t, c) // invitations
	waitFor(t, "it asks from where it was", func() bool { list := h.asks(); return list[len(list)-1] == "s2" })
	if s, err := c.store.since(t.Context(), user, "OTHER"); s != "" || err != nil {
		t.Errorf("another device goes on from %q, %v", s, err)
	}
}

// Whatever a homeserver answers, we say that it does not make sense and go on
// asking; one that does not know where we were is asked where we are.
func TestSyncIsBroken(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	c := h.transport(t, place(t), Account{Password: password})
	batch(t, c)
	for _, body := range []string{"garbage", "null", "[]", `"x"`, `{"next_batch":5}`, `{"next_batch":""}`, `{}`, `{"next_batch":"` + strings.Repeat("x", maxSyncToken+1) + `"}`,
		strings.Repeat("[", 20_000)} {
		h.set(func() { h.broken, h.status = body, http.StatusOK })
		h.say(`{"next_batch":"%s"}`)
		waitFor(t, "it is told", func() bool { return c.hs.ping(t.Context()) != nil })
		h.set(func() { h.broken = "" })
		h.say(`{"next_batch":"%s"}`)
		waitFor(t, "it goes on", func() bool { return c.hs.ping(t.Context()) == nil })
	}
	for body, status := range map[string]int{`{"errcode":"M_UNKNOWN_POS","error":"where?"}`: http.StatusBadRequest, strings.Repeat(" ", maxSync+1): http.StatusOK} {
		h.set(func() { h.broken, h.status, h.asked = body, status, nil })
		h.say(`{"next_batch":"%s"}`)
		waitFor(t, "it asks where it is", func() bool { return slices.Contains(h.asks(), "") })
		h.set(func() { h.broken = "" })
		waitFor(t, "it goes on", func() bool { return c.hs.ping(t.Context()) == nil })
	}
}

// What an answer leaves out is fetched as far as calls can live of it, and put
// before the rest.
func TestSyncHasGaps(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	old := strings.Replace(plainly("$old", alice, typeInvite, `{}`), `"origin_server_ts":`, `"origin_server_ts":1,"was":`, 1)
	h.set(func() {
		h.pages["!a:x"] = `{"chunk":[` + plainly("$3", alice, typeNotice, `{}`) + `,` + strings.Replace(plainly("$state", alice, "m.room.member", `{}`), `{`, `{"state_key":"",`, 1) + `,` + plainly("$2", alice, typeHangup, `{}`) + `,` + plainly("$1", alice, typeInvite, `{}`) + `,` + old + `],"end":"more"}`
	})
	c := h.transport(t, place(t), Account{Password: password})
	batch(t, c)
	h.say(`{"next_batch":"%s","rooms":{"join":{"!a:x":{"timeline":{"limited":true,"prev_batch":"p","events":[` + plainly("$3", alice, typeNotice, `{}`) + `]}},
		"!b:x":{"timeline":{"limited":true,"prev_batch":"p","events":[` + old + `]}}}}}`)
	if list := names(batch(t, c)); !slices.Equal(list, []string{"$1", "$2", "$3", "$old"}) {
		t.Errorf("heard %v", list)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if !slices.Equal(h.paths, []string{"GET rooms/!a:x/messages"}) {
		t.Errorf("asked %v", h.paths)
	}
}

// mailed notes what the vault is given.
type mailed struct {
	vault
	notes chan string
}

func (m mailed) ToDevice(user, device string, e *event.Event, done func()) {
	m.notes <- "letter " + user + " " + device + " " + e.Sender.String() + " " + e.Type.Type
	done()
}
func (m mailed) Changed(users []string) { m.notes <- "changed " + strings.Join(users, " ") }
func (m mailed) Counted(left mautrix.OTKCount, unused []string) {
	m.notes <- fmt.Sprint("left ", left.UserID, " ", left.DeviceID, " ", left.SignedCurve25519, " ", unused)
}
func (m mailed) Renew(room string) { m.notes <- "renew " + room }
func (m mailed) Doubt()            { m.notes <- "doubt" }
func (m mailed) Close() error      { return nil }

// What is for our device comes to the vault before the events do, and is
// written down before where we are.
func TestSyncBringsKeys(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	m := mailed{notes: make(chan string, 10)}
	c := h.transport(t, place(t), Account{Password: password}, func(c *Client) { c.vault = m })
	batch(t, c)
	device := c.hs.access.(*account).login.now.device
	h.say(`{"next_batch":"%s","to_device":{"events":[{"type":"m.room.encrypted","sender":"` + alice + `","content":{"algorithm":"m.olm.v1.curve25519-aes-sha2","sender_key":"k","ciphertext":{"k":{"type":0,"body":"x"}}},"to_user_id":"@evil:x"},7,{}]},
		"device_lists":{"changed":["` + alice + `",7],"left":[]},"device_one_time_keys_count":{"signed_curve25519":49},"device_unused_fallback_key_types":["signed_curve25519"],
		"rooms":{"join":{"!a:x":{"timeline":{"events":[` + plainly("$1", alice, "m.room.encrypted", `{}`) + `]}}}}}`)
	if list := names(batch(t, c)); !slices.Equal(list, []string{"$1"}) {
		t.Errorf("heard %v", list)
	}
	for _, want := range []string{"doubt", "changed " + alice, "letter " + telephone + " " + device + " " + alice + " m.room.encrypted", "left " + telephone + " " + device + " 49 [signed_curve25519]"} {
		select {
		case got := <-m.notes:
			if got != want {
				t.Errorf("the vault got %q, expected %q", got, want)
			}
		default:
			t.Errorf("the vault did not get %q", want)
		}
	}
}

// Where the homeserver does not know any more where we were, what waits for our
// device is not lost, and whoever has other devices by now is asked for them.
func TestSyncLosesNoKeys(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	m := mailed{notes: make(chan string, 20)}
	c := h.transport(t, place(t), Account{Password: password}, func(c *Client) { c.vault = m })
	batch(t, c)
	if got := <-m.notes; got != "doubt" {
		t.Fatalf("the vault got %q", got)
	}
	device := c.hs.access.(*account).login.now.device
	h.set(func() {
		h.waiting = `{"type":"m.room.encrypted","sender":"` + alice + `","content":{"algorithm":"m.olm.v1.curve25519-aes-sha2","sender_key":"k","ciphertext":{"k":{"type":0,"body":"x"}}}}`
		h.broken, h.status = `{"errcode":"M_UNKNOWN_POS","error":"where?"}`, http.StatusBadRequest
	})
	h.say(`{"next_batch":"%s"}`)
	waitFor(t, "it asks where it is", func() bool { return len(h.asks()) > 2 })
	h.set(func() { h.broken = "" })
	for _, want := range []string{"letter " + telephone + " " + device + " " + alice + " m.room.encrypted", "doubt"} {
		select {
		case got := <-m.notes:
			if got != want {
				t.Errorf("the vault got %q, expected %q", got, want)
			}
		case <-time.After(patience):
			t.Fatalf("the vault did not get %q", want)
		}
	}
}

// Who may have left in what an answer leaves out does not read what we say then.
func TestSyncRenewsKeysAfterAGap(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	m := mailed{notes: make(chan string, 20)}
	c := h.transport(t, place(t), Account{Password: password}, func(c *Client) { c.vault = m })
	batch(t, c)
	h.say(`{"next_batch":"%s","rooms":{"join":{"!a:x":{"timeline":{"limited":true,"prev_batch":"p","events":[` + plainly("$1", alice, "m.room.encrypted", `{}`) + `]}},
		"!b:x":{"timeline":{"events":[` + plainly("$2", alice, "m.room.encrypted", `{}`) + `]}}}}}`)
	batch(t, c)
	close(m.notes)
	var got []string
	for note := range m.notes {
		got = append(got, note)
	}
	if !slices.Equal(got, []string{"doubt", "renew !a:x"}) {
		t.Errorf("the vault got %q", got)
	}
}

// An invitation that waits while we are away is heard once: its second time it
// has the same id, whether the homeserver gives it one or not.
func TestSyncRepeatsInvitations(t *testing.T) {
	t.Parallel()
	h, at := newHome(t), place(t)
	db, err := database.Open(t.Context(), at, discard())
	if err != nil {
		t.Fatal(err)
	}
	st, err := openStore(t.Context(), db)
	if err == nil {
		err = st.setSince(t.Context(), telephone, "ONE", "s0") // of an earlier run
	}
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	invite := `{"type":"m.room.member","state_key":"` + telephone + `","sender":"` + alice + `","content":{"membership":"invite"}}`
	token := ""
	h.set(func() { h.invites[room], token = invite, h.issue(telephone, "ONE") })
	h.say(`{"next_batch":"%s","rooms":{"invite":{"` + room + `":{"invite_state":{"events":[` + invite + `]}}}}}`)
	c := h.transport(t, at, Account{Token: secretOf(token)})
	one, two := batch(t, c), batch(t, c)
	if len(one) != 1 || len(two) != 1 || one[0].ID != two[0].ID {
		t.Errorf("heard %v and %v", names(one), names(two))
	}
}

func FuzzReadSync(f *testing.F) {
	for _, seed := range []string{``, `{}`, `{"next_batch":"s1"}`, `{"next_batch":"s","to_device":{"events":[{"type":"m.room.encrypted","sender":"@a:x","content":{}}]},"device_lists":{"changed":["@a:x"]}}`,
		`{"next_batch":"s","rooms":{"invite":{"!a:x":{"invite_state":{"events":[{"type":"m.room.member","state_key":"` + telephone + `","sender":"@a:x","content":{"membership":"invite"}}]}}}}}`,
		`{"next_batch":"s","rooms":{"join":{"!a:x":{"timeline":{"limited":true,"prev_batch":"p","events":[{"event_id":"$1","sender":"@a:x","type":"m.call.invite","content":{"call_id":"c"}}]},"state":{"events":[null]}}}}}`,
		`{"next_batch":"s","device_one_time_keys_count":{"signed_curve25519":"x"},"device_unused_fallback_key_types":7}`} {
		f.Add([]byte(seed))
	}
	s := &syncing{account: &account{cfg: Config{Account: Account{User: telephone}}}, device: "D"}
	f.Fuzz(func(t *testing.T, body []byte) {
		h, err := readSync(body, "s0", telephone)
		if err != nil {
			return
		}
		d, batch := s.deliveryOf(&h)
		for _, e := range batch {
			if e == nil || !roomID.MatchString(e.RoomID.String()) || e.ID == "" || !userID.MatchString(e.Sender.String()) {
				t.Fatalf("%+v", e)
			}
		}
		var whole struct {
			Events []struct {
				RoomID id.RoomID `json:"room_id"`
			}
		}
		if err := json.Unmarshal(d.events, &whole); err != nil {
			t.Fatalf("%s: %v", d.events, err)
		}
		for _, l := range d.letters {
			if l.user != telephone || l.device != "D" {
				t.Fatalf("a letter to %s %s", l.user, l.device)
			}
		}
	})
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	(&rig{t: t}).until(what, ok)
}
