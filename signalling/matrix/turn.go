package matrix

import "context"

// turn lets one goroutine in at a time. Unlike a mutex it lets nobody wait for
// longer than its context, so it may be held while the homeserver is asked.
type turn chan struct{}

func newTurn() turn { return make(turn, 1) }

// take waits for its turn. Whoever gets nil has to give it back.
func (t turn) take(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t turn) give() { <-t }
