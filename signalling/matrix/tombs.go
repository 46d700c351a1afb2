package matrix

import "time"

// This file holds what is remembered of calls that are over.

// kill makes sure that a call never begins.
func (c *calls) kill(k callKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bury(k)
}

func (c *calls) dead(k callKey) bool {
	at, ok := c.tombs[k]
	return ok && time.Since(at) < tombTime
}

func (c *calls) bury(k callKey) {
	if len(c.tombs) >= maxTombs {
		sweep(c.tombs, func(at time.Time) bool { return time.Since(at) >= tombTime }, maxTombs*9/10) // many at a time: it looks at all
	}
	c.tombs[k] = time.Now()
}

// sweep removes what is old from a map, or anything when that is not enough.
func sweep[K comparable, V any](m map[K]V, old func(V) bool, limit int) {
	for k, v := range m {
		if old(v) {
			delete(m, k)
		}
	}
	for k := range m {
		if len(m) < limit {
			return
		}
		delete(m, k)
	}
}
