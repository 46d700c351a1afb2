package matrix

import (
	"context"
	"encoding/json"
	"fmt"

	"maunium.net/go/mautrix/id"
)

// This file holds what is done when a room changes under its telephone.

const publicNotice = "This room is public: anybody could listen, so no telephone works here. " +
	"Please call from a room to which people are invited."

// openedUp leaves a room that has become public, and says why.
func (c *Client) openedUp(ctx context.Context, room string) error {
	ghost, err := c.store.ghostOf(ctx, room)
	if err != nil || ghost == "" {
		return err
	}
	c.calls.left(room, ghost, true) // calls in it end
	return c.rooms.refusePublic(ctx, room, ghost)
}

// refusePublic says in a public room, once, why the telephone goes again. In an
// encrypted one it goes without a word: to say it there would take a key for
// each device of whoever has joined.
func (r *rooms) refusePublic(ctx context.Context, room, ghost string) error {
	veiled, err := r.secret.of(ctx, room, ghost)
	if err == nil && !veiled {
		_, err = r.hs.send(ctx, ghost, room, typeNotice, "public-"+ghost, noticeOut{MsgType: "m.notice", Body: publicNotice})
	}
	if err != nil || veiled {
		r.log.Debug("did not say why a public room is left", "encrypted", veiled, "error", err)
	}
	return r.leave(ctx, room, ghost)
}

// replaced follows a room that was upgraded to its successor (Matrix 1.18,
// "Room upgrades"). Where we cannot go by ourselves we wait to be invited: who
// upgrades a room invites its members to the new one. A call that goes on in the
// old room is let go on.
func (c *Client) replaced(ctx context.Context, room, successor string) error {
	ghost, user, err := c.store.pairOf(ctx, room)
	if err != nil || ghost == "" {
		return err
	}
	if successor != "" && successor != room {
		err := c.follow(ctx, room, successor, ghost, user)
		if err != nil && !gone(err) {
			return err
		}
		if err != nil && user != "" {
			c.lines.moving(ctx, ghost, user)
		}
		if err != nil {
			if err := c.handDown(ctx, room, successor, false); err != nil {
				return err
			}
		}
	}
	if c.calls.busy(room) { // what is said there still has to reach us
		return c.store.forgetRoom(ctx, room, ghost)
	}
	return c.rooms.leave(ctx, room, ghost)
}

// follow takes a telephone to the room that claims to replace its own, if that
// room says the same.
func (c *Client) follow(ctx context.Context, old, successor, ghost, user string) error {
	if _, err := c.hs.user(ghost).JoinRoomByID(ctx, id.RoomID(successor)); err != nil {
		return fmt.Errorf("join %s: %w", successor, err)
	}
	before, err := c.predecessor(ctx, successor, ghost)
	if err != nil {
		return err
	}
	open, err := c.hs.public(ctx, successor, ghost)
	switch {
	case err != nil:
		return err
	case before != old, open:
		return c.rooms.leave(ctx, successor, ghost)
	}
	if err := c.store.setRoom(ctx, successor, ghost, user); err != nil {
		return err
	}
	if err := c.handDown(ctx, old, successor, true); err != nil {
		return err
	}
	return c.movedIn(ctx, successor, ghost)
}

// successorOf reads the content of m.room.tombstone.
func successorOf(content []byte) string {
	var c struct {
		ReplacementRoom string `json:"replacement_room"`
	}
	if json.Unmarshal(content, &c) != nil || !roomID.MatchString(c.ReplacementRoom) {
		return ""
	}
	return c.ReplacementRoom
}

// storms bounds how many invitations each homeserver may bring about: every
// one that is accepted costs requests, and a room that stays. Only intake uses it.
type storms struct {
	ours    string // our own homeserver, which limits its users itself
	servers map[string]*bucket
}

const maxServers = 1000

// take tells whether an invitation by a user is looked at.
func (s *storms) take(user string) bool {
	from := server(user)
	b := s.servers[from]
	if b == nil {
		if len(s.servers) >= maxServers {
			clear(s.servers)
		}
		if b = newBucket(0.2, 5); from == s.ours {
			b = newBucket(20, 200)
		}
		s.servers[from] = b
	}
	return b.take()
}
