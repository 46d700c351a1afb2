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
	// Progress lets the far end hear, before the answer, what the other side
	// plays in a format that was offered (RFC 3960, and talk back where it may).
	// Once it can, the leg posts Early. One whose protocol has no audio before an
	// answer does nothing, or, where connect is set, answers as if by itself: its
	// far end takes the call for answered, and Answer still follows.
	Progress(f media.Format, connect bool)
	// Answer accepts the call with one of the formats offered, after Progress
	// with the same; the leg then
	// posts Confirmed when audio can flow, or HungUp.
	Answer(f media.Format)
	// Show tells the far end what is known of the other side now. It is given
	// whole at every change; the leg passes on what its protocol can say.
	Show(View)
	// SendDigit plays one DTMF digit (0-9 * # A-D) toward the far end.
	SendDigit(d byte)
	// Transfer asks the far end to connect itself to somebody else in place of
	// the other side (SIP REFER, RFC 3515). The leg posts Referred when it has,
	// or NotReferred; where its protocol has no such request, at once.
	Transfer(Destination)
	// Transferred tells the far end, which asked for a transfer by Refer, what
	// became of it; NormalClearing means that the others are connected. The leg
	// itself goes on until Hangup.
	Transferred(Reason)
	// Hangup ends the leg, whatever state it is in.
	Hangup(Reason)
	// Media is the leg's audio. It is there once the leg has posted Early,
	// Answered (side B) or Confirmed (side A), and nil before. A leg that has
	// posted Early answers in the same format wherever it can.
	Media() media.Endpoint
}

// Party is one end of a call as the other end may see it.
type Party struct {
	Number string // E.164 with "+" where known, else as dialled; empty when withheld
	Name   string // display name, never trusted: controls and length are the leg's to clean
	User   string // Matrix user id; empty for a telephone
	Hidden bool   // the party withholds its number and name (RFC 3323); both are empty then

	Assured   Assurance // how far Number can be believed
	Forwarder string    // the number that was called first, where the call was forwarded (RFC 5806, RFC 7044); empty: none known
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

// View is what one side may know of the other.
type View struct {
	Party Party // who it is by now: a transfer or a connected line changes it (RFC 5876, MSC3086)
	Held  bool  // it has put the call on hold
	Muted bool  // it has switched its microphone off
}

// Target names the leg to make: a trunk and a number, or Matrix and a user.
type Target struct {
	Via      string // the dialler's name: a trunk, or "matrix"
	To       Party
	From     Party
	Room     string   // Matrix: the room to ring in; empty: the user's own telephone room
	Replaces string   // SIP: the dialog elsewhere that the new one takes the place of (RFC 3891); empty: none
	Hops     int      // SIP: how many hops are left of those that a call came with; 0: it came with none
	Also     []Target // rung at the same time; the first to answer has the call

	// Redirect asks, from any goroutine, whether the leg may call another number
	// on the same trunk in place of this one, and how it is to be dialled. It is a
	// new call of the same user; the number before is over with that, whatever the
	// word. nil: no other number may be called.
	Redirect func(number string) (to string, why Reason, ok bool)
}

// Destination is where one side of a call wants the other side to go, in place
// of itself: to a number or user (blind), or to the party of another call that
// it has here (attended).
type Destination struct {
	To       Party
	With     string // attended: the id of the other call; empty: blind. Who asks has to be in both: the leg sees to that
	WithSide Side   // attended: the side in that call of who asks; the opposite side is to be joined
	Replaces string // attended, in a dialog that is not ours: goes into Target.Replaces
	Left     bool   // who asks has left already, and cannot be given back what fails
	Leg      Leg    // attended: the leg to be joined. The call fills it in before Leg.Transfer
}

// Dialler makes outgoing legs of one kind. Dialling cannot fail and does not
// block; the leg can fail, and then it posts HungUp and Gone like any other
// leg that ends. The leg posts with side B, in whose place a transfer may put
// another (Inbox.For). One that rings several people says who has answered:
// Identified, and then Answered.
type Dialler interface {
	Dial(to Target, offer []media.Format, in *Inbox) Leg
}

// Incoming is a call that the far end of a leg wants to place.
type Incoming struct {
	Via  string // who brings it: a trunk's name, or "matrix"
	From Party
	To   Party
	Room string    // the Matrix room, where there is one; for the record only
	Hops int       // SIP: how many it may still take
	At   time.Time // when the invitation reached this machine

	Attest string // what a carrier's signature says of the caller: "A", "B" or "C" (RFC 8588); empty: none that holds
	OrigID string // and where it says the call began (RFC 8588); for the record only
	// Leg makes the leg that placed the call. It posts with side A.
	Leg func(*Inbox) Leg
}
