package signalling

import (
	"context"
	"crypto/rand"
	"log/slog"
	"sync"
	"time"

	"roomline/media"
)

// Options are what an Exchange needs to know.
type Options struct {
	Router  Router
	Limits  Limits
	Max     int                                      // calls at once; further ones are refused
	Refused func(Incoming, Reason)                   // told of every call that was refused before it began; nil: nobody
	Report  func(Record)                             // told of every call that ended, from its goroutine
	Write   func(number string) string               // how numbers are written for people; nil: as they are
	Tap     func(call string) media.Tap              // nil, or who listens to a call's audio
	Permit  Permit                                   // who may dial what; nil: everybody everything
	MayText func(user, number string) (Reason, bool) // who may write text messages to whom; nil: everybody to everybody
	Music   Music                                    // for those who wait; nil: silence
	Log     *slog.Logger
}

// Permit says, at the time of the call, who may dial what.
type Permit interface {
	// Admit weighs a call of a Matrix user to a telephone before anything is
	// dialled. It must not wait on anything slower than memory. Where it admits,
	// leave is called once when the call has ended, with the time that both
	// could talk; where it does not, why is for the user.
	Admit(user, number string) (leave func(talked time.Duration), why Reason, ok bool)
}

// Music plays to a party that waits.
type Music interface {
	// Play writes packets of this format to a sink until stop is called; stop
	// returns when the last packet was written, and may be called twice.
	Play(to media.Sink, f media.Format) (stop func())
}

// Exchange holds the calls that are alive: it admits, routes and drains them.
type Exchange struct {
	opt  Options
	stop context.CancelFunc
	ctx  context.Context
	wg   sync.WaitGroup // one for each call's goroutine

	mu       sync.Mutex
	live     map[string]*call
	diallers map[string]Dialler
	writers  map[string]Correspondent
	draining bool
	empty    chan struct{} // closed when draining and no call is left
	recent   []Record      // oldest first, at most maxRecent
}

// NewExchange makes an exchange without diallers.
func NewExchange(opt Options) *Exchange {
	x := &Exchange{opt: opt, live: map[string]*call{}, diallers: map[string]Dialler{}, writers: map[string]Correspondent{}, empty: make(chan struct{})}
	x.ctx, x.stop = context.WithCancel(context.Background())
	return x
}

// Connect gives the exchange a way to make legs. Names are those in routes.
func (x *Exchange) Connect(name string, d Dialler) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.diallers[name] = d
}

// Accept takes a call in, or refuses it before anything was made for it.
func (x *Exchange) Accept(in Incoming) (Reason, bool) {
	why, ok := x.admit(in)
	if !ok {
		x.remember(refusal(in, why, x.opt.Write))
		if x.opt.Refused != nil {
			x.opt.Refused(in, why)
		}
	}
	return why, ok
}

func (x *Exchange) admit(in Incoming) (Reason, bool) {
	c := x.newCall(in)
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case x.draining:
		return Reason{Cause: ShuttingDown}, false
	case len(x.live) >= x.opt.Max:
		return Reason{Cause: Congestion}, false
	}
	x.live[c.inbox.Call()] = c
	x.wg.Add(1)
	go x.run(c) // ends with the call; awaited by Stop
	return Reason{}, true
}

func (x *Exchange) newCall(in Incoming) *call {
	c := newCall(rand.Text()[:12], in, x.opt.Log)
	c.opt, c.dialler, c.find = x.opt, x.dialler, x.find
	c.hops = x.opt.Limits.Hops
	c.report = x.report
	return c
}

// find is the inbox of a call that is alive.
func (x *Exchange) find(id string) (*Inbox, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	c, ok := x.live[id]
	if !ok {
		return nil, false
	}
	return c.inbox, true
}

func (x *Exchange) dialler(name string) (Dialler, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	d, ok := x.diallers[name]
	return d, ok
}

// run is a call's goroutine. A fault in one call must not take the others
// along: it is logged, and both legs are told to let go.
func (x *Exchange) run(c *call) {
	defer x.wg.Done()
	defer x.forget(c)
	if !Survives(c.log, "a call", func() { c.run(x.ctx) }) {
		Survives(c.log, "the end of a call", c.abandon)
	}
}

// abandon hangs up whatever legs a broken call still has, and reports it.
func (c *call) abandon() {
	c.phase, _ = c.end(Reason{Cause: Internal}, Event{Kind: Failed})
	c.sound.stop()
	for _, leg := range c.legs {
		if leg != nil {
			leg.Hangup(c.Reason)
		}
	}
	c.settle()
	c.stamp(Ending)
	c.report(c.record())
}

func (x *Exchange) forget(c *call) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.live, c.inbox.Call())
	x.checkEmpty()
}

// Live is how many calls there are.
func (x *Exchange) Live() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.live)
}
