package matrix

import (
	"context"
	"crypto/rand"
	"errors"

	"maunium.net/go/mautrix/event"

	"roomline/signalling"
	"roomline/signalling/matrix/e2ee"
)

// declineOut is the end of a call that a refused device places. The device may read it.
type declineOut struct{ endOut }

// ForAll implements e2ee.ForAll.
func (declineOut) ForAll() {}

// decline ends a call that a refused device places, so that its client does not
// ring on; but not in rooms in which the call may be for somebody else.
func (c *Client) decline(ghost string, e, opened *event.Event, err error) {
	if !errors.As(err, new(e2ee.Untrusted)) || !meant(opened) || opened.Type.Type != typeInvite || !c.rooms.answered(e.Sender.String()) {
		return
	}
	h, ok := c.hear(c.unsealed(e, opened))
	if !ok || h.age() > h.life()-staleGrace || h.Invitee != "" && h.Invitee != ghost {
		return
	}
	c.background(func(ctx context.Context) error {
		members, err := c.hs.members(ctx, ghost, h.Room)
		if err != nil || h.Invitee == "" && len(members) > 2 {
			return err
		}
		kind, reason := ending(signalling.Forbidden, stage{placed: true, v0: h.V0})
		out := declineOut{endOut{head{version(h.V0), h.CallID, rand.Text()[:10]}, reason}}
		if h.V0 {
			out.Party = ""
		}
		c.outboxOf(ghost, h.Room).put(outgoing{eventType: kind, final: true, content: out})
		return nil
	})
}
