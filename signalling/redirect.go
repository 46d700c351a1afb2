package signalling

import (
	"sync"
	"time"
)

// toll is the permit of a dialled leg. A far end that sends the leg on to another
// number makes it a new call of the same user, with no more rights than that: the
// old permit is given back and one for the new number asked for (S15).
type toll struct {
	ask func(number string) (to string, leave func(time.Duration), why Reason, ok bool)

	mu    sync.Mutex
	leave func(time.Duration) // of the number that is called now; nil: none
	over  bool
}

// left gives the permit back for good.
func (t *toll) left(talked time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.giveBack(talked)
	t.over = true
}

func (t *toll) giveBack(talked time.Duration) {
	if t.leave != nil {
		t.leave(talked)
		t.leave = nil
	}
}

// redirect is Target.Redirect.
func (t *toll) redirect(number string) (string, Reason, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		return "", Reason{Cause: Cancelled}, false
	}
	t.giveBack(0)
	to, leave, why, ok := t.ask(number)
	if ok {
		t.leave = leave
	}
	return to, why, ok
}

// redirectable lets the leg of a plan be sent on, within one trunk.
func (c *call) redirectable(p *plan, in Incoming) {
	t := &toll{leave: p.leave, ask: func(number string) (string, func(time.Duration), Reason, bool) {
		in.To = Party{Number: number}
		to, why, ok := c.opt.Router.Find(in)
		if ok && (to.Via != p.to.Via || len(to.Also) > 0) {
			why, ok = Reason{Cause: NoRoute, Detail: "the dial plan leads that number elsewhere"}, false
		}
		if !ok || c.opt.Permit == nil {
			return to.To.Number, nil, why, ok
		}
		leave, why, ok := c.opt.Permit.Admit(in.From.User, to.To.Number)
		return to.To.Number, leave, why, ok
	}}
	p.leave, p.to.Redirect = t.left, t.redirect
}
