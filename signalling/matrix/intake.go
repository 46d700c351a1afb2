package matrix

import (
	"slices"
	"time"

	"maunium.net/go/mautrix/event"

	"roomline/signalling"
)

// intake reads what the homeserver sends, in its order; a nil ends each
// transaction. It ends with quit; awaited by Close.
func (c *Client) intake() {
	signalling.Survives(c.log, "a Matrix call", func() { c.transaction(c.again) })
	c.again = nil
	var batch []*event.Event
	for {
		select {
		case <-c.quit:
			return
		case e := <-c.hs.events:
			if e != nil {
				batch = append(batch, e)
				continue
			}
			signalling.Survives(c.log, "a Matrix call", func() { c.transaction(batch) })
			batch = nil
		case opened := <-c.opened:
			signalling.Survives(c.log, "a Matrix call", func() { c.transaction(opened) })
		}
	}
}

// transaction hands out the events of one transaction. Nothing in here waits.
func (c *Client) transaction(batch []*event.Event) {
	batch = slices.DeleteFunc(batch, func(e *event.Event) bool {
		c.sealsRoom(e) // at once: what is told in clear after it does not count
		return c.forged(e)
	})
	var all []heard
	var secret []*event.Event
	for _, e := range batch {
		if h, ok := c.hear(e); ok {
			all = append(all, h)
		}
	}
	over := ended(all, c.ghosts.ours)
	next := 0
	for _, e := range batch {
		switch {
		case next < len(all) && all[next].EventID == e.ID.String() && ofCalls(e.Type.Type):
			c.dispatch(all[next], over)
			next++
		case e.StateKey != nil:
			c.stateChanged(e)
			c.renew(e)
		case e.Type.Type == typeEncrypted && c.ability().missing():
			c.veiled(e)
		case e.Type.Type == typeEncrypted:
			secret = append(secret, e)
		case c.vouched(e):
		case e.Type.Type == typeNotice && !c.ghosts.ours(e.Sender.String()) && c.fresh(e.ID.String()):
			c.spoken(e)
		}
	}
	c.sealed(secret)
}

// hear decodes a call event. State events and what is not meant for rooms
// (MSC3401) are dropped, and counted.
func (c *Client) hear(e *event.Event) (heard, bool) {
	if !ofCalls(e.Type.Type) || e.ID == "" {
		return heard{}, false
	}
	m, err := decode(e.Type.Type, e.Content.VeryRaw)
	device := e.Mautrix.TrustSource
	if e.StateKey != nil || e.Mautrix.WasEncrypted && (device == nil || device.IdentityKey == "") {
		err = errIgnored
	}
	if err != nil {
		if !c.ghosts.ours(e.Sender.String()) {
			c.log.Debug("ignored an event", "type", clean(e.Type.Type), "why", err)
			c.calls.ignore(e.Type.Type)
		}
		return heard{}, false
	}
	h := heard{message: m, Room: e.RoomID.String(), Sender: e.Sender.String(), EventID: e.ID.String(),
		Age: ageOf(e), At: e.Mautrix.ReceivedAt, Sealed: e.Mautrix.WasEncrypted}
	if h.Sealed {
		h.Device = device.IdentityKey.String()
	}
	return h, true
}

// ageOf is how old an event was when it came, which may be a while ago.
func ageOf(e *event.Event) time.Duration {
	if age := time.Duration(e.Unsigned.Age) * time.Millisecond; age > 0 {
		return age
	}
	came := e.Mautrix.ReceivedAt
	if came.IsZero() {
		came = time.Now()
	}
	return max(0, came.Sub(time.UnixMilli(e.Timestamp))) // Dendrite tells no age
}

// ended lists the calls that a transaction begins and ends at once: after an
// outage nobody waits at the other end any more.
func ended(all []heard, ours func(string) bool) map[callKey]bool {
	callers := map[callKey]party{}
	for _, h := range all {
		if h.Type == typeInvite {
			callers[callKey{h.Room, h.CallID}] = h.party()
		}
	}
	over := map[callKey]bool{}
	for _, h := range all {
		k := callKey{h.Room, h.CallID}
		caller, ok := callers[k]
		switch h.Type {
		case typeAnswer, typeReject:
			over[k] = over[k] || ok
		case typeHangup:
			over[k] = over[k] || ok && (h.from(caller) || ours(h.Sender))
		}
	}
	return over
}

// dispatch passes one event on. Our own come back to us and are dropped.
func (c *Client) dispatch(h heard, over map[callKey]bool) {
	k := callKey{h.Room, h.CallID}
	if c.ghosts.ours(h.Sender) || !c.fresh(h.EventID) {
		return
	}
	switch {
	case h.Type != typeInvite:
		if !c.calls.deliver(h) {
			c.log.Debug("ignored an event of a stranger", "type", clean(h.Type))
		}
	case over[k]:
		c.log.Info("ignored an invite that was over when it came")
		c.calls.ignore(h.Type)
		c.calls.kill(k)
	default:
		c.invited(h)
	}
}

// fresh tells whether an event is new; a homeserver repeats a transaction
// whose answer it did not get. Only intake calls it.
func (c *Client) fresh(eventID string) bool {
	if c.seen[eventID] {
		return false
	}
	if old := c.ring[c.turn]; old != "" {
		delete(c.seen, old)
	}
	c.ring[c.turn], c.seen[eventID] = eventID, true
	c.turn = (c.turn + 1) % len(c.ring)
	return true
}
