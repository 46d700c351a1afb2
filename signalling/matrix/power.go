package matrix

import (
	"context"
	"errors"
	"fmt"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// mayDialIn says why a person may not place calls from a room, if that is so:
// rooms.<id>.who_can_dial asks for a power level. An empty room is none.
func (c *Client) mayDialIn(ctx context.Context, room, ghost, user string) (why string, err error) {
	need := c.cfg.Rooms.of(room).WhoCanDial
	if room == "" || need <= 0 {
		return "", nil
	}
	has, err := c.hs.power(ctx, ghost, room, user)
	if err == nil && has < need {
		why = fmt.Sprintf("in this room that takes a power level of %d, and yours is %d", need, has)
	}
	return why, err
}

// power is a member's power level (Matrix 1.18, "m.room.power_levels"). A room
// without levels gives its creator 100, and from room version 12 on creators
// stand above all; but not every homeserver tells who they are.
func (h *homeserver) power(ctx context.Context, ghost, room, user string) (int, error) {
	var levels event.PowerLevelsEventContent
	err := h.user(ghost).StateEvent(ctx, id.RoomID(room), event.StatePowerLevels, "", &levels)
	none := errors.Is(err, mautrix.MNotFound)
	if err != nil && !none {
		return 0, fmt.Errorf("power levels of %s: %w", room, err)
	}
	create, err := h.user(ghost).FullStateEvent(ctx, id.RoomID(room), event.StateCreate, "")
	switch {
	case err != nil || create == nil || create.Sender == "":
	case none && create.Sender.String() == user:
		return 100, nil
	default:
		levels.CreateEvent = create
	}
	return levels.GetUserLevel(id.UserID(user)), nil
}
