package matrix

import (
	"context"
	"time"

	"roomline/signalling"
)

// This file holds how a leg ends, whichever side placed the call.

// over tells whether an item ends the leg whatever it is doing.
func (l *leg) over(it item) *outcome {
	switch it.kind {
	case hangItUp:
		return &outcome{reason: it.reason, tell: true}
	case stopped:
		return l.fail(signalling.ShuttingDown, "")
	case flooded:
		return l.fail(signalling.Internal, "too many events in one call")
	case shown:
		l.see(it.view)
	case swapped:
		l.tellSwapped()
	case askedAway:
		l.report(signalling.Event{Kind: signalling.NotReferred, Side: l.side, Reason: signalling.Reason{Cause: signalling.Forbidden, Detail: "a client goes nowhere unasked"}})
	case crossed:
		l.c.takeUp(it.heard) // too late to take its place
	case wasSent:
		if it.err != nil {
			return l.fail(signalling.Internal, "the homeserver did not take our event")
		}
	case memberLeft:
		if it.user == l.ghost || it.user == l.user {
			return &outcome{reason: signalling.Reason{Cause: l.leftCause()}, own: true}
		}
	case fromRoom:
		if it.heard.Type == typeHangup && l.mine(it.heard) {
			return &outcome{reason: signalling.Reason{Cause: heardReason(it.heard.Reason, l.heardAt())}, own: true}
		}
	}
	return nil
}

// mine tells whether an event is from the party we talk to. Anybody in a room
// can write anything: what is forged is only counted.
func (l *leg) mine(h heard) bool {
	if h.from(l.far) {
		return true
	}
	l.c.calls.ignore(h.Type)
	l.log.Debug("ignored an event of another party", "type", h.Type)
	return false
}

func (l *leg) leftCause() signalling.Cause {
	switch {
	case l.heardAt().answered:
		return signalling.NormalClearing
	case l.stage.placed:
		return signalling.Cancelled
	default:
		return signalling.Unavailable
	}
}

// fail ends a leg that cannot go on.
func (l *leg) fail(c signalling.Cause, detail string) *outcome {
	return &outcome{reason: signalling.Reason{Cause: c, Detail: detail}, own: true, tell: true}
}

// conclude leaves nothing of the call in the room but a sentence.
func (l *leg) conclude(o outcome) {
	if l.yielded { // the rest is the other leg's
		l.out.drop()
		l.tell(over, o.reason)
		return
	}
	if l.out != nil {
		l.out.drop()
		l.tellEnd(o)
		l.farewell(o.reason)
	}
	l.c.calls.end(l)
}

// farewell says in words how the call ended, or asks for the number of one
// that could not even begin.
func (l *leg) farewell(r signalling.Reason) {
	if l.puzzled {
		l.c.questions.ask(l.room, l.user)
		l.out.put(outgoing{eventType: typeNotice, final: true, content: noticeOut{"m.notice", whichNumber}})
		return
	}
	l.tell(over, l.inWords(r))
}

// tellEnd sends the reject or hangup. The outbox outlives the leg, so that
// a homeserver that is down learns of it later.
func (l *leg) tellEnd(o outcome) {
	if !o.tell {
		l.c.forgetCall(l.room, l.id)
		return
	}
	eventType, reason := ending(o.reason.Cause, l.stage)
	l.post(outgoing{eventType: eventType, content: endOut{l.head(), reason}, final: true,
		done: func(err error) { l.c.settled(l.room, l.id, err) }})
}

// handBack takes up calls that came for this leg when it was over.
func (l *leg) handBack() {
	for it, ok := l.box.take(); ok; it, ok = l.box.take() {
		if it.kind == crossed {
			l.c.takeUp(it.heard)
		}
	}
}

// settled is told what became of a call's last event.
func (c *Client) settled(room, id string, err error) {
	if err == nil || permanent(err) { // else the next start tries again
		c.forgetCall(room, id)
	}
}

// forgetCall deletes what was written down against a sudden end.
func (c *Client) forgetCall(room, id string) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := c.store.closeCall(ctx, room, id); err != nil {
		c.log.Warn("could not forget a call that ended", "error", err)
	}
}
