package signalling

import (
	"log/slog"
	"slices"
	"sync"
	"time"
)

// Inbox queues what happens to one call. Post never blocks, so any library may
// call it from any callback; past its limit it ends the call instead of growing.
type Inbox struct {
	id    string
	log   *slog.Logger
	start time.Time
	ready chan struct{}

	mu     sync.Mutex
	queue  []Event
	limit  int
	sealed bool
	ladder []Message
}

// Message is one rung of a call's ladder: what crossed which border, and when.
type Message struct {
	At   time.Duration `json:"-"`
	MS   int64         `json:"ms"`   // since the call began
	Leg  string        `json:"leg"`  // "matrix" or a trunk's name
	Sent bool          `json:"sent"` // by us
	Text string        `json:"text"` // "INVITE", "m.call.answer", "486 Busy Here": never a secret
}

// maxLadder bounds what a call remembers of its messages.
const maxLadder = 200

func newInbox(id string, limit int, log *slog.Logger) *Inbox {
	return &Inbox{id: id, log: log.With("call", id), start: time.Now(), ready: make(chan struct{}, 1), limit: limit}
}

// NewInbox makes an inbox that belongs to no call, for tests of a leg.
func NewInbox(id string, log *slog.Logger) *Inbox { return newInbox(id, 256, log) }

// Call is the call's id, the same in every log line, record and message of it.
func (in *Inbox) Call() string { return in.id }

// Log is the call's logger.
func (in *Inbox) Log() *slog.Logger { return in.log }

// Note remembers a message that crossed a leg's border, for the call's ladder.
func (in *Inbox) Note(leg string, sent bool, text string) {
	at := time.Since(in.start)
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.ladder) < maxLadder {
		in.ladder = append(in.ladder, Message{At: at, MS: at.Milliseconds(), Leg: leg, Sent: sent, Text: text})
	}
}

// Ladder is what was noted so far.
func (in *Inbox) Ladder() []Message {
	in.mu.Lock()
	defer in.mu.Unlock()
	return append([]Message(nil), in.ladder...)
}

// Post adds an event. Once the call has ended it does nothing.
func (in *Inbox) Post(e Event) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.sealed {
		return
	}
	if len(in.queue) >= in.limit && e.Kind != Gone {
		in.overflow()
	} else {
		in.queue = append(in.queue, e)
	}
	select {
	case in.ready <- struct{}{}:
	default:
	}
}

// overflow ends the call in place of what was queued; only that a leg is gone
// is never forgotten.
func (in *Inbox) overflow() {
	in.queue = slices.DeleteFunc(in.queue, func(e Event) bool { return e.Kind != Gone })
	in.queue = append(in.queue, Event{Kind: Failed, Reason: Reason{Cause: Internal, Detail: "too many events in one call"}})
}

// Ready has a value when Take would return something.
func (in *Inbox) Ready() <-chan struct{} { return in.ready }

// Take removes and returns everything that was posted.
func (in *Inbox) Take() []Event {
	in.mu.Lock()
	defer in.mu.Unlock()
	q := in.queue
	in.queue = nil
	return q
}

func (in *Inbox) seal() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.queue, in.sealed = nil, true
}
