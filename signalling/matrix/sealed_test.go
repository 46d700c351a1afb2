package matrix

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"roomline/internal/database"
	"roomline/internal/database/databasetest"
	"roomline/media"
	"roomline/media/peer"
	"roomline/signalling"
	"roomline/signalling/matrix/e2ee"
)

// utters is the next event that we send; it must be encrypted, and hold this type.
func (r *rig) utters(eventType string) sent {
	r.t.Helper()
	return r.unlocked(r.expect(typeEncrypted), eventType)
}

// unlocked is what an encrypted event holds, which must be of this type, if any.
func (r *rig) unlocked(e sent, eventType string) sent {
	r.t.Helper()
	text, _ := base64.RawStdEncoding.DecodeString(fmt.Sprint(e.Body["ciphertext"]))
	var inner locked
	if err := json.Unmarshal(text, &inner); err != nil {
		r.t.Fatalf("sent %s: %v", e.Raw, err)
	}
	if e.Type, e.Raw, e.Body = inner.Type, string(inner.Content), nil; eventType != "" && e.Type != eventType {
		r.t.Fatalf("sent %s %s, expected %s", e.Type, e.Raw, eventType)
	}
	if err := json.Unmarshal(inner.Content, &e.Body); err != nil {
		r.t.Fatal(err)
	}
	return e
}

// hears is the next event, and must be a notice that contains this.
func (r *rig) hears(part string) {
	r.t.Helper()
	if body := fmt.Sprint(r.utters(typeNotice).Body["body"]); !strings.Contains(body, part) {
		r.t.Errorf("the room was told %q, expected %q in it", body, part)
	}
}

// sealedCall is a call that alice's device D1 placed, and that is answered.
func (r *rig) sealedCall() (*signalling.Inbox, *fakePeer, sent) {
	r.t.Helper()
	r.push(r.seal(r.inviteV1(), "D1", "S1"))
	_, in, leg := r.take()
	leg.Answer(media.PCMU)
	p := r.peer()
	a := r.utters(typeAnswer)
	r.utters(typeCandidates)
	p.on(peer.Connected)
	r.follow(in, signalling.Confirmed)
	return in, p, a
}

// T71: what is decrypted counts as what it is within, said by whom, where and
// when the homeserver tells, and is never a state event.
func TestSealedCallFromARoom(t *testing.T) {
	t.Parallel()
	r, _ := sealedRig(t)
	invite := r.seal(r.inviteV1(), "D1", "S1")
	text, _ := base64.RawStdEncoding.DecodeString(invite["content"].(map[string]any)["ciphertext"].(string))
	var inner map[string]any
	if err := json.Unmarshal(text, &inner); err != nil {
		t.Fatal(err)
	}
	inner["StateKey"] = "a state event"
	text, _ = json.Marshal(inner)
	invite["content"].(map[string]any)["ciphertext"] = base64.RawStdEncoding.EncodeToString(text)
	r.push(invite, r.seal(r.v1(typeCandidates, candidate1("c1")), "D1", "S1"))
	call, in, leg := r.take()
	if call.From.User != alice || call.Room != room || call.To.Number != dialled {
		t.Errorf("the call is %+v", call)
	}
	leg.Answer(media.PCMU)
	p := r.peer()
	a := r.utters(typeAnswer)
	r.utters(typeCandidates)
	r.until("the candidate is there", func() bool { return p.heardCandidates() == "c1" })
	p.on(peer.Connected)
	r.follow(in, signalling.Confirmed)
	r.push(r.seal(r.within(a, typeHangup, nil), "D1", "S1"))
	r.ends(in, signalling.NormalClearing)
}

// T71: what has no meaning for a room has no effect, whatever it hides.
func TestHiddenEvents(t *testing.T) {
	t.Parallel()
	r, _ := sealedRig(t)
	twice := r.seal(r.seal(r.inviteV1(), "D1", "S1"), "D1", "S1")
	member := r.seal(r.event("m.room.member", alice, map[string]any{"membership": "leave"}), "D1", "S1")
	tombstone := r.seal(r.event("m.room.tombstone", alice, map[string]any{"replacement_room": "!x:example.org"}), "D1", "S1")
	nobody := r.seal(r.inviteV1(), "", "S1")
	r.push(twice, member, tombstone, r.seal(r.event("", alice, map[string]any{}), "D1", "S1"), nobody)
	r.push(r.seal(r.inviteV1(), "D1", "S1"))
	r.take()
	if n := len(r.board.in); n != 0 {
		t.Errorf("%d more calls were placed", n)
	}
	if n := r.c.Ignored(); n[typeEncrypted] != 2 || n[typeInvite] != 1 {
		t.Errorf("ignored %v", n)
	}
}

// X5: a homeserver that repeats an encrypted event after we have forgotten it,
// as it was but for its age, is not believed. Clocks may be wrong by hours.
func TestSealedEventOfAnotherDay(t *testing.T) {
	t.Parallel()
	r, b := sealedRig(t)
	said := func(ago time.Duration) map[string]any {
		e := r.seal(r.v1(typeInvite, map[string]any{"call_id": fmt.Sprint("call", ago), "offer": map[string]any{"sdp": offer}}), "D1", "S1")
		e["origin_server_ts"] = time.Now().Add(-ago).UnixMilli() // the age says that it is new
		return e
	}
	r.push(said(eventMemory), said(-eventMemory), said(eventMemory/2), said(-eventMemory/2), said(5*time.Hour))
	r.take()
	r.push(said(-5 * time.Hour))
	r.take()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.opens) != 2 || r.c.Ignored()[typeEncrypted] != 4 {
		t.Errorf("%d were opened, ignored %v", len(b.opens), r.c.Ignored())
	}
}

// X6: what is not encrypted in an encrypted room begins, changes and ends no
// call, and is no command. The room is told once, and everything is counted.
func TestPlainEventsInAnEncryptedRoom(t *testing.T) {
	t.Parallel()
	r, d := attended(t, withVault(newLockbox()))
	r.hs.set(func() { r.hs.veiled = map[string]bool{room: true, office: true} })
	r.push(with(r.event("m.room.encryption", alice, map[string]any{}), "state_key", ""))
	r.until("the room is known to be encrypted", func() bool { return r.c.knownEncrypted(room) })
	in, p, a := r.sealedCall()
	plain := r.v1(typeInvite, map[string]any{"call_id": "plain", "offer": map[string]any{"sdp": offer}})
	r.push(plain, r.within(a, typeHangup, nil), r.within(a, typeCandidates, candidate1("forged")), r.negotiation(a, "offer", "forged"),
		r.message(room, alice, "!hangup"), r.message(room, alice, "hello"))
	r.hears("without encryption")
	r.push(r.message(office, alice, "!hangup")) // which is not known to be encrypted yet
	r.hears("without encryption")
	r.push(r.within(a, typeHangup, nil), r.seal(r.within(a, typeCandidates, candidate1("last")), "D1", "S1"))
	r.until("the last event arrives", func() bool { return p.heardCandidates() == "last" })
	if got := in.Take(); len(got) != 0 || len(p.offers) != 0 || len(r.board.in) != 0 {
		t.Errorf("posted %v, offers %v", got, p.offers)
	}
	d.wants(t)
	n := r.c.Ignored()
	if n[typeInvite] != 1 || n[typeHangup] != 2 || n[typeCandidates] != 1 || n[typeNegotiate] != 1 || n["other"] != 2 {
		t.Errorf("ignored %v", n)
	}
	r.quiet()
}

// An encrypted command is followed.
func TestSealedCommand(t *testing.T) {
	t.Parallel()
	r, d := attended(t, withVault(newLockbox()))
	r.hs.set(func() { r.hs.veiled = map[string]bool{office: true} })
	r.push(r.seal(r.message(office, alice, "!hangup"), "D1", "S1"))
	r.hears("Hung up: ")
	d.wants(t, "hangup test A")
}

// X1, X13: a call is bound to the device that encrypts it. What another one
// says for its party changes nothing, and the room is told once.
func TestSealedCallIsOfOneDevice(t *testing.T) {
	t.Parallel()
	r, _ := sealedRig(t)
	in, p, a := r.sealedCall()
	for range 2 {
		r.push(r.seal(r.negotiation(a, "offer", "swapped"), "D2", "S2"), r.seal(r.within(a, typeHangup, nil), "D2", "S2"),
			r.seal(r.within(a, typeReplaces, map[string]any{"create_call": "x"}), "D2", "S2"))
	}
	r.hears("the keys of the device in this call have changed")
	r.push(r.seal(r.negotiation(a, "offer", "true"), "D1", "S1"))
	r.utters(typeNegotiate)
	if got := in.Take(); len(got) != 0 || !slices.Equal(p.offers, []string{"true"}) {
		t.Errorf("posted %v, offers %v", got, p.offers)
	}
	r.push(r.seal(r.within(a, typeHangup, nil), "D1", "S1"))
	r.ends(in, signalling.NormalClearing)
}

// X1: the answer that counts binds the call, with the candidates of its device alone.
func TestSealedAnswerBinds(t *testing.T) {
	t.Parallel()
	r, _ := sealedRig(t)
	in := signalling.NewInbox("test", r.c.log)
	r.c.Dial(fromBob, []media.Format{media.PCMA}, in)
	p := r.peer()
	invite := r.utters(typeInvite)
	r.utters(typeCandidates)
	r.follow(in, signalling.Ringing)
	r.push(r.says(invite, typeAnswer, "PHONE", answerSDP("plain")),
		r.seal(r.says(invite, typeCandidates, "PHONE", candidate1("of D2")), "D2", "S2"), r.seal(r.says(invite, "m.call.mark", "PHONE", nil), "D2", "S2"))
	r.until("the other device is heard first", func() bool { return r.c.Ignored()["other"] == 1 })
	r.push(r.seal(r.says(invite, typeCandidates, "PHONE", candidate1("of D1")), "D1", "S1"),
		r.seal(r.says(invite, typeAnswer, "PHONE", answerSDP("of D1")), "D1", "S1"))
	for range 2 { // the notice that the plain one was ignored, and the choice, in any order
		switch e := r.unlocked(r.expect(typeEncrypted), ""); e.Type {
		case typeNotice, typeSelectAnswer:
		default:
			t.Errorf("sent %s", e.Raw)
		}
	}
	p.on(peer.Connected)
	r.follow(in, signalling.Answered)
	r.push(r.seal(r.says(invite, typeHangup, "PHONE", nil), "D2", "S2"))
	r.hears("the keys of the device in this call have changed")
	if got := p.heardCandidates(); got != "of D1" || p.accepted != "of D1" {
		t.Errorf("candidates %q, answer %q", got, p.accepted)
	}
}

// What cannot be read is said in the room once, with what helps; what nobody
// can mend is not. A flood of it is none of notices.
func TestWhatRoomsAreToldOfKeys(t *testing.T) {
	t.Parallel()
	untrusted := e2ee.Untrusted{Device: "LAPTOP", Why: "it is not signed by its owner", Fix: "Verify it."}
	for session, c := range map[string]struct {
		err  error
		said string
	}{
		"untrusted":  {untrusted, "from your device LAPTOP: it is not signed by its owner. Verify it."},
		"unverified": {fmt.Errorf("open: %w", e2ee.Withheld{Code: "m.unverified"}), "Verify me"},
		"unknown":    {e2ee.Withheld{Code: "org.example"}, "does not give me its key"},
		"forwarded":  {e2ee.ErrForwarded, "passed on by somebody else"},
		"replayed":   {e2ee.ErrReplayed, ""},
		"wrong room": {e2ee.ErrWrongRoom, ""},
		"corrupt":    {e2ee.ErrCorrupt, ""},
		"our own":    {e2ee.ErrOwn, ""},
	} {
		t.Run(session, func(t *testing.T) {
			t.Parallel()
			r, b := sealedRig(t)
			b.set(func() { b.fails[session] = c.err })
			for range 3 {
				r.push(r.seal(r.inviteV1(), "D1", session), r.seal(r.v1(typeHangup, nil), "D1", session))
			}
			if c.said != "" {
				r.hears(c.said)
			}
			r.until("all are given up", func() bool { return r.c.Ignored()[typeEncrypted] == 6 })
			r.until("nothing is kept", func() bool { return r.keptNow() == 0 })
			r.quiet()
		})
	}
}

// A flood of what cannot be read, of one member, delays nobody's call, is
// bounded, and is counted.
func TestFloodOfUnreadable(t *testing.T) {
	t.Parallel()
	r, b := sealedRig(t)
	b.set(func() { b.missing["NEVER"] = true })
	const carol = "@carol:example.org"
	for i := range 40 {
		var all []map[string]any
		for j := range 100 {
			e := with(r.seal(r.event(typeNotice, carol, map[string]any{"body": fmt.Sprint(i, ".", j)}), "D9", "NEVER"), "sender", carol)
			all = append(all, with(e, "room_id", []string{room, fmt.Sprintf("!r%d:example.org", j)}[j%2]),
				with(r.seal(r.inviteV1(), "D9", "NEVER"), "sender", mallet))
		}
		r.push(all...)
	}
	r.push(r.seal(r.inviteV1(), "D1", "S1"))
	if call, _, _ := r.take(); call.From.User != alice {
		t.Errorf("called by %+v", call.From)
	}
	r.c.lanes.mu.Lock()
	one, all, goroutines := r.c.lanes.loads[carol], r.c.lanes.all, len(r.c.lanes.open)
	r.c.lanes.mu.Unlock()
	if !one.within(mostOfOne) || !all.within(mostOfAll) || goroutines > mostOfOne.lanes+1 {
		t.Errorf("%+v of one, %+v in all, %d lanes", one, all, goroutines)
	}
	if n := r.c.Ignored()[typeEncrypted]; n < 4000+3000 {
		t.Errorf("counted %d", n)
	}
	if n := r.keptNow(); n > 700 {
		t.Errorf("%d are kept", n)
	}
}

// T63: what an encrypted room said before our user had joined it is read then.
func TestSealedInviteBeforeJoining(t *testing.T) {
	t.Parallel()
	b := newLockbox()
	r := newRig(t, withVault(b))
	invite := r.seal(r.inviteV1(), "D1", "S1")
	r.hs.set(func() {
		r.hs.members[room] = []string{alice}
		r.hs.veiled = map[string]bool{room: true}
		r.hs.history = map[string][]map[string]any{room: {invite, r.seal(r.event("m.room.topic", alice, map[string]any{}), "D1", "S1")}}
	})
	r.push(r.member(alice, ghost, "invite"))
	call, _, _ := r.take()
	if call.Room != room {
		t.Errorf("called %+v", call)
	}
	r.push(invite) // the homeserver sends it as well
	r.until("the topic is read", func() bool { b.mu.Lock(); defer b.mu.Unlock(); return len(b.opens) == 2 })
	if n := len(r.board.in); n != 0 {
		t.Errorf("%d more calls were placed", n)
	}
}

// Our next words are under another key once members have changed.
func TestKeysAreRenewed(t *testing.T) {
	t.Parallel()
	r, b := sealedRig(t)
	profile := with(r.member(alice, alice, "join"), "unsigned", map[string]any{"prev_content": map[string]any{"membership": "join"}})
	r.push(profile, r.member(alice, mallet, "invite"), with(r.member(alice, mallet, "leave"), "room_id", "!plain:example.org"))
	r.push(r.member(alice, mallet, "leave"), r.member(alice, mallet, "ban"), r.member(mallet, mallet, "join"))
	r.until("they are renewed", func() bool { b.mu.Lock(); defer b.mu.Unlock(); return len(b.renewed) >= 4 })
	b.set(func() {
		if !slices.Equal(b.renewed, []string{room, room, room, room}) { // the first is of m.room.encryption
			t.Errorf("renewed %q", b.renewed)
		}
	})
}

// A room whose telephone is not known any more is read by the one of ours who
// is there, and the call says whom it is for.
func TestSealedInviteInAForgottenRoom(t *testing.T) {
	t.Parallel()
	r := newRig(t, withVault(newLockbox()))
	r.hs.set(func() { r.hs.members[room] = []string{alice, ghost}; r.hs.veiled = map[string]bool{room: true} })
	r.push(r.member(alice, "@tel5:example.org", "join"), r.member(ghost, ghost, "join"))
	r.push(r.seal(r.v1(typeInvite, map[string]any{"invitee": ghost, "offer": map[string]any{"sdp": offer}}), "D1", "S1"))
	if call, _, _ := r.take(); call.To.Number != dialled {
		t.Errorf("called %+v", call)
	}
}

func TestSomeoneIn(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, at database.Address) {
		s, _ := storeAt(t, at)
		for user, is := range map[id.UserID]event.Membership{"@tel_1:x": "leave", "@telephone:x": "join", "@tel_2:x": "join", "@tel_3:x": "invite", "@TEL_0:x": "join", alice: "join"} {
			if err := s.state.SetMembership(t.Context(), room, user, is); err != nil {
				t.Fatal(err)
			}
		}
		for begins, want := range map[string]string{"@tel_": "@tel_2:x", "@tel%": "", `@tel\_`: ""} {
			if got, err := s.someoneIn(t.Context(), room, begins); err != nil || got != want {
				t.Errorf("%s: %q, %v", begins, got, err)
			}
		}
		if got, err := s.someoneIn(t.Context(), "!else:x", "@tel_"); err != nil || got != "" {
			t.Errorf("elsewhere: %q, %v", got, err)
		}
	})
}

// slow is a homeserver that has not shown anything yet.
type slow struct{}

func (slow) prepare(context.Context) error      { return errors.New("not yet") }
func (slow) send(context.Context, string) error { return errors.New("not yet") }

// A call that was kept over a restart waits until the homeserver has shown
// again that encryption can work.
func TestSealedInviteWaitsForTheTest(t *testing.T) {
	t.Parallel()
	var g *gate
	r := newRig(t, func(_ *Config, c *Client) {
		if c != nil {
			g = newGate(newLockbox(), slow{}, c.bot(), discard())
			c.vault = g
		}
	}).meet()
	r.hs.set(func() { r.hs.veiled = map[string]bool{room: true} })
	r.push(r.seal(r.inviteV1(), "D1", "S1"))
	r.until("it waits", func() bool { return r.c.lanes.first(laneKey{room: room, sender: alice, session: "S1"}) != nil })
	g.mu.Lock()
	g.state = abilityOn
	g.mu.Unlock()
	if call, _, _ := r.take(); call.From.User != alice {
		t.Errorf("called by %+v", call.From)
	}
}
