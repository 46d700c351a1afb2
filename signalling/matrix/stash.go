package matrix

import "time"

// This file holds events that overtook the invite of their call.

// stash is called with mu held.
func (c *calls) stash(k callKey, h heard) {
	if c.dead(k) {
		return
	}
	if len(c.early) >= maxStashed {
		sweep(c.early, func(s stash) bool { return time.Since(s.at) >= stashTime }, maxStashed)
	}
	s := c.early[k]
	if len(s.events) == 0 || time.Since(s.at) >= stashTime {
		s = stash{at: time.Now()}
	}
	if len(s.events) < maxEarly {
		s.events = append(s.events, h)
	}
	c.early[k] = s
}
