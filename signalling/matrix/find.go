package matrix

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"roomline/signalling"
)

// find names the room to ring in, and which of our users rings there.
//
// A target with a room rings in that one, whoever is in it. Else a room that
// the person shares with the caller's own number comes first; then, if portals
// are wanted and may be made, a new one; else it is the person's line, on which
// the caller's name is shown.
func (n *lines) find(ctx context.Context, to signalling.Target) (room, ghost string, err error) {
	if to.Room != "" {
		return n.inside(ctx, to)
	}
	user, caller := to.To.User, to.From
	if e164.MatchString(caller.Number) && !caller.Hidden {
		ghost = n.ghosts.of(caller.Number)
		if room, err = n.portal(ctx, ghost, user); err != nil {
			return "", "", err
		}
	}
	if room == "" {
		ghost = n.ghosts.line(user)
		if room, err = n.prepare(ctx, ghost, user); err != nil {
			return "", "", err
		}
	}
	if n.calls.busy(room) {
		return room, ghost, nil // it shows who the person is talking to now
	}
	return room, ghost, n.announce(ctx, ghost, caller)
}

// announce shows who calls; an account does so once the room is its call's
// (rename). A number whose name the carrier does not tell this
// time keeps the one it has.
func (n *lines) announce(ctx context.Context, ghost string, caller signalling.Party) error {
	if number, ok := n.ghosts.number(ghost); ok && clean(caller.Name) == "" {
		_, err := n.ghosts.ensureNumber(ctx, number)
		return err
	}
	return n.ghosts.ensure(ctx, ghost, n.ghosts.shown(caller))
}

// portal is the room of a number and a person; none if there is none and
// cannot be: then the line rings.
func (n *lines) portal(ctx context.Context, ghost, user string) (string, error) {
	room, waits, err := n.shared(ctx, ghost, user)
	if err != nil || room != "" || !n.portals || !n.puppets.may(user) {
		return room, err
	}
	if waits == "" && !n.limit.take() {
		n.log.Warn("no room was made for a number: too many at once", "user", user)
		return "", nil
	}
	if room, err = n.prepare(ctx, ghost, user); err != nil {
		n.log.Warn("no room was made for a number; the line rings", "user", user, "error", err)
		return "", nil
	}
	return room, nil
}

// inside finds out which of our users speaks in a given room: the one whose
// telephone it is, that of the number called, or any other that is there.
func (n *lines) inside(ctx context.Context, to signalling.Target) (room, ghost string, err error) {
	if room = to.Room; strings.HasPrefix(room, "#") {
		res, err := n.hs.self().ResolveAlias(ctx, id.RoomAlias(room))
		if err != nil {
			return "", "", fmt.Errorf("look up the room %s: %w", room, err)
		}
		room = res.RoomID.String()
	}
	list, err := n.speakers(ctx, room, to.To.Number)
	if err != nil {
		return "", "", err
	}
	for _, ghost := range list {
		switch names, err := n.hs.members(ctx, ghost, room); {
		case gone(err):
			continue
		case err != nil:
			return "", "", err
		default:
			return room, ghost, n.ringable(ctx, room, ghost, to.To.User, names)
		}
	}
	return "", "", unreachable("none of the telephone users is in the room " + to.Room + ": invite one there, like " + n.ghosts.of(to.To.Number))
}

// speakers are those of our users who may be in a room. The user of the number
// called comes in if it was invited: a rule of the operator's sends calls there.
func (n *lines) speakers(ctx context.Context, room, called string) ([]string, error) {
	list := []string{}
	holder, err := n.store.ghostOf(ctx, room)
	if err != nil {
		return nil, err
	}
	if holder != "" {
		list = append(list, holder)
	}
	if called != "" {
		ghost := n.ghosts.of(called)
		if _, err := n.hs.members(ctx, ghost, room); gone(err) && holder == "" {
			if _, err = n.hs.user(ghost).JoinRoomByID(ctx, id.RoomID(room)); err == nil {
				err = n.store.recallRoom(ctx, room, ghost)
			}
			if err != nil {
				n.log.Debug("could not join a room in which a number shall ring", "error", err)
			}
		}
		if ghost != holder {
			list = append(list, ghost)
		}
	}
	seen, err := n.store.state.GetRoomMembers(ctx, id.RoomID(room), event.MembershipJoin)
	for user := range seen {
		if n.ghosts.ours(user.String()) && !slices.Contains(list, user.String()) {
			list = append(list, user.String())
		}
	}
	return list, err
}

// ringable tells whether anybody in a room can be rung, and why not.
func (n *lines) ringable(ctx context.Context, room, ghost, user string, names map[string]string) error {
	barred, err := n.secret.barred(ctx, room, ghost)
	if err != nil {
		return err
	}
	open, err := n.hs.public(ctx, room, ghost)
	people := 0
	for name := range names {
		if !n.ghosts.ours(name) {
			people++
		}
	}
	_, there := names[user]
	switch {
	case err != nil:
		return err
	case barred != "":
		return unreachable(barred)
	case open:
		return unreachable("the room is public, and calls in public rooms are not possible")
	case user != "" && !there:
		return unreachable(user + " is not in the room")
	case people == 0:
		return unreachable("nobody is in the room")
	}
	return nil
}

// alive tells whether a leg's call goes on.
func (n *lines) alive(l *leg) bool {
	n.calls.mu.Lock()
	defer n.calls.mu.Unlock()
	for _, other := range n.calls.live { // its key changes when calls cross
		if other == l {
			return true
		}
	}
	return false
}
