package matrix

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"roomline/signalling/matrix/e2ee"
)

func encrypting(c *Client) { c.cfg.Encryption.Enabled = true }

// published are the devices whose keys were uploaded so far.
func (h *home) published() (list []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.uploads)
}

// The device of the login is the device that has keys: once, also over a
// restart. A device that the homeserver has deleted is followed by another one,
// a session that has only ended for now goes on with the same.
func TestAccountHasKeys(t *testing.T) {
	t.Parallel()
	h, at := newHome(t), place(t)
	c := h.transport(t, at, Account{Password: password}, encrypting)
	first, err := whoever(t, c)
	if err != nil {
		t.Fatal(err)
	}
	if list := h.published(); !slices.Equal(list, []string{first.device}) {
		t.Fatalf("published the keys of %v, logged in as %s", list, first.device)
	}
	c.Close()
	c.db.Close()
	c = h.transport(t, at, Account{Password: password}, encrypting)
	if _, err := whoever(t, c); err != nil {
		t.Fatal(err)
	}
	h.set(func() { h.soft = true })
	h.forgetAll()
	h.say(`{"next_batch":"%s"}`)
	if _, err := c.hs.self().Whoami(t.Context()); err != nil {
		t.Fatal(err)
	}
	if list := h.published(); len(list) != 1 {
		t.Errorf("published the keys of %v", list)
	}
	h.set(func() { h.soft = false })
	h.forgetAll()
	if _, err := c.hs.self().Whoami(t.Context()); err != nil && !errors.Is(err, errMoved) { // nil: the sync was first
		t.Errorf("a request of the device that is gone: %v", err)
	}
	h.say(`{"next_batch":"%s"}`)
	waitFor(t, "another device has keys", func() bool { return len(h.published()) == 2 })
	now, _ := c.hs.access.(*account).login.current()
	if list := h.published(); list[1] != now.device || now.device == first.device {
		t.Errorf("published the keys of %v, logged in as %s", list, now.device)
	}
}

// Before the login nothing is read or encrypted, and nothing breaks.
func TestNoKeysBeforeTheLogin(t *testing.T) {
	t.Parallel()
	k := &keyring{}
	e := &event.Event{}
	if _, err := k.Open(t.Context(), telephone, e); !errors.Is(err, errNoLogin) {
		t.Errorf("opened: %v", err)
	}
	if _, err := k.Seal(t.Context(), telephone, room, typeNotice, nil, nil); !errors.Is(err, errNoLogin) {
		t.Errorf("sealed: %v", err)
	}
	if k.Await(t.Context(), telephone, e) || !errors.Is(k.Ensure(t.Context(), telephone), errNoLogin) {
		t.Error("there are keys")
	}
	k.ToDevice(telephone, "D", e, func() { t.Error("a message to the device is done with") })
	m := mailed{notes: make(chan string, 1)}
	if err := k.hold("D", func() (vault, error) { return m, nil }); err != nil {
		t.Fatal(err)
	}
	k.Changed([]string{alice})
	if got := <-m.notes; got != "changed "+alice {
		t.Errorf("%q", got)
	}
	if k.Close() != nil {
		t.Error("it does not close")
	}
	if k.Close() != nil || k.hold("E", func() (vault, error) { t.Error("opened after the end"); return m, nil }) != nil {
		t.Error("it does not stay closed")
	}
}

// sealing notes with which key a device was signed, and fails as it is told.
type sealing struct {
	vault
	by   []string
	fail error
}

func (s *sealing) Ensure(context.Context, string) error { return nil }
func (s *sealing) Recover(_ context.Context, user, key string) error {
	s.by = append(s.by, user+" "+key)
	return s.fail
}

// The recovery key signs our device, once. One that is wrong is said to be so,
// and not tried again; a homeserver that is busy is asked again after a minute.
// Without a key the log says who can sign it. No log shows the key.
func TestRecoveryKey(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		key         string
		fail        error
		keys        string // of the account; empty: none
		once, twice int
		says        string
	}{
		"right":       {"EsTc 1234", nil, "", 1, 1, ""},
		"wrong":       {"EsTc 1234", e2ee.ErrRecoveryKey, "", 1, 1, e2ee.ErrRecoveryKey.Error()},
		"busy":        {"EsTc 1234", errNoSync, "", 1, 2, "not signed by the account"},
		"none":        {"", nil, `{"self_signing_keys":{"` + telephone + `":{"keys":{"ed25519:abc":"abc"}}}}`, 0, 0, "until somebody verifies it"},
		"no identity": {"", nil, "", 0, 0, e2ee.ErrNoCrossSigning.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			h := newHome(t)
			h.keys = cmp.Or(tt.keys, h.keys)
			c := h.transport(t, place(t), Account{Password: password})
			if _, err := whoever(t, c); err != nil {
				t.Fatal(err)
			}
			v, k := &sealing{fail: tt.fail}, &keyring{}
			if err := k.hold("D", func() (vault, error) { return v, nil }); err != nil {
				t.Fatal(err)
			}
			a := c.hs.access.(*account)
			own := &account{log: slog.New(slog.NewTextHandler(&log, nil)), url: a.url, web: a.web,
				cfg: Config{Account: Account{User: telephone, RecoveryKey: secretOf(tt.key)}}}
			s := &syncing{c: &Client{vault: k}, device: "D", account: own}
			s.publish(t.Context())
			s.publish(t.Context()) // a moment later
			if len(v.by) != tt.once || tt.once > 0 && v.by[0] != telephone+" "+tt.key {
				t.Errorf("signed by %q", v.by)
			}
			s.keysAt = time.Time{} // a minute later
			s.publish(t.Context())
			if tt.key == "" { // somebody has verified it
				h.set(func() {
					h.keys = `{"device_keys":{"` + telephone + `":{"D":{"signatures":{"` + telephone + `":{"ed25519:abc":"s"}}}}},"self_signing_keys":{"` + telephone + `":{"keys":{"ed25519:abc":"abc"}}}}`
				})
				s.keyed = ""
				before := log.Len()
				if s.publish(t.Context()); log.Len() != before {
					t.Errorf("it is signed, and the log says: %s", log.String()[before:])
				}
			}
			if len(v.by) != tt.twice || !strings.Contains(log.String(), tt.says) || strings.Contains(log.String(), "EsTc") {
				t.Errorf("signed by %q: %s", v.by, log.String())
			}
		})
	}
}

// The device may turn out to be gone by what its own keys have asked for: the
// login that follows does not wait for who waits for it.
func TestKeysFindTheDeviceGone(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	c := h.transport(t, place(t), Account{Password: password}, encrypting)
	first, err := whoever(t, c)
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, "it asks what happens", func() bool { return len(h.asks()) == 2 })
	h.forgetAll()
	c.vault.Counted(mautrix.OTKCount{UserID: telephone, DeviceID: id.DeviceID(first.device), SignedCurve25519: 0}, nil)
	waitFor(t, "it has logged in anew", func() bool { now, _ := c.hs.access.(*account).login.current(); return now.device != first.device })
	h.say(`{"next_batch":"%s"}`)
	waitFor(t, "another device has keys", func() bool { return len(h.published()) == 2 })
	was := face{c.hs.access.(*account)}.Client(telephone, first.device)
	if _, err := was.Whoami(t.Context()); !errors.Is(err, errMoved) {
		t.Errorf("keys that were let go asked as the other device: %v", err)
	}
}
