package e2ee

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"maunium.net/go/mautrix/crypto"
	"maunium.net/go/mautrix/crypto/goolm/session"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"roomline/internal/database"
	"roomline/internal/database/databasetest"
)

// T70: the key comes after the event; who waits for it is woken.
func TestKeyAfterEvent(t *testing.T) {
	t.Parallel()
	r := setUp(t, Config{})
	r.device(ghost)
	phone := r.hs.Peer(alice, "PHONE").CrossSigned()
	deliver := r.hs.Deliver
	var late []func()
	r.hs.Deliver = func(user, device string, e *event.Event) { late = append(late, func() { deliver(user, device, e) }) }
	e := phone.Say(room, "m.call.invite", call, ghost)
	if err := r.refuses(ghost, e); err != ErrNoKey {
		t.Fatalf("%v", err)
	}
	short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if r.Await(short, ghost, e) {
		t.Error("a key was awaited that has not come")
	}
	woken := make(chan bool)
	go func() { woken <- r.Await(t.Context(), ghost, e) }()
	r.until("somebody waits", func() bool {
		r.waiters.mu.Lock()
		defer r.waiters.mu.Unlock()
		return len(r.waiters.here) == 1
	})
	for _, f := range late {
		f()
	}
	if !<-woken {
		t.Error("the key came, and nobody was woken")
	}
	r.opens(ghost, e)
	if !r.Await(t.Context(), ghost, e) || len(r.waiters.here) != 0 {
		t.Error("a key that is there is awaited")
	}
}

// X5: what was said once cannot be said again, nor in another room, also after
// a restart; the same event may be read twice.
func TestReplay(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, at database.Address) {
		r := setUpAt(t, at, Config{})
		r.device(ghost)
		r.device(other)
		phone := r.hs.Peer(alice, "PHONE").CrossSigned()
		e := phone.Say(room, "m.call.invite", call, ghost)
		r.opens(ghost, e)
		r.opens(ghost, e)
		for range 2 {
			again, later, moved := *e, *e, *e
			again.ID = "$again"
			later.Timestamp++
			moved.RoomID = "!other:example.org"
			for what, c := range map[string]struct {
				e    *event.Event
				want error
			}{"replay": {&again, ErrReplayed}, "later": {&later, ErrReplayed}, "moved": {&moved, ErrWrongRoom}} {
				if err := r.refuses(ghost, c.e); !errors.Is(err, c.want) {
					t.Errorf("%s: %v", what, err)
				}
			}
			if err := r.refuses(other, &moved); !errors.Is(err, ErrWrongRoom) {
				t.Errorf("moved to where nobody has the key: %v", err)
			}
			r.restart()
		}
		r.opens(ghost, e)
	})
}

// X5: what a device says is of its owner alone, whoever brings it.
func TestStolenEvent(t *testing.T) {
	t.Parallel()
	r := setUp(t, Config{})
	r.device(ghost)
	r.device(other)
	phone := r.hs.Peer(alice, "PHONE").CrossSigned()
	r.hs.Peer(bob, "LAPTOP").CrossSigned()
	e := phone.Say(room, "m.call.invite", call, ghost)
	e.Sender = bob
	if err := r.refuses(ghost, e); !errors.Is(err, ErrForwarded) {
		t.Errorf("bob says what alice said: %v", err)
	}
	mine := r.says(ghost, alice)
	if err := r.refuses(ghost, mine); err != ErrOwn {
		t.Errorf("our own: %v", err)
	}
	if err := r.refuses(other, mine); err != ErrOwn {
		t.Errorf("another ghost's: %v", err)
	}
	mine.Sender = alice
	if err := r.refuses(ghost, mine); err != ErrOwn {
		t.Errorf("alice says what we said: %v", err)
	}
}

// X5: keys that somebody else passes on are not taken; nor believed if they
// were in the database.
func TestForwardedKey(t *testing.T) {
	t.Parallel()
	r := setUp(t, Config{})
	r.device(ghost)
	phone, laptop := r.hs.Peer(alice, "PHONE").CrossSigned(), r.hs.Peer(bob, "LAPTOP").CrossSigned()
	e := phone.Say(room, "m.call.invite", call, bob)
	if _, err := laptop.Read(e); err != nil {
		t.Fatal(err)
	}
	content := e.Content
	if err := content.ParseRaw(event.EventEncrypted); err != nil {
		t.Fatal(err)
	}
	name := content.Parsed.(*event.EncryptedEventContent).SessionID
	known, err := laptop.Machine.CryptoStore.GetGroupSession(t.Context(), room, name)
	if err != nil {
		t.Fatal(err)
	}
	key, err := known.Internal.Export(0)
	if err != nil {
		t.Fatal(err)
	}
	mine, _ := r.row(ghost)
	target, err := laptop.Machine.GetOrFetchDevice(t.Context(), ghost, id.DeviceID(mine.device))
	if err != nil {
		t.Fatal(err)
	}
	forwarded := event.Content{Parsed: &event.ForwardedRoomKeyEventContent{RoomKeyEventContent: event.RoomKeyEventContent{
		Algorithm: id.AlgorithmMegolmV1, RoomID: room, SessionID: name, SessionKey: string(key)}, SenderKey: known.SenderKey, SenderClaimedKey: known.SigningKey}}
	if err := laptop.Machine.SendEncryptedToDevice(t.Context(), target, event.ToDeviceForwardedRoomKey, forwarded); err != nil {
		t.Fatal(err)
	}
	r.idle()
	if r.read[ghost] != 1 {
		t.Errorf("%d messages read", r.read[ghost])
	}
	if err := r.refuses(ghost, e); err != ErrNoKey {
		t.Errorf("forwarded: %v", err)
	}
	internal, err := session.NewMegolmInboundSessionFromExport(key)
	if err != nil {
		t.Fatal(err)
	}
	for _, source := range []id.KeySource{id.KeySourceForward, id.KeySourceBackup, id.KeySourceImport} {
		smuggled := &crypto.InboundGroupSession{Internal: internal, SigningKey: known.SigningKey, SenderKey: known.SenderKey,
			RoomID: room, KeySource: source, SourceUser: alice}
		store := r.store(ghost, mine)
		if err := store.PutGroupSession(t.Context(), smuggled); !errors.Is(err, ErrForwarded) {
			t.Errorf("%s: kept: %v", source, err)
		}
		if err := store.SQLCryptoStore.PutGroupSession(t.Context(), smuggled); err != nil {
			t.Fatal(err)
		}
		if err := r.refuses(ghost, e); !errors.Is(err, ErrForwarded) {
			t.Errorf("%s: %v", source, err)
		}
	}
}

// What a device does not give us has a reason; the key counts when it comes
// after all. Nobody withholds another's key.
func TestWithheldFromUs(t *testing.T) {
	t.Parallel()
	r := setUp(t, Config{})
	mine := r.device(ghost)
	phone := r.hs.Peer(alice, "PHONE").CrossSigned()
	laptop := r.hs.Peer(bob, "LAPTOP").CrossSigned()
	e := phone.Say(room, "m.call.invite", call, bob)
	content := func(key string) json.RawMessage {
		text, err := json.Marshal(map[string]any{"algorithm": id.AlgorithmMegolmV1, "room_id": room, "session_id": sessionOf(e),
			"sender_key": key, "code": "m.unverified", "reason": "no"})
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	r.hs.Send(bob, ghost, mine, "m.room_key.withheld", content(phone.Key()))
	r.hs.Send(bob, ghost, mine, "m.room_key.withheld", content(laptop.Key()))
	if err := r.refuses(ghost, e); !errors.Is(err, ErrNoKey) {
		t.Errorf("withheld by bob: %v", err)
	}
	r.restart()
	r.Devices.part.Exec(t.Context(), `DELETE FROM crypto_megolm_inbound_session`)
	woken := make(chan bool)
	go func() { woken <- r.Await(t.Context(), ghost, e) }()
	r.hs.Send(alice, ghost, mine, "m.room_key.withheld", content(phone.Key()))
	if !<-woken {
		t.Error("nobody was woken")
	}
	var why Withheld
	if err := r.refuses(ghost, e); !errors.As(err, &why) || why.Code != "m.unverified" {
		t.Errorf("withheld: %v", err)
	}
	if _, err := phone.Machine.FetchKeys(t.Context(), []id.UserID{ghost}, true); err != nil {
		t.Fatal(err)
	}
	target, err := phone.Machine.GetOrFetchDevice(t.Context(), ghost, id.DeviceID(mine))
	if err != nil {
		t.Fatal(err)
	}
	out, err := phone.Machine.CryptoStore.GetOutboundGroupSession(t.Context(), room)
	if err != nil {
		t.Fatal(err)
	}
	if err := phone.Machine.SendEncryptedToDevice(t.Context(), target, event.ToDeviceRoomKey, out.ShareContent()); err != nil {
		t.Fatal(err)
	}
	r.opens(ghost, phone.Seal(room, "m.call.hangup", call))
}
