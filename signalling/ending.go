package signalling

// This file is the part of the machine in which calls end and legs leave.

// endedBy tells whether an event ends a live call, and with which reason.
func (p phase) endedBy(e Event) (Reason, bool) {
	switch e.Kind {
	case Failed:
		return e.Reason, true
	case Unroutable:
		return e.Reason, p.State == Routing
	case mismatched:
		return Reason{Cause: Internal, Detail: "answered without audio"}, p.State < Connected
	case TimedOut:
		return Reason{Cause: p.timeoutCause()}, true
	case Stop:
		return Reason{Cause: ShuttingDown}, true
	case Drain:
		return Reason{Cause: ShuttingDown}, p.State < Answering
	case released:
		return Reason{Cause: p.releaseCause(e.Side)}, p.place(e.Side) >= 0
	}
	return Reason{}, false
}

// ending waits for all legs, and buries the call when one never says Gone.
func (p phase) ending(e Event) (phase, []Action) {
	if e.Kind != TimedOut {
		return p, nil
	}
	p.slots, p.State = [sides]slot{}, Ended
	return p, []Action{{Do: DoReport, Reason: p.Reason}}
}

func (p phase) timeoutCause() Cause {
	switch p.State {
	case Dialling, Alerting:
		return NoAnswer
	case Connected:
		return NormalClearing // maximum call length
	default:
		return PeerTimeout
	}
}

// releaseCause is what it means that a side ends the call by a command.
func (p phase) releaseCause(s Side) Cause {
	switch {
	case p.State >= Answering:
		return NormalClearing
	case p.place(s) == 0:
		return Cancelled
	default:
		return Rejected
	}
}

// left is that a far end hung up, or that its leg failed.
func (p phase) left(e Event) (phase, []Action) {
	if !p.here(e.Side) {
		return p, nil
	}
	p.slots[e.Side].told = true
	return p.without(e.Side, p.leftFor(e), e)
}

// leftFor is why a far end left. One whose name another call knows has been
// connected there, if it leaves in peace (RFC 5589 §7: its BYE may come before
// the NOTIFY that tells so).
func (p phase) leftFor(e Event) Reason {
	if p.slots[e.Side].named && p.State == Connected && e.Reason.Cause == NormalClearing {
		return Reason{Cause: Transferred}
	}
	return e.Reason
}

// gone is that a leg has let go of everything. One that says so without having
// been told, or having left before, has broken down.
func (p phase) gone(e Event) (phase, []Action) {
	was := p.slots[e.Side]
	if !was.live {
		return p, nil
	}
	p.slots[e.Side] = slot{}
	var do []Action
	if p.State != Ending && !was.told {
		p, do = p.without(e.Side, Reason{Cause: PeerTimeout}, e)
	}
	return p.buried(do)
}

// without goes on when a leg is no more: the call ends, unless it was one that
// a transfer can spare.
func (p phase) without(s Side, r Reason, by Event) (phase, []Action) {
	switch {
	case p.move.at == ringing && s == p.move.to:
		return p.fail(r, by)
	case p.move.at != settled && s == p.move.by: // usual after REFER was accepted
		return p, nil
	case p.place(s) < 0:
		return p, nil
	}
	return p.end(r, by)
}

// end tells every leg that has not left by itself, once.
func (p phase) end(r Reason, by Event) (phase, []Action) {
	var do []Action
	for s := range Side(sides) {
		if p.here(s) {
			p.slots[s].told = true
			do = append(do, Action{Do: DoHangup, Side: s, Reason: r})
		}
	}
	p.State, p.Reason, p.By, p.cause, p.move = Ending, r, by.Side, by.Kind, move{}
	return p.buried(do)
}

// buried finds out whether that was the end of the call.
func (p phase) buried(do []Action) (phase, []Action) {
	for _, s := range p.slots {
		if s.live {
			return p, do
		}
	}
	if p.State == Ending {
		p.State = Ended
		do = append(do, Action{Do: DoReport, Reason: p.Reason})
	}
	return p, do
}
