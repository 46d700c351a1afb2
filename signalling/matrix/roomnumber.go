package matrix

import (
	"context"
	"database/sql"
	"errors"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// This file holds which number a room stands for.

// numberOf is the number that a call in a room calls; empty if there is none.
// A telephone's own id says it. An ordinary account is no telephone: there it
// is what the configuration gives the room, else what people gave it.
func (c *Client) numberOf(ctx context.Context, room, ghost string) (string, error) {
	if !c.ordinary() {
		number, _ := c.ghosts.dialable(ghost)
		return number, nil
	}
	if number := c.cfg.Rooms.of(room).Number; number != "" {
		return number, nil
	}
	return c.store.numberIn(ctx, room)
}

// ghostIn names our user in a room, or nobody. An ordinary account is in every
// room of ours; one that is not known was joined by other means, or forgotten
// with a lost database.
func (c *Client) ghostIn(ctx context.Context, room string) (string, error) {
	ghost, err := c.store.ghostOf(ctx, room)
	if err != nil || ghost != "" || !c.ordinary() {
		return ghost, err
	}
	switch open, err := c.hs.public(ctx, room, c.bot()); {
	case err != nil:
		return "", err
	case open:
		return "", nil
	}
	return c.bot(), c.store.recallRoom(ctx, room, c.bot())
}

// book keeps the numbers of rooms for one command. It implements command.Book.
type book struct {
	ctx context.Context
	c   *Client
}

// Errors of Assign, for the person who asked.
var (
	errFixed    = errors.New("it stands in the configuration of the gateway (rooms.<id>.number)")
	errNotNoted = errors.New("the database does not answer")
)

// Assign implements command.Book.
func (b book) Assign(room, number string) error {
	if b.c.cfg.Rooms.of(room).Number != "" {
		return errFixed
	}
	err := b.c.store.setNumber(b.ctx, room, number)
	if err != nil {
		b.c.log.Warn("could not write down the number of a room", "error", err)
		return errNotNoted
	}
	return nil
}

// handDown gives the successor of an upgraded room the number that the old one
// has. Where we are not in the successor yet it is only noted: see inherit.
func (c *Client) handDown(ctx context.Context, old, successor string, there bool) error {
	if !c.ordinary() {
		return nil
	}
	number, err := c.numberOf(ctx, old, c.bot())
	switch {
	case err != nil || number == "":
		return err
	case there:
		return errors.Join(c.store.setNumber(ctx, successor, number), c.store.setNumber(ctx, old, ""))
	}
	return c.store.setSuccessor(ctx, old, successor, number)
}

// inherit gives a room that we have joined the number of the one that it
// replaces, if both say so.
func (c *Client) inherit(ctx context.Context, room string) error {
	old, err := c.store.succeeds(ctx, room)
	if err != nil || old == "" {
		return err
	}
	if before, err := c.predecessor(ctx, room, c.bot()); err != nil || before != old {
		return err
	}
	return c.handDown(ctx, old, room, true)
}

// predecessor is the room that another claims to replace (Matrix 1.18, "m.room.create").
func (c *Client) predecessor(ctx context.Context, room, ghost string) (string, error) {
	var create struct {
		Predecessor struct {
			RoomID string `json:"room_id"`
		} `json:"predecessor"`
	}
	err := c.hs.user(ghost).StateEvent(ctx, id.RoomID(room), event.StateCreate, "", &create)
	if gone(err) {
		err = nil
	}
	return create.Predecessor.RoomID, err
}

// numberIn is the number that people gave a room.
func (s *store) numberIn(ctx context.Context, room string) (string, error) {
	return s.one(ctx, `SELECT number FROM room_number WHERE room_id = $1`, room)
}

// setNumber gives a room a number; an empty one is none.
func (s *store) setNumber(ctx context.Context, room, number string) error {
	if number == "" {
		_, err := s.Exec(ctx, `DELETE FROM room_number WHERE room_id = $1`, room)
		return err
	}
	_, err := s.Exec(ctx, `INSERT INTO room_number (room_id, number) VALUES ($1, $2)
		ON CONFLICT (room_id) DO UPDATE SET number = excluded.number, successor = ''`, room, number)
	return err
}

// setSuccessor notes which room is to get the number of another.
func (s *store) setSuccessor(ctx context.Context, room, successor, number string) error {
	return s.InTx(ctx, func(ctx context.Context) error {
		if err := s.setNumber(ctx, room, number); err != nil {
			return err
		}
		_, err := s.Exec(ctx, `UPDATE room_number SET successor = $1 WHERE room_id = $2`, successor, room)
		return err
	})
}

// succeeds names the room whose number is to become another's, or none.
func (s *store) succeeds(ctx context.Context, room string) (old string, err error) {
	err = s.QueryRow(ctx, `SELECT room_id FROM room_number WHERE successor = $1 LIMIT 1`, room).Scan(&old)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return old, err
}

// dropNumber forgets the number of a room that we have left, unless another
// room is to get it.
func (s *store) dropNumber(ctx context.Context, room string) error {
	_, err := s.Exec(ctx, `DELETE FROM room_number WHERE room_id = $1 AND successor = ''`, room)
	return err
}
