package command

import (
	"context"
	"time"

	"roomline/signalling"
)

// Desk is where calls are looked at and changed. What came of a wish shows in
// the call; an error says that it could not even be passed on.
type Desk interface {
	// Calls lists the calls that are alive, oldest first.
	Calls() []Call
	// Recent lists the calls that ended lately, oldest first.
	Recent() []Past
	// Hangup ends a call in the name of one of its sides.
	Hangup(call string, s signalling.Side) error
	// Hold has a side put the other on hold, or take it back.
	Hold(call string, s signalling.Side, on bool) error
	// Press sends digits to the other side, as if this one had pressed them.
	Press(call string, s signalling.Side, digits string) error
	// Transfer sends the other side elsewhere in place of this one.
	Transfer(call string, s signalling.Side, to signalling.Destination) error
}

// Call is a call that is alive.
type Call struct {
	ID    string
	State signalling.State
	Since time.Time // since when they talk, or since when it is placed
	Ends  []End     // who talk with each other
}

// End is one side of a call.
type End struct {
	Side  signalling.Side
	Party signalling.Party
	Held  bool // it has put the other on hold
}

// Past is a call that ended, and the Matrix user who had part in it.
type Past struct {
	User string
	signalling.Record
}

// Placer places calls from a room.
type Placer interface {
	// Place rings a user's own client in a room, or in the user's telephone room
	// if none is named, and then the number. The error is for the user.
	Place(ctx context.Context, user, room, number string) error
}

// Permissions says who may do what.
type Permissions interface {
	May(user string, what signalling.Level) bool
}

// Numbers reads and writes telephone numbers.
type Numbers interface {
	Parse(typed string) (e164 string, err error)
	Format(e164 string) string
}

// Who is who gives a command, and where.
type Who struct {
	User      string
	Room      string
	Call      string // the call that goes on in the room; empty: none
	Number    string // whose telephone the room is; empty: nobody's, it is for commands only
	Mentioned string // the one user whom the message mentions
}

// seat is a side of a call that somebody may command.
type seat struct {
	call Call
	mine End
}

// other is whom the side talks to.
func (s seat) other() signalling.Party {
	for _, e := range s.call.Ends {
		if e.Side != s.mine.Side {
			return e.Party
		}
	}
	return signalling.Party{}
}
