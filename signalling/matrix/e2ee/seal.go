package e2ee

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"maunium.net/go/mautrix/crypto"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// share is what is known, since a device is in memory, of the key with which
// it encrypts in a room.
type share struct {
	looked  time.Time // when the recipients were looked at
	renewal uint64    // of the room, then
	change  uint64    // of anybody's devices, then
	until   time.Time // have another key then, because a device could not be reached; zero: not
}

// ForAll is implemented by contents that the devices which the policy refuses
// may read as well, because they tell them why. Each has a key of its own.
type ForAll interface{ ForAll() }

// retryTime is after how long a device is tried again that had no one-time key.
const retryTime = time.Minute

// Seal encrypts an event of one of our users for the devices of a room's
// members that the policy accepts (Matrix 1.18, "m.megolm.v1.aes-sha2"). The key
// is a new one whenever the members or their devices are not those that the old
// one was sent to, also before a restart; and after Renew. Other users of ours
// are given none: they need not read each other. When the homeserver has lost the
// device of the user, Ensure makes it again.
func (d *Devices) Seal(ctx context.Context, user, room, eventType string, content any, members func(context.Context) ([]string, error)) (sealed *event.EncryptedEventContent, err error) {
	defer survive(&err)
	unlock, err := d.sealing.lock(ctx, user+" "+room)
	if err != nil {
		return nil, err
	}
	defer unlock()
	dev, release, err := d.use(ctx, user)
	if err != nil {
		return nil, err
	}
	defer release()
	defer func() { d.lost(ctx, dev, err) }()
	_, all := content.(ForAll)
	if all || !d.shared(dev, room) {
		if err := d.distribute(ctx, dev, room, all, members); err != nil {
			return nil, fmt.Errorf("share a key: %w", err)
		}
	}
	if all {
		defer dev.spends(room)
	}
	t := event.Type{Type: eventType, Class: event.MessageEventType}
	sealed, err = dev.mach.EncryptMegolmEvent(ctx, id.RoomID(room), t, content)
	if crypto.IsShareError(err) { // worn out, most of all
		if err := d.distribute(ctx, dev, room, all, members); err != nil {
			return nil, fmt.Errorf("share a key: %w", err)
		}
		sealed, err = dev.mach.EncryptMegolmEvent(ctx, id.RoomID(room), t, content)
	}
	return sealed, err
}

// spends lets the next event in a room be under another key.
func (dev *device) spends(room string) {
	dev.mu.Lock()
	defer dev.mu.Unlock()
	if s, ok := dev.shares[room]; ok {
		s.until = time.Now()
		dev.shares[room] = s
	}
}

// shared tells whether nothing has happened since the recipients of a room's
// key were looked at, not long ago.
func (d *Devices) shared(dev *device, room string) bool {
	dev.mu.Lock()
	s, ok := dev.shares[room]
	dev.mu.Unlock()
	return ok && s.renewal == d.renewal(room) && s.change == d.lists.now() && time.Since(s.looked) < freshTime && (s.until.IsZero() || time.Now().Before(s.until))
}

// distribute looks at who should have a room's key, all devices perhaps, and
// makes a new one and sends it if that is not who has it.
func (d *Devices) distribute(ctx context.Context, dev *device, room string, all bool, members func(context.Context) ([]string, error)) error {
	s := share{looked: time.Now(), renewal: d.renewal(room), change: d.lists.now()}
	users, err := members(ctx)
	if err != nil {
		return err
	}
	users = slices.DeleteFunc(slices.Clone(users), d.own)
	if err := d.refresh(ctx, dev, users); err != nil {
		return err
	}
	judged, err := d.recipients(ctx, dev, room, all, users)
	if err != nil {
		return err
	}
	dev.mu.Lock()
	old, known := dev.shares[room]
	delete(dev.shares, room)
	dev.mu.Unlock()
	if again := known && (old.renewal != s.renewal || !old.until.IsZero()); again || !d.same(ctx, dev, room, judged) {
		if err := d.send(ctx, dev, room, judged); err != nil {
			return err
		}
	}
	if d.missing(ctx, dev, judged) {
		s.until = time.Now().Add(retryTime)
	}
	dev.mu.Lock()
	defer dev.mu.Unlock()
	dev.shares[room] = s
	return nil
}

// recipients are the devices of users, judged.
func (d *Devices) recipients(ctx context.Context, dev *device, room string, all bool, users []string) (verdicts, error) {
	judged := verdicts{}
	for _, user := range users {
		devices, err := dev.store.GetDevices(ctx, id.UserID(user))
		if err != nil {
			return nil, err
		}
		owner, err := d.identity(ctx, dev.store, id.UserID(user))
		if err != nil {
			return nil, err
		}
		for _, other := range devices {
			_, err := d.judgeOf(ctx, dev.store, owner, other)
			switch {
			case err == nil, all && other.Trust != id.TrustStateDeviceKeyMismatch, d.readable(err, other.UserID, room):
				other.Trust = id.TrustStateVerified
			case errors.As(err, new(Untrusted)):
				other.Trust = id.TrustStateUnset
			default:
				return nil, err
			}
		}
		judged[id.UserID(user)] = devices
	}
	return judged, nil
}
