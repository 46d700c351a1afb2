package sip

import (
	"slices"
	"sync"
)

// maxNonces is how many of a trunk's nonces are counted at a time.
const maxNonces = 64

// nonceCounts are how often we have answered each nonce of a trunk. Some ask
// with one nonce again, in a dialog or in the next call, and refuse a count that
// they have seen (RFC 7616 §3.4, nc). Nonces are never used unasked: a request
// within a call may end at somebody behind the trunk.
type nonceCounts struct {
	mu   sync.Mutex
	all  map[string]int
	last []string // the least recently used first
}

// next is the count for an answer to a nonce.
func (n *nonceCounts) next(nonce string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.all == nil {
		n.all = map[string]int{}
	}
	if i := slices.Index(n.last, nonce); i >= 0 {
		n.last = slices.Delete(n.last, i, i+1)
	} else if len(n.last) == maxNonces {
		delete(n.all, n.last[0])
		n.last = slices.Delete(n.last, 0, 1)
	}
	n.last = append(n.last, nonce)
	n.all[nonce]++
	return n.all[nonce]
}
