package matrix

import "context"

// standing is what a room is good for.
type standing uint8

const (
	usable   standing = iota // the two are alone in it
	awaiting                 // the person has not joined, and nobody else has
	spoilt                   // others are in it, or it is encrypted and we cannot encrypt
	lost                     // our user is not in it any more
)

func (n *lines) standing(ctx context.Context, room, ghost, user string) (standing, error) {
	names, err := n.hs.members(ctx, ghost, room)
	if gone(err) {
		return lost, n.store.forgetRoom(ctx, room, ghost)
	}
	if err != nil {
		return lost, err
	}
	barred, err := n.secret.barred(ctx, room, ghost)
	_, joined := names[user]
	switch {
	case err != nil:
		return lost, err
	case barred != "", len(names) > 2, len(names) == 2 && !joined:
		return spoilt, err
	case !joined:
		return awaiting, err
	default:
		return usable, err
	}
}

// shared looks for a room in which a telephone and a person are alone, or for
// one where the telephone waits for the person.
func (n *lines) shared(ctx context.Context, ghost, user string) (room, waits string, err error) {
	list, err := n.candidates(ctx, ghost, user)
	if err != nil {
		return "", "", err
	}
	for _, room := range list {
		switch s, err := n.standing(ctx, room, ghost, user); {
		case err != nil:
			return "", "", err
		case s == usable:
			return room, "", nil
		case s == awaiting && waits == "" && n.made(ctx, room, ghost, user):
			waits = room
		}
	}
	return "", waits, nil
}

func (n *lines) candidates(ctx context.Context, ghost, user string) ([]string, error) {
	if n.ghosts.account != "" {
		return n.store.chatsOf(ctx, ghost, user)
	}
	return n.store.roomsOf(ctx, ghost, user)
}

// made tells whether a person may be asked into a room: nobody is asked back
// into one that an account was invited to, and that all others have left.
func (n *lines) made(ctx context.Context, room, ghost, user string) bool {
	if ghost != n.ghosts.account {
		return true
	}
	at, err := n.store.asked(ctx, room, user)
	return err == nil && !at.IsZero()
}
