package matrix

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// unreachable is why a person cannot be rung, and what to do about it.
type unreachable string

// Error implements error.
func (u unreachable) Error() string { return string(u) }

// lines finds the room in which a person's telephone rings.
type lines struct {
	hs      *homeserver
	store   *store
	ghosts  *ghosts
	secret  *secrecy
	calls   *calls
	puppets *puppets
	portals bool // each number rings in a room of its own
	veiled  bool // the rooms that we make are encrypted
	log     *slog.Logger

	limit *bucket         // of portals that are made
	turn  turn            // one room is made at a time; guards rests
	rests map[string]rest // by ghost and user
}

// rest is why no room is made for a while: one was made, and is of no use, or
// could not be made. A homeserver would fill with rooms otherwise.
type rest struct {
	until time.Time
	why   error
}

const (
	restMade   = time.Hour
	restFailed = time.Minute
	restMoved  = time.Minute        // until who upgraded a room has invited us to its successor
	askAgain   = 7 * 24 * time.Hour // a person who has declined
)

func newLines(cfg Config, hs *homeserver, st *store, g *ghosts, secret *secrecy, calls *calls, p *puppets, log *slog.Logger) *lines {
	return &lines{hs: hs, store: st, ghosts: g, secret: secret, calls: calls, puppets: p, portals: cfg.Inbound == InboundPortal, veiled: cfg.Encryption.Rooms, log: log,
		limit: newBucket(1./60, 30), turn: newTurn(), rests: map[string]rest{}}
}

// prepare finds or makes the room of one of our users and a person, and tells
// whether the person is there.
func (n *lines) prepare(ctx context.Context, ghost, user string) (string, error) {
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
	if err != nil || room != "" {
		return room, err
	}
	if room = waits; room == "" {
		if room, err = n.renew(ctx, ghost, user); err != nil {
			return "", err
		}
	}
	return room, n.fetch(ctx, room, ghost, user)
}

// fetch brings a person into a room: by ourselves, where the administrator has
// granted it, else by an invitation.
func (n *lines) fetch(ctx context.Context, room, ghost, user string) error {
	if n.puppets.may(user) {
		err := n.puppets.join(ctx, user, room, ghost)
		if gone(err) { // whoever left cannot come back without an invitation
			err = errors.Join(n.invite(ctx, room, ghost, user), n.puppets.join(ctx, user, room, ghost))
		}
		if err == nil {
			return nil
		}
		n.log.Warn("could not let a user join its telephone room; is the double puppet registration known to the homeserver?", "user", user, "error", err)
	}
	if err := n.ask(ctx, room, ghost, user); err != nil {
		return err
	}
	return unreachable(user + " has to accept the invitation to the telephone room first")
}

// introduce makes one of our users; a line has no caller's name yet.
func (n *lines) introduce(ctx context.Context, ghost string) error {
	if number, ok := n.ghosts.number(ghost); ok {
		_, err := n.ghosts.ensureNumber(ctx, number)
		return err
	}
	known, err := n.store.profile(ctx, ghost)
	if err != nil || known.name != "" {
		return err
	}
	return n.ghosts.ensure(ctx, ghost, profile{name: "Telephone"})
}

// renew makes a room where there is none, or none that can be used, but not
// again and again. The caller has the turn.
func (n *lines) renew(ctx context.Context, ghost, user string) (string, error) {
	of := ghost + " " + user
	if r, ok := n.rests[of]; ok && time.Now().Before(r.until) {
		return "", r.why
	}
	n.forgetRests()
	room, err := n.create(ctx, ghost, user)
	if err != nil {
		n.rests[of] = rest{time.Now().Add(restFailed), err}
		return "", err
	}
	n.rests[of] = rest{time.Now().Add(restMade), unreachable("the telephone room of " + user + " cannot be used: it is encrypted, or others are in it")}
	return room, nil
}

// forgetRests drops what is over, so that portals leave nothing behind.
func (n *lines) forgetRests() {
	for of, r := range n.rests {
		if time.Now().After(r.until) {
			delete(n.rests, of)
		}
	}
}

// moving lets no room be made for a moment, because the old one was upgraded
// and its successor is about to come.
func (n *lines) moving(ctx context.Context, ghost, user string) {
	if n.turn.take(ctx) != nil {
		return
	}
	defer n.turn.give()
	n.rests[ghost+" "+user] = rest{time.Now().Add(restMoved), unreachable("the telephone room of " + user + " has just been replaced by another, to which " + ghost + " has to be invited")}
}

// all makes the lines that are missing, and returns what went wrong.
func (n *lines) all(ctx context.Context, users []string) error {
	var errs []error
	for _, user := range users {
		var waiting unreachable
		if _, err := n.prepare(ctx, n.ghosts.line(user), user); err != nil && !errors.As(err, &waiting) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
