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

// errAbandoned is the end of an event that nobody wants any more.
var errAbandoned = errors.New("no longer wanted")

// outgoing is one event on its way to the homeserver.
type outgoing struct {
	eventType string
	content   any
	final     bool        // still wanted after the leg is gone
	done      func(error) // told once; may be nil; must not block
	txn       string
	until     time.Time
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
	closed   bool               // only final events are taken
	abandon  context.CancelFunc // ends the attempt that is under way, unless it is final
	lifetime context.Context    // of the client: nothing is sent after it
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
	if b.abandon != nil {
		b.abandon()
	}
}

func (b *outbox) run() {
	defer b.awaited.Done()
	for {
		o, ctx, ok := b.next()
		if !ok {
			return
		}
		o.tell(b.deliver(ctx, o))
	}
}

func (b *outbox) next() (outgoing, context.Context, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.queue) > 0 && b.closed && !b.queue[0].final {
		b.queue[0].tell(errAbandoned)
		b.queue = b.queue[1:]
	}
	if b.abandon != nil {
		b.abandon()
		b.abandon = nil
	}
	if len(b.queue) == 0 {
		b.running = false
		return outgoing{}, nil, false
	}
	o := b.queue[0]
	b.queue = b.queue[1:]
	if o.final {
		return o, b.lifetime, true
	}
	ctx, cancel := context.WithCancel(b.lifetime)
	b.abandon = cancel
	return o, ctx, true
}

func (o outgoing) tell(err error) {
	if o.done != nil {
		o.done(err)
	}
}

// deliver tries until the homeserver takes the event or refuses it for good.
func (b *outbox) deliver(ctx context.Context, o outgoing) error {
	ctx, cancel := context.WithDeadline(ctx, o.until)
	defer cancel()
	if o.eventType == "" { // a mark: what was before it is done with
		return nil
	}
	err := again(ctx, b.pace, func() error { return b.send(ctx, o) })
	if err != nil && !permanent(err) {
		return fmt.Errorf("%s given up: %w", o.eventType, err)
	}
	return err
}
