package matrix

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"testing"
	"time"

	"go.mau.fi/util/dbutil"
	"maunium.net/go/mautrix/id"
	"maunium.net/go/mautrix/sqlstatestore"

	"roomline/internal/database"
	"roomline/internal/database/databasetest"
)

// storeAt opens a store; it is closed with the test, or by what it returns.
func storeAt(t *testing.T, at database.Address) (*store, func()) {
	t.Helper()
	db, err := database.Open(t.Context(), at, discard())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	s, err := openStore(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	return s, func() { db.Close() }
}

// Everything in the store does the same on both databases.
func TestStore(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, at database.Address) {
		for name, test := range map[string]func(*testing.T, *store){
			"events": storeEvents, "calls": storeCalls, "rooms": storeRooms, "names": storeNames, "state": storeState, "encrypted": storeEncrypted, "numbers": storeNumbers,
		} {
			s, done := storeAt(t, at)
			t.Run(name, func(t *testing.T) { test(t, s) })
			done()
		}
	})
}

// X4: an event is new once, also when many ask at once, and is forgotten
// after two days at the earliest.
func storeEvents(t *testing.T, s *store) {
	answers := make(chan bool, 20)
	for range cap(answers) {
		go func() {
			fresh, err := s.firstTime(t.Context(), "$event")
			answers <- fresh && err == nil
		}()
	}
	fresh := 0
	for range cap(answers) {
		if <-answers {
			fresh++
		}
	}
	if fresh != 1 {
		t.Errorf("%d of %d were the first", fresh, cap(answers))
	}
	for age, want := range map[time.Duration]bool{eventMemory - time.Minute: false, eventMemory + time.Minute: true} {
		if _, err := s.Exec(t.Context(), `UPDATE seen_event SET at = $1`, time.Now().Add(-age).Unix()); err != nil {
			t.Fatal(err)
		}
		if fresh, err := s.firstTime(t.Context(), "$event"); err != nil || fresh != want {
			t.Errorf("after %v: %v, %v", age, fresh, err)
		}
	}
}

// X4: a call is opened once for its invite; what fails leaves nothing behind.
func storeCalls(t *testing.T, s *store) {
	call := openCall{room, "call1", ghost, "US", true, roleCaller}
	failed := errors.New("failed")
	err := s.InTx(t.Context(), func(ctx context.Context) error {
		_, err := s.openInvited(ctx, "$invite", call)
		return errors.Join(err, failed)
	})
	if !errors.Is(err, failed) {
		t.Error(err)
	}
	for _, want := range []bool{true, false} {
		if fresh, err := s.openInvited(t.Context(), "$invite", call); err != nil || fresh != want {
			t.Errorf("fresh is %v, %v", fresh, err)
		}
	}
	call.Party = "OTHER"
	if err := s.open(t.Context(), call); err != nil {
		t.Error(err)
	}
	if left, err := s.leftOpen(t.Context()); err != nil || !slices.Equal(left, []openCall{call}) {
		t.Errorf("%v, %v", left, err)
	}
	if err := s.closeCall(t.Context(), room, "call1"); err != nil {
		t.Error(err)
	}
	if left, err := s.leftOpen(t.Context()); err != nil || len(left) != 0 {
		t.Errorf("%v, %v", left, err)
	}
}

func storeRooms(t *testing.T, s *store) {
	steps := []error{
		s.recallRoom(t.Context(), "!recalled", ghost), s.setRoom(t.Context(), "!old", ghost, alice),
		s.setRoom(t.Context(), "!new", ghost, alice), s.setRoom(t.Context(), "!bob", ghost, "@bob:example.org"),
		s.recallRoom(t.Context(), "!new", "@tel_s1:example.org"),
	}
	if err := errors.Join(steps...); err != nil {
		t.Fatal(err)
	}
	want := func(want ...string) {
		t.Helper()
		if list, err := s.roomsOf(t.Context(), ghost, alice); err != nil || !slices.Equal(list, want) {
			t.Errorf("%v, %v, expected %v", list, err, want)
		}
	}
	want("!new", "!old", "!recalled")
	if err := errors.Join(s.setRoom(t.Context(), "!old", ghost, alice), s.shareRoom(t.Context(), "!recalled", "@eve:example.org"),
		s.forgetRoom(t.Context(), "!new", "@tel_s1:example.org")); err != nil {
		t.Fatal(err)
	}
	want("!old", "!new")
	if err := s.forgetRoom(t.Context(), "!new", ghost); err != nil {
		t.Fatal(err)
	}
	want("!old")
	if g, err := s.ghostOf(t.Context(), "!new"); err != nil || g != "" {
		t.Errorf("%q, %v", g, err)
	}
}

func storeNumbers(t *testing.T, s *store) {
	steps := []error{
		s.setNumber(t.Context(), "!a", "+4930"), s.setNumber(t.Context(), "!a", "+4940"), s.setNumber(t.Context(), "!b", "600"),
		s.setNumber(t.Context(), "!c", "1"), s.setNumber(t.Context(), "!c", ""), s.setSuccessor(t.Context(), "!a", "!new", "+4940"),
		s.dropNumber(t.Context(), "!a"), s.dropNumber(t.Context(), "!b"), s.setNick(t.Context(), "!a", "Eve"), s.setNick(t.Context(), "!a", "Bøb"),
		s.setNick(t.Context(), "!b", "Eve"), s.setNick(t.Context(), "!b", ""),
	}
	if err := errors.Join(steps...); err != nil {
		t.Fatal(err)
	}
	for room, want := range map[string]string{"!a": "+4940", "!b": "", "!c": "", "!new": ""} {
		if n, err := s.numberIn(t.Context(), room); err != nil || n != want {
			t.Errorf("%s has %q, %v", room, n, err)
		}
	}
	for room, want := range map[string]string{"!new": "!a", "!a": "", "": ""} {
		if old, err := s.succeeds(t.Context(), room); err != nil || old != want {
			t.Errorf("%q succeeds %q, %v", room, old, err)
		}
	}
	if name, err := s.nickIn(t.Context(), "!a"); err != nil || name != "Bøb" {
		t.Errorf("%q, %v", name, err)
	}
	if list, err := s.nicks(t.Context()); err != nil || !slices.Equal(list, []string{"!a"}) {
		t.Errorf("%v, %v", list, err)
	}
	if err := errors.Join(s.setAsked(t.Context(), "!old", bob, time.Now()), s.setRoom(t.Context(), "!old", telephone, bob),
		s.setRoom(t.Context(), "!own", telephone, bob), s.recallRoom(t.Context(), "!found", telephone)); err != nil {
		t.Fatal(err)
	}
	if list, err := s.chatsOf(t.Context(), telephone, bob); err != nil || !slices.Equal(list, []string{"!old", "!own", "!found"}) {
		t.Errorf("%v, %v", list, err)
	}
}

func storeNames(t *testing.T, s *store) {
	for _, want := range []profile{{}, {"+49 30 1234567", ""}, {"Bøb 'the' \"line\"; DROP TABLE ghost_name", "mxc://example.org/x"}} {
		if want.name != "" {
			if err := s.setProfile(t.Context(), ghost, want); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := s.profile(t.Context(), ghost); err != nil || got != want {
			t.Errorf("%q, %v", got, err)
		}
	}
	before, err := s.asked(t.Context(), room, alice)
	now := time.Unix(1_800_000_000, 0)
	if setErr := s.setAsked(t.Context(), room, alice, now); err != nil || setErr != nil || !before.IsZero() {
		t.Errorf("%v, %v, %v", before, err, setErr)
	}
	if at, err := s.asked(t.Context(), room, alice); err != nil || !at.Equal(now) {
		t.Errorf("%v, %v", at, err)
	}
}

// mautrix keeps its own tables beside ours.
func storeState(t *testing.T, s *store) {
	if err := s.state.MarkRegistered(t.Context(), id.UserID(ghost)); err != nil {
		t.Fatal(err)
	}
	if known, err := s.state.IsRegistered(t.Context(), id.UserID(ghost)); err != nil || !known {
		t.Errorf("%v, %v", known, err)
	}
	if veiled, err := s.state.IsEncrypted(t.Context(), "!plain:example.org"); err != nil || veiled {
		t.Errorf("%v, %v", veiled, err)
	}
}

// before is the schema of the releases that had no versions of it.
const before = `
CREATE TABLE seen_invite (event_id TEXT PRIMARY KEY, at INTEGER NOT NULL);
CREATE INDEX seen_invite_at ON seen_invite (at);
CREATE TABLE open_call (room_id TEXT, call_id TEXT, ghost TEXT NOT NULL, party_id TEXT NOT NULL,
	version0 INTEGER NOT NULL, role TEXT NOT NULL, PRIMARY KEY (room_id, call_id));
CREATE TABLE ghost_room (room_id TEXT PRIMARY KEY, ghost TEXT NOT NULL, user_id TEXT NOT NULL);
CREATE INDEX ghost_room_pair ON ghost_room (ghost, user_id);
CREATE TABLE ghost_name (ghost TEXT PRIMARY KEY, name TEXT NOT NULL);
INSERT INTO seen_invite VALUES ('$seen', unixepoch());
INSERT INTO open_call VALUES ('!r', 'old', '@tel_s1:example.org', '', 1, 'caller'), ('!r', 'new', '@tel_s1:example.org', 'US', 0, 'callee');
INSERT INTO ghost_room VALUES ('!first', '@tel_s1:example.org', '@alice:example.org'), ('!second', '@tel_s1:example.org', '@alice:example.org');
INSERT INTO ghost_name VALUES ('@tel_s1:example.org', '1');`

// A file of an earlier release is taken over with all that is in it.
func TestEarlierDatabase(t *testing.T) {
	t.Parallel()
	at := databasetest.File(t)
	raw, err := sql.Open("sqlite", at.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	wrapped, err := dbutil.NewWithDB(raw, "sqlite")
	if err != nil {
		t.Fatal(err)
	}
	state := sqlstatestore.NewSQLStateStore(wrapped, dbutil.NoopLogger, false)
	if err := errors.Join(state.Upgrade(t.Context()), state.MarkRegistered(t.Context(), "@tel_s1:example.org")); err != nil {
		t.Fatal(err)
	}
	if _, err := raw.Exec(before); err != nil {
		t.Fatal(err)
	}
	raw.Close()

	for range 2 {
		s, done := storeAt(t, at)
		if fresh, err := s.firstTime(t.Context(), "$seen"); err != nil || fresh {
			t.Errorf("an event was forgotten: %v", err)
		}
		left, err := s.leftOpen(t.Context())
		want := []openCall{{"!r", "old", "@tel_s1:example.org", "", true, roleCaller}, {"!r", "new", "@tel_s1:example.org", "US", false, roleCallee}}
		if err != nil || len(left) != 2 || !slices.Contains(left, want[0]) || !slices.Contains(left, want[1]) {
			t.Errorf("%+v, %v", left, err)
		}
		if list, err := s.roomsOf(t.Context(), "@tel_s1:example.org", alice); err != nil || !slices.Equal(list, []string{"!second", "!first"}) {
			t.Errorf("%v, %v", list, err)
		}
		shown, err := s.profile(t.Context(), "@tel_s1:example.org")
		known, knownErr := s.state.IsRegistered(t.Context(), "@tel_s1:example.org")
		if shown.name != "1" || !known || err != nil || knownErr != nil {
			t.Errorf("%q, %v, %v, %v", shown, known, err, knownErr)
		}
		done()
	}
}
