package matrix

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"

	"roomline/signalling"
	"roomline/signalling/command"
)

// maxTextAge is how old a message may be that is still sent to a telephone: it
// may have waited for us.
const maxTextAge = 10 * time.Minute

// Writer takes what people write to telephones; signalling.Exchange does it.
type Writer interface {
	Text(ctx context.Context, t signalling.Text) error
}

// Correspond has text messages of people sent to the telephones whose rooms
// they are written in. It is called before Start; without it none are.
func (c *Client) Correspond(w Writer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.letters = w
}

func (c *Client) letterbox() Writer {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.letters
}

// Text implements signalling.Correspondent: a message from a telephone is said
// in the room where its call would ring. It returns when the homeserver has it.
func (c *Client) Text(ctx context.Context, t signalling.Text) error {
	if c.draining.Load() {
		return signalling.Undelivered{Cause: signalling.ShuttingDown}
	}
	room, ghost, err := c.lines.find(ctx, signalling.Target{To: t.To, From: t.From, Room: t.Room})
	if err != nil {
		return c.untold(err)
	}
	body := t.Body
	if number, ok := c.ghosts.number(ghost); !ok || number != t.From.Number { // a line, or somebody else's room
		body = c.label(t.From) + ":\n" + body
	}
	told := make(chan error, 1)
	until, _ := ctx.Deadline()
	c.outboxOf(ghost, room).put(outgoing{eventType: typeNotice, final: true, until: until, done: func(err error) { told <- err },
		content: storyOut{MsgType: string(event.MsgText), Body: body}})
	select {
	case err = <-told:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		return c.untold(err)
	}
	return nil
}

// untold says why nobody here has a message. A homeserver that does not answer
// is a reason to try again, for everybody.
func (c *Client) untold(err error) error {
	var nowhere unreachable
	var refused mautrix.HTTPError
	if errors.As(err, &nowhere) || errors.As(err, &refused) && permanent(err) {
		return signalling.Undelivered{Cause: signalling.Unavailable}
	}
	return signalling.Undelivered{Cause: signalling.Congestion, Detail: "the homeserver does not answer"}
}

// text sends what a person wrote in a telephone's room to that telephone, and
// says so in the room if it did not get there. Rooms whose telephones take none
// are left alone.
func (c *Client) text(ctx context.Context, p *patron, ours string, who command.Who, w written) error {
	box := c.letterbox()
	if box == nil || who.Number == "" || strings.TrimSpace(w.body) == "" {
		return nil
	}
	first, err := c.store.firstTime(ctx, w.event)
	if err != nil || !first {
		return err
	}
	if why, err := c.mayDialIn(ctx, w.room, ours, who.User); why != "" || err != nil {
		c.reply(p, ours, w, "Your message was not sent: "+cmp.Or(why, "the homeserver does not say whether you may write here")+".")
		return nil
	}
	err = box.Text(ctx, signalling.Text{Via: signalling.Matrix, From: signalling.Party{User: who.User}, To: signalling.Party{Number: who.Number}, Body: w.body})
	var why signalling.Undelivered
	switch {
	case errors.Is(err, signalling.ErrNoText):
		return nil
	case errors.As(err, &why):
		c.reply(p, ours, w, "Your message was not sent: "+why.Words()+".")
		return nil
	}
	return err
}
