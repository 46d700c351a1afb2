package signalling

import "context"

// checkEmpty is called with mu held.
func (x *Exchange) checkEmpty() {
	if !x.draining || len(x.live) > 0 {
		return
	}
	select {
	case <-x.empty:
	default:
		close(x.empty)
	}
}

// Draining tells whether new calls are refused.
func (x *Exchange) Draining() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.draining
}

// Drain takes no new calls, ends those that nobody has answered, and waits for
// the others until they are over or ctx is.
func (x *Exchange) Drain(ctx context.Context) {
	x.mu.Lock()
	x.draining = true
	for _, c := range x.live {
		c.inbox.Post(Event{Kind: Drain})
	}
	x.checkEmpty()
	x.mu.Unlock()
	select {
	case <-x.empty:
	case <-ctx.Done():
	}
}

// Stop ends every call properly on both sides and waits for them, which takes
// at most Limits.End.
func (x *Exchange) Stop() {
	x.mu.Lock()
	x.draining = true
	x.checkEmpty()
	x.mu.Unlock()
	x.stop()
	x.wg.Wait()
}
