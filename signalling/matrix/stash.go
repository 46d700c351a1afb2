package matrix

import "time"

// This file holds events that overtook the invite of their call.

// stash is called with mu held.
func (c *calls) stash(k callKey, h heard) {
	if c.dead(k) || len(c.early[k].events) == 0 && c.stashed(k.room) >= maxStashedEach {
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

// stashed is how many calls of a room wait for their invite, with mu held.
func (c *calls) stashed(room string) int {
	n := 0
	for k, s := range c.early {
		if k.room == room && time.Since(s.at) < stashTime {
			n++
		}
	}
	return n
}
