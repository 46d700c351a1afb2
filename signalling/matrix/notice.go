package matrix

import (
	"cmp"
	"crypto/rand"
	"strings"
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

// tell lets the room know how far the call has come, and how the other side is
// called by now. The room's outbox of the call (l.out) must be there.
func (l *leg) tell(p progress, r signalling.Reason) {
	mode := l.c.cfg.Rooms.of(l.room).Story
	if mode == StoryOff || p != over && !l.follows(mode, p) {
		return
	}
	if l.story == nil {
		l.story = l.c.storyIn(l.room, l.ghost, rand.Text()[:16])
	}
	switch p {
	case over:
		last := l.last(r)
		tale := l.story
		l.out.put(outgoing{final: true, done: func(error) { tale.say(last) }}) // after the call's own events
	case talking:
		text := l.talking()
		l.story.follow(text)
		l.story.say(text())
	default:
		l.story.say(telling{text: l.before(p), left: l.cut()})
	}
}

// follows tells whether a room is told before the call is over. While a room
// is rung its clients ring, and a missed call has to be a message of its own:
// an edit would raise no badge.
func (l *leg) follows(mode string, p progress) bool {
	return mode == StoryFull && (l.side == signalling.A || p == talking)
}

func (l *leg) before(p progress) string {
	if p == ringing {
		return "📞 Ringing " + l.c.label(l.other) + " …"
	}
	return "📞 Calling " + l.c.label(l.other) + " …"
}

// talking is a text that tells the time.
func (l *leg) talking() func() telling {
	other, since, cut := l.c.described(l.other), l.talked, l.cut()
	return func() telling {
		return telling{text: "📞 Talking with " + other + ", " + signalling.Clock(time.Since(since)), left: cut}
	}
}

// cut says how the call ended if the gateway is killed now.
func (l *leg) cut() string {
	return signalling.Sentence(signalling.Reason{Cause: signalling.ShuttingDown}, l.side == signalling.A, l.c.described(l.other), 0)
}

// last says in one sentence how the call ended.
func (l *leg) last(r signalling.Reason) telling {
	talked := time.Duration(0)
	if !l.talked.IsZero() {
		talked = time.Since(l.talked)
	}
	r.Detail = signalling.Visible(r.Detail, maxDetail) // a carrier's words, or our own
	t := telling{final: true, until: time.Now().Add(finalPatience)}
	other := l.c.described(l.other)
	if l.missed(r.Cause) {
		t.badge = cmp.Or(l.user, anybody)
	}
	t.text = signalling.Sentence(r, l.side == signalling.A, other, talked)
	if rest, ok := strings.CutPrefix(t.text, "Missed call from "+other); ok && !l.since.IsZero() {
		t.text = "Missed call from " + other + " at " + l.since.Format("15:04 MST") + rest // it may come much later
	}
	t.left = t.text
	return t
}

// missed tells whether somebody called, and the person had no say in it.
func (l *leg) missed(c signalling.Cause) bool {
	if l.side == signalling.A || !l.talked.IsZero() || l.stage.answered {
		return false
	}
	switch c {
	case signalling.Rejected, signalling.Elsewhere, signalling.Forbidden, signalling.MediaFailed:
		return false
	}
	return true
}

// known is label for who gives commands: users go by their ids, which nobody
// can choose to be another's.
func (c *Client) known(p signalling.Party) string {
	if p.User != "" && p.Number == "" {
		return clean(p.User)
	}
	return c.label(p)
}

// described is label with what else a person should know of a caller.
func (c *Client) described(p signalling.Party) string {
	return c.label(p) + p.Remark(func(n string) string { return clean(c.numbers.Format(n)) })
}

// label is how people know the other side of a call: "Widgets Inc (+49 30 1234567)".
func (c *Client) label(p signalling.Party) string {
	if p.Number != "" && !p.Hidden {
		return c.ghosts.shown(p).name
	}
	return cmp.Or(clean(p.Name), signalling.Party{User: clean(p.User)}.Label())
}
