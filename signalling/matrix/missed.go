package matrix

import (
	"context"
	"errors"
	"time"

	"roomline/signalling"
)

// maxMissed is how many calls are remembered that came while the homeserver was down.
const maxMissed = 100

// missedCall is a call that could not ring, because the homeserver did not say where.
type missedCall struct {
	user   string
	other  signalling.Party
	reason signalling.Reason
	since  time.Time // when it came
	until  time.Time
}

// missed remembers a call that ends without a room, so that the person who was
// called hears of it when the homeserver is back. err is why there is no room.
func (c *Client) missed(user string, other signalling.Party, r signalling.Reason, err error) {
	var nowhere unreachable
	if errors.As(err, &nowhere) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended || len(c.unsaid) >= maxMissed {
		return
	}
	c.unsaid = append(c.unsaid, missedCall{user, other, r, time.Now(), time.Now().Add(finalPatience)})
	if len(c.unsaid) == 1 {
		c.work.Go(c.tellMissed) // ends when all is said, or with ctx; awaited by Close
	}
}

func (c *Client) tellMissed() {
	for more := true; more; {
		c.mu.Lock()
		m := c.unsaid[0]
		c.mu.Unlock()
		signalling.Survives(c.log, "a missed call", func() { m.tell(c) })
		c.mu.Lock()
		c.unsaid = c.unsaid[1:]
		more = len(c.unsaid) > 0
		c.mu.Unlock()
	}
}

// tell looks for the room until the homeserver knows, or until nobody would
// care any more. Who has no room yet is not told.
func (m missedCall) tell(c *Client) {
	ctx, cancel := context.WithDeadline(c.ctx, m.until)
	defer cancel()
	l := &leg{c: c, side: signalling.B, user: m.user, other: m.other, since: m.since}
	err := again(ctx, c.pace, func() (err error) {
		var nowhere unreachable
		if l.room, l.ghost, err = c.lines.find(ctx, signalling.Target{To: signalling.Party{User: l.user}, From: l.other}); errors.As(err, &nowhere) {
			return nil
		}
		return err
	})
	if err == nil && l.room != "" {
		l.out = c.outboxOf(l.ghost, l.room)
		l.tell(over, m.reason)
	}
}
