package signalling

import (
	"slices"
	"strings"
	"time"
)

// Status is how a call is now: a copy, which nobody changes.
type Status struct {
	ID        string
	Direction Direction
	State     State
	Moving    bool // a transfer goes on
	Room      string
	Trunk     string
	Ends      [2]End    // the caller's place, and the called one's
	Began     time.Time // when the invitation came
	Connected time.Time // since when both can talk; zero: they cannot yet
}

// End is one of the two who talk.
type End struct {
	Side  Side
	Via   string // a trunk's name, or "matrix"; empty: not known yet
	Party Party
	Held  bool // it has put the call on hold
	Muted bool
}

// SideOf is the side of a Matrix user in the call.
func (s Status) SideOf(user string) (Side, bool) {
	for _, e := range s.Ends {
		if user != "" && e.Via == Matrix && e.Party.User == user {
			return e.Side, true
		}
	}
	return 0, false
}

// publish lets others see how the call is.
func (c *call) publish() {
	s := &Status{ID: c.inbox.Call(), Direction: c.direction(), State: c.State, Moving: c.move.at != settled, Room: c.in.Room, Trunk: c.trunk,
		Began: c.times.start, Connected: c.times.connected}
	for i, side := range c.pair {
		l := c.slots[side]
		s.Ends[i] = End{Side: side, Via: c.parts[side].via, Party: c.who[side], Held: l.held, Muted: l.muted}
	}
	c.status.Store(s)
}

// Calls are the calls that are alive, oldest first.
func (x *Exchange) Calls() []Status {
	x.mu.Lock()
	defer x.mu.Unlock()
	all := make([]Status, 0, len(x.live))
	for _, c := range x.live {
		all = append(all, *c.status.Load())
	}
	slices.SortFunc(all, func(a, b Status) int {
		if n := a.Began.Compare(b.Began); n != 0 {
			return n
		}
		return strings.Compare(a.ID, b.ID)
	})
	return all
}

// The commands below act as if one side of a call had asked for it. They tell
// whether there is such a call with such a side; what comes of it is seen in
// Calls and Recent. Who may give them is for the caller to know.

// Hangup ends a call in the name of a side.
func (x *Exchange) Hangup(id string, by Side) bool {
	return x.command(id, Event{Kind: released, Side: by})
}

// Hold puts a call on hold in the name of a side, with music for the other, or
// takes it back.
func (x *Exchange) Hold(id string, by Side, on bool) bool {
	if !on {
		return x.command(id, Event{Kind: Resumed, Side: by})
	}
	return x.command(id, Event{Kind: Held, Side: by, Silent: true})
}

// maxDigits bounds one command, which leaves room in the call's inbox.
const maxDigits = 64

// Press plays DTMF digits (0-9 * # A-D) toward the other side; anything else,
// or more than 64 at once, it refuses whole.
func (x *Exchange) Press(id string, by Side, digits string) bool {
	if digits == "" || len(digits) > maxDigits || strings.Trim(digits, "0123456789*#ABCD") != "" {
		return false
	}
	var events []Event
	for i := range len(digits) {
		events = append(events, Event{Kind: Digit, Side: by, Digit: digits[i]})
	}
	return x.command(id, events...)
}

// Transfer sends whom a side talks with elsewhere.
func (x *Exchange) Transfer(id string, by Side, to Destination) bool {
	return x.command(id, Event{Kind: Refer, Side: by, To: to})
}

func (x *Exchange) command(id string, events ...Event) bool {
	x.mu.Lock()
	c, ok := x.live[id]
	x.mu.Unlock()
	if !ok {
		return false
	}
	if s := c.status.Load(); s.State >= Ending || s.Ends[0].Side != events[0].Side && s.Ends[1].Side != events[0].Side {
		return false
	}
	for _, e := range events {
		ok = c.inbox.offer(e)
	}
	return ok
}

// maxRecent is how many calls are remembered after their end.
const maxRecent = 200

// Recent are the latest calls that ended or were refused, newest first, at
// most 200.
func (x *Exchange) Recent() []Record {
	x.mu.Lock()
	defer x.mu.Unlock()
	all := slices.Clone(x.recent)
	slices.Reverse(all)
	return all
}

func (x *Exchange) remember(r Record) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.recent) == maxRecent {
		x.recent = append(x.recent[:0], x.recent[1:]...)
	}
	x.recent = append(x.recent, r)
}

// report is told of every call that ended.
func (x *Exchange) report(r Record) {
	x.remember(r)
	x.opt.Report(r)
}
