package e2ee

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.mau.fi/util/dbutil"
	"maunium.net/go/mautrix/crypto"
	"maunium.net/go/mautrix/id"
)

// device is one of our devices in memory. It stays there while somebody uses
// it: two copies of it would both move its ratchets on.
type device struct {
	user string
	row
	mach  *crypto.OlmMachine
	store *guarded

	users int    // who use it now; guarded by Devices.mu
	last  uint64 // when it was used last, counted in uses; guarded by Devices.mu

	account sync.Mutex // guards the account's one-time keys: they are taken and made
	posted  time.Time  // when one-time keys were uploaded last; guarded by account

	mu     sync.Mutex // guards what follows
	shares map[string]share
	mended map[id.SenderKey]time.Time // when an Olm session was made anew
}

// maxCached is how many devices stay in memory when nobody uses them.
const maxCached = 256

// errNoDevice says that Ensure was not called, or failed, for a user.
var errNoDevice = errors.New("it has no device yet")

// use loads a device unless it is in memory, and keeps it there until release
// is called.
func (d *Devices) use(ctx context.Context, user string) (dev *device, release func(), err error) {
	if dev := d.held(user); dev != nil {
		return dev, func() { d.release(dev) }, nil
	}
	unlock, err := d.loading.lock(ctx, user)
	if err != nil {
		return nil, nil, err
	}
	defer unlock()
	dev = d.held(user)
	if dev == nil {
		dev, err = d.load(ctx, user)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("the device of %s: %w", user, err)
	}
	return dev, func() { d.release(dev) }, nil
}

func (d *Devices) held(user string) *device {
	d.mu.Lock()
	defer d.mu.Unlock()
	dev := d.cached[user]
	if dev != nil {
		dev.users++
	}
	return dev
}

func (d *Devices) load(ctx context.Context, user string) (*device, error) {
	r, ok := d.row(user)
	if !ok {
		return nil, errNoDevice
	}
	store := d.store(user, r)
	mach := crypto.NewOlmMachine(d.client(user, r.device), d.zlog, store, d.state)
	dev := &device{user: user, row: r, mach: mach, store: store, shares: map[string]share{}, mended: map[id.SenderKey]time.Time{}}
	store.wedged = func(key id.SenderKey) { d.wedged(dev, key) }
	mach.DisableDecryptKeyFetching = true
	mach.DisableDeviceChangeKeyRotation = true // ours goes by room and by device of ours: see Seal
	mach.DisableRatchetTracking = true         // costs a write for each event, and all we gain is lists of what was missed
	mach.DontStoreOutboundKeys = true          // our own events come back to us, and nobody is forwarded a key
	mach.IgnorePostDecryptionParseErrors = true
	mach.SendKeysMinTrust = id.TrustStateVerified // which judged says of whom the policy accepts
	mach.SessionReceived = func(_ context.Context, room id.RoomID, session id.SessionID, _ uint32) {
		d.waiters.arrived(user, session)
	}
	if err := mach.Load(ctx); err != nil {
		return nil, err
	}
	mach.GetAccount().Keys() // computed once, because it is not safe later
	if err := d.loadCrossSigning(ctx, dev); err != nil {
		return nil, err
	}
	return dev, d.keep(dev)
}

// keep puts a device into memory, and others out of it.
func (d *Devices) keep(dev *device) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return errClosed
	}
	dev.users = 1
	d.cached[dev.user] = dev
	for len(d.cached) > maxCached {
		oldest := d.idle()
		if oldest == nil {
			break
		}
		delete(d.cached, oldest.user)
		oldest.mach.Destroy()
	}
	return nil
}

// idle is the device that nobody uses for the longest time; nil: all are used.
func (d *Devices) idle() (oldest *device) {
	for _, dev := range d.cached {
		if dev.users == 0 && (oldest == nil || dev.last < oldest.last) {
			oldest = dev
		}
	}
	return oldest
}

func (d *Devices) release(dev *device) {
	d.mu.Lock()
	defer d.mu.Unlock()
	dev.users--
	d.uses++
	dev.last = d.uses
}

// drop takes a device out of memory whose row has changed. Nobody uses it.
func (d *Devices) drop(user string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.cached, user)
}

// store is the library's, for one device, within our bounds.
func (d *Devices) store(user string, r row) *guarded {
	plain := crypto.NewSQLCryptoStore(d.part.Database, dbutil.NoopLogger, r.account(user), id.DeviceID(r.device), d.key)
	return &guarded{SQLCryptoStore: plain}
}

// machine is for what the library does with a whole device of ours; release
// must be called when it is done.
func (d *Devices) machine(ctx context.Context, user string) (mach *crypto.OlmMachine, release func(), err error) {
	dev, release, err := d.use(ctx, user)
	if err != nil {
		return nil, nil, err
	}
	return dev.mach, release, nil
}
