package matrix

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"

	"roomline/signalling"
)

// unreachable is why a person cannot be rung, and what to do about it.
type unreachable string

// Error implements error.
func (u unreachable) Error() string { return string(u) }

// lines finds the room in which a person's telephone rings.
type lines struct {
	hs     *homeserver
	store  *store
	ghosts *ghosts
	log    *slog.Logger

	mu sync.Mutex // one line is made at a time
}

// find names the room to ring a person in, and which of our users rings. A
// room that the person shares with the caller's own number comes first; else
// it is the person's line, on which the caller's name is shown.
func (n *lines) find(ctx context.Context, user string, caller signalling.Party) (room, ghost string, err error) {
	if e164.MatchString(caller.Number) {
		ghost = n.ghosts.of(caller.Number)
		if room, err = n.shared(ctx, ghost, user); err != nil || room != "" {
			return room, ghost, err
		}
	}
	ghost = n.ghosts.line(user)
	if room, err = n.prepare(ctx, user); err != nil {
		return "", "", err
	}
	return room, ghost, n.ghosts.ensure(ctx, ghost, n.shown(caller))
}

// shown is what a caller is called where only one name is shown.
func (n *lines) shown(caller signalling.Party) string {
	name, number := clean(caller.Name), clean(n.ghosts.numbers.Format(caller.Number))
	switch {
	case name != "" && number != "":
		return name + " (" + number + ")"
	case name+number != "":
		return name + number
	}
	return "Unknown caller"
}

// shared looks for a room in which a telephone and a person are alone.
func (n *lines) shared(ctx context.Context, ghost, user string) (string, error) {
	list, err := n.store.roomsOf(ctx, ghost, user)
	if err != nil {
		return "", err
	}
	for _, room := range list {
		names, err := n.hs.members(ctx, ghost, room)
		if errors.Is(err, mautrix.MForbidden) {
			err = n.store.forgetRoom(ctx, room, ghost) // our user is not there any more
		}
		if err != nil {
			return "", err
		}
		_, joined := names[user]
		encrypted, err := n.store.state.IsEncrypted(ctx, id.RoomID(room))
		if err == nil && joined && len(names) == 2 && !encrypted {
			return room, nil
		}
	}
	return "", nil
}

// prepare finds or makes a person's line, and tells whether the person is there.
func (n *lines) prepare(ctx context.Context, user string) (string, error) {
	ghost := n.ghosts.line(user)
	if room, err := n.shared(ctx, ghost, user); err != nil || room != "" {
		return room, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	list, err := n.store.roomsOf(ctx, ghost, user)
	if err != nil {
		return "", err
	}
	if len(list) == 0 {
		err = n.create(ctx, ghost, user)
	} else {
		_, err = n.hs.user(ghost).InviteUser(ctx, id.RoomID(list[0]), &mautrix.ReqInviteUser{UserID: id.UserID(user)})
	}
	if err != nil && !errors.Is(err, mautrix.MForbidden) { // forbidden: invited already
		return "", err
	}
	return "", unreachable(user + " has to accept the invitation to the telephone room first")
}

// create makes a line: one room with one user of ours, where every call rings
// whose caller has no room with the person. Its shape is what clients take for
// a direct chat, and nobody else shall be in it.
func (n *lines) create(ctx context.Context, ghost, user string) error {
	if err := n.ghosts.ensure(ctx, ghost, "Telephone"); err != nil {
		return err
	}
	res, err := n.hs.user(ghost).CreateRoom(ctx, &mautrix.ReqCreateRoom{
		Preset: "trusted_private_chat", IsDirect: true, Invite: []id.UserID{id.UserID(user)},
	})
	if err != nil {
		return fmt.Errorf("make the line of %s: %w", user, err)
	}
	n.log.Info("made a telephone room", "user", user)
	return n.store.setRoom(ctx, res.RoomID.String(), ghost, user)
}

// all makes the lines that are missing, and returns what went wrong.
func (n *lines) all(ctx context.Context, users []string) error {
	var errs []error
	for _, user := range users {
		var waiting unreachable
		if _, err := n.prepare(ctx, user); err != nil && !errors.As(err, &waiting) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
