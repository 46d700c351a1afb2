package signalling

// phase is everything a step may read or change. It holds no channels, timers
// or locks, so every transition can be tested as a value.
type phase struct {
	State  State
	Reason Reason
	By     Side    // whose event ended the call, and which kind it was;
	cause  Kind    // both meaningful from Ending on
	pair   [2]Side // who talk with each other: the caller's place, the called one's
	slots  [sides]slot
	move   move // the transfer that goes on
	hops   int  // how many transfers may still follow
	turns  int  // how many have been made here,
	came   Side // and whom the latest brought
}

// slot is what is known of one leg.
type slot struct {
	live  bool // it exists and has not reported Gone
	told  bool // it was sent Hangup, or left by itself
	up    bool // its audio is there
	held  bool // its far end has put the call on hold,
	quiet bool // and sends nothing to be heard meanwhile
	muted bool // its far end has switched the microphone off
	rang  bool // it has said that it alerts its user
	named bool // another call knows its name, and may have its far end connect to it
}

func (s slot) here() bool { return s.live && !s.told }

func start(hops int) phase {
	return phase{State: Routing, pair: [2]Side{A, B}, slots: [sides]slot{A: {live: true}}, hops: hops}
}

// other is the partner of one of the pair.
func (p phase) other(s Side) Side {
	if s == p.pair[0] {
		return p.pair[1]
	}
	return p.pair[0]
}

// place is where in the pair a side is: 0 the caller's place, 1 the called
// one's, -1 none.
func (p phase) place(s Side) int {
	switch s {
	case p.pair[0]:
		return 0
	case p.pair[1]:
		return 1
	}
	return -1
}

func (p phase) here(s Side) bool { return p.slots[s].here() }

// step is the whole call state machine: it answers every event in every state.
// What it does not name is late or repeated, and harmless by design.
func (p phase) step(e Event) (phase, []Action) {
	switch {
	case p.State == Ended || e.Side >= sides:
		return p, nil
	case e.Kind == Gone:
		return p.gone(e)
	case e.letter != nil:
		return p.between(e)
	case p.State == Ending:
		return p.ending(e)
	case e.Kind == HungUp:
		return p.left(e)
	}
	if r, ends := p.endedBy(e); ends {
		return p.end(r, e)
	}
	if q, do, fact := p.learn(e); fact {
		return q, do
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

// learn keeps what a far end says of itself, which is true in every state, and
// lets the other side know.
func (p phase) learn(e Event) (phase, []Action, bool) {
	s := p.slots[e.Side]
	switch e.Kind {
	case Held:
		s.held, s.quiet = true, e.Silent
	case Resumed:
		s.held, s.quiet = false, false
	case Muted:
		s.muted = true
	case Unmuted:
		s.muted = false
	case Identified:
	default:
		return p, nil, false
	}
	if same := s == p.slots[e.Side]; !s.live || same && e.Kind != Identified {
		return p, nil, true
	}
	p.slots[e.Side] = s
	if p.place(e.Side) < 0 || !p.here(p.other(e.Side)) {
		return p, nil, true
	}
	return p, []Action{{Do: DoShow, Side: p.other(e.Side)}}, true
}

func (p phase) routing(e Event) (phase, []Action) {
	if e.Kind != Routed {
		return p, nil
	}
	p.State, p.slots[B] = Dialling, slot{live: true}
	return p, []Action{{Do: DoDial, Side: B}}
}

func (p phase) dialling(e Event) (phase, []Action) {
	switch {
	case e.Kind == Refer:
		return p.refer(e)
	case e.Kind == Early:
		return p.early(e)
	case e.Kind == Digit:
		return p.press(e)
	case e.Side != B:
		return p, nil
	case e.Kind == Ringing && !p.slots[B].rang:
		p.State, p.slots[B].rang = Alerting, true
		return p, []Action{{Do: DoRing, Side: A}}
	case e.Kind == Answered:
		p.State, p.slots[B].up = Answering, true
		return p, []Action{{Do: DoAnswer, Side: A}}
	}
	return p, nil
}

func (p phase) answering(e Event) (phase, []Action) {
	switch {
	case e.Kind == Refer:
		return p.refer(e)
	case e.Kind == Early && e.Side == A:
		p.slots[A].up = true
	case e.Kind == Digit:
		return p.press(e)
	case e.Kind == Confirmed && e.Side == A:
		p.State, p.slots[A].up = Connected, true
	}
	return p, nil
}

func (p phase) connected(e Event) (phase, []Action) {
	switch {
	case e.Kind == Refer:
		return p.refer(e)
	case e.Kind == Digit && p.place(e.Side) >= 0 && p.here(p.other(e.Side)):
		return p, []Action{{Do: DoDigit, Side: p.other(e.Side), Digit: e.Digit}}
	}
	return p.moving(e)
}
