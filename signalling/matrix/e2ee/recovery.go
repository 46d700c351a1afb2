package e2ee

import (
	"context"
	"errors"
	"fmt"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/crypto"
	"maunium.net/go/mautrix/crypto/ssss"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// Why a recovery key does not help. Each says what to do.
var (
	ErrNoCrossSigning  = errors.New("the account has no identity of its own yet: set up its recovery in a client, or run roomline identity")
	ErrNoSecretStorage = errors.New("the account has an identity, but keeps no secrets with the homeserver: set up its recovery in the client that is signed in, or verify this device from there")
	ErrRecoveryKey     = errors.New("the recovery key is not the account's: copy the one that the client showed when recovery was set up last")
	ErrStaleSecrets    = errors.New("the secrets of the account are those of an identity that it had before: set up its recovery anew in a client")
	ErrHasIdentity     = errors.New("the account has an identity already: take its recovery key, or verify this device from a client of it")
)

// Recover signs our device as its owner, with the account's own keys, which a
// recovery key opens (Matrix 1.18, "Secrets", "Cross-signing"). Others see then
// that the device is the account's. Done once it does nothing. The errors are
// those above, or the homeserver's; none of them shows the key.
func (d *Devices) Recover(ctx context.Context, user, recoveryKey string) (err error) {
	defer survive(&err)
	dev, release, err := d.use(ctx, user)
	if err != nil {
		return err
	}
	defer release()
	published, err := d.published(ctx, dev)
	switch {
	case err != nil:
		return fmt.Errorf("look at the account's keys: %w", err)
	case published.master == "":
		return ErrNoCrossSigning
	}
	mach, err := d.apart(ctx, dev)
	if err != nil {
		return err
	}
	if mach.CrossSigningKeys == nil {
		if err := unlock(ctx, mach, recoveryKey); err != nil {
			return err
		}
	}
	return d.adopt(ctx, dev, mach, published)
}

// published are the account's cross-signing keys as the homeserver shows them.
func (d *Devices) published(ctx context.Context, dev *device) (identity, error) {
	if err := d.anew(ctx, dev, dev.user); err != nil {
		return identity{}, err
	}
	return d.identity(ctx, dev.store, id.UserID(dev.user))
}

// unlock fetches the account's keys, and decrypts them.
func unlock(ctx context.Context, mach *crypto.OlmMachine, recoveryKey string) error {
	name, about, err := mach.SSSS.GetDefaultKeyData(ctx)
	if errors.Is(err, ssss.ErrNoDefaultKeyID) || errors.Is(err, mautrix.MNotFound) {
		return ErrNoSecretStorage
	} else if err != nil {
		return fmt.Errorf("look at the account's secrets: %w", err)
	}
	key, err := about.VerifyRecoveryKey(name, recoveryKey)
	if err != nil && !errors.Is(err, ssss.ErrUnverifiableKey) {
		return ErrRecoveryKey
	}
	err = mach.FetchCrossSigningKeysFromSSSS(ctx, key)
	switch {
	case errors.Is(err, mautrix.MNotFound), errors.Is(err, ssss.ErrNotEncryptedForKey):
		return ErrNoSecretStorage
	case errors.Is(err, ssss.ErrKeyDataMACMismatch):
		return ErrRecoveryKey
	case err != nil:
		return fmt.Errorf("read the account's secrets: %w", err)
	}
	return nil
}

// adopt signs our device, once it is sure that the keys are the account's, and
// keeps them.
func (d *Devices) adopt(ctx context.Context, dev *device, mach *crypto.OlmMachine, published identity) error {
	keys := mach.CrossSigningKeys
	if keys.MasterKey.PublicKey() != published.master || keys.SelfSigningKey.PublicKey() != published.selfSigning {
		return ErrStaleSecrets
	}
	own := mach.OwnIdentity()
	signed, err := published.signed(ctx, dev.store, own)
	if err != nil || signed && dev.mach.CrossSigningKeys != nil && published.ours() {
		return err
	}
	if !signed {
		if err := d.signDevice(ctx, dev, keys); err != nil {
			return err
		}
	}
	if err := mach.SignOwnMasterKey(ctx); err != nil {
		return fmt.Errorf("sign the account's master key: %w", err)
	}
	if err := d.keepCrossSigning(ctx, dev.store, keys); err != nil {
		return err
	}
	if err := d.Confirm(ctx, dev.user, keys.MasterKey.PublicKey().String()); err != nil {
		return err
	}
	d.readAnew(dev)
	return nil
}

// readAnew takes a device that we alone use out of memory: who uses it next has
// the keys of its owner. If others use it now, that is after the next start.
func (d *Devices) readAnew(dev *device) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if dev.users == 1 && d.cached[dev.user] == dev {
		delete(d.cached, dev.user)
	}
}

// Identify gives an account that has no identity yet one of its own: new
// cross-signing keys, and a secret storage that the returned recovery key
// opens, also when something goes wrong after they are public. It is for the account's owner, to be shown once and kept nowhere. The
// homeserver asks for the account's password (Matrix 1.18, "User-Interactive
// Authentication").
func (d *Devices) Identify(ctx context.Context, user, password string) (recoveryKey string, err error) {
	defer survive(&err)
	dev, release, err := d.use(ctx, user)
	if err != nil {
		return "", err
	}
	defer release()
	published, err := d.published(ctx, dev)
	if err != nil {
		return "", fmt.Errorf("look at the account's keys: %w", err)
	}
	mach, err := d.apart(ctx, dev)
	if err != nil {
		return "", err
	}
	_, err = mach.SSSS.GetDefaultKeyID(ctx)
	switch {
	case published.master != "" || err == nil:
		return "", ErrHasIdentity
	case !errors.Is(err, ssss.ErrNoDefaultKeyID):
		return "", fmt.Errorf("look at the account's secrets: %w", err)
	}
	if recoveryKey, err = found(ctx, mach, password); err != nil {
		return recoveryKey, fmt.Errorf("give the account an identity: %w", err)
	}
	if published, err = d.published(ctx, dev); err != nil {
		return recoveryKey, err
	}
	return recoveryKey, d.adopt(ctx, dev, mach, published)
}

// found makes and publishes keys. The secrets go first: what is there without
// the rest does no harm.
func found(ctx context.Context, mach *crypto.OlmMachine, password string) (recoveryKey string, err error) {
	key, err := mach.SSSS.GenerateAndUploadKey(ctx, "")
	if err != nil {
		return "", err
	}
	keys, err := mach.GenerateCrossSigningKeys()
	if err != nil {
		return "", err
	}
	for kind, seed := range map[event.Type][]byte{event.AccountDataCrossSigningMaster: keys.MasterKey.Seed(),
		event.AccountDataCrossSigningSelf: keys.SelfSigningKey.Seed(), event.AccountDataCrossSigningUser: keys.UserSigningKey.Seed()} {
		if err := mach.SSSS.SetEncryptedAccountData(ctx, kind, seed, key); err != nil {
			return "", err
		}
	}
	if err := mach.PublishCrossSigningKeys(ctx, keys, withPassword(mach.Client.UserID, password)); err != nil {
		return "", err
	}
	return key.RecoveryKey(), mach.SSSS.SetDefaultKeyID(ctx, key.ID)
}

// withPassword proves to the homeserver that the account is ours.
func withPassword(user id.UserID, password string) mautrix.UIACallback {
	return func(asked *mautrix.RespUserInteractive) any {
		return &mautrix.ReqUIAuthLogin{BaseAuthData: mautrix.BaseAuthData{Type: mautrix.AuthTypePassword, Session: asked.Session},
			User: user.String(), Password: password}
	}
}
