package matrix

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"roomline/signalling"
)

// rooms knows which rooms are telephones: those that one of our users joined.
type rooms struct {
	hs     *homeserver
	store  *store
	ghosts *ghosts
	secret *secrecy
	may    Permissions
	log    *slog.Logger
}

// allowed tells whether a person may call.
func (r *rooms) allowed(user string) bool { return r.may.May(user, signalling.Dial) }

// answered tells whether a person's invitation is accepted. Who may be rung,
// but not call, is told so when calling.
func (r *rooms) answered(user string) bool { return r.may.May(user, signalling.Receive) }

// fit tells whether a room's members make it one telephone: exactly one user
// of ours, the caller, and others only if the call names our user.
func (r *rooms) fit(names map[string]string, ghost string, h heard) bool {
	_, here := names[ghost]
	_, caller := names[h.Sender]
	for user := range names {
		if user != ghost && r.ghosts.ours(user) {
			return false
		}
	}
	return here && caller && (len(names) == 2 || h.Invitee == ghost)
}

// welcome accepts an invitation of a telephone by somebody who may use us, or of
// a line by its own person, and tells whether it joined. Other invitations are
// left alone: to answer them would only help a flood.
func (r *rooms) welcome(ctx context.Context, room, ghost, inviter string, state []*event.Event) (joined bool, err error) {
	number, known := r.ghosts.number(ghost)
	if own := ghost == r.ghosts.line(inviter); !own && (!known || !r.answered(inviter)) {
		return false, fmt.Errorf("invitation of %s by %s: %w", ghost, inviter, errNotOurs)
	}
	return r.enter(ctx, room, ghost, inviter, state, func() (err error) {
		if known { // a line is made already
			_, err = r.ghosts.ensureNumber(ctx, number)
		}
		return err
	})
}

// enter joins a room as one of our users, once prepare has made that one, unless
// another of them is there or it is public.
func (r *rooms) enter(ctx context.Context, room, ghost, inviter string, state []*event.Event, prepare func() error) (joined bool, err error) {
	if taken, err := r.taken(ctx, room, ghost); err != nil {
		return false, err
	} else if taken || public(state) {
		return false, r.leave(ctx, room, ghost)
	}
	if err := prepare(); err != nil {
		return false, err
	}
	// Written down before joining: the call may come as soon as we are seen there.
	if err := r.store.setRoom(ctx, room, ghost, inviter); err != nil {
		return false, err
	}
	if _, err := r.hs.user(ghost).JoinRoomByID(ctx, id.RoomID(room)); err != nil {
		return false, errors.Join(fmt.Errorf("join %s: %w", room, err), r.store.forgetRoom(ctx, room, ghost))
	}
	if open, err := r.hs.public(ctx, room, ghost); err != nil {
		return false, err
	} else if open {
		return false, r.refusePublic(ctx, room, ghost)
	}
	if err := r.store.setRoom(ctx, room, ghost, inviter); err != nil { // a call that was too early may have taken us for gone
		return false, err
	}
	return true, nil
}

// taken tells whether another telephone is in a room: with two of them nobody
// could tell which one is called.
func (r *rooms) taken(ctx context.Context, room, ghost string) (bool, error) {
	holder, err := r.store.ghostOf(ctx, room)
	if err != nil || holder == "" || holder == ghost {
		return false, err
	}
	if _, err = r.hs.members(ctx, holder, room); gone(err) {
		return false, r.store.forgetRoom(ctx, room, holder)
	}
	return err == nil, err
}

// gone tells whether a user of ours is not in a room any more.
func gone(err error) bool {
	return errors.Is(err, mautrix.MForbidden) || errors.Is(err, mautrix.MNotFound)
}

// public reads the join rule from what an invitation shows of a room.
func public(state []*event.Event) bool {
	for _, e := range state {
		if e != nil && e.Type.Type == event.StateJoinRules.Type && publicRule(e.Content.VeryRaw) {
			return true
		}
	}
	return false
}

func (r *rooms) leave(ctx context.Context, room, ghost string) error {
	if _, err := r.hs.user(ghost).LeaveRoom(ctx, id.RoomID(room)); err != nil && !errors.Is(err, mautrix.MForbidden) {
		return fmt.Errorf("leave %s: %w", room, err)
	}
	return r.store.forgetRoom(ctx, room, ghost)
}
