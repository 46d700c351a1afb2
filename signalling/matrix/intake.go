package matrix

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"maunium.net/go/mautrix/event"

	"roomline/signalling"
)

// publicRule reads the content of m.room.join_rules.
func publicRule(content []byte) bool {
	var c struct {
		JoinRule string `json:"join_rule"`
	}
	return json.Unmarshal(content, &c) == nil && c.JoinRule == string(event.JoinRulePublic)
}

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
		case e := <-c.hs.as.Events:
			if e != nil {
				batch = append(batch, e)
				continue
			}
			signalling.Survives(c.log, "a Matrix call", func() { c.transaction(batch) })
			batch = nil
		}
	}
}

// transaction hands out the events of one transaction. Nothing in here waits.
func (c *Client) transaction(batch []*event.Event) {
	var all []heard
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
		case e.Type.Type == typeEncrypted:
			c.veiled(e)
		case e.Type.Type == typeNotice && !c.ghosts.ours(e.Sender.String()) && c.fresh(e.ID.String()):
			c.spoken(e)
		}
	}
}

// hear decodes a call event. State events and what is not meant for rooms
// (MSC3401) are dropped, and counted.
func (c *Client) hear(e *event.Event) (heard, bool) {
	if !ofCalls(e.Type.Type) || e.ID == "" {
		return heard{}, false
	}
	m, err := decode(e.Type.Type, e.Content.VeryRaw)
	if e.StateKey != nil {
		err = errIgnored
	}
	if err != nil {
		if !c.ghosts.ours(e.Sender.String()) {
			c.log.Debug("ignored an event", "type", clean(e.Type.Type), "why", err)
			c.calls.ignore(e.Type.Type)
		}
		return heard{}, false
	}
	return heard{message: m, Room: e.RoomID.String(), Sender: e.Sender.String(), EventID: e.ID.String(),
		Age: ageOf(e), At: e.Mautrix.ReceivedAt}, true
}

// ageOf is how old an event was when it came.
func ageOf(e *event.Event) time.Duration {
	if age := time.Duration(e.Unsigned.Age) * time.Millisecond; age > 0 {
		return age
	}
	return max(0, time.Since(time.UnixMilli(e.Timestamp))) // Dendrite tells no age
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

// stateChanged looks for members that come and go, and rooms that are replaced.
func (c *Client) stateChanged(e *event.Event) {
	room, who := e.RoomID.String(), e.GetStateKey()
	switch e.Type.Type {
	case event.StateTombstone.Type:
		successor := successorOf(e.Content.VeryRaw)
		c.background(func(ctx context.Context) error { return c.replaced(ctx, room, successor) })
	case event.StateJoinRules.Type:
		if publicRule(e.Content.VeryRaw) {
			c.background(func(ctx context.Context) error { return c.openedUp(ctx, room) })
		}
	case event.StateMember.Type:
		var content struct {
			Membership string `json:"membership"`
		}
		if json.Unmarshal(e.Content.VeryRaw, &content) != nil {
			return
		}
		c.memberChanged(e, room, who, event.Membership(content.Membership))
	}
}

func (c *Client) memberChanged(e *event.Event, room, who string, membership event.Membership) {
	ghost := c.ghosts.ours(who)
	switch {
	case membership == event.MembershipInvite && (ghost || who == c.bot()):
		c.invitedTo(e, room, who)
	case membership == event.MembershipLeave || membership == event.MembershipBan:
		c.calls.left(room, who, ghost)
		if ghost || who == c.bot() {
			c.background(func(ctx context.Context) error { return c.store.forgetRoom(ctx, room, who) })
		}
	}
}

// invitedTo weighs an invitation of one of our users by what is in memory. To
// answer a stranger's, or a storm of them, would only help a flood.
func (c *Client) invitedTo(e *event.Event, room, who string) {
	inviter := e.Sender.String()
	own := who == c.ghosts.line(inviter)
	switch {
	case c.ghosts.ours(inviter) || !own && !c.rooms.answered(inviter):
	case !c.storms.take(inviter):
		c.log.Warn("ignored an invitation: too many from one homeserver", "server", server(inviter))
	case who == c.bot():
		c.background(func(ctx context.Context) error { return c.host(ctx, room, e) })
	default:
		c.background(func(ctx context.Context) error {
			joined, err := c.rooms.welcome(ctx, room, who, inviter, e.Unsigned.InviteRoomState)
			if joined {
				err = c.movedIn(ctx, room, who)
			}
			return err
		})
	}
}

// background does slow work for an event, again while the homeserver cannot,
// and gives up after a while: an invitation is sent to us only once.
func (c *Client) background(work func(context.Context) error) {
	ok := c.aside(func() {
		ctx, cancel := context.WithTimeout(c.ctx, 3*admitTimeout)
		defer cancel()
		err := again(ctx, c.pace, func() error { return work(ctx) })
		if err != nil && !errors.Is(err, errNotOurs) && c.ctx.Err() == nil {
			c.log.Warn("a room could not be looked after", "error", err)
		}
	})
	if !ok {
		c.log.Warn("a room was not looked after: too many at once")
	}
}
