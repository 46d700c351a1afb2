package command

import "roomline/signalling"

// Desk is where calls are looked at and changed; signalling.Exchange is one.
// Its commands tell whether there is such a call; what comes of them shows in
// the call.
type Desk interface {
	Calls() []signalling.Status  // oldest first
	Recent() []signalling.Record // newest first
	Hangup(call string, by signalling.Side) bool
	Hold(call string, by signalling.Side, on bool) bool
	Press(call string, by signalling.Side, digits string) bool
	Transfer(call string, by signalling.Side, to signalling.Destination) bool
}

// Placer places calls from a room.
type Placer interface {
	// Place rings a user's own client in a room, or in the user's telephone room
	// if none is named, and then the number. The error is for the user.
	Place(user, room, number string) error
}

// Book keeps the numbers that rooms were given.
type Book interface {
	// Assign gives a room a number in E.164, or a short code; with an empty one
	// the room has none any more. The error is for the user.
	Assign(room, number string) error
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
	Anywhere  bool   // whatever is dialled in the room is called from it, not only its number
}
