package signalling

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"roomline/media"
)

// hunters dials every target of a hunt group at once.
type hunters struct {
	dialler func(name string) (Dialler, bool)
	end     time.Duration
}

// maxHunt bounds how many legs ring at once for one call.
const maxHunt = 32

// Dial implements Dialler.
func (d hunters) Dial(to Target, offer []media.Format, in *Inbox) Leg {
	h := &hunt{in: in, box: newInbox(in.Call(), 256, slog.New(slog.DiscardHandler)), end: d.end, wishes: make(chan struct{}, 1), winner: -1}
	all := append([]Target{to}, to.Also...)
	all[0].Also = nil
	for i, t := range all[:min(len(all), maxHunt)] {
		q := &quarry{target: t, told: true, why: Reason{Cause: NoRoute, Detail: "no trunk is named " + t.Via}}
		h.all = append(h.all, q)
		if via, ok := d.dialler(t.Via); ok {
			q.leg, q.live, q.told = via.Dial(t, offer, h.box.child(Side(i), in)), true, false
		}
	}
	go h.run() // ends after it has posted Gone; awaited by the call, which waits for that
	return h
}

// child is a view for one leg of several, whose notes go into the story of the
// call they all belong to.
func (in *Inbox) child(s Side, of *Inbox) *Inbox {
	return &Inbox{queue: in.queue, parent: of, viewed: true, side: s}
}

// quarry is one leg of a hunt.
type quarry struct {
	target Target
	leg    Leg    // nil: it could not even be dialled
	live   bool   // it has not reported Gone
	told   bool   // it was sent Hangup, or left by itself
	why    Reason // why it left
}

// hunt is a leg made of legs: it rings several, and the first that is answered
// has the call, while the others are told that it was taken elsewhere. Its
// methods only leave a wish; all else belongs to its own goroutine.
type hunt struct {
	in     *Inbox // of the call
	box    *Inbox // of the legs
	end    time.Duration
	all    []*quarry
	audio  atomic.Pointer[Leg] // of the winner, once there is one
	wishes chan struct{}       // has a value when there is a wish

	mu   sync.Mutex
	want []func()

	winner   int // -1: nobody yet
	rang     bool
	ended    bool // the call said Hangup, or we said HungUp
	deadline *time.Timer
}

func (h *hunt) wish(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.want = append(h.want, f); len(h.want) > 256 {
		h.want = h.want[1:] // nobody asks for so much; the latest counts
	}
	select {
	case h.wishes <- struct{}{}:
	default:
	}
}

// Offers implements Leg: a hunt is always called, never a caller.
func (h *hunt) Offers() []media.Format { return nil }

// Ring implements Leg: only a caller hears ringing.
func (h *hunt) Ring() {}

// Progress implements Leg: only a caller waits for an answer.
func (h *hunt) Progress(media.Format, bool) {}

// Answer implements Leg: only a caller is answered.
func (h *hunt) Answer(media.Format) {}

// Show implements Leg.
func (h *hunt) Show(v View) { h.wish(func() { h.each(func(l Leg) { l.Show(v) }) }) }

// SendDigit implements Leg.
func (h *hunt) SendDigit(d byte) {
	h.wish(func() { h.won(func(l Leg) { l.SendDigit(d) }) })
}

// Transfer implements Leg.
func (h *hunt) Transfer(to Destination) {
	h.wish(func() {
		if !h.won(func(l Leg) { l.Transfer(to) }) {
			h.post(Event{Kind: NotReferred, Reason: Reason{Cause: Unavailable}})
		}
	})
}

// Transferred implements Leg.
func (h *hunt) Transferred(r Reason) {
	h.wish(func() { h.won(func(l Leg) { l.Transferred(r) }) })
}

// Hangup implements Leg.
func (h *hunt) Hangup(r Reason) {
	h.wish(func() {
		if h.farewell(r); !h.ended {
			h.over()
		}
	})
}

// Media implements Leg.
func (h *hunt) Media() media.Endpoint {
	if l := h.audio.Load(); l != nil {
		return (*l).Media()
	}
	return nil
}

func (h *hunt) post(e Event) { e.Side = B; h.in.Post(e) }

// each does something with every leg that is still here.
func (h *hunt) each(f func(Leg)) {
	for _, q := range h.all {
		if q.live && !q.told {
			f(q.leg)
		}
	}
}

// won does something with the leg that was answered, and tells whether it could.
func (h *hunt) won(f func(Leg)) bool {
	if h.winner < 0 || !h.all[h.winner].live || h.all[h.winner].told {
		return false
	}
	f(h.all[h.winner].leg)
	return true
}

// farewell tells every leg that is still here to stop.
func (h *hunt) farewell(r Reason) {
	for _, q := range h.all {
		if q.live && !q.told {
			q.told = true
			q.leg.Hangup(r)
		}
	}
}
