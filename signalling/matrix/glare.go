package matrix

import (
	"context"

	"roomline/media"
)

// This file holds what happens when a room and its telephone call each other
// at the same moment.

// cross passes an invite to the leg that rings the same user in the same room,
// if there is one. That leg takes it, or gives it back to takeUp.
func (c *calls) cross(h heard) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := callKey{h.Room, h.CallID}
	if c.live[k] != nil || c.dead(k) {
		return false
	}
	for at, l := range c.live {
		if at.room == h.Room && l.rings && l.user == h.Sender {
			l.box.put(item{kind: crossed, heard: h})
			return true
		}
	}
	return false
}

// stopRinging makes sure that no invite crosses a leg any more.
func (c *calls) stopRinging(l *leg) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l.rings = false
}

// move gives a leg another call id, and hands over what came for it.
func (c *calls) move(l *leg, id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.live, l.key())
	c.bury(l.key())
	l.id = id
	c.begin(l)
}

// crosses tells whether an invite takes the place of ours: the lesser call id
// wins (Matrix 1.7, "Glare"), and the ids of all known clients are less.
func (l *leg) crosses(h heard) bool {
	ctx, cancel := context.WithTimeout(l.c.ctx, placeTimeout)
	defer cancel()
	if h.Invitee != "" && h.Invitee != l.ghost || l.c.toAnother(ctx, l) {
		l.c.takeUp(h)
		return false
	}
	if h.CallID > l.id { // ours wins: the client gives its own up, and answers ours
		l.c.calls.kill(callKey{l.room, h.CallID})
		return false
	}
	fresh, err := l.c.store.openInvited(ctx, h.EventID, openCall{l.room, h.CallID, l.ghost, l.party, h.V0, roleCaller})
	if err != nil {
		l.log.Error("could not write down a call", "error", err)
	}
	return fresh || err != nil
}

// toAnother tells whether a call in the room of an ordinary account is to
// another number than the one that calls there: then it cannot be its answer.
func (c *Client) toAnother(ctx context.Context, l *leg) bool {
	if !c.ordinary() {
		return false
	}
	number, err := c.numberOf(ctx, l.room, l.ghost)
	return err != nil || number != "" && number != l.other.Number
}

// yield gives up our call for the one that the user placed at the same moment,
// and answers it with the telephone that waits. Ours has the greater id, so the
// other one wins (Matrix 1.7, "Glare"); clients take no notice of ours anyway.
func (l *leg) yield(h heard, formats []media.Format) *outcome {
	l.peer.Close()
	l.peer, l.parties = nil, nil
	l.out.drop()
	room, old := l.room, l.id
	l.post(outgoing{eventType: typeHangup, content: endOut{l.head(), replaced}, final: true,
		done: func(err error) { l.c.settled(room, old, err) }})
	l.c.calls.move(l, h.CallID)
	l.out = l.c.outboxOf(l.ghost, l.room)
	l.c.calls.settle(l, h.party())
	l.stage, l.offer, l.named, l.muted = stage{placed: true, v0: h.V0}, h.SDP, "", false
	l.hearVoice(h.Voice)
	if h.V0 {
		l.party = ""
	}
	return l.accept(formats)
}
