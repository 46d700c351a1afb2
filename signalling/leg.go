package signalling

import (
	"time"

	"roomline/media"
)

// Leg is one side of a call. Its methods hand over an intention and return at
// once; what came of it is posted to the inbox the leg was made with. After
// Hangup, or after it posted HungUp by itself, a leg posts Gone exactly once,
// when it holds no socket, peer connection or dialog any more, and then stays
// silent. The call uses a leg from one goroutine only.
type Leg interface {
	// Offers lists what the far end can speak, best first. It is asked only of
	// the leg that placed the call. Nil means that the far end waits for our
	// offer (RFC 3261 §13.2.1) and takes whatever the other side speaks.
	Offers() []media.Format
	// Ring tells the far end that the other side is alerting.
	Ring()
	// Answer accepts the call with one of the formats offered; the leg then
	// posts Confirmed when audio can flow, or HungUp.
	Answer(f media.Format)
	// Hold tells the far end that the other side has put it on hold, or not.
	Hold(on bool)
	// SendDigit plays one DTMF digit (0-9 * # A-D) toward the far end.
	SendDigit(d byte)
	// Hangup ends the leg, whatever state it is in.
	Hangup(Reason)
	// Media is the leg's audio. It is there once the leg has posted Answered
	// (side B) or Confirmed (side A), and nil before.
	Media() media.Endpoint
}

// Party is one end of a call as the other end may see it.
type Party struct {
	Number string // E.164 with "+" where known, else as dialled; empty when withheld
	Name   string // display name, never trusted: controls and length are the leg's to clean
	User   string // Matrix user id; empty for a telephone
}

// Label is how a person would call the party: name, number, user or "unknown".
func (p Party) Label() string {
	for _, s := range [...]string{p.Number, p.User, p.Name} {
		if s != "" {
			return s
		}
	}
	return "an unknown caller"
}

// Target names the leg to make: a trunk and a number, or Matrix and a user.
type Target struct {
	Via  string // the dialler's name: a trunk, or "matrix"
	To   Party
	From Party
}

// Dialler makes outgoing legs of one kind. Dialling cannot fail and does not
// block; the leg can fail, and then it posts HungUp and Gone like any other
// leg that ends. The leg posts with side B.
type Dialler interface {
	Dial(to Target, offer []media.Format, in *Inbox) Leg
}

// Incoming is a call that the far end of a leg wants to place.
type Incoming struct {
	Via  string // who brings it: a trunk's name, or "matrix"
	From Party
	To   Party
	Room string    // the Matrix room, where there is one; for the record only
	At   time.Time // when the invitation reached this machine
	// Leg makes the leg that placed the call. It posts with side A.
	Leg func(*Inbox) Leg
}
