package signalling

import (
	"time"

	"roomline/media"
)

// plan is where a leg is to be dialled, and under whose permit.
type plan struct {
	to    Target
	via   Dialler
	leave func(time.Duration) // nil: no permit was needed
}

// part is what is known of one leg besides its slot.
type part struct {
	via    string              // its dialler's name
	leave  func(time.Duration) // nil: nothing
	joined time.Time           // since when it can talk
}

// route asks the dial plan where a call leads, and whether its Matrix user may
// dial that. Both are lookups in memory.
func (c *call) route(in Incoming) bool {
	to, why, ok := c.opt.Router.Find(in)
	to.Hops = in.Hops
	var p *plan
	if ok {
		p, why, ok = c.permitted(in, to)
	}
	if !ok {
		c.inbox.Post(Event{Kind: Unroutable, Reason: why})
		return false
	}
	c.next = p
	if c.State == Routing {
		c.who[B] = to.To
		c.known(to)
		c.inbox.Post(Event{Kind: Routed})
	}
	return true
}

// known keeps whose call it is, and which trunk's: of one that is passed on from
// trunk to trunk, no user's. Who of several answers is
// not known yet: the leg will say (Identified).
func (c *call) known(to Target) {
	c.first = [2]Party{c.in.From, to.To}
	switch {
	case c.in.Via != Matrix && to.Via != Matrix:
		c.onward = to.Via
	case c.in.Via != Matrix && len(to.Also) == 0:
		c.owner = to.To
	case c.in.Via == Matrix && to.Via != Matrix:
		c.trunk = to.Via
	}
}

// permitted finds the way to a target, and asks Permit where a Matrix user
// dials a telephone.
func (c *call) permitted(in Incoming, to Target) (*plan, Reason, bool) {
	via, why, ok := c.way(to)
	if !ok {
		return nil, why, false
	}
	p := &plan{to: to, via: via}
	if in.Via != Matrix || to.Via == Matrix {
		return p, Reason{}, true
	}
	if c.opt.Permit != nil {
		p.leave, why, ok = c.opt.Permit.Admit(in.From.User, to.To.Number)
	}
	if ok {
		c.redirectable(p, in)
	}
	return p, why, ok
}

// way finds the dialler of a target; of several, one that rings them all.
func (c *call) way(to Target) (Dialler, Reason, bool) {
	d, ok := c.dialler(to.Via)
	if !ok {
		return nil, Reason{Cause: NoRoute, Detail: "no trunk is named " + to.Via}, false
	}
	if len(to.Also) > 0 {
		return hunters{c.dialler, c.opt.Limits.End}, Reason{}, true
	}
	return d, Reason{}, true
}

// reroute asks where a transfer leads. It is a new call of a Matrix user, with
// no more rights than that (never of a trunk).
func (c *call) reroute(to Destination) {
	in := Incoming{Via: Matrix, From: c.payer(), To: to.To, Room: c.in.Room}
	if in.From.User == "" && to.To.User == "" {
		c.inbox.Post(Event{Kind: Unroutable, Reason: Reason{Cause: Forbidden, Detail: "no Matrix user takes part in the call"}})
		return
	}
	if !c.route(in) {
		return
	}
	stays := c.other(c.move.by)
	c.next.to.Replaces = to.Replaces
	c.next.to.introduce(c.who[stays])
	via := c.parts[stays].via
	c.inbox.Post(Event{Kind: Routed, native: via == Matrix || via == c.next.to.Via})
}

// payer is the Matrix user who asks for a transfer, or, where a telephone does,
// the one whose call this is.
func (c *call) payer() Party {
	if by := c.move.by; c.parts[by].via == Matrix && c.who[by].User != "" {
		return c.who[by]
	}
	return c.owner
}

// introduce lets users who are rung see who is transferred to them; a trunk is
// shown whose call it is.
func (t *Target) introduce(from Party) {
	if t.Via == Matrix {
		t.From = from
	}
	for i := range t.Also {
		t.Also[i].introduce(from)
	}
}

// dial makes the leg of a side. One that takes the place of another is offered
// only what the staying one speaks, so that packets pass through untouched.
func (c *call) dial(s Side) {
	p := c.next
	c.next = nil
	c.parts[s] = part{leave: p.leave, via: p.to.Via}
	c.who[s], c.views[s] = p.to.To, c.inbox.For(s)
	offer := c.legs[A].Offers
	if c.State == Connected {
		offer = func() []media.Format { return []media.Format{c.staying().Format()} }
	}
	c.legs[s] = p.via.Dial(p.to, offer(), c.views[s])
}

// staying is the audio of who is transferred.
func (c *call) staying() media.Endpoint { return c.legs[c.other(c.move.by)].Media() }

// settle lets Permit know of the parts of the call that are over.
func (c *call) settle() {
	if c.next != nil && c.State > Routing && c.move.at == settled {
		c.quit(part{leave: c.next.leave})
		c.next = nil
	}
	for s := range c.parts {
		if c.parts[s].leave == nil {
			continue
		}
		if !c.here(Side(s)) {
			c.quit(c.parts[s])
			c.parts[s].leave = nil
		} else if c.parts[s].joined.IsZero() && c.State == Connected && c.place(Side(s)) >= 0 {
			c.parts[s].joined = time.Now()
		}
	}
}

func (c *call) quit(p part) {
	if p.leave == nil {
		return
	}
	var talked time.Duration
	if !p.joined.IsZero() {
		talked = time.Since(p.joined)
	}
	p.leave(talked)
}
