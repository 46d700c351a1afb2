package signalling

// State is where a call is in its life. Hold and early media are facts about
// a state, not states of their own.
type State uint8

// The states, in the only order in which they follow each other.
const (
	Routing   State = iota // leg A is here; the dial plan is choosing leg B
	Dialling               // leg B has been asked for
	Alerting               // leg B rings; leg A hears it
	Answering              // leg B answered; leg A is being connected
	Connected              // audio flows both ways
	Ending                 // both legs were told to stop; waiting for them
	Ended                  // both legs are gone; terminal
	states
)

var stateNames = [states]string{"routing", "dialling", "alerting", "answering", "connected", "ending", "ended"}

func (s State) String() string { return nameOf(stateNames[:], int(s)) }

// Side tells the two legs apart: A placed the call, B received it.
type Side uint8

// The two sides.
const (
	A Side = iota
	B
)

// Other returns the opposite side.
func (s Side) Other() Side { return s ^ 1 }

// Kind is what happened.
type Kind uint8

// The kinds of event.
const (
	Routed      Kind = iota // the dial plan found a target
	Unroutable              // the dial plan refused; Reason says why
	Ringing                 // leg B alerts its user
	Answered                // leg B's user answered; its Media is there
	Confirmed               // leg A can carry audio; its Media is there
	Digit                   // one DTMF digit from the far end, outside the audio
	Held                    // the far end put the call on hold; Silent says whether we have to play something
	Resumed                 // the far end took it back
	Muted                   // the far end switched its microphone off
	Unmuted                 // the far end switched it on again
	Identified              // who the far end is became known, or changed: Party
	Refer                   // the far end wants the other side to go to To instead of itself
	Referred                // the far end has connected itself elsewhere, as Transfer asked
	NotReferred             // it will not; Reason says why
	HungUp                  // the far end left, or the leg failed; Reason says why
	TimedOut                // the timer of the current state fired
	Drain                   // the gateway takes no new calls; unanswered ones end
	Stop                    // the gateway can wait no longer
	Failed                  // we found a fault of our own; Reason says which
	Gone                    // the leg has released everything it held
	kinds
)

var kindNames = [kinds]string{"routed", "unroutable", "ringing", "answered", "confirmed", "digit", "held",
	"resumed", "muted", "unmuted", "identified", "refer", "referred", "not-referred", "hung-up", "timed-out", "drain", "stop", "failed", "gone"}

func (k Kind) String() string { return nameOf(kindNames[:], int(k)) }

// Event is one fact reported to a call.
type Event struct {
	Kind   Kind
	Side   Side
	Reason Reason
	Digit  byte
	Silent bool        // of Held: the far end sends nothing to be heard meanwhile
	Party  Party       // of Identified
	To     Destination // of Refer
}

// Do is what a call wants done.
type Do uint8

// The actions.
const (
	DoDial Do = iota
	DoRing
	DoAnswer
	DoBridge
	DoUnbridge
	DoDigit
	DoHold
	DoResume
	DoHangup
	DoReport
	dos
)

var doNames = [dos]string{"dial", "ring", "answer", "bridge", "unbridge", "digit", "hold", "resume", "hangup", "report"}

func (d Do) String() string { return nameOf(doNames[:], int(d)) }

// Action is one effect of a step.
type Action struct {
	Do     Do
	Side   Side
	Reason Reason
	Digit  byte
}

func nameOf(names []string, i int) string {
	if i < len(names) {
		return names[i]
	}
	return "unknown"
}
