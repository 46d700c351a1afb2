package matrix

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// session is what an ordinary account has after a login. The database keeps it,
// so that the password is needed once only.
type session struct {
	device  string
	token   string    // empty: none that is good
	refresh string    // empty: the token cannot be renewed without a login
	expires time.Time // of the token; zero: never
	origin  string    // a digest of the token or login token that was configured then
}

// session reads what an earlier run had; its zero value is a fine beginning.
func (s *store) session(ctx context.Context, user string) (session, error) {
	var n session
	var expires int64
	err := s.QueryRow(ctx, `SELECT device_id, token, refresh, expires, origin FROM account WHERE user_id = $1`, user).
		Scan(&n.device, &n.token, &n.refresh, &expires, &n.origin)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	if expires != 0 {
		n.expires = time.UnixMilli(expires)
	}
	return n, err
}

func (s *store) setSession(ctx context.Context, user string, n session) error {
	var expires int64
	if !n.expires.IsZero() {
		expires = n.expires.UnixMilli()
	}
	_, err := s.Exec(ctx, `INSERT INTO account (user_id, device_id, token, refresh, expires, origin) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (user_id) DO UPDATE SET device_id = excluded.device_id, token = excluded.token, refresh = excluded.refresh,
		expires = excluded.expires, origin = excluded.origin`, user, n.device, n.token, n.refresh, expires, n.origin)
	return err
}

// since is up to where an account has heard what happened; empty: nothing yet.
// Another device hears other messages to devices, so it begins anew.
func (s *store) since(ctx context.Context, user, device string) (string, error) {
	return s.one(ctx, `SELECT since FROM account_since WHERE user_id = $1 AND device_id = $2`, user, device)
}

func (s *store) setSince(ctx context.Context, user, device, since string) error {
	_, err := s.Exec(ctx, `INSERT INTO account_since (user_id, device_id, since) VALUES ($1, $2, $3)
		ON CONFLICT (user_id) DO UPDATE SET device_id = excluded.device_id, since = excluded.since`, user, device, since)
	return err
}
