package matrix

import (
	"time"

	"roomline/media"
	"roomline/signalling"
)

// This file holds the other half of glare: a telephone calls a room whose own
// call to that very telephone is under way. The client takes no notice of a
// second call, and the far end may be busy with its own; so the room's call is
// answered with the telephone that waits, and dialled no further.

// handTime is how long a telephone waits for the room's call.
const handTime = 2 * time.Second

// invitation is a room's call that nobody has answered yet.
type invitation struct {
	id, party, ghost string
	stage            stage
	far              party
	offer            string
	early            []candidate
	silent           bool
}

// dials notes whom a leg's call is to, until somebody answers it there.
func (c *calls) dials(l *leg, number string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l.dialled = number
}

// ask wants the call of the user to the telephone that l stands for. It tells
// whether there is one; then l gets handed, unless it forgoes it.
func (c *calls) ask(l *leg) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for at, other := range c.live {
		if at.room == l.room && other.user == l.user && l.user != "" && other.dialled != "" && other.dialled == l.other.Number {
			l.waits = true
			other.box.put(item{kind: wanted, leg: l})
			return true
		}
	}
	return false
}

// handOver gives a call to a leg, with all that comes for it from now on, and all
// that came and was not looked at. It tells whether that leg still wants it.
func (c *calls) handOver(from, to *leg, i invitation) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !to.waits {
		return false
	}
	to.waits, to.with = false, i.far
	to.box.put(item{kind: handed, invitation: &i})
	for it, ok := from.box.take(); ok; it, ok = from.box.take() {
		if it.kind == fromRoom || it.kind == memberLeft {
			to.box.put(it)
		}
	}
	c.live[callKey{from.room, i.id}] = to
	return true
}

// forgo gives up waiting. It tells whether that was in time.
func (c *calls) forgo(l *leg) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	waited := l.waits
	l.waits = false
	return waited
}

// giveAway hands the room's call to the telephone that calls the room. The leg
// is over then, and only its own call hears of it.
func (l *leg) giveAway(to *leg) *outcome {
	i := invitation{id: l.id, party: l.party, ghost: l.ghost, stage: l.stage, far: l.far, offer: l.offer, early: l.early, silent: l.silent}
	if !l.c.calls.handOver(l, to, i) {
		return nil
	}
	l.yielded = true
	return &outcome{reason: signalling.Reason{Cause: signalling.Cancelled, Detail: "they called at the same moment"}, own: true}
}

// meet waits for the room's own call to the telephone, if there is one. Busy
// is what the telephone hears else.
func (l *leg) meet() *outcome {
	busy := &outcome{reason: signalling.Reason{Cause: signalling.Busy}, own: true}
	if !l.c.calls.ask(l) {
		return busy
	}
	return l.awaitCall(busy)
}

// awaitCall waits until it gets the call, or is too late.
func (l *leg) awaitCall(late *outcome) *outcome {
	timer := time.NewTimer(handTime)
	defer timer.Stop()
	var end *outcome
	for {
		it := l.wait(timer.C)
		switch it.kind {
		case handed:
			l.inherit(it.invitation)
			if end != nil {
				end.tell = true // the client waits for an answer from us
			}
			return end
		case timerFired:
			end = late
		default:
			end = l.over(it)
		}
		if end != nil && l.c.calls.forgo(l) {
			return end
		}
	}
}

// inherit makes the room's call the leg's own.
func (l *leg) inherit(i *invitation) {
	l.id, l.party, l.ghost, l.stage, l.far = i.id, i.party, i.ghost, i.stage, i.far
	l.offer, l.early, l.silent = i.offer, i.early, i.silent
	l.out = l.c.outboxOf(l.ghost, l.room)
}

// accept answers a call that the user placed with the telephone that waits.
func (l *leg) accept(formats []media.Format) *outcome {
	theirs, _ := l.c.peers.Formats(l.offer)
	both := media.Common(theirs, formats)
	if len(both) == 0 {
		return l.fail(signalling.NoCodec, "")
	}
	return l.answer(both[0])
}
