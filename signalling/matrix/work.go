package matrix

import (
	"context"
	"time"

	"roomline/signalling"
)

// This file holds how the client's goroutines begin, and how they are awaited.

// flush waits for the outboxes, but not for ever: what is left over is sent
// after the next start.
func (c *Client) flush() {
	timer := time.AfterFunc(flushTime, c.mute)
	c.outboxes.Wait()
	timer.Stop()
	c.mute()
}

// spawn does something bounded beside the intake, unless too much is going on.
func (c *Client) spawn(f func()) bool {
	select {
	case c.atOnce <- struct{}{}:
	default:
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		<-c.atOnce
		return false
	}
	c.work.Go(func() { // ends with ctx at the latest; awaited by Close
		defer func() { <-c.atOnce }()
		signalling.Survives(c.log, "work of the Matrix side", f)
	})
	return true
}

// maxAside leaves the other half to calls: who floods a room with what we look
// after beside them shall keep nobody from calling.
const maxAside = maxAtOnce / 2

// aside is spawn for what no call waits for.
func (c *Client) aside(f func()) bool { return len(c.atOnce) < maxAside && c.spawn(f) }

// goLeg begins a leg's goroutine, which ends with the leg; awaited by Close. A
// leg that is made after Close ends at once and is awaited by its call.
func (c *Client) goLeg(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		go f()
		return
	}
	c.work.Go(f)
}

func (c *Client) outboxOf(ghost, room string) *outbox {
	return newOutbox(c.sending, &c.outboxes, c.pace, func(ctx context.Context, o outgoing) error {
		_, err := c.say(ctx, ghost, room, o.said)
		return err
	})
}
