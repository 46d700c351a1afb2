package matrix

import (
	"context"
	"errors"
	"time"

	"maunium.net/go/mautrix/event"

	"roomline/signalling"
	"roomline/signalling/matrix/e2ee"
)

// This file holds how one encrypted event is read.

// How long a key is waited for that comes after its event, since the event
// came: the call that it belongs to waits as well.
const (
	keySoon = 3 * time.Second
	keyLate = 25 * time.Second
)

// read opens an event, or gives it up and says why. waiting is called before
// it waits for a key.
func (c *Client) read(k laneKey, ghost string, e *event.Event, waiting func()) *event.Event {
	if ghost == "" {
		c.unread(e, "nobody of ours is in its room")
		return nil
	}
	c.untilProven(e)
	err := error(e2ee.ErrCorrupt)
	var opened *event.Event
	signalling.Survives(c.log, "an encrypted event", func() { opened, err = c.patiently(ghost, e, waiting) })
	switch {
	case c.ctx.Err() != nil: // it stays kept
		return nil
	case err == nil && meant(opened):
		return c.unsealed(e, opened)
	case err == nil:
		c.unread(e, "it holds no event for rooms")
	case final(err) || awaited(err):
		c.log.Warn("could not read an encrypted event", "why", err)
		c.calls.ignore(typeEncrypted)
		c.eraser.event(e.ID.String())
		c.decline(ghost, e, opened, err)
		c.explain(k, ghost, e, err)
	default: // our own trouble: it stays kept, and is tried again after the next start
		c.log.Error("could not read an encrypted event", "error", err)
		c.calls.ignore(typeEncrypted)
	}
	return nil
}

// untilProven waits until the homeserver has shown that encryption can work:
// before that no call is taken, and one may have been kept over a restart.
func (c *Client) untilProven(e *event.Event) {
	for c.ability() == abilityUnknown && time.Since(e.Mautrix.ReceivedAt) < keyLate && pause(c.ctx, c.pace.first/4) {
	}
}

// patiently opens an event, and waits for its key if need be.
func (c *Client) patiently(ghost string, e *event.Event, waiting func()) (*event.Event, error) {
	opened, err := c.vault.Open(c.ctx, ghost, e)
	if err == nil || final(err) {
		return opened, err
	}
	session := e.Content.AsEncrypted().SessionID
	if awaited(err) && c.lanes.hopeless(session) {
		return nil, err
	}
	waiting()
	for _, patience := range c.patience {
		until := e.Mautrix.ReceivedAt.Add(patience)
		for tries := 0; err != nil && !final(err) && time.Now().Before(until) && c.ctx.Err() == nil; tries++ {
			c.await(ghost, e, err, tries, until)
			opened, err = c.vault.Open(c.ctx, ghost, e)
		}
	}
	if awaited(err) {
		c.lanes.miss(session)
	}
	return opened, err
}

// await waits until it makes sense to try again.
func (c *Client) await(ghost string, e *event.Event, err error, tries int, until time.Time) {
	ctx, cancel := context.WithDeadline(c.ctx, until)
	defer cancel()
	if !awaited(err) || tries > 0 {
		pause(ctx, c.pace.first)
	}
	if awaited(err) {
		c.vault.Await(ctx, ghost, e)
	}
}

// awaited tells whether a key may still come: a device that could not make a
// connection to ours (m.no_olm) tries again.
func awaited(err error) bool {
	var why e2ee.Withheld
	return errors.Is(err, e2ee.ErrNoKey) || errors.As(err, &why) && why.Code == string(event.RoomKeyWithheldNoOlmSession)
}

// final tells whether an event will never be read.
func final(err error) bool {
	var untrusted e2ee.Untrusted
	var withheld e2ee.Withheld
	switch {
	case awaited(err):
		return false
	case errors.As(err, &untrusted), errors.As(err, &withheld):
		return true
	}
	for _, why := range []error{e2ee.ErrOwn, e2ee.ErrReplayed, e2ee.ErrWrongRoom, e2ee.ErrForwarded, e2ee.ErrCorrupt} {
		if errors.Is(err, why) {
			return true
		}
	}
	return false
}

// meant tells whether a decrypted event may be one of a room's. Encryption
// within encryption has no meaning, and hides from every look at the type.
func meant(e *event.Event) bool {
	return e != nil && fits(e.Type.Type) && e.Type.Type != typeEncrypted
}

// unsealed is a decrypted event as the room would have told it: who, where and
// when is what the homeserver says, and never the event itself; nor is it a
// state event, whatever it looks like (Matrix 1.18, "m.room.encrypted").
func (c *Client) unsealed(e, opened *event.Event) *event.Event {
	told := *opened
	told.ID, told.RoomID, told.Sender = e.ID, e.RoomID, e.Sender
	told.Timestamp, told.Unsigned = e.Timestamp, e.Unsigned
	told.StateKey, told.Type.Class = nil, event.MessageEventType
	told.Mautrix.WasEncrypted, told.Mautrix.ReceivedAt = true, e.Mautrix.ReceivedAt
	switch told.Type.Type {
	case typeInvite, typeAnswer, typeReject, typeHangup: // like a plain one: see kept.go
	default:
		c.eraser.event(e.ID.String())
	}
	return &told
}
