package matrix

import (
	"strings"
	"sync"
	"time"

	"roomline/signalling"
)

// This file holds transfers that a client asks for (MSC2747, m.call.replaces).
//
// Who transfers leaves both calls without a hangup. In a blind transfer the
// event says create_call and names the target. In an attended one the client
// has two calls with us: the second, in which it asked, gets await_call and a
// call id, and the first create_call with the same id, in this order in every
// client known; the two calls are then to be joined.

// waits are how long a leg waits for what clients may never send.
type waits struct {
	offer  time.Duration // for the answer to an offer within a call
	create time.Duration // for the create_call to an await_call
	await  time.Duration // for the await_call to a create_call
}

func usualWaits() waits { return waits{20 * time.Second, 10 * time.Second, 2 * time.Second} }

// end is one leg of an attended transfer.
type end struct {
	call string // its inbox's call
	side signalling.Side

	box *mailbox
}

// pairs finds the two legs of an attended transfer.
type pairs struct {
	mu      sync.Mutex
	awaits  map[pairKey]end // consultations without a first call yet
	creates map[pairKey]end // first calls without a consultation yet
}

// pairKey is a call id, which is its chooser's alone.
type pairKey struct{ user, id string }

func newPairs() *pairs {
	return &pairs{awaits: map[pairKey]end{}, creates: map[pairKey]end{}}
}

// await enters a consultation. It tells the first call, if that was earlier.
func (p *pairs) await(k pairKey, e end) {
	p.mu.Lock()
	defer p.mu.Unlock()
	first, ok := p.creates[k]
	if !ok {
		p.awaits[k] = e
		return
	}
	delete(p.creates, k)
	first.box.put(item{kind: paired, end: e})
	e.box.put(item{kind: joined})
}

// create looks for the consultation of a first call, or enters the call.
func (p *pairs) create(k pairKey, e end) (consultation end, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if consultation, ok = p.awaits[k]; ok {
		delete(p.awaits, k)
		consultation.box.put(item{kind: joined})
		return consultation, true
	}
	p.creates[k] = e
	return end{}, false
}

// forget removes what a leg entered.
func (p *pairs) forget(k pairKey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.awaits, k)
	delete(p.creates, k)
}

// replace follows m.call.replaces. Nil means that it has no meaning, and the
// call goes on; else the client has left.
func (l *leg) replace(h heard) *outcome {
	if h.V0 || (h.Create == "") == (h.Await == "") || l.talked.IsZero() {
		l.c.calls.ignore(h.Type)
		return nil
	}
	k := pairKey{h.Sender, h.Create + h.Await}
	defer l.c.calls.pairs.forget(k)
	call, side := l.in.Of(l.side) // a transfer may have moved the leg
	me := end{call: call, side: side, box: l.box}
	if h.Await != "" {
		l.c.calls.pairs.await(k, me)
		return l.departed(l.c.calls.waits.create, signalling.Destination{})
	}
	to, known := l.destination(h.Target)
	consultation, ok := l.c.calls.pairs.create(k, me)
	switch {
	case ok:
		l.refer(consultation.join())
		return l.departed(0, signalling.Destination{})
	case l.c.calls.talksTo(h.Sender, h.Target, l): // the await_call may have been overtaken
		return l.departed(l.c.calls.waits.await, to)
	case !known:
		return l.fail(signalling.InvalidNumber, "the call was transferred to nobody who can be reached")
	}
	l.refer(to)
	return l.departed(0, signalling.Destination{})
}

func (e end) join() signalling.Destination {
	return signalling.Destination{With: e.call, WithSide: e.side, Left: true}
}

// destination is whom a client names: one of our numbers, or a user. The room
// that some clients name (target_room) is theirs to use, not ours.
func (l *leg) destination(user string) (to signalling.Destination, ok bool) {
	to.Left = true
	if l.c.ghosts.ours(user) {
		to.To.Number, ok = l.c.ghosts.dialable(user)
		return to, ok
	}
	local, domain, found := strings.Cut(user, ":")
	to.To.User = user
	return to, found && domain != "" && len(local) > 1 && local[0] == '@'
}

func (l *leg) refer(to signalling.Destination) {
	l.report(signalling.Event{Kind: signalling.Refer, Side: l.side, To: to})
}

// departed waits for the call's hangup, now that the client has gone without
// one, and its connection with it. After a while it does without the other
// call of an attended transfer: it goes where fallback says, or ends.
func (l *leg) departed(patience time.Duration, fallback signalling.Destination) *outcome {
	var timer <-chan time.Time
	if patience > 0 {
		t := time.NewTimer(patience)
		defer t.Stop()
		timer = t.C
	}
	for {
		it := l.wait(timer)
		switch it.kind {
		case paired:
			timer = nil
			l.refer(it.end.join())
		case joined:
			timer = nil
		case timerFired:
			if fallback.To == (signalling.Party{}) {
				return l.fail(signalling.NormalClearing, "")
			}
			timer = nil
			l.refer(fallback)
		case hangItUp, stopped, flooded, askedAway, crossed:
			if o := l.over(it); o != nil {
				return o
			}
		}
	}
}

// talksTo tells whether a user has another call with us, with a certain user
// of ours at its other end.
func (c *calls) talksTo(user, target string, except *leg) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range c.live {
		if l != except && l.talks && l.user == user && l.ghost == target {
			return true
		}
	}
	return false
}
