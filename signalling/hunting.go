package signalling

import "time"

// run is the goroutine of a hunt. It ends when no leg is left, or when one
// does not let go in time.
func (h *hunt) run() {
	h.deadline = time.NewTimer(h.end)
	h.deadline.Stop()
	defer h.deadline.Stop()
	if !Survives(h.in.Log(), "a hunt group", h.loop) {
		Survives(h.in.Log(), "the end of a hunt group", func() { h.farewell(Reason{Cause: Internal}) })
		h.fail(Reason{Cause: Internal})
	}
	h.box.seal()
	h.post(Event{Kind: Gone})
}

func (h *hunt) loop() {
	h.lost()
	for h.left() {
		select {
		case <-h.wishes:
			h.mu.Lock()
			want := h.want
			h.want = nil
			h.mu.Unlock()
			for _, f := range want {
				f()
			}
		case <-h.box.Ready():
			for _, e := range h.box.Take() {
				h.heard(e)
			}
		case <-h.deadline.C:
			return
		}
		h.lost()
	}
}

// left tells whether any leg is left, or the call has still to end.
func (h *hunt) left() bool {
	for _, q := range h.all {
		if q.live {
			return true
		}
	}
	return !h.ended
}

// heard is one event of one leg.
func (h *hunt) heard(e Event) {
	if int(e.Side) >= len(h.all) {
		return
	}
	q, n := h.all[e.Side], int(e.Side)
	switch {
	case e.Kind == Gone:
		if !q.told {
			q.told, q.why = true, Reason{Cause: PeerTimeout}
		}
		q.live = false
	case e.Kind == Failed: // of the box: too many events
		h.fail(e.Reason)
		h.farewell(e.Reason)
	case q.told:
	case e.Kind == HungUp:
		q.told, q.why = true, e.Reason
	case h.ended:
	case n == h.winner:
		h.post(e)
	case h.winner >= 0:
	case e.Kind == Identified: // who takes the call in a room that is rung as a whole
		q.target.To = e.Party
	case (e.Kind == Ringing || e.Kind == Early) && !h.rang: // of several nobody could be heard
		h.rang = true
		h.post(Event{Kind: Ringing})
	case e.Kind == Answered:
		h.win(n)
	}
}

// win gives the call to the leg that was answered first.
func (h *hunt) win(n int) {
	q := h.all[n]
	h.winner = n
	h.audio.Store(&q.leg)
	for i, other := range h.all {
		if i != n && other.live && !other.told {
			other.told = true
			other.leg.Hangup(Reason{Cause: Elsewhere})
		}
	}
	h.post(Event{Kind: Identified, Party: q.target.To})
	h.post(Event{Kind: Answered})
}

// lost ends the hunt when nobody is left who might answer, or when who had
// answered has left.
func (h *hunt) lost() {
	if h.winner >= 0 && h.all[h.winner].told {
		h.fail(h.all[h.winner].why)
	}
	best := Reason{Cause: NoRoute}
	for i, q := range h.all {
		if q.live && !q.told {
			return
		}
		if i == 0 || telling(q.why.Cause) > telling(best.Cause) {
			best = q.why
		}
	}
	h.fail(best)
}

// telling is how much a reason says to the caller about why nobody answered.
func telling(c Cause) int {
	switch c {
	case Busy:
		return 4
	case Rejected:
		return 3
	case NoAnswer:
		return 2
	case Unavailable:
		return 1
	default:
		return 0
	}
}

// fail says once that the hunt has ended by itself, and gives the legs that
// still let go a limit.
func (h *hunt) fail(r Reason) {
	if h.ended {
		return
	}
	h.post(Event{Kind: HungUp, Reason: r})
	h.over()
}

func (h *hunt) over() {
	h.ended = true
	h.deadline.Reset(h.end)
}
