// Package signalling joins two legs into a call and sees it to its end,
// whatever either side does.
package signalling

import (
	"context"
	"log/slog"
	"time"

	"roomline/media"
)

// Limits bounds how long a call may stay in each state.
type Limits struct {
	Route  time.Duration // choosing where the call goes
	Ring   time.Duration // from dialling to an answer
	Answer time.Duration // from the answer to audio on both sides
	Talk   time.Duration // the longest call
	End    time.Duration // for both legs to let go; then the call is buried
}

// DefaultLimits are what a telephone user expects: a minute of ringing, and a
// call that ends by itself after four hours (toll fraud and forgotten phones).
func DefaultLimits() Limits {
	return Limits{Route: 5 * time.Second, Ring: time.Minute, Answer: 25 * time.Second, Talk: 4 * time.Hour, End: 40 * time.Second}
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

// Router says where a call goes, or why it goes nowhere.
type Router interface {
	Find(Incoming) (Target, Reason, bool)
}

// call is two legs and the one goroutine that joins them.
type call struct {
	in      Incoming
	limits  Limits
	router  Router
	dialler func(name string) (Dialler, bool)
	report  func(Record)
	write   func(number string) string
	tap     func(id string) media.Tap // nil: nobody listens

	log    *slog.Logger
	inbox  *Inbox
	legs   [2]Leg
	target Target
	via    Dialler
	bridge media.Bridge
	early  *media.Early // what the called side says before the caller can hear it
	times  times
	phase
}

// earlyPackets is two seconds of audio at the usual 20 ms a packet.
const earlyPackets = 100

// times are the moments a record tells of; zero means never.
type times struct{ start, ringing, answered, connected, ended time.Time }

func newCall(id string, in Incoming, log *slog.Logger) *call {
	c := &call{in: in, inbox: newInbox(id, 256, log), phase: start()}
	c.log, c.times.start = c.inbox.Log(), time.Now()
	if !in.At.IsZero() {
		c.times.start = in.At
	}
	return c
}

// run joins the legs until both are gone. Everything a call owns is touched
// only here, so nothing in it is locked.
func (c *call) run(ctx context.Context) {
	timer := time.NewTimer(c.limits.of(c.State))
	defer timer.Stop()
	defer c.inbox.seal()
	stop := ctx.Done()
	c.legs[A] = c.in.Leg(c.inbox)
	c.route()
	for c.State != Ended {
		var events []Event
		select {
		case <-c.inbox.Ready():
			events = c.inbox.Take()
		case <-timer.C:
			events = []Event{{Kind: TimedOut}}
		case <-stop:
			stop, events = nil, []Event{{Kind: Stop}}
		}
		for _, e := range events {
			if was := c.State; c.advance(e) != was {
				timer.Reset(c.limits.of(c.State))
			}
		}
	}
}

// route asks the dial plan. It is a lookup in memory today; a slower plan
// would post the same two events from a goroutine of its own.
func (c *call) route() {
	target, why, ok := c.router.Find(c.in)
	if ok {
		if c.via, ok = c.dialler(target.Via); !ok {
			why = Reason{Cause: NoRoute, Detail: "no trunk is named " + target.Via}
		}
	}
	if !ok {
		c.inbox.Post(Event{Kind: Unroutable, Reason: why})
		return
	}
	c.target = target
	c.inbox.Post(Event{Kind: Routed})
}

// advance takes one step and does what it asks for.
func (c *call) advance(e Event) State {
	was := c.State
	var actions []Action
	c.phase, actions = c.step(e)
	if c.State != was {
		c.stamp(c.State)
		c.log.Debug("call", "from", was.String(), "to", c.State.String(), "on", e.Kind.String(), "reason", e.Reason.String())
	}
	for _, a := range actions {
		c.do(a)
	}
	return c.State
}

func (c *call) stamp(s State) {
	now := time.Now()
	switch s {
	case Alerting:
		c.times.ringing = now
	case Answering:
		c.times.answered = now
	case Connected:
		c.times.connected = now
	case Ending:
		c.times.ended = now
	}
}

func (c *call) do(a Action) {
	switch a.Do {
	case DoDial:
		c.legs[B] = c.via.Dial(c.target, c.legs[A].Offers(), c.inbox)
	case DoRing:
		c.legs[a.Side].Ring()
	case DoAnswer:
		c.answer(a.Side)
	case DoDigit:
		c.legs[a.Side].SendDigit(a.Digit)
	case DoHold, DoResume:
		c.legs[a.Side].Show(View{Party: c.party(a.Side.Other()), Held: a.Do == DoHold})
	case DoHangup:
		c.legs[a.Side].Hangup(a.Reason)
	case DoReport:
		c.report(c.record())
	case DoBridge:
		c.join()
	case DoUnbridge:
		c.bridge.Part()
	}
}

// answer connects the caller with the very format the called side chose, so
// that packets pass through untouched (RFC 3264 §6.1 lets an answer choose).
func (c *call) answer(s Side) {
	m := c.legs[s.Other()].Media()
	if m == nil {
		c.inbox.Post(Event{Kind: Failed, Reason: Reason{Cause: Internal, Detail: "answered without audio"}})
		return
	}
	c.early = media.NewEarly(earlyPackets)
	m.SendTo(c.early)
	c.legs[s].Answer(m.Format())
}

func (c *call) join() {
	c.bridge = media.Bridge{A: c.legs[A].Media(), B: c.legs[B].Media()}
	if c.tap != nil {
		c.bridge.Tap = c.tap(c.inbox.Call())
	}
	c.early.Open(c.bridge.Toward(c.bridge.A, 1))
	c.bridge.Join()
}

// party is who speaks on a side.
func (c *call) party(s Side) Party {
	if s == A {
		return c.in.From
	}
	return c.target.To
}
