package matrix

import (
	"context"
	"sync"

	"maunium.net/go/mautrix/event"
)

// typeEncrypted is all that we see of what is said in an encrypted room, calls
// included: they can be neither taken nor refused.
const typeEncrypted = "m.room.encrypted"

// maxTold is how many rooms are remembered as told.
const maxTold = 10_000

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

// barred are the rooms that know why nothing happens in them.
type barred struct {
	mu   sync.Mutex
	told map[string]bool
}

// first tells whether a room does not know yet, and notes that it does now.
func (b *barred) first(room string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.told[room] {
		return false
	}
	if b.told == nil || len(b.told) >= maxTold {
		b.told = map[string]bool{}
	}
	b.told[room] = true
	return true
}

// forget lets a room be told again: our user has left it.
func (b *barred) forget(room string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.told, room)
}

// tellEncrypted says in an encrypted room why nothing happens there, where it
// is certain that nothing can; once, whoever comes or says something first.
func (c *Client) tellEncrypted(ctx context.Context, room string) error {
	ghost, err := c.ghostIn(ctx, room)
	can := c.ability()
	if err != nil || ghost == "" || !can.missing() || !c.barred.first(room) {
		return err
	}
	text := can.sentence(ghost == c.bot())
	c.outboxOf(ghost, room).put(outgoing{eventType: typeNotice, content: noticeOut{"m.notice", text}, final: true})
	return nil
}

// movedIn looks at a room that a telephone has just joined.
func (c *Client) movedIn(ctx context.Context, room, ghost string) error {
	barred, err := c.secrecy.anew(ctx, room, ghost)
	switch {
	case err != nil:
		return err
	case barred != "":
		return c.tellEncrypted(ctx, room)
	}
	c.catchUp(ctx, room, ghost)
	return nil
}
