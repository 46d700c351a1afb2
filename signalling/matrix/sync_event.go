package matrix

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"roomline/signalling"
)

// This file holds how one event of an answer to /sync is read.

// readHappened reads one event of a room. One that says that it is of another
// room is none.
func readHappened(room string, text json.RawMessage) (happened, bool) {
	e, ok := parse(text)
	if !ok || e.RoomID != "" && e.RoomID.String() != room {
		return happened{}, false
	}
	if !strings.HasPrefix(e.ID.String(), "$") || !fits(e.ID.String()) || !userID.MatchString(e.Sender.String()) || !fits(e.Type.Type) {
		return happened{}, false
	}
	settle(e, room)
	name, err := json.Marshal(room)
	if err != nil {
		return happened{}, false
	}
	return happened{e, fmt.Appendf(nil, `{"room_id":%s,%s`, name, strings.TrimLeft(string(text), " \t\r\n{"))}, true
}

// settle gives an event what the library gives those of a transaction.
func settle(e *event.Event, room string) {
	e.RoomID, e.Mautrix.ReceivedAt = id.RoomID(room), time.Now()
	e.Type.Class = event.MessageEventType
	if e.StateKey != nil {
		e.Type.Class = event.StateEventType
	}
	signalling.Survives(slog.New(slog.DiscardHandler), "", func() { _ = e.Content.ParseRaw(e.Type) }) // whoever needs what is in it looks again
}

// invites tells whether an event invites a user.
func invites(e *event.Event, user string) bool {
	var content struct {
		Membership event.Membership `json:"membership"`
	}
	return e.Type.Type == event.StateMember.Type && e.StateKey != nil && *e.StateKey == user &&
		json.Unmarshal(e.Content.VeryRaw, &content) == nil && content.Membership == event.MembershipInvite
}

// invited makes an invitation the event that it would be in a transaction: it
// comes as stripped state, to which only Synapse gives its id (Matrix 1.18,
// "Stripped state"). The same answer makes the same id.
func (h *heardSync) invited(room string, raw rawRoom, since, self string) syncRoom {
	var shown []*event.Event
	var invitation *event.Event
	for _, text := range raw.Invite.Events {
		e, ok := readStripped(room, text)
		switch {
		case !ok:
			h.lost++
		case invites(e, self):
			invitation = e
		default:
			shown = append(shown, e)
		}
	}
	if invitation == nil {
		return syncRoom{id: room}
	}
	if !strings.HasPrefix(invitation.ID.String(), "$") || !fits(invitation.ID.String()) {
		sum := sha256.Sum256([]byte(since + "\n" + room + "\n" + invitation.Sender.String()))
		invitation.ID = id.EventID("$invite-" + base64.RawURLEncoding.EncodeToString(sum[:]))
	}
	invitation.Unsigned.InviteRoomState = shown
	return syncRoom{id: room, events: []happened{{Event: invitation}}}
}

func readStripped(room string, text json.RawMessage) (*event.Event, bool) {
	e, ok := parse(text)
	if !ok || e.StateKey == nil || !userID.MatchString(e.Sender.String()) || !fits(e.Type.Type) {
		return nil, false
	}
	settle(e, room)
	return e, true
}

// parse reads an event with the library, which cannot stand for everything.
func parse(text json.RawMessage) (e *event.Event, ok bool) {
	if len(text) > maxSyncEvent {
		return nil, false
	}
	signalling.Survives(slog.New(slog.DiscardHandler), "", func() { ok = json.Unmarshal(text, &e) == nil && e != nil })
	return e, ok
}
