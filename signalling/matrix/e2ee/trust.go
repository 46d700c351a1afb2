package e2ee

import (
	"context"
	"errors"
	"time"

	"maunium.net/go/mautrix/crypto"
	"maunium.net/go/mautrix/id"
)

// Why a device is refused, and what its owner can do.
var (
	swapped   = Untrusted{Why: "the keys of the device are not those that it had before", Fix: "Sign out of that device, and sign in again."}
	unlisted  = Untrusted{Why: "the homeserver does not know the device", Fix: "Sign out of that device, and sign in again."}
	gone      = Untrusted{Why: "the device has been signed out", Fix: "Sign in again."}
	unsigned  = Untrusted{Why: "the device is not signed by its owner", Fix: "Verify that device with another one of yours, or with your recovery key."}
	changed   = Untrusted{Why: "the identity of its owner has changed since we first saw it", Fix: "Ask an administrator of this telephone to trust you again."}
	otherKey  = Untrusted{Why: "the identity of its owner is not the one that was confirmed", Fix: "Ask an administrator of this telephone to confirm your new one."}
	unknownID = Untrusted{Why: "the identity of its owner has not been confirmed", Fix: "Verify this telephone from your client, or ask its administrator to trust you."}
)

func (u Untrusted) of(dev *id.Device) Untrusted {
	u.Device = dev.DeviceID.String()
	return u
}

// judge decides on a device by what the database knows. It returns how much it
// is trusted, or Untrusted.
func (d *Devices) judge(ctx context.Context, store crypto.Store, dev *id.Device) (id.TrustState, error) {
	owner, err := d.identity(ctx, store, dev.UserID)
	if err != nil {
		return 0, err
	}
	return d.judgeOf(ctx, store, owner, dev)
}

// judgeOf is judge for a device whose owner is known.
func (d *Devices) judgeOf(ctx context.Context, store crypto.Store, owner identity, dev *id.Device) (id.TrustState, error) {
	switch {
	case dev.Trust == id.TrustStateDeviceKeyMismatch:
		return id.TrustStateDeviceKeyMismatch, swapped.of(dev)
	case dev.Deleted:
		return id.TrustStateUnknownDevice, gone.of(dev)
	}
	signed, err := owner.signed(ctx, store, dev)
	if err != nil {
		return 0, err
	}
	return d.cfg.Policy.weigh(owner, signed, dev)
}

// weigh is the policy itself.
func (p Policy) weigh(owner identity, signed bool, dev *id.Device) (id.TrustState, error) {
	ours := signed && owner.ours()
	switch {
	case ours:
		return id.TrustStateCrossSignedVerified, nil
	case p == Any && signed && owner.first:
		return id.TrustStateCrossSignedTOFU, nil
	case p == Any:
		return id.TrustStateUnset, nil
	case !signed:
		return id.TrustStateUnset, unsigned.of(dev)
	case len(owner.confirmed) > 0:
		return id.TrustStateCrossSignedUntrusted, otherKey.of(dev)
	case !owner.first:
		return id.TrustStateCrossSignedUntrusted, changed.of(dev)
	case p == Verified:
		return id.TrustStateCrossSignedUntrusted, unknownID.of(dev)
	}
	return id.TrustStateCrossSignedTOFU, nil
}

// identity is the cross-signing keys of a user.
type identity struct {
	user        id.UserID
	master      id.Ed25519 // empty: none
	selfSigning id.Ed25519 // empty: none that the master key has signed
	first       bool       // the master key is the first that we saw
	confirmed   map[id.Ed25519]bool
}

// ours tells whether somebody of ours has confirmed the identity.
func (i identity) ours() bool { return i.master != "" && i.confirmed[i.master] }

// renewed tells whether the identity is another than the one that we saw first,
// or that somebody of ours has confirmed.
func (i identity) renewed() bool { return !i.ours() && (!i.first || len(i.confirmed) > 0) }

// signed tells whether the owner has signed a device.
func (i identity) signed(ctx context.Context, store crypto.Store, dev *id.Device) (bool, error) {
	if i.selfSigning == "" {
		return false, nil
	}
	return store.IsKeySignedBy(ctx, i.user, dev.SigningKey, i.user, i.selfSigning)
}

func (d *Devices) identity(ctx context.Context, store crypto.Store, user id.UserID) (identity, error) {
	i := identity{user: user}
	keys, err := store.GetCrossSigningKeys(ctx, user)
	if err != nil {
		return i, err
	}
	master, ok := keys[id.XSUsageMaster]
	if !ok {
		return i, nil
	}
	i.master, i.first = master.Key, master.Key == master.First
	self := keys[id.XSUsageSelfSigning].Key
	if ok, err := store.IsKeySignedBy(ctx, user, self, user, i.master); err != nil {
		return i, err
	} else if ok {
		i.selfSigning = self
	}
	i.confirmed, err = d.confirmed(ctx, user.String())
	return i, err
}

func (d *Devices) confirmed(ctx context.Context, user string) (map[id.Ed25519]bool, error) {
	rows, err := d.part.Query(ctx, `SELECT master_key FROM e2ee_confirmed WHERE user_id = $1`, user)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := map[id.Ed25519]bool{}
	if key := d.cfg.Confirmed[user]; key != "" {
		all[id.Ed25519(key)] = true
	}
	for rows.Next() {
		var key id.Ed25519
		if err := rows.Scan(&key); err != nil {
			return nil, err
		}
		all[key] = true
	}
	return all, rows.Err()
}

// ErrNoIdentity says that a user has no cross-signing keys that we know of.
var ErrNoIdentity = errors.New("there is no identity to trust: it has never set up encryption")

// Confirm notes that somebody of ours has compared the master cross-signing key
// of a user. Keys confirmed before are void.
func (d *Devices) Confirm(ctx context.Context, user, masterKey string) error {
	d.touched()
	return d.part.InTx(ctx, func(ctx context.Context) error {
		if _, err := d.part.Exec(ctx, `DELETE FROM e2ee_confirmed WHERE user_id = $1`, user); err != nil {
			return err
		}
		_, err := d.part.Exec(ctx, `INSERT INTO e2ee_confirmed (user_id, master_key, at) VALUES ($1, $2, $3)`, user, masterKey, time.Now().Unix())
		return err
	})
}

// Confirmed tells whether the present master key of a user is confirmed, by
// Confirm or by the configuration.
func (d *Devices) Confirmed(ctx context.Context, user string) (bool, error) {
	i, err := d.identity(ctx, d.store("", row{}), id.UserID(user))
	return i.ours(), err
}

// MasterKey is the present master cross-signing key of a user, in unpadded
// base64, and whether it is the first that we saw. It is ErrNoIdentity when
// none is known.
func (d *Devices) MasterKey(ctx context.Context, user string) (key string, first bool, err error) {
	i, err := d.identity(ctx, d.store("", row{}), id.UserID(user))
	if err == nil && i.master == "" {
		err = ErrNoIdentity
	}
	return i.master.String(), i.first, err
}

// Retrust takes the present master key of a user for the first one seen.
func (d *Devices) Retrust(ctx context.Context, user string) error {
	key, _, err := d.MasterKey(ctx, user)
	if err != nil {
		return err
	}
	d.touched()
	return d.store("", row{}).ResetMasterKeyTOFU(ctx, id.UserID(user), id.Ed25519(key))
}

// touched lets the recipients of every room be looked at again.
func (d *Devices) touched() { d.Changed(nil) }
