package e2ee

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"
)

// Ensure makes the device of one of our users, with its keys and its owner's
// cross-signing keys. Each step is written down before the next, and may be
// repeated: what a crash interrupts is taken up where it was. Done once, it
// costs a look into memory.
func (d *Devices) Ensure(ctx context.Context, user string) error {
	if r, ok := d.row(user); ok && r.stage >= d.done() && d.fits(user, r) {
		return nil
	}
	unlock, err := d.ensuring.lock(ctx, user)
	if err != nil {
		return err
	}
	defer unlock()
	if err := d.ensure(ctx, user); err != nil {
		return fmt.Errorf("make the device of %s: %w", user, err)
	}
	return nil
}

// errOtherUser says that somebody else than the account was to have a device.
var errOtherUser = errors.New("it is not the account that we have")

// fits tells whether a device is the one that is there: an ordinary account
// has another one after each login.
func (d *Devices) fits(user string, r row) bool {
	return d.cfg.Account == nil || *d.cfg.Account == Account{user, r.device}
}

func (d *Devices) ensure(ctx context.Context, user string) error {
	r, err := d.begin(ctx, user)
	if err != nil {
		return err
	}
	if d.done() == signed {
		if err := d.identify(ctx, user, r); err != nil {
			return err
		}
	}
	dev, release, err := d.use(ctx, user)
	if err != nil {
		return err
	}
	defer release()
	if r.stage < published {
		if err := d.hs.MakeDevice(ctx, user, r.device, d.name()); err != nil {
			return err
		}
		if err := d.publish(ctx, dev); err != nil {
			return err
		}
		r.stage = published
		if err := d.setRow(ctx, user, r); err != nil {
			return err
		}
	}
	if r.stage >= d.done() {
		return nil
	}
	if err := d.crossSign(ctx, dev); err != nil {
		return err
	}
	r.stage = signed
	if err := d.setRow(ctx, user, r); err != nil {
		return err
	}
	d.trouble("delete the devices of an earlier database", d.sweep(ctx, dev))
	d.log.Debug("made a device", "user", user, "device", r.device)
	return nil
}

// sweep deletes the devices that a user of ours has from before the database
// was lost: clients would warn of them. An application service is not asked for
// a password (MSC4190).
func (d *Devices) sweep(ctx context.Context, dev *device) error {
	client := dev.mach.Client
	all, err := client.GetDevicesInfo(ctx)
	if err != nil {
		return err
	}
	var old []id.DeviceID
	for _, other := range all.Devices {
		if other.DeviceID != client.DeviceID && strings.HasPrefix(other.DeviceID.String(), prefix) && other.DisplayName == d.name() {
			old = append(old, other.DeviceID)
		}
	}
	if len(old) == 0 {
		return nil
	}
	return client.DeleteDevices(ctx, &mautrix.ReqDeleteDevices[any]{Devices: old})
}

// begin gives a device its name, before anybody else knows of it.
func (d *Devices) begin(ctx context.Context, user string) (row, error) {
	r, ok := d.row(user)
	switch {
	case ok && d.fits(user, r):
		return r, nil
	case d.cfg.Account != nil && d.cfg.Account.User != user:
		return row{}, errOtherUser
	case ok:
		d.drop(user)
		if err := d.forget(ctx, r.account(user)); err != nil {
			return row{}, err
		}
	}
	r = row{device: newDevice()}
	if d.cfg.Account != nil {
		r.device = d.cfg.Account.Device
	}
	return r, d.setRow(ctx, user, r)
}

// publish uploads the keys of a device, and enough one-time keys. Our own copy
// of what others see comes after the keys: it is never written twice.
func (d *Devices) publish(ctx context.Context, dev *device) error {
	account := dev.mach.GetAccount()
	dev.account.Lock() // it may be in use already, when the homeserver has lost it
	err := dev.store.PutAccount(ctx, account)
	dev.account.Unlock()
	if err != nil {
		return err
	}
	signing, identity := account.Keys()
	if err := dev.store.PutDevice(ctx, dev.mach.Client.UserID, &id.Device{UserID: dev.mach.Client.UserID,
		DeviceID: dev.mach.Client.DeviceID, IdentityKey: identity, SigningKey: signing, Name: d.name()}); err != nil {
		return err
	}
	return d.upload(ctx, dev, parcel{device: true, oneTime: goal, fallback: true})
}
