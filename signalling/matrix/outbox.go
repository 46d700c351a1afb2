package matrix

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"
)

// finalPatience is how long a hangup or a notice waits for the homeserver.
const finalPatience = 10 * time.Minute

// abandonGrace is how long an attempt under way may still take when its leg is
// over: nobody knows whether the event has arrived, and what follows must not
// overtake it.
const abandonGrace = 2 * time.Second

// errAbandoned is the end of an event that nobody wants any more.
var errAbandoned = errors.New("no longer wanted")

// outgoing is one event on its way to the homeserver.
type outgoing struct {
	eventType string
	content   any
	final     bool        // still wanted after the leg is gone
	done      func(error) // told once; may be nil; must not block
	until     time.Time
	txn       string
	said      *utterance // the same for every attempt; set by put, like txn
}

// outbox sends the events of one call one after the other, each of them again
// and again with the same transaction id until the homeserver has it: it can
// arrive late, but neither twice nor in another order. It outlives its leg.
type outbox struct {
	send  func(ctx context.Context, o outgoing) error
	pace  pace
	prime string // makes transaction ids unique

	mu       sync.Mutex
	queue    []outgoing
	sent     int
	running  bool
	closed   bool            // only final events are taken
	under    *trial          // the event under way, unless it is final
	lifetime context.Context // of the client: nothing is sent after it
	awaited  *sync.WaitGroup
}

func newOutbox(ctx context.Context, awaited *sync.WaitGroup, p pace, send func(context.Context, outgoing) error) *outbox {
	return &outbox{send: send, pace: p, prime: rand.Text()[:16], lifetime: ctx, awaited: awaited}
}

// put queues an event and returns at once.
func (b *outbox) put(o outgoing) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed && !o.final {
		o.tell(errAbandoned)
		return
	}
	b.sent++
	o.txn = b.prime + "." + strconv.Itoa(b.sent)
	o.said = &utterance{eventType: o.eventType, content: o.content, txn: o.txn}
	if o.until.IsZero() {
		o.until = time.Now().Add(finalPatience)
	}
	b.queue = append(b.queue, o)
	if !b.running {
		b.running = true
		b.awaited.Add(1)
		go b.run() // ends when the queue is empty; awaited by Client.Close
	}
}

// drop gives up all that is not final: the leg is over, and an invite or an
// answer that arrived now would only confuse.
func (b *outbox) drop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	if b.under != nil {
		b.under.giveUp()
	}
}

// trial is the sending of one event.
type trial struct {
	outgoing
	attempt, retry context.Context // of each attempt; of making another one
	end, last      context.CancelFunc
}

func newTrial(ctx context.Context, o outgoing) *trial {
	t := &trial{outgoing: o}
	t.attempt, t.end = context.WithDeadline(ctx, o.until)
	t.retry, t.last = context.WithCancel(t.attempt)
	return t
}

// giveUp lets the attempt under way be the last, and a short one.
func (t *trial) giveUp() {
	t.last()
	time.AfterFunc(abandonGrace, t.end) // only cancels; harmless after the end
}

func (b *outbox) run() {
	defer b.awaited.Done()
	for {
		t, ok := b.next()
		if !ok {
			return
		}
		t.tell(b.deliver(t))
		t.end()
	}
}

func (b *outbox) next() (*trial, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.queue) > 0 && b.closed && !b.queue[0].final {
		b.queue[0].tell(errAbandoned)
		b.queue = b.queue[1:]
	}
	b.under = nil
	if len(b.queue) == 0 {
		b.running = false
		return nil, false
	}
	t := newTrial(b.lifetime, b.queue[0])
	b.queue = b.queue[1:]
	if !t.final {
		b.under = t
	}
	return t, true
}

func (o outgoing) tell(err error) {
	if o.done != nil {
		o.done(err)
	}
}

// deliver tries until the homeserver takes the event or refuses it for good.
func (b *outbox) deliver(t *trial) error {
	if t.eventType == "" { // a mark: what was before it is done with
		return nil
	}
	err := again(t.retry, b.pace, func() error { return b.send(t.attempt, t.outgoing) })
	if err != nil && !permanent(err) {
		return fmt.Errorf("%s given up: %w", t.eventType, err)
	}
	return err
}
