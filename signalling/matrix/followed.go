package matrix

import (
	"maps"
	"sync"
)

// tally counts by one of a few words.
type tally struct {
	mu sync.Mutex
	n  map[string]uint64
}

func (t *tally) add(word string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n == nil {
		t.n = map[string]uint64{}
	}
	t.n[word]++
}

func (t *tally) counts() map[string]uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.n)
}

// Commands is how many commands people gave in rooms, by their verb.
func (c *Client) Commands() map[string]uint64 { return c.followed.counts() }
