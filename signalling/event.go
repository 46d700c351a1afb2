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

// Side tells the legs of a call apart: A placed it, B received it, and C is
// there when a transfer makes a leg that takes the place of another. Two of
// them talk with each other; a side that has left may be given to a later leg.
type Side uint8

// The sides.
const (
	A Side = iota
	B
	C
	sides = 3
)

var sideNames = [sides]string{"A", "B", "C"}

func (s Side) String() string { return nameOf(sideNames[:], int(s)) }

// Kind is what happened.
type Kind uint8

// The kinds of event.
const (
	Routed      Kind = iota // the dial plan found a target
	Unroutable              // the dial plan refused; Reason says why
	Ringing                 // leg B alerts its user
	Early                   // before the answer: leg B has something to be heard, or leg A can pass it on; its Media is there
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

	// What only calls and their driver say to each other.
	released   // a command asks for the end in the name of a side
	overdue    // the timer of a transfer fired
	mismatched // a leg came up with audio that does not fit the other's
	asked      // another call asks which leg it would get in place of its own
	shown      // the answer to asked: this one
	hidden     // the answer to asked: none
	claimed    // another call wants that leg
	handed     // the answer to claimed: here it is
	withheld   // the answer to claimed: it is not to be had
	relieved   // another call has connected our far end elsewhere
	kinds
)

var kindNames = [kinds]string{"routed", "unroutable", "ringing", "early", "answered", "confirmed", "digit", "held",
	"resumed", "muted", "unmuted", "identified", "refer", "referred", "not-referred", "hung-up", "timed-out", "drain", "stop", "failed", "gone",
	"released", "overdue", "mismatched", "asked", "shown", "hidden", "claimed", "handed", "withheld", "relieved"}

func (k Kind) String() string { return nameOf(kindNames[:], int(k)) }

// Event is one fact reported to a call.
type Event struct {
	Kind    Kind
	Side    Side
	Reason  Reason
	Digit   byte
	Connect bool        // of Early: worth answering a caller for who would hear nothing before
	Silent  bool        // of Held: the far end sends nothing to be heard meanwhile
	Party   Party       // of Identified
	To      Destination // of Refer

	fromLeg bool    // posted by the leg itself
	native  bool    // of Routed, in a transfer: who stays may be asked to go there by itself
	letter  *letter // between two calls
}

// Do is what a call wants done.
type Do uint8

// The actions.
const (
	DoDial Do = iota
	DoRing
	DoProgress // let a leg hear what the other side plays before its answer
	DoAnswer
	DoDigit
	DoShow
	DoHangup
	DoReport
	DoRoute       // find out where a transfer leads
	DoTransfer    // ask a leg to connect itself elsewhere
	DoTransferred // tell a leg what became of its wish
	DoAsk         // ask another call which leg it would give
	DoClaim       // ask it for that leg
	DoRelieve     // tell it that its far end is elsewhere now
	DoReveal      // answer: this leg
	DoHide        // answer: none
	DoGive        // answer: here it is
	DoWithhold    // answer: you cannot have it
	dos
)

var doNames = [dos]string{"dial", "ring", "progress", "answer", "digit", "show", "hangup", "report", "route", "transfer", "transferred",
	"ask", "claim", "relieve", "reveal", "hide", "give", "withhold"}

func (d Do) String() string { return nameOf(doNames[:], int(d)) }

// Action is one effect of a step.
type Action struct {
	Do      Do
	Side    Side
	Reason  Reason
	Digit   byte
	Connect bool        // of DoProgress, as the event said
	To      Destination // of a transfer

	letter *letter // what is answered
}

func nameOf(names []string, i int) string {
	if i < len(names) {
		return names[i]
	}
	return "unknown"
}
