package matrix

import (
	"time"

	"roomline/signalling"
)

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
