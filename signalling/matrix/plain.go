package matrix

import (
	"context"
	"errors"

	"maunium.net/go/mautrix/event"

	"roomline/signalling/command"
	"roomline/signalling/matrix/e2ee"
)

// This file holds what becomes of events that were not encrypted in rooms that
// are: the homeserver, or anybody who has its keys, could have written them.

// forged tells whether a call event or a message is to be ignored because its
// room is encrypted, as far as is known in memory; see also forgedIn.
func (c *Client) forged(e *event.Event) bool {
	t, room := e.Type.Type, e.RoomID.String()
	switch {
	case c.ability().missing() || e.StateKey != nil || e.Mautrix.WasEncrypted || !ofCalls(t) && t != typeNotice:
		return false
	case e2ee.VerifyEvent(t, e.Content.VeryRaw): // see vouched
		return false
	case c.own(e.Sender.String()) || !c.knownEncrypted(room):
		return false
	}
	c.plainIn(room, e.Sender.String(), t, e)
	return true
}

// forgedIn tells whether a plain event is ignored because its room is encrypted,
// which it asks the homeserver about if that is not known.
func (c *Client) forgedIn(ctx context.Context, room, ghost, sender, eventType string) (bool, error) {
	if c.ability().missing() {
		return false, nil
	}
	veiled, err := c.encrypted(ctx, room, ghost)
	if veiled {
		c.plainIn(room, sender, eventType, nil)
	}
	return veiled, err
}

// plainIn counts such an event, unless it is mere talk, and tells the room once
// in a while.
func (c *Client) plainIn(room, sender, eventType string, e *event.Event) {
	if ofCalls(eventType) {
		c.calls.ignore(eventType)
	}
	if !c.rooms.answered(sender) || e != nil && (ageOf(e) > maxLifetime || eventType == typeNotice && !c.ordered(e)) {
		return
	}
	if !ofCalls(eventType) {
		c.calls.ignore(eventType)
	}
	c.log.Warn("ignored an event that was not encrypted in an encrypted room", "type", clean(eventType), "room", room)
	if !c.plainTold.take(room) {
		return
	}
	c.background(func(ctx context.Context) error {
		ghost, err := c.ghostIn(ctx, room)
		if err == nil && ghost != "" {
			c.excuse(laneKey{room: room, sender: sender}, ghost, "plain", plainExcuse)
		}
		return err
	})
}

// ordered tells whether a message is a command.
func (c *Client) ordered(e *event.Event) bool {
	w, ok := readMessage(e)
	if !ok || c.obeyed() == nil {
		return false
	}
	_, err := command.Parse(w.body)
	return !errors.Is(err, command.ErrNone)
}
