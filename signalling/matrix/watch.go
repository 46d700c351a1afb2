package matrix

import (
	"context"
	"errors"
	"time"

	"roomline/signalling"
)

// watch asks the homeserver for as long as we live whether it reaches us, and
// puts things in order when it does so for the first time.
func (c *Client) watch() {
	settled := false
	for wait := c.pace.first; ; {
		was := c.Ready()
		err := c.ask()
		if g, ok := c.vault.(*gate); ok && err == nil {
			g.try(c.ctx, was != nil)
		}
		if err == nil && !settled {
			settled = c.settle()
		}
		if err == nil && settled {
			wait = pingEvery
		} else {
			wait = min(2*wait, c.pace.most)
		}
		if !c.rest(jitter(wait)) {
			return
		}
	}
}

// rest tells whether we still live when it is over, or when somebody wants to
// know what the homeserver can do.
func (c *Client) rest(d time.Duration) bool {
	var wake chan struct{}
	if g, ok := c.vault.(*gate); ok {
		wake = g.wake
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-wake:
	case <-c.ctx.Done():
		return false
	}
	return true
}

// ask pings once and remembers the answer; a change is one line in the log.
func (c *Client) ask() error {
	ctx, cancel := context.WithTimeout(c.ctx, c.cfg.SendTimeout)
	defer cancel()
	err := c.hs.ping(ctx)
	c.mu.Lock()
	was := c.state
	c.state = err
	c.mu.Unlock()
	switch {
	case c.ctx.Err() != nil:
	case err == nil && was != nil:
		c.log.Info("the homeserver answers and reaches us")
	case err != nil && (was == nil || was == errStarting):
		c.log.Warn("no homeserver", "error", err)
	}
	return err
}

// settle ends what an earlier run left open, and makes the lines.
func (c *Client) settle() bool {
	ctx, cancel := context.WithTimeout(c.ctx, time.Minute)
	defer cancel()
	for _, call := range c.left {
		c.endLeftOver(call)
	}
	for _, story := range c.half {
		c.finish(story)
	}
	c.left, c.half = nil, nil
	c.present(ctx)
	err := errors.Join(c.lines.all(ctx, c.users), c.undressAll(ctx))
	if err != nil && c.ctx.Err() == nil {
		c.log.Warn("could not prepare the telephone rooms", "error", err)
	}
	return err == nil
}

// endLeftOver ends a call whose other half died with an earlier run. Nobody
// knows whether it was answered: js-sdk needs a reject before that and a
// hangup after it, and takes no notice of the other one.
func (c *Client) endLeftOver(call openCall) {
	key := callKey{call.Room, call.CallID}
	c.calls.kill(key)
	h := head{version(call.V0), call.CallID, call.Party}
	out := c.outboxOf(call.Ghost, call.Room)
	if call.Role == roleCaller && !call.V0 {
		out.put(outgoing{eventType: typeReject, content: endOut{h, unknownError}, final: true})
	}
	_, reason := ending(signalling.Internal, stage{answered: true})
	out.put(outgoing{eventType: typeHangup, content: endOut{h, reason}, final: true,
		done: func(err error) { c.settled(call.Room, call.CallID, err) }})
}
