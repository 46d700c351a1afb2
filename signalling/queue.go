package signalling

import (
	"log/slog"
	"slices"
	"sync"
	"time"
)

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

// queue is what the views of one call's inbox have in common.
type queue struct {
	id    string
	log   *slog.Logger
	start time.Time
	ready chan struct{}

	mu     sync.Mutex
	events []Event
	limit  int
	sealed bool
	ladder []Message
}

func (q *queue) add(e Event) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.sealed {
		return false
	}
	if len(q.events) >= q.limit && !precious(e) {
		q.overflow()
	} else {
		q.events = append(q.events, e)
	}
	select {
	case q.ready <- struct{}{}:
	default:
	}
	return true
}

// precious is what is never forgotten: that a leg is gone, and letters between
// calls, of which there are few.
func precious(e Event) bool { return e.Kind == Gone || e.letter != nil }

// overflow ends the call in place of what was queued.
func (q *queue) overflow() {
	q.events = slices.DeleteFunc(q.events, func(e Event) bool { return !precious(e) })
	q.events = append(q.events, Event{Kind: Failed, Reason: Reason{Cause: Internal, Detail: "too many events in one call"}})
}

func (q *queue) take(seal bool) []Event {
	q.mu.Lock()
	defer q.mu.Unlock()
	events := q.events
	q.events, q.sealed = nil, q.sealed || seal
	return events
}

// pull takes out what came from one leg.
func (q *queue) pull(s Side) []Event {
	q.mu.Lock()
	defer q.mu.Unlock()
	var its []Event
	q.events, its = split(q.events, s)
	return its
}

// split parts what a leg has posted from all else.
func split(events []Event, s Side) (rest, its []Event) {
	for _, e := range events {
		if e.Side == s && e.fromLeg {
			its = append(its, e)
		} else {
			rest = append(rest, e)
		}
	}
	return rest, its
}

func (q *queue) note(leg string, sent bool, text string) {
	at := time.Since(q.start)
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.ladder) < maxLadder {
		q.ladder = append(q.ladder, Message{At: at, MS: at.Milliseconds(), Leg: leg, Sent: sent, Text: text})
	}
}

func (q *queue) messages() []Message {
	q.mu.Lock()
	defer q.mu.Unlock()
	return append([]Message(nil), q.ladder...)
}
