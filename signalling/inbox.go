package signalling

import (
	"log/slog"
	"sync"
	"time"
)

// Inbox queues what happens to one call. Post never blocks, so any library may
// call it from any callback; past its limit it ends the call instead of growing.
// Each leg is given a view of its call's inbox (see For), so that a leg need
// not know which side of which call it is by now.
type Inbox struct {
	mu     sync.Mutex
	queue  *queue
	parent *Inbox // of the leg that this leg is part of, in a hunt; else nil
	viewed bool   // side is that of the leg, whatever it says itself
	side   Side
	gone   bool // the leg has said so, and nothing more of it is heard
}

func newInbox(id string, limit int, log *slog.Logger) *Inbox {
	q := &queue{id: id, log: log.With("call", id), start: time.Now(), ready: make(chan struct{}, 1), limit: limit}
	return &Inbox{queue: q}
}

// NewInbox makes an inbox that belongs to no call, for tests of a leg.
func NewInbox(id string, log *slog.Logger) *Inbox { return newInbox(id, 256, log) }

// For is a view of the inbox for the leg of one side: what is posted to it
// comes from that side. A leg's Gone is the last that it lets through.
func (in *Inbox) For(s Side) *Inbox {
	in.mu.Lock()
	defer in.mu.Unlock()
	return &Inbox{queue: in.queue, viewed: true, side: s}
}

// Call is the call's id, the same in every log line, record and message of it.
func (in *Inbox) Call() string { return in.notes().id }

// Of is the call, and the side in it, that a leg belongs to by now; own where
// the inbox is nobody's view.
func (in *Inbox) Of(own Side) (call string, side Side) {
	if in.parent != nil {
		return in.parent.Of(own)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.viewed {
		own = in.side
	}
	return in.queue.id, own
}

// Log is the call's logger.
func (in *Inbox) Log() *slog.Logger { return in.notes().log }

// Note remembers a message that crossed a leg's border, for the call's ladder.
func (in *Inbox) Note(leg string, sent bool, text string) { in.notes().note(leg, sent, text) }

// Ladder is what was noted so far.
func (in *Inbox) Ladder() []Message { return in.notes().messages() }

func (in *Inbox) notes() *queue {
	if in.parent != nil {
		return in.parent.notes()
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.queue
}

// Post adds an event. Once the call has ended it does nothing.
func (in *Inbox) Post(e Event) { in.offer(e) }

// offer posts, and tells whether anybody will read it.
func (in *Inbox) offer(e Event) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.gone {
		return false
	}
	if in.viewed {
		e.Side, e.fromLeg, in.gone = in.side, true, e.Kind == Gone
	}
	return in.queue.add(e)
}

// move points a view at another call's inbox, where first goes ahead of what
// the leg has posted and nobody has read; before is what was read and not yet
// handled. It does nothing, and says so, when nobody reads there.
func (in *Inbox) move(to *Inbox, s Side, before []Event, first Event) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if !to.offer(first) {
		return false
	}
	before = append(before, in.queue.pull(in.side)...)
	in.queue, in.side = to.queue, s
	for _, e := range before {
		e.Side = s
		in.queue.add(e)
	}
	return true
}

// Ready has a value when Take would return something.
func (in *Inbox) Ready() <-chan struct{} { return in.notes().ready }

// Take removes and returns everything that was posted.
func (in *Inbox) Take() []Event { return in.notes().take(false) }

// seal lets nothing in any more, and returns what nobody has read.
func (in *Inbox) seal() []Event { return in.notes().take(true) }
