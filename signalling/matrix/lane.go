package matrix

import (
	"sync"
	"time"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// lanes hold the encrypted events that are being read. What one person says in
// one room under one key is a lane: it keeps its order, and waits for no other
// key, so that nobody can hold up what a device says by an event without one.
type lanes struct {
	mu     sync.Mutex
	open   map[laneKey][]*event.Event
	loads  map[string]load // by sender
	all    load
	others load                       // of all, what is of strangers
	missed map[id.SessionID]time.Time // sessions whose key never came, and since when that is known
}

type laneKey struct {
	room, sender string
	session      id.SessionID // of one device
	stranger     bool         // who may not even be rung, and is read because a call goes on in the room
}

// load is what waits.
type load struct{ lanes, events, bytes int }

// What may wait, and no more: of one person, in all, and of all strangers
// together, who can be as many as their homeserver likes. A call has a hundred
// events at most, of which the largest have sixty thousand bytes.
var (
	mostOfOne    = load{lanes: 64, events: 400, bytes: 4 << 20}
	mostOfAll    = load{lanes: 2000, events: 8000, bytes: 64 << 20}
	mostOfOthers = load{lanes: 500, events: 2000, bytes: 16 << 20}
)

func (l load) plus(m load) load {
	return load{l.lanes + m.lanes, l.events + m.events, l.bytes + m.bytes}
}

func (l load) minus(m load) load {
	return load{l.lanes - m.lanes, l.events - m.events, l.bytes - m.bytes}
}

func (l load) within(m load) bool {
	return l.lanes <= m.lanes && l.events <= m.events && l.bytes <= m.bytes
}

func newLanes() *lanes {
	return &lanes{open: map[laneKey][]*event.Event{}, loads: map[string]load{}, missed: map[id.SessionID]time.Time{}}
}

// weight is what an event takes of the memory.
func weight(e *event.Event) load { return load{events: 1, bytes: 512 + 3*len(e.Content.VeryRaw)} }

// put queues events, and returns those for which there is no room. begins tells
// that the lane is new, and that somebody has to empty it.
func (l *lanes) put(k laneKey, list []*event.Event) (begins bool, dropped []*event.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, known := l.open[k]
	for _, e := range list {
		more := weight(e)
		if _, runs := l.open[k]; !runs {
			more.lanes = 1
		}
		one, all, others := l.loads[k.sender].plus(more), l.all.plus(more), l.others
		if k.stranger {
			others = others.plus(more)
		}
		if !one.within(mostOfOne) || !all.within(mostOfAll) || !others.within(mostOfOthers) {
			dropped = append(dropped, e)
			continue
		}
		l.open[k], l.loads[k.sender], l.all, l.others = append(l.open[k], e), one, all, others
	}
	return !known && len(dropped) < len(list), dropped
}

// first is the oldest event of a lane. It stays there until it is shifted.
func (l *lanes) first(k laneKey) *event.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	if queue := l.open[k]; len(queue) > 0 {
		return queue[0]
	}
	return nil
}

// shift removes the oldest event of a lane.
func (l *lanes) shift(k laneKey) {
	l.mu.Lock()
	defer l.mu.Unlock()
	queue := l.open[k]
	l.release(k, weight(queue[0]))
	queue[0] = nil
	l.open[k] = queue[1:]
}

// end closes a lane, unless something waits in it.
func (l *lanes) end(k laneKey) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.open[k]) > 0 {
		return false
	}
	delete(l.open, k)
	l.release(k, load{lanes: 1})
	return true
}

// abandon closes a lane with all that waits in it.
func (l *lanes) abandon(k laneKey) {
	for l.first(k) != nil {
		l.shift(k)
	}
	l.end(k)
}

// release is called with mu held.
func (l *lanes) release(k laneKey, less load) {
	l.all = l.all.minus(less)
	if k.stranger {
		l.others = l.others.minus(less)
	}
	if rest := l.loads[k.sender].minus(less); rest == (load{}) {
		delete(l.loads, k.sender)
	} else {
		l.loads[k.sender] = rest
	}
}

const (
	missedTime  = 10 * time.Minute // a key that did not come is not waited for again so soon
	maxHopeless = 5000
)

// miss notes that the key of a session was waited for in vain.
func (l *lanes) miss(s id.SessionID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.missed) >= maxHopeless {
		clear(l.missed)
	}
	l.missed[s] = time.Now()
}

// hopeless tells whether a key was waited for in vain a moment ago.
func (l *lanes) hopeless(s id.SessionID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	at, ok := l.missed[s]
	return ok && time.Since(at) < missedTime
}
