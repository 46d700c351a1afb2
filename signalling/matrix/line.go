package matrix

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

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
	busy   func(room string) bool
	log    *slog.Logger

	turn  turn            // one line is made at a time; guards rests
	rests map[string]rest // by user
}

// rest is why no line is made for a while: one was made, and is of no use, or
// could not be made. A homeserver would fill with rooms otherwise.
type rest struct {
	until time.Time
	why   error
}

const (
	restMade   = time.Hour
	restFailed = time.Minute
)

func newLines(hs *homeserver, st *store, g *ghosts, busy func(room string) bool, log *slog.Logger) *lines {
	return &lines{hs: hs, store: st, ghosts: g, busy: busy, log: log, turn: newTurn(), rests: map[string]rest{}}
}

// find names the room to ring a person in, and which of our users rings. A
// room that the person shares with the caller's own number comes first; else
// it is the person's line, on which the caller's name is shown.
func (n *lines) find(ctx context.Context, user string, caller signalling.Party) (room, ghost string, err error) {
	if e164.MatchString(caller.Number) {
		ghost = n.ghosts.of(caller.Number)
		if room, _, err = n.shared(ctx, ghost, user); err != nil || room != "" {
			return room, ghost, err
		}
	}
	ghost = n.ghosts.line(user)
	if room, err = n.prepare(ctx, user); err != nil {
		return "", "", err
	}
	if n.busy(room) {
		return room, ghost, nil // it shows who the person is talking to now
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

// prepare finds or makes a person's line, and tells whether the person is there.
func (n *lines) prepare(ctx context.Context, user string) (string, error) {
	ghost := n.ghosts.line(user)
	if room, _, err := n.shared(ctx, ghost, user); err != nil || room != "" {
		return room, err
	}
	if err := n.turn.take(ctx); err != nil {
		return "", err
	}
	defer n.turn.give()
	if err := n.introduce(ctx, ghost); err != nil {
		return "", err
	}
	room, waits, err := n.shared(ctx, ghost, user) // somebody may have made it meanwhile, or it was recalled
	switch {
	case err != nil || room != "":
		return room, err
	case waits != "":
		_, err = n.hs.user(ghost).InviteUser(ctx, id.RoomID(waits), &mautrix.ReqInviteUser{UserID: id.UserID(user)})
		if errors.Is(err, mautrix.MForbidden) { // invited already
			err = nil
		}
	default:
		err = n.renew(ctx, ghost, user)
	}
	if err != nil {
		return "", err
	}
	return "", unreachable(user + " has to accept the invitation to the telephone room first")
}

// introduce makes the user of a line, which has no caller's name yet.
func (n *lines) introduce(ctx context.Context, ghost string) error {
	name, err := n.store.name(ctx, ghost)
	if err != nil || name != "" {
		return err
	}
	return n.ghosts.ensure(ctx, ghost, "Telephone")
}

// renew makes a line where there is none, or none that can be used, but not
// again and again. The caller has the turn.
func (n *lines) renew(ctx context.Context, ghost, user string) error {
	if r, ok := n.rests[user]; ok && time.Now().Before(r.until) {
		return r.why
	}
	if err := n.create(ctx, ghost, user); err != nil {
		n.rests[user] = rest{time.Now().Add(restFailed), err}
		return err
	}
	n.rests[user] = rest{time.Now().Add(restMade), unreachable("the telephone room of " + user + " cannot be used: it is encrypted, or others are in it")}
	return nil
}

// create makes a line: one room with one user of ours, where every call rings
// whose caller has no room with the person. Its shape is what clients take for
// a direct chat, and nobody else shall be in it.
func (n *lines) create(ctx context.Context, ghost, user string) error {
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
