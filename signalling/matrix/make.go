package matrix

import (
	"context"
	"errors"
	"fmt"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// create makes a room of one of our users and one person. Its shape is what
// clients take for a direct chat, and nobody else shall be in it.
func (n *lines) create(ctx context.Context, ghost, user string) (string, error) {
	state, veiled, err := n.initial()
	if err != nil {
		return "", err
	}
	res, err := n.hs.user(ghost).CreateRoom(ctx, &mautrix.ReqCreateRoom{
		Preset: "private_chat", IsDirect: true, Invite: []id.UserID{id.UserID(user)}, PowerLevelOverride: levels(), InitialState: state,
	})
	if err != nil {
		return "", fmt.Errorf("make a telephone room for %s: %w", user, err)
	}
	n.log.Info("made a telephone room", "user", user, "encrypted", veiled)
	room := res.RoomID.String()
	if veiled && n.secret.seal(room) {
		n.secret.write(ctx, room)
	}
	return room, errors.Join(n.store.setRoom(ctx, room, ghost, user), n.store.setAsked(ctx, room, user, time.Now()))
}

// initial is the state of a new room. It is encrypted where that is wished and
// possible: in one that we cannot read nobody could be rung.
func (n *lines) initial() (state []*event.Event, veiled bool, err error) {
	if !n.veiled {
		return nil, false, nil
	}
	switch can := n.secret.able(); {
	case can == abilityUnknown:
		return nil, false, errUntested
	case can.missing():
		n.log.Warn("a telephone room is made without encryption", "why", can.need())
		return nil, false, nil
	}
	return []*event.Event{{Type: event.StateEncryption, StateKey: new(string),
		Content: event.Content{Parsed: &event.EncryptionEventContent{Algorithm: id.AlgorithmMegolmV1}}}}, true, nil
}

// levels are the power levels of rooms that we make; the person has none, and
// needs none to call. Without the right to begin a MatrixRTC call clients show
// only the button that we understand; nobody can invite a third member, or
// switch on encryption, after which the line would be of no use.
func levels() *event.PowerLevelsEventContent {
	all := 100
	return &event.PowerLevelsEventContent{InvitePtr: &all, Events: map[string]int{
		"org.matrix.msc3401.call": all, "org.matrix.msc3401.call.member": all, "m.call": all, "m.call.member": all,
		event.StateEncryption.Type: all, event.StatePowerLevels.Type: all, event.StateHistoryVisibility.Type: all,
		event.StateTombstone.Type: all, event.StateServerACL.Type: all,
	}}
}

// ask invites a person who is not in a room, unless that was done within the
// last week: who has declined shall not be asked at every start and call.
func (n *lines) ask(ctx context.Context, room, ghost, user string) error {
	at, err := n.store.asked(ctx, room, user)
	if err != nil || time.Since(at) < askAgain {
		return err
	}
	return n.invite(ctx, room, ghost, user)
}

func (n *lines) invite(ctx context.Context, room, ghost, user string) error {
	_, err := n.hs.user(ghost).InviteUser(ctx, id.RoomID(room), &mautrix.ReqInviteUser{UserID: id.UserID(user)})
	if err != nil && !errors.Is(err, mautrix.MForbidden) { // forbidden: invited already
		return fmt.Errorf("invite %s: %w", user, err)
	}
	return n.store.setAsked(ctx, room, user, time.Now())
}
