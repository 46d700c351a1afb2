package signalling

// phase is everything a step may read or change. It holds no channels, timers
// or locks, so every transition can be tested as a value.
type phase struct {
	State   State
	Reason  Reason
	By      Side    // whose event ended the call, and which kind it was;
	cause   Kind    // both meaningful from Ending on
	live    [2]bool // leg exists and has not reported Gone
	told    [2]bool // leg was sent Hangup, or left by itself
	bridged bool
}

func start() phase { return phase{State: Routing, live: [2]bool{A: true}} }

// step is the whole call state machine: it answers every event in every state.
// What it does not name is late or repeated, and harmless by design.
func (p phase) step(e Event) (phase, []Action) {
	switch {
	case p.State == Ended:
		return p, nil
	case e.Kind == Gone:
		return p.gone(e)
	case p.State == Ending:
		return p.ending(e)
	}
	if r, ends := p.endedBy(e); ends {
		return p.end(r, e)
	}
	switch p.State {
	case Routing:
		return p.routing(e)
	case Dialling, Alerting:
		return p.dialling(e)
	case Answering:
		return p.answering(e)
	default:
		return p.connected(e)
	}
}

// endedBy tells whether an event ends a live call, and with which reason.
func (p phase) endedBy(e Event) (Reason, bool) {
	switch e.Kind {
	case HungUp, Unroutable, Failed:
		return e.Reason, true
	case TimedOut:
		return Reason{Cause: p.timeoutCause()}, true
	case Stop:
		return Reason{Cause: ShuttingDown}, true
	case Drain:
		return Reason{Cause: ShuttingDown}, p.State < Answering
	}
	return Reason{}, false
}

func (p phase) routing(e Event) (phase, []Action) {
	if e.Kind != Routed {
		return p, nil
	}
	p.State, p.live[B] = Dialling, true
	return p, []Action{{Do: DoDial, Side: B}}
}

func (p phase) dialling(e Event) (phase, []Action) {
	switch {
	case e.Side != B:
		return p, nil
	case e.Kind == Ringing && p.State == Dialling:
		p.State = Alerting
		return p, []Action{{Do: DoRing, Side: A}}
	case e.Kind == Answered:
		p.State = Answering
		return p, []Action{{Do: DoAnswer, Side: A}}
	}
	return p, nil
}

func (p phase) answering(e Event) (phase, []Action) {
	if e.Kind != Confirmed || e.Side != A {
		return p, nil
	}
	p.State, p.bridged = Connected, true
	return p, []Action{{Do: DoBridge}}
}

func (p phase) connected(e Event) (phase, []Action) {
	other := e.Side.Other()
	switch e.Kind {
	case Digit:
		return p, []Action{{Do: DoDigit, Side: other, Digit: e.Digit}}
	case Held:
		return p, []Action{{Do: DoHold, Side: other}}
	case Resumed:
		return p, []Action{{Do: DoResume, Side: other}}
	}
	return p, nil
}

// ending waits for both legs, and buries the call when one never says Gone.
func (p phase) ending(e Event) (phase, []Action) {
	if e.Kind != TimedOut {
		return p, nil
	}
	p.live, p.State = [2]bool{}, Ended
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

// end tells every live leg that has not left by itself, once.
func (p phase) end(r Reason, by Event) (phase, []Action) {
	var do []Action
	if p.bridged {
		p.bridged = false
		do = append(do, Action{Do: DoUnbridge})
	}
	if by.Kind == HungUp {
		p.told[by.Side] = true
	}
	for _, s := range [...]Side{A, B} {
		if p.live[s] && !p.told[s] {
			p.told[s] = true
			do = append(do, Action{Do: DoHangup, Side: s, Reason: r})
		}
	}
	p.State, p.Reason, p.By, p.cause = Ending, r, by.Side, by.Kind
	return p, do
}

func (p phase) gone(e Event) (phase, []Action) {
	if !p.live[e.Side] {
		return p, nil
	}
	p.live[e.Side], p.told[e.Side] = false, true
	var do []Action
	if p.State != Ending {
		p, do = p.end(Reason{Cause: PeerTimeout}, e)
	}
	if !p.live[A] && !p.live[B] {
		p.State = Ended
		do = append(do, Action{Do: DoReport, Reason: p.Reason})
	}
	return p, do
}
