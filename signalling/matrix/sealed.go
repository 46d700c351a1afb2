package matrix

import (
	"time"

	"maunium.net/go/mautrix/event"

	"roomline/signalling"
)

// This file holds how what is said in encrypted rooms is let in, and passed on
// once it has been read.

// hearing is what a client has for what encrypted rooms say.
type hearing struct {
	mail      mailbudgets
	eraser    *eraser
	lanes     *lanes
	keeping   *budgets // encrypted events that are written down,
	reading   *budgets // and that are read, by sender
	said      *sayings
	plainTold *budgets // by room
	patience  []time.Duration
}

func newHearing() hearing {
	return hearing{mail: newMailbudgets(), lanes: newLanes(), keeping: newBudgets(10, 200), reading: newBudgets(20, 500),
		said: newSayings(), plainTold: newBudgets(1./600, 1), patience: []time.Duration{keySoon, keyLate}}
}

// maxRun is how many events are passed on at once.
const maxRun = 100

// sealed lets in the encrypted events of a transaction. Only intake calls it.
func (c *Client) sealed(list []*event.Event) {
	queues := map[laneKey][]*event.Event{}
	var order []laneKey
	for _, e := range list {
		k := laneKey{room: e.RoomID.String(), sender: e.Sender.String()}
		k.stranger = !c.rooms.answered(k.sender)
		if !c.worthReading(e, k) {
			continue
		}
		k.session = e.Content.AsEncrypted().SessionID
		if queues[k] == nil {
			order = append(order, k)
		}
		queues[k] = append(queues[k], e)
	}
	for _, k := range order {
		begins, dropped := c.lanes.put(k, queues[k])
		for _, e := range dropped {
			c.unread(e, "too many encrypted events of one person, or in all")
		}
		if begins {
			c.goLane(k)
		}
	}
}

// worthReading weighs an encrypted event by what needs nothing but the event.
// Strangers are read only where a call goes on: it may ring the whole room.
func (c *Client) worthReading(e *event.Event, k laneKey) bool {
	switch {
	case c.own(k.sender):
		return false
	case k.stranger && !c.calls.busy(k.room):
		c.calls.ignore(typeEncrypted)
		return false
	case !c.fresh(typeEncrypted + e.ID.String()): // the event itself is still to come
		return false
	case e.ID == "" || ageOf(e) > keepFor || !ofToday(e):
		c.unread(e, "it is too old")
		return false
	case !c.reading.take(k.sender):
		c.unread(e, "too many encrypted events of one person")
		return false
	case !readyToOpen(e):
		c.unread(e, "it cannot be read")
		return false
	}
	return true
}

// ofToday tells whether an event is not so old that we could have forgotten it:
// the vault lets the homeserver repeat one as it was (see e2ee.Devices.Open), and
// the age that goes with it is not signed. Its time has to be the same then. A
// clock that is wrong by hours does no harm.
func ofToday(e *event.Event) bool {
	return time.Since(time.UnixMilli(e.Timestamp)).Abs() < eventMemory*2/5
}

// readyToOpen prepares an event for the vault, however it came.
func readyToOpen(e *event.Event) bool {
	e.Type = event.EventEncrypted
	if e.Mautrix.ReceivedAt.IsZero() {
		e.Mautrix.ReceivedAt = time.Now()
	}
	if e.Content.Parsed == nil && e.Content.ParseRaw(e.Type) != nil {
		return false
	}
	content, ok := e.Content.Parsed.(*event.EncryptedEventContent)
	return ok && fits(content.SessionID.String())
}

// unread gives up an encrypted event.
func (c *Client) unread(e *event.Event, why string) {
	c.log.Warn("dropped an encrypted event", "why", why)
	c.calls.ignore(typeEncrypted)
	c.eraser.event(e.ID.String())
}

// goLane begins the goroutine of a lane, which ends when the lane is empty, or
// with ctx; awaited by Close. What it leaves is taken up after the next start.
func (c *Client) goLane(k laneKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return
	}
	c.work.Go(func() {
		if !signalling.Survives(c.log, "an encrypted room", func() { c.empty(k) }) {
			c.lanes.abandon(k)
		}
	})
}

// empty reads a lane to its end. What can be read at once is passed on
// together: who placed a call and gave it up before we came back rings nobody.
func (c *Client) empty(k laneKey) {
	ghost := c.reader(k.room)
	var run []*event.Event
	flush := func() {
		c.passOn(run)
		run = nil
	}
	for c.ctx.Err() == nil {
		e := c.lanes.first(k)
		if e == nil {
			flush()
			if c.lanes.end(k) {
				return
			}
			continue
		}
		if opened := c.read(k, ghost, e, flush); opened != nil {
			run = append(run, opened)
		}
		if c.lanes.shift(k); len(run) >= maxRun {
			flush()
		}
	}
}

// passOn gives what has been read to intake.
func (c *Client) passOn(run []*event.Event) {
	if len(run) == 0 {
		return
	}
	select {
	case c.opened <- run:
	case <-c.ctx.Done():
	}
}

// reader is the user of ours who reads a room; empty if none does. Where it is
// not known whose telephone a room is, any of ours who was seen there will do.
func (c *Client) reader(room string) (ghost string) {
	again(c.ctx, c.pace, func() (err error) {
		if ghost, err = c.ghostIn(c.ctx, room); err == nil && ghost == "" && !c.ordinary() {
			ghost, err = c.store.someoneIn(c.ctx, room, c.ghosts.begins)
		}
		return err
	})
	return ghost
}
