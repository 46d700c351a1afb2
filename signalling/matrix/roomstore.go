package matrix

import (
	"context"
	"time"
)

// This file holds what is remembered of rooms.

// setRoom remembers whose telephone a room is; user is who invited it.
func (s *store) setRoom(ctx context.Context, room, ghost, user string) error {
	_, err := s.Exec(ctx, `INSERT INTO ghost_room (room_id, ghost, user_id, since) VALUES ($1, $2, $3, $4)
		ON CONFLICT (room_id) DO UPDATE SET ghost = excluded.ghost, user_id = excluded.user_id, since = excluded.since`,
		room, ghost, user, time.Now().UnixMicro())
	return err
}

// recallRoom remembers a room of a telephone, but not yet whom it is shared with.
func (s *store) recallRoom(ctx context.Context, room, ghost string) error {
	_, err := s.Exec(ctx, `INSERT INTO ghost_room (room_id, ghost, user_id, since) VALUES ($1, $2, '', $3) ON CONFLICT (room_id) DO NOTHING`,
		room, ghost, time.Now().UnixMicro())
	return err
}

// shareRoom adds who called from a room, if that was not known.
func (s *store) shareRoom(ctx context.Context, room, user string) error {
	_, err := s.Exec(ctx, `UPDATE ghost_room SET user_id = $1 WHERE room_id = $2 AND user_id = ''`, user, room)
	return err
}

// forgetRoom forgets that a room is this telephone's; another's it stays.
func (s *store) forgetRoom(ctx context.Context, room, ghost string) error {
	_, err := s.Exec(ctx, `DELETE FROM ghost_room WHERE room_id = $1 AND ghost = $2`, room, ghost)
	return err
}

// ghostOf names the telephone user of a room, or nobody.
func (s *store) ghostOf(ctx context.Context, room string) (string, error) {
	return s.one(ctx, `SELECT ghost FROM ghost_room WHERE room_id = $1`, room)
}

// roomsOf are the rooms that a telephone user shares with one person, newest
// first, and then those that it may share.
func (s *store) roomsOf(ctx context.Context, ghost, user string) ([]string, error) {
	return s.all(ctx, `SELECT room_id FROM ghost_room WHERE ghost = $1 AND user_id IN ($2, '')
		ORDER BY CASE user_id WHEN '' THEN 1 ELSE 0 END, since DESC LIMIT 10`, ghost, user)
}
