package matrix

import (
	"context"
	"encoding/json"
	"errors"

	"maunium.net/go/mautrix/event"
)

// This file holds what is done when a room, or who is in it, changes.

// stateChanged looks for members that come and go, and rooms that are replaced.
func (c *Client) stateChanged(e *event.Event) {
	room, who := e.RoomID.String(), e.GetStateKey()
	c.veils(e)
	switch e.Type.Type {
	case event.StateTombstone.Type:
		successor := successorOf(e.Content.VeryRaw)
		c.background(func(ctx context.Context) error { return c.replaced(ctx, room, successor) })
	case event.StateJoinRules.Type:
		if publicRule(e.Content.VeryRaw) {
			c.background(func(ctx context.Context) error { return c.openedUp(ctx, room) })
		}
	case event.StateMember.Type:
		var content struct {
			Membership string `json:"membership"`
		}
		if json.Unmarshal(e.Content.VeryRaw, &content) != nil {
			return
		}
		c.memberChanged(e, room, who, event.Membership(content.Membership))
	}
}

func (c *Client) memberChanged(e *event.Event, room, who string, membership event.Membership) {
	ghost := c.ghosts.ours(who)
	switch {
	case membership == event.MembershipInvite && (ghost || who == c.bot()):
		c.invitedTo(e, room, who)
	case membership == event.MembershipLeave || membership == event.MembershipBan:
		c.calls.left(room, who, ghost)
		if ghost || who == c.bot() {
			c.barred.forget(room)
			c.background(func(ctx context.Context) error {
				return errors.Join(c.store.forgetRoom(ctx, room, who), c.store.dropNumber(ctx, room))
			})
		}
	}
}

// invitedTo weighs an invitation of one of our users by what is in memory. To
// answer a stranger's, or a storm of them, would only help a flood.
func (c *Client) invitedTo(e *event.Event, room, who string) {
	inviter := e.Sender.String()
	own := who == c.ghosts.line(inviter) && !c.ordinary()
	switch {
	case c.ghosts.ours(inviter) || !own && !c.rooms.answered(inviter):
	case !c.storms.take(inviter):
		c.log.Warn("ignored an invitation: too many from one homeserver", "server", server(inviter))
	case who == c.bot():
		c.background(func(ctx context.Context) error { return c.host(ctx, room, e) })
	default:
		c.background(func(ctx context.Context) error {
			joined, err := c.rooms.welcome(ctx, room, who, inviter, e.Unsigned.InviteRoomState)
			if joined {
				err = c.movedIn(ctx, room, who)
			}
			return err
		})
	}
}

// background does slow work for an event, again while the homeserver cannot,
// and gives up after a while: an invitation is sent to us only once.
func (c *Client) background(work func(context.Context) error) {
	ok := c.aside(func() {
		ctx, cancel := context.WithTimeout(c.ctx, 3*admitTimeout)
		defer cancel()
		err := again(ctx, c.pace, func() error { return work(ctx) })
		if err != nil && !errors.Is(err, errNotOurs) && c.ctx.Err() == nil {
			c.log.Warn("a room could not be looked after", "error", err)
		}
	})
	if !ok {
		c.log.Warn("a room was not looked after: too many at once")
	}
}

// publicRule reads the content of m.room.join_rules.
func publicRule(content []byte) bool {
	var c struct {
		JoinRule string `json:"join_rule"`
	}
	return json.Unmarshal(content, &c) == nil && c.JoinRule == string(event.JoinRulePublic)
}
