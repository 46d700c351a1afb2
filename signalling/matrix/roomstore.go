package matrix

import "context"

// This file holds what is remembered of rooms.

// setRoom remembers whose telephone a room is; user is who invited it.
func (s *store) setRoom(ctx context.Context, room, ghost, user string) error {
	_, err := s.db.ExecContext(ctx, `INSERT OR REPLACE INTO ghost_room (room_id, ghost, user_id) VALUES (?, ?, ?)`, room, ghost, user)
	return err
}

// recallRoom remembers a room of a telephone, but not yet whom it is shared with.
func (s *store) recallRoom(ctx context.Context, room, ghost string) error {
	_, err := s.db.ExecContext(ctx, `INSERT OR IGNORE INTO ghost_room (room_id, ghost, user_id) VALUES (?, ?, '')`, room, ghost)
	return err
}

// shareRoom adds who called from a room, if that was not known.
func (s *store) shareRoom(ctx context.Context, room, user string) error {
	_, err := s.db.ExecContext(ctx, `UPDATE ghost_room SET user_id = ? WHERE room_id = ? AND user_id = ''`, user, room)
	return err
}

// forgetRoom forgets that a room is this telephone's; another's it stays.
func (s *store) forgetRoom(ctx context.Context, room, ghost string) error {
	_, err := s.db.ExecContext(ctx, `DELETE FROM ghost_room WHERE room_id = ? AND ghost = ?`, room, ghost)
	return err
}

// ghostOf names the telephone user of a room, or nobody.
func (s *store) ghostOf(ctx context.Context, room string) (string, error) {
	return s.one(ctx, `SELECT ghost FROM ghost_room WHERE room_id = ?`, room)
}

// roomsOf are the rooms that a telephone user shares with one person, newest
// first, and then those that it may share.
func (s *store) roomsOf(ctx context.Context, ghost, user string) ([]string, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT room_id FROM ghost_room WHERE ghost = ? AND user_id IN (?, '')
		ORDER BY user_id DESC, rowid DESC LIMIT 10`, ghost, user)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var room string
		if err := rows.Scan(&room); err != nil {
			return nil, err
		}
		all = append(all, room)
	}
	return all, rows.Err()
}
