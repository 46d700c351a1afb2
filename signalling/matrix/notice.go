package matrix

import (
	"time"

	"roomline/signalling"
)

// progress is how far a call has come, as the room is told.
type progress uint8

const (
	dialling progress = iota // the room placed a call, or is about to be rung
	ringing                  // the other side rings
	talking                  // both can talk
	over                     // it ended, for a reason
)

// tell lets the room know how far the call has come. The room's outbox of the
// call (l.out) must be there.
func (l *leg) tell(p progress, r signalling.Reason) {
	if p == over {
		l.notice(r)
	}
}

// notice says in the room, in one sentence, how the call ended.
func (l *leg) notice(r signalling.Reason) {
	talked := time.Duration(0)
	if !l.talked.IsZero() {
		talked = time.Since(l.talked)
	}
	r.Detail = clean(r.Detail) // a carrier's words
	text := signalling.Sentence(r, l.side == signalling.A, l.c.label(l.other), talked)
	l.post(outgoing{eventType: typeNotice, content: noticeOut{"m.notice", text}, final: true})
}

// label is how people know a telephone.
func (c *Client) label(p signalling.Party) string {
	if p.Number != "" {
		p.Number = c.numbers.Format(p.Number)
	}
	p.Number, p.Name, p.User = clean(p.Number), clean(p.Name), clean(p.User)
	return p.Label()
}
