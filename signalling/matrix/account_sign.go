package matrix

import (
	"context"
	"errors"
	"time"

	"roomline/signalling/matrix/e2ee"
)

// This file holds how others come to see that our device is the account's.

// signer signs a device of an account with the account's own keys; e2ee.Devices does.
type signer interface {
	Recover(ctx context.Context, user, recoveryKey string) error
}

// keysAgain is after how long keys that could not be published are tried again.
const keysAgain = time.Minute

// publish lets others see the keys of our device, and that it is the account's.
// Calls in plain rooms do not need it, so they go on if it fails.
func (s *syncing) publish(ctx context.Context) {
	k, ok := s.c.vault.(*keyring)
	if !ok || s.keyed == s.device || time.Now().Before(s.keysAt) {
		return
	}
	s.keysAt = time.Now().Add(keysAgain)
	ctx, cancel := context.WithTimeout(ctx, admitTimeout)
	defer cancel()
	user := s.cfg.Account.User
	if err := k.Ensure(ctx, user); err != nil {
		s.log.Warn("the keys of our device could not be published: nothing works in encrypted rooms yet", "error", err)
		return
	}
	if s.sign(ctx, k) {
		s.keyed, s.keysAt = s.device, time.Time{}
	}
}

// sign tells whether that need not be tried again.
func (s *syncing) sign(ctx context.Context, k *keyring) bool {
	key := s.cfg.Account.RecoveryKey
	v, err := k.vault()
	by, able := v.(signer)
	switch {
	case err != nil || !able:
		return true
	case !key.Set():
		return s.unsigned(ctx)
	}
	err = by.Recover(ctx, s.cfg.Account.User, key.Reveal())
	if err != nil {
		s.log.Warn("our device is not signed by the account: people may not call it, or see a warning", "device", s.device, "error", err)
	}
	return err == nil || hopelessKey(err)
}

// unsigned tells that nobody has confirmed our device yet, if that is so. The
// homeserver may not say whether it is.
func (s *syncing) unsigned(ctx context.Context) bool {
	own, err := s.ownDevices(ctx)
	switch {
	case err != nil:
	case !own.identity:
		s.log.Warn("our device is not signed by the account: people may not call it, or see a warning", "device", s.device, "error", e2ee.ErrNoCrossSigning)
	case !own.devices[s.device].signed:
		s.log.Warn("our device is not signed by the account, and no recovery key is configured: people may not call it until somebody verifies it", "device", s.device)
	}
	return err == nil
}

// hopelessKey tells whether an error is about the recovery key, and not about a
// homeserver that is busy.
func hopelessKey(err error) bool {
	for _, one := range []error{e2ee.ErrNoCrossSigning, e2ee.ErrNoSecretStorage, e2ee.ErrRecoveryKey, e2ee.ErrStaleSecrets} {
		if errors.Is(err, one) {
			return true
		}
	}
	return false
}
