// Package signalling joins two legs into a call and sees it to its end,
// whatever either side does.
package signalling

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"
)

// Router says where a call goes, or why it goes nowhere.
type Router interface {
	Find(Incoming) (Target, Reason, bool)
}

// call is two legs and the one goroutine that joins them.
type call struct {
	in      Incoming
	opt     Options
	dialler func(name string) (Dialler, bool)
	find    func(id string) (*Inbox, bool)
	report  func(Record)

	log     *slog.Logger
	inbox   *Inbox
	pending []Event // taken from the inbox, and not yet handled
	legs    [sides]Leg
	views   [sides]*Inbox
	who     [sides]Party // who speaks on each side
	first   [2]Party     // who it was at first
	parts   [sides]part
	heard   [sides]LegAudio // of legs that another call has taken
	next    *plan           // where the leg to be dialled leads
	owner   Party           // the Matrix user whose rights a transfer has
	trunk   string          // the first that the call went by
	onward  string          // the trunk that a call from a trunk was passed on by
	goal    Party           // where a transfer is to lead
	moved   string          // where one has led
	sound   sound
	times   times
	status  atomic.Pointer[Status] // for others to see
	phase
}

// times are the moments a record tells of; zero means never.
type times struct{ start, ringing, answered, connected, ended time.Time }

func newCall(id string, in Incoming, log *slog.Logger) *call {
	c := &call{in: in, inbox: newInbox(id, 256, log), phase: start(0)}
	c.log, c.times.start = c.inbox.Log(), time.Now()
	if !in.At.IsZero() {
		c.times.start = in.At
	}
	c.who = [sides]Party{A: in.From, B: in.To}
	if in.Via == Matrix {
		c.owner = in.From
	} else {
		c.trunk = in.Via
	}
	c.parts[A].via = in.Via
	c.publish()
	return c
}

// run joins the legs until all are gone. Everything a call owns is touched
// only here, so nothing in it is locked.
func (c *call) run(ctx context.Context) {
	defer c.shut()
	timer, transfer := time.NewTimer(c.opt.Limits.of(c.State)), time.NewTimer(0)
	defer timer.Stop()
	defer transfer.Stop()
	transfer.Stop()
	stop := ctx.Done()
	c.views[A] = c.inbox.For(A)
	c.legs[A] = c.in.Leg(c.views[A])
	c.route(c.in)
	for c.State != Ended {
		select {
		case <-c.inbox.Ready():
			c.pending = c.inbox.Take()
		case <-timer.C:
			c.pending = []Event{{Kind: TimedOut}}
		case <-transfer.C:
			c.pending = []Event{{Kind: overdue}}
		case <-stop:
			stop, c.pending = nil, []Event{{Kind: Stop}}
		}
		for len(c.pending) > 0 && c.State != Ended {
			was := c.phase
			e := c.pending[0]
			c.pending = c.pending[1:]
			c.advance(e)
			if c.State != was.State {
				timer.Reset(c.opt.Limits.of(c.State))
			}
			if c.move.at != was.move.at {
				c.rearm(transfer)
			}
		}
	}
}

func (c *call) rearm(transfer *time.Timer) {
	if c.move.at == settled {
		transfer.Stop()
		return
	}
	transfer.Reset(c.opt.Limits.ofStage(c.move.at))
}

// shut answers what other calls have written to one that is over.
func (c *call) shut() {
	for _, e := range append(c.pending, c.inbox.seal()...) {
		c.disown(e)
	}
}

// advance takes one step and does what it asks for.
func (c *call) advance(e Event) {
	e = c.vet(e)
	c.accept(e)
	was := c.phase
	var actions []Action
	c.phase, actions = c.step(e)
	if c.State != was.State {
		c.stamp(c.State)
		c.log.Debug("call", "from", was.State.String(), "to", c.State.String(), "on", e.Kind.String(), "reason", e.Reason.String())
	}
	c.tell(was, e)
	c.listen()
	for _, a := range actions {
		c.do(a)
	}
	c.settle()
	c.publish()
}

// vet turns an answer that has no audio, or the wrong kind, into what it is.
func (c *call) vet(e Event) Event {
	if e.letter != nil || e.Kind != Answered && e.Kind != Confirmed && !c.foretells(e) || !c.here(e.Side) {
		return e
	}
	m := c.legs[e.Side].Media()
	if m != nil && c.strays(e, m) {
		return Event{Kind: Failed, Side: e.Side, Reason: Reason{Cause: NoCodec, Detail: "the answer is in another codec than what was heard before it"}}
	}
	if m == nil || c.move.at == ringing && e.Side == c.move.to && !m.Format().Same(c.staying().Format()) {
		e.Kind = mismatched
	}
	return e
}

// accept keeps what an event brings that is not for the machine.
func (c *call) accept(e Event) {
	switch {
	case e.Kind == handed:
		c.takeIn(e)
	case e.Kind == Identified && c.slots[e.Side].live:
		c.who[e.Side] = e.Party
		if c.owner.User == "" && e.Party.User != "" {
			c.owner = e.Party // who of several took a call from a trunk
		}
	}
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
	case Ending, Ended:
		if c.times.ended.IsZero() {
			c.times.ended = now
		}
	}
}
