package matrix

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"roomline/internal/database"
	"roomline/signalling/matrix/e2ee"
)

var errIdentify = errors.New("expected matrix.encryption.enabled, and matrix.account with a password: the homeserver asks for it")

// Identify gives the ordinary account of a configuration an identity of its
// own, if it has none, and signs our device with it. The recovery key that it
// returns is kept nowhere; it is there even where an error says that something
// went wrong later. The gateway must not run meanwhile.
func Identify(ctx context.Context, cfg Config, at database.Address) (recoveryKey string, err error) {
	cfg.Defaults()
	if err := cfg.Validate(); err != nil {
		return "", fmt.Errorf("matrix: %w", err)
	}
	if !cfg.Encryption.Enabled || !cfg.Account.Password.Set() {
		return "", errIdentify
	}
	log := slog.New(slog.DiscardHandler)
	db, err := database.Open(ctx, at, log)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	st, err := openStore(ctx, db)
	if err != nil {
		return "", err
	}
	hs, a, err := newAccount(cfg, st, log)
	if err != nil {
		return "", err
	}
	defer hs.close()
	return a.identify(ctx, db, log)
}

// identify logs in, and makes the identity.
func (a *account) identify(ctx context.Context, db *database.DB, log *slog.Logger) (recoveryKey string, err error) {
	if err := a.login.open(ctx); err != nil {
		return "", err
	}
	if _, err := a.login.token(ctx, stale{}); err != nil {
		return "", err
	}
	s, _ := a.login.current()
	own, user := a.cfg.Encryption, a.cfg.Account.User
	devices, err := e2ee.New(ctx, e2ee.Config{Policy: own.Devices, PickleKey: own.PickleKey, Name: a.cfg.Account.deviceName(),
		Account: &e2ee.Account{User: user, Device: s.device}}, db, a.store.state, face{a}, log)
	if err != nil {
		return "", fmt.Errorf("matrix encryption: %w", err)
	}
	defer func() { err = errors.Join(err, devices.Close()) }()
	if err := devices.Ensure(ctx, user); err != nil {
		return "", err
	}
	return devices.Identify(ctx, user, a.cfg.Account.Password.Reveal())
}
