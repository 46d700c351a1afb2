package matrix

import (
	"context"
	"database/sql"
	"errors"
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

// someoneIn names a member of a room whose id begins so, or nobody, by what the
// library has noted.
func (s *store) someoneIn(ctx context.Context, room, begins string) (string, error) {
	return s.one(ctx, `SELECT user_id FROM mx_user_profile WHERE room_id = $1 AND substr(user_id, 1, $2) = $3 AND membership = 'join'
		ORDER BY user_id LIMIT 1`, room, len(begins), begins)
}

// pairOf names the telephone user of a room, and whom it shares that with.
func (s *store) pairOf(ctx context.Context, room string) (ghost, user string, err error) {
	err = s.QueryRow(ctx, `SELECT ghost, user_id FROM ghost_room WHERE room_id = $1`, room).Scan(&ghost, &user)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return ghost, user, err
}

// roomsOf are the rooms that a telephone user shares with one person, newest
// first, and then those that it may share.
func (s *store) roomsOf(ctx context.Context, ghost, user string) ([]string, error) {
	return s.all(ctx, `SELECT room_id FROM ghost_room WHERE ghost = $1 AND user_id IN ($2, '')
		ORDER BY CASE user_id WHEN '' THEN 1 ELSE 0 END, since DESC LIMIT 10`, ghost, user)
}

// chatsOf is roomsOf for an account, which is in other rooms of the person's as
// well: those that it made for the person come first.
func (s *store) chatsOf(ctx context.Context, account, user string) ([]string, error) {
	return s.all(ctx, `SELECT room_id FROM ghost_room WHERE ghost = $1 AND user_id IN ($2, '')
		ORDER BY CASE WHEN room_id IN (SELECT room_id FROM asked WHERE user_id = $2) THEN 0 WHEN user_id = '' THEN 2 ELSE 1 END, since DESC LIMIT 10`, account, user)
}

// asked is when a person was last invited to a room; long ago if never.
func (s *store) asked(ctx context.Context, room, user string) (time.Time, error) {
	var at int64
	err := s.QueryRow(ctx, `SELECT at FROM asked WHERE room_id = $1 AND user_id = $2`, room, user).Scan(&at)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, nil
	}
	return time.Unix(at, 0), err
}

func (s *store) setAsked(ctx context.Context, room, user string, at time.Time) error {
	_, err := s.Exec(ctx, `INSERT INTO asked (room_id, user_id, at) VALUES ($1, $2, $3)
		ON CONFLICT (room_id, user_id) DO UPDATE SET at = excluded.at`, room, user, at.Unix())
	return err
}
