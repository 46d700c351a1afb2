package e2ee

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"errors"

	"maunium.net/go/mautrix/crypto/goolm/libolmpickle"
)

// row is one of our users' devices, and how far it is made.
type row struct {
	device string
	stage  stage
}

// stage is what of a device is done for sure.
type stage int

const (
	named     stage = iota // it has an id, which the homeserver may not know
	published              // its keys are with the homeserver
	signed                 // by its owner's cross-signing keys, which are with the homeserver
)

// done is the stage in which a device is ready.
func (d *Devices) done() stage {
	if d.cfg.Account != nil {
		return published
	}
	return signed
}

// account is the name of a device's keys in the library's tables.
func (r row) account(user string) string { return user + " " + r.device }

func (d *Devices) rows(ctx context.Context) (map[string]row, error) {
	rows, err := d.part.Query(ctx, `SELECT user_id, device_id, stage FROM e2ee_device`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := map[string]row{}
	for rows.Next() {
		var user string
		var r row
		if err := rows.Scan(&user, &r.device, &r.stage); err != nil {
			return nil, err
		}
		all[user] = r
	}
	return all, rows.Err()
}

// row is the device of one of our users, if it has one.
func (d *Devices) row(user string) (row, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r, ok := d.ours[user]
	return r, ok
}

func (d *Devices) setRow(ctx context.Context, user string, r row) error {
	_, err := d.part.Exec(ctx, `INSERT INTO e2ee_device (user_id, device_id, stage) VALUES ($1, $2, $3)
		ON CONFLICT (user_id) DO UPDATE SET device_id = excluded.device_id, stage = excluded.stage`, user, r.device, r.stage)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ours[user] = r
	return nil
}

// The rows of e2ee_pickle.
const (
	pickleOwn   = "key"   // the key that lies beside the keys, when none is configured
	pickleCheck = "check" // something encrypted with the key in use
)

var errPickleKey = errors.New("encryption.pickle_key: expected the one that the keys in the database were encrypted with")

// pickleKey is what private keys are encrypted with, and whether it is the
// same as in earlier runs.
func (d *Devices) pickleKey(ctx context.Context) ([]byte, error) {
	key := d.cfg.PickleKey.Reveal()
	if key == "" {
		own, err := d.pickle(ctx, pickleOwn, rand.Text()+rand.Text())
		if err != nil {
			return nil, err
		}
		key = own
	}
	fresh, err := libolmpickle.Pickle([]byte(key), []byte(pickleCheck))
	if err != nil {
		return nil, err
	}
	check, err := d.pickle(ctx, pickleCheck, base64.StdEncoding.EncodeToString(fresh))
	if err != nil {
		return nil, err
	}
	sealed, err := base64.StdEncoding.DecodeString(check)
	if err != nil {
		return nil, err
	}
	if text, err := libolmpickle.Unpickle([]byte(key), sealed); err != nil || string(text) != pickleCheck {
		return nil, errPickleKey
	}
	return []byte(key), nil
}

// pickle reads a row of e2ee_pickle, which is made when it is not there.
func (d *Devices) pickle(ctx context.Context, name, first string) (value string, err error) {
	if _, err := d.part.Exec(ctx, `INSERT INTO e2ee_pickle (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`, name, first); err != nil {
		return "", err
	}
	err = d.part.QueryRow(ctx, `SELECT value FROM e2ee_pickle WHERE name = $1`, name).Scan(&value)
	return value, err
}

// text reads a single text, empty when there is none.
func (d *Devices) text(ctx context.Context, query string, args ...any) (value string, err error) {
	err = d.part.QueryRow(ctx, query, args...).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return value, err
}

// prefix begins the ids of our devices.
const prefix = "RL"

// newDevice is an id for a device, about as long as the homeserver's own are.
func newDevice() string { return prefix + rand.Text()[:10] }
