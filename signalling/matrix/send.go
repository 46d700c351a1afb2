package matrix

import (
	"context"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// This file holds how our users say something in rooms.

// put sends one event as one of our users, under a transaction id of ours.
func (h *homeserver) put(ctx context.Context, ghost, room string, o outgoing) error {
	t := event.Type{Type: o.eventType, Class: event.MessageEventType}
	_, err := h.user(ghost).SendMessageEvent(ctx, id.RoomID(room), t, o.content, mautrix.ReqSendEvent{TransactionID: o.txn})
	return err
}

// message sends one message as one of our users, and returns its event id.
func (h *homeserver) message(ctx context.Context, user, room, txn string, content storyOut) (string, error) {
	res, err := h.user(user).SendMessageEvent(ctx, id.RoomID(room), event.EventMessage, content, mautrix.ReqSendEvent{TransactionID: txn})
	if err != nil {
		return "", err
	}
	return res.EventID.String(), nil
}
