package matrix

import (
	"context"
	"fmt"

	"maunium.net/go/mautrix/event"

	"roomline/signalling"
	"roomline/signalling/command"
)

// botName is how the appservice's own user is called in rooms.
const botName = "Roomline"

const hello = "Hello! I am the telephone gateway. Say !dial and a number here, and your client rings; answer it, and the number is called.\n"

// helloAccount is the same of an ordinary account.
const helloAccount = "Hello! I am a telephone. Say !dial and a number here, and your client rings; answer it, and the number is called. " +
	"With !number this room gets a number, which a call to me then calls.\n"

// bot is the appservice's own user, or the account that we are.
func (c *Client) bot() string {
	if c.ordinary() {
		return c.cfg.Account.User
	}
	return "@" + c.cfg.Bot + ":" + c.cfg.Domain
}

// present makes the bot exist, so that people can invite it.
func (c *Client) present(ctx context.Context) {
	if c.obeyed() == nil {
		return
	}
	if err := c.introduceBot(ctx); err != nil && c.ctx.Err() == nil {
		c.log.Warn("the bot could not be made", "error", err)
	}
}

func (c *Client) introduceBot(ctx context.Context) error {
	return c.ghosts.ensure(ctx, c.bot(), profile{name: botName})
}

// host accepts an invitation of the bot by somebody who may use us, and says
// hello. Other invitations are left alone.
func (c *Client) host(ctx context.Context, room string, e *event.Event) error {
	inviter := e.Sender.String()
	if c.obeyed() == nil || c.ghosts.ours(inviter) || !c.may.May(inviter, signalling.Receive) {
		return fmt.Errorf("invitation of the bot: %w", errNotOurs)
	}
	joined, err := c.rooms.enter(ctx, room, c.bot(), inviter, e.Unsigned.InviteRoomState, func() error { return c.introduceBot(ctx) })
	if err != nil || !joined {
		return err
	}
	if err := c.inherit(ctx, room); err != nil {
		return err
	}
	barred, err := c.secrecy.anew(ctx, room, c.bot())
	if err != nil {
		return err
	}
	first, err := c.store.firstTime(ctx, e.ID.String())
	if err != nil || !first {
		return err
	}
	if barred != "" {
		return c.tellEncrypted(ctx, room)
	}
	c.outboxOf(c.bot(), room).put(outgoing{eventType: typeNotice, final: true,
		content: storyOut{MsgType: string(event.MsgNotice), Body: c.hello()}})
	return nil
}

// hello is what a room is told that has invited us.
func (c *Client) hello() string {
	if c.ordinary() {
		return helloAccount + command.Explain("", true)
	}
	return hello + command.Explain("", false)
}

// place tells whose room a message was written in, and what a command there is
// for. Where others listen, or nobody of ours is, there is none of ours; but an
// ordinary account is a member like others, and takes what begins with one of
// its own words.
func (c *Client) place(ctx context.Context, w written) (who command.Who, ours string, err error) {
	ours, err = c.ghostIn(ctx, w.room)
	if err != nil || ours == "" {
		return who, "", err
	}
	names, err := c.hs.members(ctx, ours, w.room)
	if gone(err) {
		return who, "", c.store.forgetRoom(ctx, w.room, ours)
	}
	_, here := names[w.sender]
	if err != nil || !here || len(names) != 2 && !(c.ordinary() && w.addressed) {
		return who, "", err
	}
	who = command.Who{User: w.sender, Mentioned: w.mentioned, Anywhere: c.ordinary()}
	if ours != c.bot() || c.ordinary() {
		who.Room, who.Call = w.room, c.calls.name(w.room, w.sender)
		who.Number, err = c.numberOf(ctx, w.room, ours)
	}
	return who, ours, err
}

// name is the call of a user that goes on in a room, as the switchboard calls
// it; without one, any that does.
func (c *calls) name(room, user string) (call string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for k, l := range c.live {
		in := l.seat.Load()
		switch {
		case k.room != room || in == nil:
		case l.user == user:
			return in.Call()
		default:
			call = in.Call()
		}
	}
	return call
}

// Place implements command.Placer.
func (c *Client) Place(user, room, number string) error {
	return c.callBack(user, room, signalling.Party{Number: number})
}
