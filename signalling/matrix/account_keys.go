package matrix

import (
	"context"
	"errors"
	"sync"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"roomline/signalling/matrix/e2ee"
)

// keyring is the vault of an ordinary account. Which device that has is known
// only once it has logged in: until then there are no keys.
type keyring struct {
	mu     sync.Mutex // guards what follows
	now    vault      // nil: not logged in yet
	device string
	closed bool
	gone   sync.WaitGroup // of those that were let go
}

// errNoLogin is the end of what needs keys before the login.
var errNoLogin = errors.New("the account has not logged in yet")

func (k *keyring) vault() (vault, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.now == nil {
		return nil, errNoLogin
	}
	return k.now, nil
}

// hold takes the keys of a device, and lets those of another one go. It may be
// called by what goes on with those, so it does not wait for their end.
func (k *keyring) hold(device string, open func() (vault, error)) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.device == device || k.closed {
		return nil
	}
	if old := k.now; old != nil {
		k.gone.Go(func() { _ = old.Close() }) // which cannot fail; awaited by Close
		k.now, k.device = nil, ""
	}
	v, err := open()
	if err != nil {
		return err
	}
	k.now, k.device = v, device
	return nil
}

// Ensure implements vault.
func (k *keyring) Ensure(ctx context.Context, user string) error {
	v, err := k.vault()
	if err != nil {
		return err
	}
	return v.Ensure(ctx, user)
}

// Seal implements vault.
func (k *keyring) Seal(ctx context.Context, user, room, eventType string, content any, members func(context.Context) ([]string, error)) (*event.EncryptedEventContent, error) {
	v, err := k.vault()
	if err != nil {
		return nil, err
	}
	return v.Seal(ctx, user, room, eventType, content, members)
}

// Open implements vault.
func (k *keyring) Open(ctx context.Context, user string, e *event.Event) (*event.Event, error) {
	v, err := k.vault()
	if err != nil {
		return nil, err
	}
	return v.Open(ctx, user, e)
}

// Await implements vault.
func (k *keyring) Await(ctx context.Context, user string, e *event.Event) bool {
	v, err := k.vault()
	return err == nil && v.Await(ctx, user, e)
}

// ToDevice implements vault. What cannot be read yet stays where it is kept.
func (k *keyring) ToDevice(user, device string, e *event.Event, done func()) {
	if v, err := k.vault(); err == nil {
		v.ToDevice(user, device, e, done)
	}
}

// Counted implements vault.
func (k *keyring) Counted(left mautrix.OTKCount, fallbacks []string) {
	if v, err := k.vault(); err == nil {
		v.Counted(left, fallbacks)
	}
}

// Changed implements vault.
func (k *keyring) Changed(users []string) {
	if v, err := k.vault(); err == nil {
		v.Changed(users)
	}
}

// Doubt lets everybody's devices be asked for anew, as e2ee.Devices does.
func (k *keyring) Doubt() {
	if v, err := k.vault(); err == nil {
		if d, ok := v.(interface{ Doubt() }); ok {
			d.Doubt()
		}
	}
}

// Renew implements vault.
func (k *keyring) Renew(room string) {
	if v, err := k.vault(); err == nil {
		v.Renew(room)
	}
}

// Close implements vault.
func (k *keyring) Close() error {
	k.mu.Lock()
	k.closed = true
	now := k.now
	k.mu.Unlock()
	k.gone.Wait()
	if now == nil {
		return nil
	}
	return now.Close()
}

// face is the client-server API as the one device of an account sees it. It
// implements e2ee.Homeserver.
type face struct{ *account }

// Client implements e2ee.Homeserver. Keys that were let go ask for nothing in
// the name of the device that has taken the place of theirs.
func (f face) Client(_, device string) *mautrix.Client {
	web := *f.web
	if s, ok := web.Transport.(signed); ok {
		s.device = device
		web.Transport = s
	}
	client := f.client(&web)
	client.DeviceID = id.DeviceID(device)
	return client
}

// MakeDevice implements e2ee.Homeserver: the login has made it.
func (f face) MakeDevice(context.Context, string, string, string) error { return nil }

// keep opens the keys of the device that a session is of.
func (a *account) keep(ctx context.Context, c *Client, k *keyring, s session) error {
	return k.hold(s.device, func() (vault, error) {
		return c.openKeys(ctx, face{a}, &e2ee.Account{User: a.cfg.Account.User, Device: s.device})
	})
}
