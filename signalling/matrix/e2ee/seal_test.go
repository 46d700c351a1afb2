package e2ee

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"maunium.net/go/mautrix/event"

	"roomline/internal/database"
	"roomline/internal/database/databasetest"
	"roomline/signalling/matrix/e2ee/e2eetest"
)

// T70: a device that is added during a call reads what comes next; one that is
// removed does not.
func TestDeviceAddedMidCall(t *testing.T) {
	t.Parallel()
	r := setUp(t, Config{})
	r.device(ghost)
	phone := r.hs.Peer(alice, "PHONE").CrossSigned()
	first := r.says(ghost, alice)
	if again := r.says(ghost, alice); sessionOf(again) != sessionOf(first) {
		t.Error("another key without any reason")
	}
	laptop := r.hs.Peer(alice, "LAPTOP").SignedBy(phone)
	second := r.says(ghost, alice)
	for _, p := range []interface {
		Read(*event.Event) (*event.Event, error)
	}{phone, laptop} {
		if _, err := p.Read(second); err != nil {
			t.Error(err)
		}
	}
	if _, err := laptop.Read(first); err == nil {
		t.Error("the new device reads what was said before")
	}
	r.opens(ghost, laptop.Say(room, "m.call.hangup", call, ghost))
	r.hs.SignOut(alice, "LAPTOP")
	third := r.says(ghost, alice)
	if _, err := laptop.Read(third); err == nil || sessionOf(third) == sessionOf(second) {
		t.Errorf("a device that was signed out reads on: %v", err)
	}
	if _, err := phone.Read(third); err != nil {
		t.Error(err)
	}
}

// X5: after somebody leaves nothing is under the old key: not at once, not
// after a restart, and not if the leave was never heard of.
func TestLeave(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, at database.Address) {
		r := setUpAt(t, at, Config{})
		r.device(ghost)
		r.device(other)
		phone, laptop := r.hs.Peer(alice, "PHONE").CrossSigned(), r.hs.Peer(bob, "LAPTOP").CrossSigned()
		for _, forgetful := range []bool{false, true} {
			before := map[string]string{}
			for _, user := range []string{ghost, other} {
				e := r.says(user, alice, bob)
				before[user] = sessionOf(e)
				if _, err := laptop.Read(e); err != nil {
					t.Error(err)
				}
			}
			if forgetful {
				r.restart()
			} else {
				r.Renew(room)
			}
			for _, user := range []string{ghost, other} {
				e := r.says(user, alice)
				if _, err := laptop.Read(e); err == nil || sessionOf(e) == before[user] {
					t.Errorf("forgetful %v: bob left, and reads on: %v", forgetful, err)
				}
				if _, err := phone.Read(e); err != nil {
					t.Error(err)
				}
			}
			r.Renew(room)
			if _, err := laptop.Read(r.says(ghost, alice, bob)); err != nil {
				t.Errorf("bob came back: %v", err)
			}
		}
		same := r.says(ghost, alice, bob)
		r.restart()
		if sessionOf(r.says(ghost, alice, bob)) != sessionOf(same) {
			t.Error("another key after a restart, for the same devices")
		}
	})
}

// A crash between the key and the note of who has it costs a new key.
func TestCrashWhileSharing(t *testing.T) {
	t.Parallel()
	r := setUp(t, Config{})
	r.device(ghost)
	phone := r.hs.Peer(alice, "PHONE").CrossSigned()
	old := r.says(ghost, alice)
	if _, err := r.Devices.part.Exec(t.Context(), `UPDATE e2ee_share SET session_id = 'another'`); err != nil {
		t.Fatal(err)
	}
	r.restart()
	e := r.says(ghost, alice)
	if _, err := phone.Read(e); err != nil || sessionOf(e) == sessionOf(old) {
		t.Errorf("%v", err)
	}
	for _, request := range []string{"PUT sendToDevice", "POST keys/query"} {
		r.Renew(room)
		r.Changed([]string{alice})
		r.hs.Before = func(_, now string) error {
			if now == request {
				return errors.New("the connection broke")
			}
			return nil
		}
		if _, err := r.Seal(t.Context(), ghost, room, "m.call.answer", call, list(alice)); err == nil {
			t.Errorf("%s failed, and something was sealed", request)
		}
		r.hs.Before = nil
		if _, err := phone.Read(r.says(ghost, alice)); err != nil {
			t.Errorf("after %s failed: %v", request, err)
		}
	}
}

// Nothing is sealed when it is not known for whom.
func TestMembersUnknown(t *testing.T) {
	t.Parallel()
	r := setUp(t, Config{})
	failed := errors.New("no members")
	if _, err := r.Seal(t.Context(), ghost, room, "m.call.answer", call, list(alice)); !errors.Is(err, errNoDevice) {
		t.Errorf("without a device: %v", err)
	}
	r.device(ghost)
	_, err := r.Seal(t.Context(), ghost, room, "m.call.answer", call, func(context.Context) ([]string, error) { return nil, failed })
	if !errors.Is(err, failed) {
		t.Errorf("%v", err)
	}
	if e := r.says(ghost); sessionOf(e) == "" {
		t.Error("an empty room has no key")
	}
}

// A key that was used up is replaced without being asked.
func TestWornOutKey(t *testing.T) {
	t.Parallel()
	r := setUp(t, Config{})
	r.device(ghost)
	phone := r.hs.Peer(alice, "PHONE").CrossSigned()
	seen := map[string]bool{}
	for range 101 { // a hundred is the default of the specification
		e := r.says(ghost, alice)
		seen[sessionOf(e)] = true
		if _, err := phone.Read(e); err != nil {
			t.Fatal(err)
		}
	}
	if len(seen) != 2 {
		t.Errorf("%d keys for 101 events", len(seen))
	}
}

// A device without one-time keys is told why it gets nothing, and tried again.
func TestNoOneTimeKey(t *testing.T) {
	t.Parallel()
	for name, tamper := range map[string]func(key map[string]any){
		"none":            nil,
		"a bad signature": func(key map[string]any) { key["key"] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" },
		"no signature":    func(key map[string]any) { delete(key, "signatures") },
		"no key":          func(key map[string]any) { delete(key, "key") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := setUp(t, Config{})
			r.device(ghost)
			phone, laptop := r.hs.Peer(alice, "PHONE").CrossSigned(), r.hs.Peer(bob, "LAPTOP").CrossSigned()
			r.hs.Answer = func(_, request string, answer map[string]any) {
				all, _ := answer["one_time_keys"].(map[string]any)
				devices, ok := all[alice].(map[string]any)
				if request != "POST keys/claim" || !ok {
					return
				}
				if tamper == nil {
					delete(devices, "PHONE")
					return
				}
				for _, key := range devices["PHONE"].(map[string]any) {
					tamper(key.(map[string]any))
				}
			}
			e := r.says(ghost, alice, bob)
			if _, err := laptop.Read(e); err != nil {
				t.Errorf("bob: %v", err)
			}
			if _, err := phone.Read(e); err == nil || phone.Withheld() != "m.no_olm" {
				t.Errorf("alice reads: %v, withheld %q", err, phone.Withheld())
			}
			r.hs.Answer = nil
			dev, release, err := r.use(t.Context(), ghost)
			if err != nil {
				t.Fatal(err)
			}
			defer release()
			dev.mu.Lock()
			s := dev.shares[room]
			if until := time.Until(s.until); until <= 0 || until > retryTime {
				t.Errorf("tried again after %v", until)
			}
			s.until = time.Now().Add(-time.Second)
			dev.shares[room] = s
			dev.mu.Unlock()
			if _, err := phone.Read(r.says(ghost, alice, bob)); err != nil {
				t.Errorf("tried again: %v", err)
			}
		})
	}
}

// Hostile answers to a claim, as another homeserver may give them, keep nobody
// else from reading.
func TestWrongClaims(t *testing.T) {
	t.Parallel()
	for i, answer := range []map[string]any{
		{"@mallory:example.org": map[string]any{"X": map[string]any{"signed_curve25519:A": map[string]any{"key": "x"}}}},
		{alice: map[string]any{"UNKNOWN": map[string]any{"signed_curve25519:A": map[string]any{"key": "x"}}}},
		{alice: map[string]any{"PHONE": map[string]any{}}},
		{alice: map[string]any{"PHONE": map[string]any{"curve25519:A": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}}},
		{alice: nil},
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			r := setUp(t, Config{})
			r.device(ghost)
			phone, laptop := r.hs.Peer(alice, "PHONE").CrossSigned(), r.hs.Peer(bob, "LAPTOP").CrossSigned()
			r.hs.Answer = func(_, request string, all map[string]any) {
				if request == "POST keys/claim" {
					keys := all["one_time_keys"].(map[string]any)
					delete(keys, alice)
					maps.Copy(keys, answer)
				}
			}
			e := r.says(ghost, alice, bob)
			if _, err := laptop.Read(e); err != nil {
				t.Errorf("bob: %v", err)
			}
			if _, err := phone.Read(e); err == nil {
				t.Error("alice reads it")
			}
			r.hs.Answer = nil
			r.Renew(room)
			if _, err := phone.Read(r.says(ghost, alice)); err != nil {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

// Many telephones speak at once, and one whose homeserver is slow keeps
// nobody else waiting.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	r := setUp(t, Config{})
	phone := r.hs.Peer(alice, "PHONE").CrossSigned()
	slow, wait := "@tel_slow:example.org", make(chan struct{})
	r.device(slow)
	r.hs.Before = func(user, request string) error {
		if user == slow && request == "PUT sendToDevice" {
			<-wait
		}
		return nil
	}
	held := make(chan error, 1)
	go func() {
		_, err := r.Seal(context.Background(), slow, room, "m.call.answer", call, list(alice))
		held <- err
	}()
	r.until("the slow one sends", func() bool { return r.hs.Requests("PUT sendToDevice") == 1 })
	var all sync.WaitGroup
	for i := range 10 {
		all.Go(func() {
			user := fmt.Sprintf("@tel_%d:example.org", i)
			if err := r.Ensure(t.Context(), user); err != nil {
				t.Error(err)
			}
			for range 3 {
				if _, err := r.Seal(t.Context(), user, room, "m.call.answer", call, list(alice)); err != nil {
					t.Error(err)
				}
			}
			r.Renew(room)
			r.Changed([]string{alice})
		})
	}
	all.Wait()
	select {
	case err := <-held:
		t.Errorf("the slow one is done: %v", err)
	default:
	}
	close(wait)
	if err := <-held; err != nil {
		t.Error(err)
	}
	if _, err := phone.Read(r.says("@tel_3:example.org", alice)); err != nil {
		t.Error(err)
	}
}

type notice struct {
	Body string `json:"body"`
}

func (notice) ForAll() {}

// Why a device is refused is said so that it can read it; nothing else is.
func TestForAll(t *testing.T) {
	t.Parallel()
	for _, crash := range []bool{false, true} {
		r := setUp(t, Config{})
		r.device(ghost)
		phone := r.hs.Peer(alice, "PHONE").CrossSigned()
		laptop := r.hs.Peer(alice, "LAPTOP")
		before := r.says(ghost, alice)
		sealed, err := r.Seal(t.Context(), ghost, room, "m.room.message", notice{"why"}, list(alice))
		if err != nil {
			t.Fatal(err)
		}
		why := e2eetest.Event(t, ghost, room, "$why", sealed)
		if crash {
			r.restart()
		}
		after := r.says(ghost, alice)
		for _, e := range []*event.Event{before, why, after} {
			if _, err := phone.Read(e); err != nil {
				t.Error(err)
			}
			if _, err := laptop.Read(e); (err == nil) != (e == why) {
				t.Errorf("the refused device reads %s: %v", e.ID, err)
			}
		}
		if sessionOf(why) == sessionOf(before) || sessionOf(why) == sessionOf(after) {
			t.Error("it has no key of its own")
		}
	}
}

// A change that we were not told of is found after a while, or when there is
// reason to doubt.
func TestUntoldChange(t *testing.T) {
	t.Parallel()
	for _, reason := range []string{"time", "doubt"} {
		r := setUp(t, Config{})
		r.device(ghost)
		phone := r.hs.Peer(alice, "PHONE").CrossSigned()
		laptop := r.hs.Peer(alice, "LAPTOP").SignedBy(phone)
		first := r.says(ghost, alice)
		r.hs.Changed = nil
		r.hs.SignOut(alice, "LAPTOP")
		if sessionOf(r.says(ghost, alice)) != sessionOf(first) {
			t.Error("it was heard of")
		}
		if reason == "doubt" {
			r.Doubt()
		} else {
			r.age(ghost, alice)
		}
		e := r.says(ghost, alice)
		if _, err := laptop.Read(e); err == nil || sessionOf(e) == sessionOf(first) {
			t.Errorf("%s: the device that was signed out reads on: %v", reason, err)
		}
	}
}

// age lets what is known of a user's devices, and who has the key of a room, be
// as old as it may become.
func (r *rig) age(ghost, user string) {
	dev := r.held(ghost)
	defer r.release(dev)
	r.lists.mu.Lock()
	r.lists.change(user, func(k *known) { k.asked = k.asked.Add(-freshTime) })
	r.lists.mu.Unlock()
	dev.mu.Lock()
	defer dev.mu.Unlock()
	s := dev.shares[room]
	s.looked = s.looked.Add(-freshTime)
	dev.shares[room] = s
}

// A new key of an ordinary account goes ahead of what is said under it: with
// Dendrite it may come later, and then clients do not ring.
func TestKeyGoesAhead(t *testing.T) {
	for user, cfg := range map[string]Config{account: {Account: &Account{account, "GATEWAY"}}, ghost: {}} {
		synctest.Test(t, func(t *testing.T) {
			r := setUp(t, cfg)
			r.device(user)
			r.hs.Peer(alice, "PHONE").CrossSigned()
			for _, want := range []time.Duration{keyHead, 0} {
				if cfg.Account == nil {
					want = 0
				}
				begun := time.Now()
				r.says(user, alice)
				if got := time.Since(begun); got != want {
					t.Errorf("%s waited for %v, expected %v", user, got, want)
				}
			}
		})
	}
}
