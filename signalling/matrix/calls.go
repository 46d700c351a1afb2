package matrix

import (
	"sync"
	"time"

	"roomline/signalling"
)

const (
	tombTime       = 15 * time.Minute // an ended call is remembered for longer than any invite lives
	stashTime      = time.Minute      // events that overtook their invite
	maxTombs       = 20_000
	maxStashed     = 128 // calls,
	maxStashedEach = 8   // of them in one room
	maxEarly       = 16  // events of one call, 64 kB each
	maxPlaced      = 32  // calls of one user, so that a flood leaves others their calls
)

// callKey is what a call is known by: its id is the caller's choice, so it
// means nothing outside its room.
type callKey struct{ room, id string }

// calls are the legs that are alive, and what is left of those that were.
type calls struct {
	strays strays
	pairs  *pairs
	waits  waits

	mu    sync.Mutex // guards what follows, and user, with and talks of every leg
	live  map[callKey]*leg
	tombs map[callKey]time.Time
	early map[callKey]stash
	backs map[string]int // users who are rung back
}

type stash struct {
	at     time.Time
	events []heard
}

func newCalls() *calls {
	return &calls{pairs: newPairs(), waits: usualWaits(), live: map[callKey]*leg{}, tombs: map[callKey]time.Time{}, early: map[callKey]stash{}, backs: map[string]int{}}
}

// add begins a call, unless there is or was one of this name, or too many of
// its user's, and hands over what came before its invite.
func (c *calls) add(l *leg) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := l.key()
	if c.live[k] != nil || c.dead(k) {
		c.ignore(typeInvite)
		return false
	}
	if c.placed(l.user) >= maxPlaced {
		c.ignore(typeInvite)
		c.bury(k)
		return false
	}
	c.begin(l)
	return true
}

// placed is how many calls of a user's there are, with mu held.
func (c *calls) placed(user string) int {
	n := 0
	for _, l := range c.live {
		if l.side == signalling.A && l.user == user {
			n++
		}
	}
	return n
}

// begin is called with mu held.
func (c *calls) begin(l *leg) {
	k := l.key()
	c.live[k] = l
	for _, h := range c.early[k].events {
		c.hand(l, h)
	}
	delete(c.early, k)
}

// claim begins a call in a room where none goes on of its user's: clients take
// no notice of a second one.
func (c *calls) claim(l *leg) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.engaged(l.room, l.user) {
		return false
	}
	l.rings = true
	c.begin(l)
	return true
}

// end forgets a leg and remembers that its call was.
func (c *calls) end(l *leg) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.live[l.key()] == l {
		delete(c.live, l.key())
	}
	if l.room != "" {
		c.bury(l.key())
	}
}

// deliver passes an event to its leg, or keeps it for a moment. It tells
// whether the sender has any part in the call.
func (c *calls) deliver(h heard) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := callKey{h.Room, h.CallID}
	if l := c.live[k]; l != nil {
		return c.hand(l, h)
	}
	if h.Type == typeCandidates || h.Type == typeHangup { // nothing else can come first
		c.stash(k, h)
	}
	return true
}

// hand passes an event to its leg, unless it is from somebody who has no part
// in the call. Only the party that the call is with can fill the leg's mailbox.
// It is called with mu held.
func (c *calls) hand(l *leg, h heard) bool {
	it := item{kind: fromRoom, heard: h}
	taken := l.user == "" || h.Sender == l.user
	switch {
	case !taken:
	case l.with.User != "" && h.from(l.with):
		l.box.put(it)
	case l.with.Device != "" && (!h.Sealed || h.likely(l.with)):
		taken = false
		if h.Sealed && !h.V0 && !l.with.V0 { // the same party, with other keys
			l.box.offer(item{kind: swapped}, maxMail/2)
		}
	case l.with.User != "" && (l.side == signalling.B || h.Type != typeAnswer):
		taken = false
	case h.Type == typeCandidates:
		taken = l.box.offer(it, maxMail/2)
	default:
		taken = l.box.offer(it, maxMail*3/4)
	}
	if !taken {
		c.ignore(h.Type)
	}
	return taken
}

// settle notes which party a call is with from now on.
func (c *calls) settle(l *leg, p party) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l.far, l.with, l.user = p, p, p.User
}

// talking notes that a leg is a conversation.
func (c *calls) talking(l *leg) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l.talks = true
}

// left tells the legs of a room that a member is gone, which may be one of ours.
func (c *calls) left(room, user string, ours bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	it := item{kind: memberLeft, user: user}
	for k, l := range c.live {
		switch {
		case k.room != room:
		case ours || user == l.user:
			l.box.put(it)
		default: // no part of the call, but perhaps of those who are rung together
			l.box.offer(it, maxMail/2)
		}
	}
}
