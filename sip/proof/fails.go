package proof

import (
	"crypto/sha256"
	"net/netip"
	"time"
)

// A source that is wrong so often in a while about one user is not listened to
// as that user any more, for some time.
const (
	maxFails   = 5
	failWindow = time.Minute
	banLength  = 5 * time.Minute
	maxTallies = 10_000 // sources and users that are counted at a time
)

// failure is what is counted by: a user's name may be long, so its hash.
type failure struct {
	source netip.Addr
	user   [sha256.Size]byte
}

// tally counts one source's failures with one user.
type tally struct {
	count int
	since time.Time
	until time.Time // the end of its ban; zero: none
}

func (t *tally) over(now time.Time) bool {
	if t.until.IsZero() {
		return now.Sub(t.since) >= failWindow
	}
	return !now.Before(t.until)
}

func (g *Gate) banned(who failure, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	t := g.fails[who]
	return t != nil && !t.until.IsZero() && !t.over(now)
}

// failed counts, and tells whether that was once too often.
func (g *Gate) failed(who failure, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	t := g.fails[who]
	if t == nil || t.over(now) {
		g.room(now)
		t = &tally{since: now}
		g.fails[who] = t
	}
	if t.count++; t.count < maxFails {
		return false
	}
	if t.until.IsZero() {
		t.until = now.Add(banLength)
	}
	return true
}

// room makes place for one more tally: those that are over go, else any one.
// The caller holds the lock.
func (g *Gate) room(now time.Time) {
	if len(g.fails) < maxTallies {
		return
	}
	g.sweep(now)
	for who := range g.fails {
		if len(g.fails) < maxTallies {
			return
		}
		delete(g.fails, who)
	}
}

func (g *Gate) forgive(who failure) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.fails, who)
}
