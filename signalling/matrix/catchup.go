package matrix

import (
	"context"
	"slices"
	"strings"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// maxCatchUp is how many events of a room are looked at; those of a call that
// begins are few.
const maxCatchUp = 50

// catchUp reads what was said in a room just before our user joined it. A
// client that dials a new number invites its user and calls at once, and the
// homeserver sends us nothing of a room that none of ours has joined. Events
// that were sent to us as well do no harm: they are known by their ids.
func (c *Client) catchUp(ctx context.Context, room, ghost string) {
	res, err := c.hs.user(ghost).Messages(ctx, id.RoomID(room), "", "", mautrix.DirectionBackward, nil, maxCatchUp)
	if err != nil {
		c.log.Debug("could not read a room that was joined", "error", err)
		return
	}
	said := slices.DeleteFunc(res.Chunk, func(e *event.Event) bool {
		return e == nil || e.StateKey != nil || !strings.HasPrefix(e.Type.Type, typePrefix) && !(e.Type.Type == typeEncrypted && c.vault != nil)
	})
	slices.Reverse(said) // oldest first
	for _, e := range said {
		e.RoomID, e.Mautrix.ReceivedAt = id.RoomID(room), time.Now()
	}
	c.hs.pass(c.ctx, said)
}
