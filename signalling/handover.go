package signalling

import "roomline/media"

// letter is what one call writes to another in an attended transfer: first the
// question, and then the answer with what belongs to the leg.
type letter struct {
	call   string       // the id of who writes
	reply  *Inbox       // of who writes
	first  bool         // of the two ids the reader's is the lesser
	who    Party        // of a question: who is to be joined; of an answer: with whom
	format media.Format // what that party speaks
	slot   Side         // where the asker will have the leg

	crossed bool // the asker is to give its own leg instead
	fits    bool // the leg speaks the asker's format
	leg     Leg
	view    *Inbox
	state   slot
	part    part
	hops    int
}

// post does what the machine wants told to another call.
func (c *call) post(a Action) {
	switch a.Do {
	case DoAsk:
		c.question(Event{Kind: asked, Side: a.To.WithSide}, Event{Kind: hidden}, a)
	case DoClaim:
		c.question(Event{Kind: claimed, Side: a.To.WithSide}, Event{Kind: withheld, Side: a.Side}, a)
	case DoRelieve:
		if in, ok := c.find(a.To.With); ok {
			in.Post(Event{Kind: relieved, Side: a.To.WithSide, letter: &letter{call: c.inbox.Call(), who: c.who[a.Side]}})
		}
	case DoReveal:
		m := c.legs[a.Side].Media()
		c.reply(a, Event{Kind: shown}, letter{leg: c.legs[a.Side], fits: m.Format().Same(a.letter.format), who: c.who[a.Side]})
	case DoHide:
		c.reply(a, Event{Kind: hidden}, letter{crossed: a.letter.crossed})
	case DoWithhold:
		c.reply(a, Event{Kind: withheld, Side: a.letter.slot}, letter{})
	case DoGive:
		c.hand(a)
	}
}

// question writes to another call, or answers itself where there is none.
func (c *call) question(e, none Event, a Action) {
	id, stays := c.inbox.Call(), c.other(c.move.by)
	in, ok := c.find(a.To.With)
	e.letter = &letter{call: id, reply: c.inbox, first: a.To.With < id, who: c.who[stays], format: c.staying().Format(), slot: a.Side}
	if ok && a.To.With != id && a.To.WithSide < sides && in.offer(e) {
		return
	}
	none.letter = &letter{call: a.To.With}
	none.Reason = Reason{Cause: Unavailable, Detail: "there is no such other call"}
	c.inbox.Post(none)
}

func (c *call) reply(a Action, e Event, l letter) {
	l.call = c.inbox.Call()
	e.Reason, e.letter = a.Reason, &l
	a.letter.reply.Post(e)
}

// hand gives a leg away with all that belongs to it: from here on the other
// call hears what it posts, also what it has posted and nobody has read.
func (c *call) hand(a Action) {
	s, to := a.Side, a.letter
	l := &letter{call: c.inbox.Call(), leg: c.legs[s], view: c.views[s], who: c.who[s], part: c.parts[s], state: to.state, hops: to.hops}
	c.heard[s] = c.audio(s)
	var its []Event
	c.pending, its = split(c.pending, s)
	if !c.views[s].move(to.reply, to.slot, its, Event{Kind: handed, Side: to.slot, letter: l}) {
		c.drop(l)
	}
	c.legs[s], c.views[s], c.parts[s] = nil, nil, part{}
}

// takeIn is given a leg by another call. The machine says what becomes of it.
func (c *call) takeIn(e Event) {
	s, l := e.Side, e.letter
	c.legs[s], c.views[s], c.who[s], c.parts[s] = l.leg, l.view, l.who, l.part
}

// disown answers a letter that comes when the call is over.
func (c *call) disown(e Event) {
	late := Action{Reason: Reason{Cause: Unavailable, Detail: "the other call is over"}, letter: e.letter}
	switch e.Kind {
	case asked:
		late.Do = DoHide
		c.post(late)
	case claimed:
		late.Do = DoWithhold
		c.post(late)
	case handed:
		c.drop(e.letter)
	}
}

// drop ends a leg that no call has.
func (c *call) drop(l *letter) {
	l.leg.Hangup(Reason{Cause: Transferred})
	c.quit(l.part)
}

// tell keeps the story of a transfer for the record.
func (c *call) tell(was phase, e Event) {
	switch {
	case was.move.at == settled && c.move.at != settled:
		c.goal = c.move.dest.To
	case e.Kind == shown:
		c.goal = e.letter.who
	case c.turns != was.turns:
		c.moved = c.who[c.came].Label()
	case c.State == Ending && was.State == Connected && e.Kind == Referred:
		c.moved = c.goal.Label()
	case c.State >= Ending && was.State == Connected && (e.Kind == claimed || e.Kind == relieved):
		c.moved = e.letter.who.Label()
	}
	if at := c.move.at; at != was.move.at {
		text := "transfer: " + at.String()
		switch {
		case c.turns != was.turns || e.Kind == Referred:
			text = "transfer: done"
		case at == settled && c.State == Connected:
			return // who asked is told why, and so is the story
		case at == settled:
			text = "transfer: failed"
		}
		c.inbox.Note("gateway", true, text)
	}
}
