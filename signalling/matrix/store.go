package matrix

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	"go.mau.fi/util/dbutil"
	"maunium.net/go/mautrix/sqlstatestore"
	_ "modernc.org/sqlite" // the driver, without cgo
)

// eventMemory is how long an invite is remembered, so that a homeserver that
// repeats itself after a restart rings nobody twice.
const eventMemory = 48 * time.Hour

// store is what has to survive a restart: who was registered, which room is
// which telephone's, which invites were seen, which calls were open.
type store struct {
	db    *sql.DB
	state *sqlstatestore.SQLStateStore
}

const schema = `
CREATE TABLE IF NOT EXISTS seen_invite (event_id TEXT PRIMARY KEY, at INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS seen_invite_at ON seen_invite (at);
CREATE TABLE IF NOT EXISTS open_call (room_id TEXT, call_id TEXT, ghost TEXT NOT NULL, party_id TEXT NOT NULL,
	version0 INTEGER NOT NULL, role TEXT NOT NULL, PRIMARY KEY (room_id, call_id));
CREATE TABLE IF NOT EXISTS ghost_room (room_id TEXT PRIMARY KEY, ghost TEXT NOT NULL, user_id TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS ghost_room_pair ON ghost_room (ghost, user_id);
CREATE TABLE IF NOT EXISTS ghost_name (ghost TEXT PRIMARY KEY, name TEXT NOT NULL);`

func openStore(ctx context.Context, path string) (*store, error) {
	if err := private(path); err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	pragmas := url.Values{"_txlock": {"immediate"}, "_pragma": {"foreign_keys(1)", "journal_mode(WAL)", "synchronous(NORMAL)", "busy_timeout(5000)"}}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Opaque: url.PathEscape(path), RawQuery: pragmas.Encode()}).String())
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	db.SetMaxOpenConns(4)
	s := &store{db: db}
	if err := s.prepare(ctx); err != nil {
		db.Close()
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	return s, nil
}

// private makes sure that nobody else reads who called whom; SQLite gives its
// other files the same mode.
func private(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Chmod(0o600), f.Close())
}

func (s *store) prepare(ctx context.Context) error {
	wrapped, err := dbutil.NewWithDB(s.db, "sqlite")
	if err != nil {
		return err
	}
	s.state = sqlstatestore.NewSQLStateStore(wrapped, dbutil.NoopLogger, false)
	if err := s.state.Upgrade(ctx); err != nil {
		return err
	}
	_, err = s.db.ExecContext(ctx, schema)
	return err
}

func (s *store) close() error { return s.db.Close() }

// openCall is one row of what would be left behind by a sudden end.
type openCall struct {
	Room, CallID, Ghost, Party string
	V0                         bool
	Role                       string // what the user in the room is: roleCaller or roleCallee
}

const (
	roleCaller = "caller"
	roleCallee = "callee"
)

const insertOpen = `INSERT OR REPLACE INTO open_call (room_id, call_id, ghost, party_id, version0, role) VALUES (?, ?, ?, ?, ?, ?)`

func (s *store) open(ctx context.Context, c openCall) error {
	_, err := s.db.ExecContext(ctx, insertOpen, c.Room, c.CallID, c.Ghost, c.Party, c.V0, c.Role)
	return err
}

// openInvited opens a call unless its invite was seen before, in one
// transaction: a crash between the two can neither lose nor repeat it.
func (s *store) openInvited(ctx context.Context, eventID string, c openCall) (fresh bool, err error) {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	defer tx.Rollback() // does nothing after Commit
	now := time.Now()
	if _, err = tx.ExecContext(ctx, `DELETE FROM seen_invite WHERE at < ?`, now.Add(-eventMemory).Unix()); err != nil {
		return false, err
	}
	done, err := tx.ExecContext(ctx, `INSERT OR IGNORE INTO seen_invite (event_id, at) VALUES (?, ?)`, eventID, now.Unix())
	if err != nil {
		return false, err
	}
	if n, err := done.RowsAffected(); err != nil || n == 0 {
		return false, err
	}
	if _, err = tx.ExecContext(ctx, insertOpen, c.Room, c.CallID, c.Ghost, c.Party, c.V0, c.Role); err != nil {
		return false, err
	}
	return true, tx.Commit()
}

func (s *store) closeCall(ctx context.Context, room, callID string) error {
	_, err := s.db.ExecContext(ctx, `DELETE FROM open_call WHERE room_id = ? AND call_id = ?`, room, callID)
	return err
}

// leftOpen are the calls that an earlier run of the gateway never ended.
func (s *store) leftOpen(ctx context.Context) ([]openCall, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT room_id, call_id, ghost, party_id, version0, role FROM open_call`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []openCall
	for rows.Next() {
		var c openCall
		if err := rows.Scan(&c.Room, &c.CallID, &c.Ghost, &c.Party, &c.V0, &c.Role); err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, rows.Err()
}

func (s *store) name(ctx context.Context, ghost string) (string, error) {
	return s.one(ctx, `SELECT name FROM ghost_name WHERE ghost = ?`, ghost)
}

func (s *store) setName(ctx context.Context, ghost, name string) error {
	_, err := s.db.ExecContext(ctx, `INSERT OR REPLACE INTO ghost_name (ghost, name) VALUES (?, ?)`, ghost, name)
	return err
}

// one reads a single text, empty when there is none.
func (s *store) one(ctx context.Context, query string, args ...any) (string, error) {
	var value string
	err := s.db.QueryRowContext(ctx, query, args...).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return value, err
}
