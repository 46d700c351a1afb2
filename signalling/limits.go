package signalling

import "time"

// Limits bounds how long a call may stay in each state.
type Limits struct {
	Route  time.Duration // choosing where the call goes
	Ring   time.Duration // from dialling to an answer
	Answer time.Duration // from the answer to audio on both sides
	Talk   time.Duration // the longest call
	End    time.Duration // for both legs to let go; then the call is buried
	Refer  time.Duration // for a far end to connect itself elsewhere
	Hops   int           // how often one call may be transferred
}

// DefaultLimits are what a telephone user expects: a minute of ringing, and a
// call that ends by itself after four hours (toll fraud and forgotten phones).
func DefaultLimits() Limits {
	return Limits{Route: 5 * time.Second, Ring: time.Minute, Answer: 25 * time.Second, Talk: 4 * time.Hour, End: 40 * time.Second,
		Refer: 40 * time.Second, Hops: 3}
}

func (l Limits) of(s State) time.Duration {
	switch s {
	case Routing:
		return l.Route
	case Dialling, Alerting:
		return l.Ring
	case Answering:
		return l.Answer
	case Connected:
		return l.Talk
	default:
		return l.End
	}
}

// ofStage bounds each stage of a transfer.
func (l Limits) ofStage(s stage) time.Duration {
	switch s {
	case asking:
		return l.Refer
	case ringing:
		return l.Ring
	case yielding:
		return l.Refer + l.Route
	default:
		return l.Route
	}
}
