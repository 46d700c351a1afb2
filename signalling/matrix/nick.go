package matrix

import (
	"context"
	"fmt"
	"net/http"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"roomline/signalling"
)

// This file holds how an ordinary account shows who calls. Its own name is its
// owner's and the same for all who see it, so it takes another in one room for
// as long as a call goes on there (Matrix 1.18, "m.room.member"): clients name
// a direct chat, and the call that rings in it, after that.

// membership is the content of our own m.room.member.
type membership struct {
	Membership string `json:"membership"`
	Name       string `json:"displayname,omitempty"`
	Avatar     string `json:"avatar_url,omitempty"`
}

// dress lets our account appear as the other side of a leg's call, in the room
// of it. Only a direct chat is named after us; in an encrypted one the
// name would be told to the homeserver, which is not to know it.
func (n *lines) dress(ctx context.Context, l *leg, party signalling.Party) error {
	veiled, err := n.secret.of(ctx, l.room, l.ghost)
	if err != nil || veiled {
		return err
	}
	names, err := n.hs.members(ctx, l.ghost, l.room)
	if err != nil || len(names) != 2 {
		return err
	}
	turn := n.ghosts.turn(l.room)
	if err := turn.take(ctx); err != nil {
		return fmt.Errorf("name us in %s: %w", l.room, err)
	}
	defer turn.give()
	if now := l.faces.Load(); now != nil {
		party = *now // who waited may have been overtaken
	}
	name := n.ghosts.shown(party).name
	worn, err := n.store.nickIn(ctx, l.room)
	if err != nil || worn == name || !n.alive(l) {
		return err
	}
	// Written down first: a name that a sudden end leaves is taken off later.
	if err := n.store.setNick(ctx, l.room, name); err != nil {
		return err
	}
	return n.appear(ctx, l.room, l.ghost, name)
}

// undress gives our account its own name back in a room where no call goes on,
// if it has another.
func (n *lines) undress(ctx context.Context, room, account string) error {
	turn := n.ghosts.turn(room)
	if err := turn.take(ctx); err != nil {
		return fmt.Errorf("name us in %s: %w", room, err)
	}
	defer turn.give()
	worn, err := n.store.nickIn(ctx, room)
	if err != nil || worn == "" || n.calls.busy(room) {
		return err
	}
	if err := n.appear(ctx, room, account, ""); err != nil && !gone(err) {
		return err
	}
	return n.store.setNick(ctx, room, "")
}

// appear sets our name in a room; an empty one is the account's own. The
// picture stays the account's.
func (n *lines) appear(ctx context.Context, room, account, name string) error {
	client := n.hs.user(account)
	client.StateStore = nil
	var own struct {
		Name   string `json:"displayname"`
		Avatar string `json:"avatar_url"`
	}
	_, err := client.MakeRequest(ctx, http.MethodGet, client.BuildClientURL("v3", "profile", account), nil, &own)
	if err != nil && !gone(err) { // no profile
		return fmt.Errorf("profile of %s: %w", account, err)
	}
	if name == "" {
		name = own.Name
	}
	_, err = client.SendStateEvent(ctx, id.RoomID(room), event.StateMember, account, membership{string(event.MembershipJoin), name, own.Avatar})
	if err != nil {
		return fmt.Errorf("name us in %s: %w", room, err)
	}
	return nil
}

// undress is lines.undress beside everything else, after a call in a room.
func (c *Client) undress(room string) {
	if !c.ordinary() || room == "" {
		return
	}
	c.background(func(ctx context.Context) error { return c.lines.undress(ctx, room, c.bot()) })
}

// undressAll takes off what an earlier run has left.
func (c *Client) undressAll(ctx context.Context) error {
	rooms, err := c.store.nicks(ctx)
	for _, room := range rooms {
		if err := c.lines.undress(ctx, room, c.bot()); err != nil {
			return err
		}
	}
	return err
}

// nickIn is as whom we appear in a room; empty: as ourselves.
func (s *store) nickIn(ctx context.Context, room string) (string, error) {
	return s.one(ctx, `SELECT name FROM room_nick WHERE room_id = $1`, room)
}

func (s *store) setNick(ctx context.Context, room, name string) error {
	if name == "" {
		_, err := s.Exec(ctx, `DELETE FROM room_nick WHERE room_id = $1`, room)
		return err
	}
	_, err := s.Exec(ctx, `INSERT INTO room_nick (room_id, name) VALUES ($1, $2)
		ON CONFLICT (room_id) DO UPDATE SET name = excluded.name`, room, name)
	return err
}

func (s *store) nicks(ctx context.Context) ([]string, error) {
	return s.all(ctx, `SELECT room_id FROM room_nick`)
}
