package signalling

// This file is the part of the machine that sends one of the pair elsewhere
// (RFC 3515, RFC 5589). Every stage is bounded by a timer, and ends with the
// two connected who are to be, with the old pair together again, or, where
// nobody is left to go back to, with the call.

// move is a transfer that goes on: by wants whom it talks to, who stays, to go
// to dest in place of itself.
type move struct {
	at   stage
	by   Side // may have left
	to   Side // the leg that takes its place, while ringing or fetching
	dest Destination
	fits bool // attended: that leg speaks the format of who stays
}

// stage is how far a transfer has come.
type stage uint8

const (
	settled    stage = iota // no transfer goes on
	placing                 // the dial plan is asked where it leads
	consulting              // attended: the other call is asked for its leg's name
	asking                  // who stays is asked to connect itself
	ringing                 // a leg to the destination rings
	fetching                // attended: the other call is asked for its leg
	yielding                // attended: both calls were asked to take the other's leg; that one takes ours
	stages
)

var stageNames = [stages]string{"settled", "placing", "consulting", "asking", "ringing", "fetching", "yielding"}

func (s stage) String() string { return nameOf(stageNames[:], int(s)) }

// refer begins a transfer, or refuses it.
func (p phase) refer(e Event) (phase, []Action) {
	switch {
	case p.place(e.Side) < 0 || !p.here(e.Side):
		return p, nil
	case p.State != Connected:
		return p.refuse(e, Reason{Cause: Unavailable, Detail: "the call is not connected yet"})
	case p.move.at != settled:
		return p.refuse(e, Reason{Cause: Congestion, Detail: "another transfer of this call goes on"})
	case p.hops <= 0:
		return p.refuse(e, Reason{Cause: Forbidden, Detail: "the call was transferred too often"})
	}
	p.move = move{at: placing, by: e.Side, dest: e.To}
	do := []Action{{Do: DoRoute, To: e.To}}
	if e.To.With != "" {
		p.move.at, do[0] = consulting, Action{Do: DoAsk, Side: p.other(e.Side), To: e.To}
	}
	if e.To.Left {
		p.slots[e.Side].told = true
		do = append(do, Action{Do: DoHangup, Side: e.Side, Reason: Reason{Cause: Transferred}})
	}
	return p, do
}

// refuse declines a wish for a transfer. Who has left already cannot be told.
func (p phase) refuse(e Event, r Reason) (phase, []Action) {
	switch {
	case !e.To.Left:
		return p, []Action{{Do: DoTransferred, Side: e.Side, Reason: r}}
	case p.move.at != settled && e.Side == p.move.by:
		p.slots[e.Side].told = true
		return p, []Action{{Do: DoHangup, Side: e.Side, Reason: Reason{Cause: Transferred}}}
	}
	return p.end(r, e)
}

// moving is the transfer itself.
func (p phase) moving(e Event) (phase, []Action) {
	stays := p.other(p.move.by)
	switch at := p.move.at; {
	case at == settled:
	case e.Kind == overdue:
		return p.fail(Reason{Cause: p.overdueCause()}, e)
	case at == placing && e.Kind == Unroutable:
		return p.fail(e.Reason, e)
	case at == placing && e.Kind == Routed && e.native:
		p.move.at = asking
		return p, []Action{{Do: DoTransfer, Side: stays, To: p.move.dest}}
	case at == placing && e.Kind == Routed:
		return p.redial(e)
	case at == asking && e.Kind == Referred && e.Side == stays:
		return p.elsewhere(e)
	case at == asking && e.Kind == NotReferred && e.Side == stays:
		return p.refused(e)
	case at == ringing && e.Kind == Answered && e.Side == p.move.to:
		return p.arrive(e)
	case at == ringing && e.Kind == mismatched && e.Side == p.move.to:
		return p.fail(Reason{Cause: NoCodec}, e)
	}
	return p, nil
}

func (p phase) overdueCause() Cause {
	if p.move.at == ringing {
		return NoAnswer
	}
	return PeerTimeout
}

// elsewhere is that who stays has connected itself: this call has done its work.
func (p phase) elsewhere(e Event) (phase, []Action) {
	m := p.move
	var before []Action
	if p.here(m.by) {
		before = append(before, Action{Do: DoTransferred, Side: m.by})
	}
	if m.dest.With != "" {
		before = append(before, Action{Do: DoRelieve, Side: p.other(m.by), To: m.dest})
	}
	p, do := p.end(Reason{Cause: Transferred}, Event{Kind: Referred, Side: m.by})
	return p, append(before, do...)
}

// refused is that who stays does not connect itself: it is done here, unless
// the far end has found out already that the target is busy.
func (p phase) refused(e Event) (phase, []Action) {
	switch {
	case e.Reason.Cause == Busy:
		return p.fail(e.Reason, e)
	case p.move.dest.With == "":
		return p.redial(e)
	case !p.move.fits:
		return p.fail(Reason{Cause: NoCodec}, e)
	}
	return p.claim(e)
}

// redial makes a leg to the destination.
func (p phase) redial(e Event) (phase, []Action) {
	to, ok := p.free()
	if !ok {
		return p.fail(Reason{Cause: Congestion, Detail: "a leg of this call is still ending"}, e)
	}
	p.slots[to] = slot{live: true}
	p.move.at, p.move.to = ringing, to
	return p, []Action{{Do: DoDial, Side: to}}
}

// free finds a side that has no leg and no place in the pair.
func (p phase) free() (Side, bool) {
	for s := range Side(sides) {
		if !p.slots[s].live && p.place(s) < 0 {
			return s, true
		}
	}
	return 0, false
}

// arrive puts the new leg in the place of who asked.
func (p phase) arrive(Event) (phase, []Action) {
	m := p.move
	stays := p.other(m.by)
	p.pair[p.place(m.by)] = m.to
	p.slots[m.to].up = true
	p.move, p.hops, p.turns, p.came = move{}, p.hops-1, p.turns+1, m.to
	do := []Action{{Do: DoShow, Side: stays}, {Do: DoShow, Side: m.to}}
	if p.here(m.by) {
		p.slots[m.by].told = true
		do = append(do, Action{Do: DoTransferred, Side: m.by}, Action{Do: DoHangup, Side: m.by, Reason: Reason{Cause: Transferred}})
	}
	return p, do
}

// fail gives a transfer up: the old pair talks again, or the call ends when who
// asked has left.
func (p phase) fail(r Reason, by Event) (phase, []Action) {
	m := p.move
	p.move = move{}
	if !p.here(m.by) {
		return p.end(r, Event{Kind: by.Kind, Side: m.to})
	}
	var do []Action
	if m.at == ringing && p.here(m.to) {
		p.slots[m.to].told = true
		do = append(do, Action{Do: DoHangup, Side: m.to, Reason: r})
	}
	return p, append(do, Action{Do: DoTransferred, Side: m.by, Reason: r})
}
