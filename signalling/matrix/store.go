package matrix

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"time"

	"go.mau.fi/util/dbutil"
	"maunium.net/go/mautrix/sqlstatestore"

	"roomline/internal/database"
)

// eventMemory is how long an event is remembered, so that a homeserver that
// repeats itself after a restart does nothing twice.
const eventMemory = 48 * time.Hour

// store is what has to survive a restart: who was registered, which room is
// which telephone's, which events were seen, which calls were open.
type store struct {
	*database.Part
	state *memberships
}

//go:embed upgrades/*.sql
var upgrades embed.FS

func openStore(ctx context.Context, db *database.DB) (*store, error) {
	part, err := db.Part(ctx, "matrix", upgrades)
	if err != nil {
		return nil, err
	}
	state := &memberships{SQLStateStore: sqlstatestore.NewSQLStateStore(part.Database, dbutil.NoopLogger, false)}
	return &store{part, state}, db.Upgrade(ctx, "the Matrix state", state.Database)
}

// firstTime tells whether an event was not seen before, and remembers it. In a
// transaction (InTx) it is remembered if all the rest of that happens too.
func (s *store) firstTime(ctx context.Context, eventID string) (bool, error) {
	now := time.Now()
	if _, err := s.Exec(ctx, `DELETE FROM seen_event WHERE at < $1`, now.Add(-eventMemory).Unix()); err != nil {
		return false, err
	}
	done, err := s.Exec(ctx, `INSERT INTO seen_event (event_id, at) VALUES ($1, $2) ON CONFLICT (event_id) DO NOTHING`, eventID, now.Unix())
	if err != nil {
		return false, err
	}
	n, err := done.RowsAffected()
	return n > 0, err
}

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

func (s *store) open(ctx context.Context, c openCall) error {
	_, err := s.Exec(ctx, `INSERT INTO open_call (room_id, call_id, ghost, party_id, version0, role) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (room_id, call_id) DO UPDATE SET ghost = excluded.ghost, party_id = excluded.party_id,
		version0 = excluded.version0, role = excluded.role`, c.Room, c.CallID, c.Ghost, c.Party, c.V0, c.Role)
	return err
}

// openInvited opens a call unless its invite was seen before, in one
// transaction: a crash between the two can neither lose nor repeat it.
func (s *store) openInvited(ctx context.Context, eventID string, c openCall) (fresh bool, err error) {
	err = s.InTx(ctx, func(ctx context.Context) error {
		if err := s.strike(ctx, eventID); err != nil {
			return err
		}
		if fresh, err = s.firstTime(ctx, eventID); err != nil || !fresh {
			return err
		}
		return s.open(ctx, c)
	})
	return fresh && err == nil, err
}

func (s *store) closeCall(ctx context.Context, room, callID string) error {
	_, err := s.Exec(ctx, `DELETE FROM open_call WHERE room_id = $1 AND call_id = $2`, room, callID)
	return err
}

// leftOpen are the calls that an earlier run of the gateway never ended.
func (s *store) leftOpen(ctx context.Context) ([]openCall, error) {
	rows, err := s.Query(ctx, `SELECT room_id, call_id, ghost, party_id, version0, role FROM open_call`)
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

// profile is how one of our users is shown, as far as we have said it.
func (s *store) profile(ctx context.Context, ghost string) (p profile, err error) {
	err = s.QueryRow(ctx, `SELECT name, avatar FROM ghost_name WHERE ghost = $1`, ghost).Scan(&p.name, &p.avatar)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return p, err
}

func (s *store) setProfile(ctx context.Context, ghost string, p profile) error {
	_, err := s.Exec(ctx, `INSERT INTO ghost_name (ghost, name, avatar) VALUES ($1, $2, $3)
		ON CONFLICT (ghost) DO UPDATE SET name = excluded.name, avatar = excluded.avatar`, ghost, p.name, p.avatar)
	return err
}

// one reads a single text, empty when there is none.
func (s *store) one(ctx context.Context, query string, args ...any) (string, error) {
	var value string
	err := s.QueryRow(ctx, query, args...).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return value, err
}

// all reads a list of texts.
func (s *store) all(ctx context.Context, query string, args ...any) ([]string, error) {
	rows, err := s.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []string
	for rows.Next() {
		var one string
		if err := rows.Scan(&one); err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return list, rows.Err()
}
