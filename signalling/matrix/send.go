package matrix

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// This file holds how our users say something in rooms. In an encrypted room
// they say it encrypted, or not at all.

// utterance is one event on its way into a room. Once sealed it stays as it is:
// every attempt says the same, under the same transaction id.
type utterance struct {
	eventType string
	content   any
	txn       string
	sealed    *event.EncryptedEventContent
}

// errNotInClear is the end of an event that only an encrypted room may hear,
// where nothing of ours can be encrypted.
var errNotInClear = errors.New("the room is encrypted, and we are not able to encrypt")

// unsealed is why an event could not be encrypted. Trying again helps, unless
// our user is not in the room.
type unsealed struct{ error }

// Unwrap lets errors.Is and errors.As see the reason.
func (u unsealed) Unwrap() error { return u.error }

// say brings an event into a room, as one of our users, and returns its id.
func (c *Client) say(ctx context.Context, ghost, room string, u *utterance) (eventID string, err error) {
	veiled, err := c.encrypted(ctx, room, ghost)
	if err != nil {
		return "", err
	}
	eventType, content := u.eventType, u.content
	if veiled {
		if eventType, content, err = c.veil(ctx, ghost, room, u); err != nil {
			return "", err
		}
	}
	return c.hs.send(ctx, ghost, room, eventType, u.txn, content)
}

// veil is what to send of an event in an encrypted room.
func (c *Client) veil(ctx context.Context, ghost, room string, u *utterance) (eventType string, content any, err error) {
	if u.sealed == nil {
		if can := c.ability(); can.missing() {
			return inClear(u, can.sentence(ghost == c.bot()))
		}
		if u.sealed, err = c.seal(ctx, ghost, room, u); err != nil {
			return "", nil, unsealed{fmt.Errorf("encrypt %s: %w", u.eventType, err)}
		}
	}
	return typeEncrypted, u.sealed, nil
}

// seal encrypts an event for who is in a room, and who is invited: a client
// that dials a number for the first time has the call's events sealed for our
// user before that one has joined, and so do we for it. The user's device is
// made now where an earlier version of the gateway made none.
func (c *Client) seal(ctx context.Context, ghost, room string, u *utterance) (*event.EncryptedEventContent, error) {
	if err := c.vault.Ensure(ctx, ghost); err != nil {
		return nil, err
	}
	return c.vault.Seal(ctx, ghost, room, u.eventType, u.content, func(ctx context.Context) ([]string, error) {
		return c.hs.hearers(ctx, ghost, room)
	})
}

// inClear is all that is ever said unencrypted in an encrypted room, and only
// where nothing of ours can be encrypted: that a call is over, which names
// nobody and stops clients that would ring on, and one sentence why nothing
// works, instead of whatever was to be said. Without the two people would
// believe that they had called somebody.
func inClear(u *utterance, why string) (eventType string, content any, err error) {
	switch u.eventType {
	case typeReject, typeHangup:
		return u.eventType, u.content, nil
	case typeNotice:
		if s, ok := u.content.(storyOut); !ok || s.New == nil {
			return u.eventType, noticeOut{"m.notice", why}, nil
		}
	}
	return "", nil, errNotInClear
}

// send sends one event as one of our users, as it is, under a transaction id of ours.
func (h *homeserver) send(ctx context.Context, ghost, room, eventType, txn string, content any) (eventID string, err error) {
	t := event.Type{Type: eventType, Class: event.MessageEventType}
	res, err := h.user(ghost).SendMessageEvent(ctx, id.RoomID(room), t, content, mautrix.ReqSendEvent{TransactionID: txn})
	if err != nil {
		return "", err
	}
	return res.EventID.String(), nil
}

// hearers are those who may read what is said in a room from now on: who has
// joined, and who is invited (Matrix 1.18, "GET /rooms/{roomId}/members").
func (h *homeserver) hearers(ctx context.Context, ghost, room string) ([]string, error) {
	var res struct {
		Chunk []struct {
			User    text `json:"state_key"`
			Content struct {
				Membership text `json:"membership"`
			} `json:"content"`
		} `json:"chunk"`
	}
	client := h.user(ghost)
	_, err := client.MakeRequest(ctx, http.MethodGet, client.BuildURLWithQuery(mautrix.ClientURLPath{"v3", "rooms", room, "members"},
		map[string]string{"not_membership": string(event.MembershipLeave)}), nil, &res)
	if err != nil {
		return nil, fmt.Errorf("members of %s: %w", room, err)
	}
	var list []string
	for _, m := range res.Chunk {
		switch event.Membership(m.Content.Membership) {
		case event.MembershipJoin, event.MembershipInvite:
			list = append(list, string(m.User))
		}
	}
	return list, nil
}
