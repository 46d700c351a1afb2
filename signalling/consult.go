package signalling

// This file is the part of the machine that speaks with another call of the
// exchange, for an attended transfer (RFC 5589 §7). The call that is
// transferred asks; the other answers every question exactly once, also after
// its end. Only letters go between them, so neither ever waits for the other.

// between takes a letter from another call, in every state.
func (p phase) between(e Event) (phase, []Action) {
	switch e.Kind {
	case asked:
		return p.questioned(e)
	case claimed:
		return p.give(e)
	case handed:
		return p.receive(e)
	case withheld:
		return p.denied(e)
	case shown, hidden:
		return p.answered(e)
	case relieved:
		if p.State == Connected && p.place(e.Side) >= 0 {
			return p.end(Reason{Cause: Transferred}, e)
		}
	}
	return p, nil
}

// crossed tells whether the other call and this one want each other's leg.
func (p phase) crossed(e Event) bool {
	return p.move.at >= consulting && p.move.dest.With != "" && p.move.dest.With == e.letter.call
}

// gives tells whether the leg opposite to e.Side is to be had.
func (p phase) gives(e Event) bool {
	return p.State == Connected && p.place(e.Side) >= 0 && p.here(p.other(e.Side)) && p.slots[p.other(e.Side)].up &&
		(p.move.at == settled || p.move.at == yielding && p.crossed(e))
}

// questioned is that another call asks for our leg's name. Of two that ask
// each other the one with the lesser name yields.
func (p phase) questioned(e Event) (phase, []Action) {
	if p.State == Connected && p.move.at == consulting && p.crossed(e) && e.letter.first {
		p.move.at = yielding
	}
	if p.gives(e) {
		p.slots[p.other(e.Side)].named = true
		return p, []Action{{Do: DoReveal, Side: p.other(e.Side), letter: e.letter}}
	}
	back := *e.letter
	back.crossed = p.crossed(e) // then the asker is to yield
	return p, []Action{{Do: DoHide, Reason: Reason{Cause: Unavailable, Detail: "the other call cannot be joined now"}, letter: &back}}
}

// answered is what became of our question.
func (p phase) answered(e Event) (phase, []Action) {
	switch {
	case p.move.at != consulting || p.move.dest.With != e.letter.call:
		return p, nil
	case e.Kind == shown:
		p.move.at, p.move.dest.Leg, p.move.fits = asking, e.letter.leg, e.letter.fits
		return p, []Action{{Do: DoTransfer, Side: p.other(p.move.by), To: p.move.dest}}
	case e.letter.crossed:
		p.move.at = yielding
		return p, nil
	}
	return p.fail(e.Reason, e)
}

// claim reserves a side for the other call's leg, and asks for it. Until the
// answer is here the side counts as a leg that leaves.
func (p phase) claim(e Event) (phase, []Action) {
	to, ok := p.free()
	if !ok {
		return p.fail(Reason{Cause: Congestion, Detail: "a leg of this call is still ending"}, e)
	}
	p.slots[to] = slot{live: true, told: true}
	p.move.at, p.move.to = fetching, to
	return p, []Action{{Do: DoClaim, Side: to, To: p.move.dest}}
}

// give lets the other call have our leg, which leaves nothing to do here.
func (p phase) give(e Event) (phase, []Action) {
	if !p.gives(e) {
		return p, []Action{{Do: DoWithhold, Reason: Reason{Cause: Unavailable, Detail: "the other call cannot be joined now"}, letter: e.letter}}
	}
	given, to := p.other(e.Side), *e.letter
	to.state, to.hops = p.slots[given], p.hops
	to.state.named = false
	p.slots[given] = slot{}
	p, do := p.end(Reason{Cause: Transferred}, e)
	return p, append([]Action{{Do: DoGive, Side: given, letter: &to}}, do...)
}

// receive takes the other call's leg in, or ends it where it comes too late.
func (p phase) receive(e Event) (phase, []Action) {
	if p.State != Connected || p.move.at != fetching || p.move.to != e.Side {
		return p, []Action{{Do: DoHangup, Side: e.Side, Reason: Reason{Cause: Transferred}}}
	}
	p.slots[e.Side], p.hops = e.letter.state, min(p.hops, e.letter.hops)
	return p.arrive(e)
}

// denied gives the reserved side free again.
func (p phase) denied(e Event) (phase, []Action) {
	p.slots[e.Side] = slot{}
	if p.State == Connected && p.move.at == fetching && p.move.to == e.Side {
		return p.fail(e.Reason, e)
	}
	return p.buried(nil)
}
