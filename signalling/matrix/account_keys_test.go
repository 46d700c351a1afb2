package matrix

import (
	"errors"
	"slices"
	"testing"

	"maunium.net/go/mautrix/event"
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
	if k.Close() != nil || k.Close() != nil || k.hold("E", func() (vault, error) { t.Error("opened after the end"); return m, nil }) != nil {
		t.Error("it does not close")
	}
}
