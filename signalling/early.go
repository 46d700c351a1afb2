package signalling

import "roomline/media"

// This file is what is heard before the answer (RFC 3960): an announcement, the
// ringing of the network, a machine that wants digits. It is no state: the call
// rings until it is answered, whoever hears what meanwhile.

// early is that the called side has something to be heard, or that the caller
// can be given it.
func (p phase) early(e Event) (phase, []Action) {
	if !p.here(e.Side) || p.slots[e.Side].up {
		return p, nil
	}
	switch e.Side {
	case A:
		p.slots[A].up = p.slots[B].up
	case B:
		p.State, p.slots[B].up = Alerting, true
		return p, []Action{{Do: DoProgress, Side: A, Connect: e.Connect}}
	}
	return p, nil
}

// press passes a digit on where the other side hears this one already.
func (p phase) press(e Event) (phase, []Action) {
	if p.previews(e.Side) == silence {
		return p, nil
	}
	return p, []Action{{Do: DoDigit, Side: p.other(e.Side), Digit: e.Digit}}
}

// previews is what a side hears before the answer.
func (p phase) previews(s Side) source {
	if p.State != Alerting && p.State != Answering || p.place(s) < 0 {
		return silence
	}
	for _, side := range p.pair {
		if !p.here(side) || !p.slots[side].up {
			return silence
		}
	}
	return preview
}

// foretells tells whether an event brings audio before the answer.
func (c *call) foretells(e Event) bool { return e.Kind == Early && c.State < Connected }

// strays tells whether the called side answers with other audio than the caller
// was promised, who cannot be told any more (RFC 3261 §13.2.1).
// A caller who was still being connected for it is found out as soon as that is
// done: packets pass through untouched, and would be noise.
func (c *call) strays(e Event, m media.Endpoint) bool {
	switch {
	case e.Kind == Answered && c.previews(A) == preview:
		return !m.Format().Same(c.legs[A].Media().Format())
	case c.sound.promised && e.Side == A && c.State == Answering && c.here(B):
		return !m.Format().Same(c.legs[B].Media().Format())
	}
	return false
}

// progress offers the caller what the called side plays. A caller who has to be
// connected for it misses nothing of the announcement.
func (c *call) progress(a Action) {
	m := c.legs[c.other(a.Side)].Media()
	c.sound.promised = true
	if a.Connect {
		c.keep(m)
	}
	c.legs[a.Side].Progress(m.Format(), a.Connect)
}

// keep has what m says kept for who is still being connected.
func (c *call) keep(m media.Endpoint) {
	c.sound.early = media.NewEarly(earlyPackets)
	m.SendTo(c.sound.early)
}

// previewed is the bridge of a call that is not answered.
func (c *call) previewed() *media.Bridge {
	w := &c.sound
	if w.before == nil {
		w.before = media.NewBridge(c.legs[c.pair[0]].Media(), c.legs[c.pair[1]].Media(), nil)
	}
	if w.early != nil {
		w.before.Precede(1, w.early)
		w.early = nil
	}
	return w.before
}
