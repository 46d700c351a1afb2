package port

import "time"

const (
	maxQuarantine = 10 * time.Minute
	leastSilence  = time.Second // of a pair that is taken early because no other is left
	earlyLooks    = 64          // at pairs in quarantine, for one that can be taken early
	looks         = 8           // at a pair within drain: each costs two system calls
)

// quarantine holds closed pairs that may still be sent to, oldest first: their
// far ends' packets must not be heard in the next call. It keeps no time of its
// own.
type quarantine struct {
	drain time.Duration
	began time.Time // what times are counted from; of thousands, a time.Time each would be three times as much
	held  []*quarantined
}

type quarantined struct {
	rested
	since, heard, looked time.Duration
}

func (q *quarantine) add(r rested, now time.Time) {
	if q.began.IsZero() {
		q.began = now
	}
	at := now.Sub(q.began)
	q.held = append(q.held, &quarantined{r, at, at, at})
}

// sweep takes in what came meanwhile and lets go of the pairs that are done:
// silent for drain, or held for ten minutes whatever comes.
func (q *quarantine) sweep(now time.Time, heard func(*rested) bool) (done []*rested) {
	at, keep := now.Sub(q.began), q.held[:0]
	for _, h := range q.held {
		silent := at-h.heard >= q.drain
		if silent || at-h.looked >= q.drain/looks {
			silent = !h.look(at, heard) && silent
		}
		if silent || at-h.since >= maxQuarantine {
			done = append(done, &h.rested)
		} else {
			keep = append(keep, h)
		}
	}
	clear(q.held[len(keep):])
	q.held = keep
	return done
}

// look tells whether the pair was spoken to since the last look.
func (h *quarantined) look(at time.Duration, heard func(*rested) bool) bool {
	h.looked = at
	if !heard(&h.rested) {
		return false
	}
	h.heard = at
	return true
}

// early takes out the oldest pair that has been silent for a second at least,
// nil where there is none. It looks at a few only, however many there are: those
// that it finds spoken to are the last to be looked at again.
func (q *quarantine) early(now time.Time, heard func(*rested) bool) *rested {
	at := now.Sub(q.began)
	for range min(len(q.held), earlyLooks) {
		h := q.held[0]
		q.held[0], q.held = nil, q.held[1:]
		if h.look(at, heard); at-h.heard > leastSilence {
			return &h.rested
		}
		q.held = append(q.held, h)
	}
	return nil
}
