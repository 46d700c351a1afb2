package matrix

import (
	"context"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// typeEncrypted is all that we see of what is said in an encrypted room, calls
// included: they can be neither taken nor refused.
const typeEncrypted = "m.room.encrypted"

// maxTold is how many rooms are remembered as told.
const maxTold = 10_000

const encryptedNotice = "This room is encrypted, and calls from encrypted rooms are not possible yet. " +
	"Please call from a room without encryption: nothing in this one rings."

// encryptedOffice is the same where commands would be taken.
const encryptedOffice = "This room is encrypted, and I cannot read what you say here. Please make a direct chat with me without encryption."

// veiled is an encrypted event in a room of ours. Only intake calls it.
func (c *Client) veiled(e *event.Event) {
	room := e.RoomID.String()
	if c.told[room] || c.ghosts.ours(e.Sender.String()) || !c.rooms.answered(e.Sender.String()) {
		return
	}
	if len(c.told) >= maxTold {
		clear(c.told)
	}
	c.told[room] = true
	c.background(func(ctx context.Context) error { return c.tellEncrypted(ctx, room) })
}

// tellEncrypted says in an encrypted room why nothing happens there.
func (c *Client) tellEncrypted(ctx context.Context, room string) error {
	ghost, err := c.store.ghostOf(ctx, room)
	if err != nil || ghost == "" {
		return err
	}
	text := encryptedNotice
	if ghost == c.bot() {
		text = encryptedOffice
	}
	c.outboxOf(ghost, room).put(outgoing{eventType: typeNotice, content: noticeOut{"m.notice", text}, final: true})
	return nil
}

// movedIn looks at a room that a telephone has just joined.
func (c *Client) movedIn(ctx context.Context, room, ghost string) error {
	var encryption event.EncryptionEventContent
	err := c.hs.user(ghost).StateEvent(ctx, id.RoomID(room), event.StateEncryption, "", &encryption)
	if err == nil {
		return c.tellEncrypted(ctx, room)
	}
	c.catchUp(ctx, room, ghost)
	return nil
}
