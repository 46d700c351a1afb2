// Package permit decides which calls are allowed.
package permit

import (
	"log/slog"
	"sync"
	"time"

	"roomline/signalling"
	"roomline/signalling/number"
)

// Options are what a Permit needs to know.
type Options struct {
	Config  Config
	Dialing Dialing
	Numbers *number.Plan
	Refused func(Rule) // told of every call that is not allowed; nil: nobody
	Log     *slog.Logger
}

// Permit is the gateway's word on who may do what. Its methods may be called
// from any goroutine, and wait on nothing slower than memory.
type Permit struct {
	levels  Levels
	limits  Limits
	rules   rules
	block   blocked
	refused func(Rule)
	book    *book // where usage is written

	mu       sync.Mutex // guards what follows, so that limits are exact
	accounts *accounts
	placed   window // calls of the last minute, by user
	rung     window // by caller and user
	texts    window // text messages, by who writes
}

// maxCaller is how much of a caller's number tells callers apart, in bytes.
const maxCaller = 64

var _ signalling.Permit = (*Permit)(nil)

// New makes a permit that remembers nothing of the day; see Start. Its options
// have passed their Validate.
func New(opt Options) *Permit {
	p := &Permit{levels: opt.Config.Levels, limits: opt.Config.Limits, rules: newRules(opt.Dialing, opt.Numbers),
		block: newBlocked(opt.Dialing.Block), refused: opt.Refused, book: newBook(opt.Log), accounts: newAccounts(time.Now())}
	p.placed, p.rung, p.texts = newWindow(p.limits.CallsPerMinute), newWindow(p.limits.RingsPerMinute), newWindow(textsPerMinute)
	return p
}

// May tells whether a user's level includes another.
func (p *Permit) May(user string, what signalling.Level) bool { return p.levels.Of(user) >= what }

// Admit implements signalling.Permit. Emergency calls, where they are allowed,
// are beyond all limits.
func (p *Permit) Admit(user, number string) (leave func(talked time.Duration), why signalling.Reason, ok bool) {
	refusal := p.placing(user)
	if refusal == nil {
		refusal = p.rules.weigh(number)
	}
	if refusal == nil && p.rules.numbers.IsEmergency(number) {
		return func(time.Duration) {}, signalling.Reason{}, true
	}
	if refusal == nil {
		leave, refusal = p.enter(user)
	}
	if refusal != nil {
		return nil, p.refuse(refusal), false
	}
	return leave, signalling.Reason{}, true
}

// placing says why a user may not place calls.
func (p *Permit) placing(user string) *refusal {
	if p.May(user, signalling.Dial) {
		return nil
	}
	return forbid(ByLevel, "you may not place calls; ask your administrator to name you under permissions")
}

// Ring weighs a call from a telephone before it rings a user or room: callers
// that are blocked are declined, and those who ring too often find the line busy.
// called is empty where nobody here is rung, as another trunk has the call.
func (p *Permit) Ring(from signalling.Party, called string) (why signalling.Reason, ok bool) {
	if p.block.has(from) {
		return p.refuse(&refusal{ByBlock, signalling.Reason{Cause: signalling.Rejected}}), false
	}
	if called == "" {
		return signalling.Reason{}, true
	}
	p.mu.Lock()
	ok = p.rung.take(from.Number[:min(len(from.Number), maxCaller)]+" "+called, time.Now())
	p.mu.Unlock()
	if !ok {
		return p.refuse(&refusal{ByRings, signalling.Reason{Cause: signalling.Busy}}), false
	}
	return signalling.Reason{}, true
}

func (p *Permit) refuse(r *refusal) signalling.Reason {
	if p.refused != nil {
		p.refused(r.rule)
	}
	return r.reason
}
