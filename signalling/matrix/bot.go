package matrix

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"maunium.net/go/mautrix/event"

	"roomline/signalling"
	"roomline/signalling/command"
)

const (
	maxCommandAge = time.Minute      // nobody waits for what an older one would do
	commandTime   = 30 * time.Second // for all that a command asks of the homeserver
	maxPatrons    = 10_000           // people whose commands are counted
	maxReply      = 4000             // bytes
)

// Obey has commands that people write in rooms followed at a desk. It is
// called before Start; without it nobody's are.
func (c *Client) Obey(desk command.Desk) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.desk = desk
}

func (c *Client) obeyed() command.Desk {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.desk
}

// written is a message of a person.
type written struct {
	room, sender, event string
	body                string
	mentioned           string // the only user whom it mentions
	addressed           bool   // it is for us, whoever else is in the room
	sealed              bool   // it was encrypted
}

// spoken is told of every message that people write in rooms of ours. It
// returns at once; only intake calls it. What is no command, and what was said
// too long ago, has no effect.
func (c *Client) spoken(e *event.Event) {
	age := ageOf(e) + time.Since(e.Mautrix.ReceivedAt)
	if c.obeyed() == nil || e.Sender.String() == c.bot() || age > maxTextAge {
		return
	}
	w, ok := readMessage(e)
	if !ok {
		return
	}
	order, number, err, ok := c.meant(&w)
	if ok && age > maxCommandAge || !ok && c.letterbox() == nil {
		return
	}
	p := c.patronOf(w.sender)
	if credit := p.creditFor(ok); !credit.take() {
		c.log.Debug("ignored a command or message: too many of one user")
		return
	}
	late := time.Now().Add(maxCommandAge) // others of the same person may come first, and be slow
	ok = p.order(c.aside, func() {
		if time.Now().After(late) {
			return
		}
		ctx, cancel := context.WithTimeout(c.ctx, commandTime)
		defer cancel()
		signalling.Survives(c.log, "a command", func() { c.attend(ctx, p, w, order, err, number) })
	})
	if !ok {
		c.log.Warn("ignored a command: too many at once")
	}
}

// meant tells what a message means to us, if anything: a command, the answer to
// which number it shall be, or a number that nobody asked for.
func (c *Client) meant(w *written) (order command.Command, number string, mistake error, ok bool) {
	asked := c.questions.answered(w.room, w.sender)
	w.addressed = command.Known(w.body)
	if answer, bare := command.Answer(w.body); asked && bare {
		w.addressed = true
		return command.Command{Verb: command.Dial, Target: answer}, "", nil, true
	}
	order, mistake = command.Parse(w.body)
	number, bare := command.Number(w.body)
	return order, number, mistake, bare || !errors.Is(mistake, command.ErrNone)
}

// readMessage reads a text; notices are of machines, and edits change what was
// followed already (Matrix 1.18, "m.room.message", "Event replacements").
func readMessage(e *event.Event) (written, bool) {
	var m struct {
		MsgType  string          `json:"msgtype"`
		Body     string          `json:"body"`
		Mentions json.RawMessage `json:"m.mentions"`
		Relates  *relation       `json:"m.relates_to"`
	}
	if e.ID == "" || json.Unmarshal(e.Content.VeryRaw, &m) != nil || m.MsgType != string(event.MsgText) {
		return written{}, false
	}
	w := written{room: e.RoomID.String(), sender: e.Sender.String(), event: e.ID.String(), body: m.Body, sealed: e.Mautrix.WasEncrypted}
	if m.Relates != nil && m.Relates.Type == "m.replace" {
		return written{}, false
	}
	if m.Relates != nil && m.Relates.ReplyTo != nil {
		w.body = unquoted(w.body)
	}
	var who mentions
	if json.Unmarshal(m.Mentions, &who) == nil && len(who.Users) == 1 {
		w.mentioned = who.Users[0]
	}
	return w, true
}

// unquoted takes the quotation of what a reply is to off its body, which
// clients put there before Matrix 1.13.
func unquoted(body string) string {
	for strings.HasPrefix(body, "> ") {
		_, body, _ = strings.Cut(body, "\n")
	}
	return strings.TrimLeft(body, "\n")
}

// attend follows a command where commands are taken: in a room that one of our
// users shares with nobody but the person, or any room of an ordinary account.
func (c *Client) attend(ctx context.Context, p *patron, w written, order command.Command, mistake error, number string) {
	who, ours, err := c.place(ctx, w)
	if err == nil && ours != "" && !w.sealed {
		var forged bool
		if forged, err = c.forgedIn(ctx, w.room, ours, w.sender, typeNotice); forged {
			return
		}
		var barred string
		if err == nil {
			barred, err = c.secrecy.barred(ctx, w.room, ours)
		}
		if barred != "" { // nobody whose client encrypts has said that
			err, ours = c.tellEncrypted(ctx, w.room), ""
		}
	}
	talk := errors.Is(mistake, command.ErrNone) && (ours != c.bot() || who.Number != "" || number == "") // what is for a telephone, if for anybody
	if err == nil && ours != "" && talk {
		err = c.text(ctx, p, ours, who, w)
	}
	if err == nil && ours != "" && !talk {
		var first bool
		if first, err = c.store.firstTime(ctx, w.event); first && err == nil {
			c.reply(p, ours, w, c.obey(ctx, who, ours, w.room, order, mistake, number))
		}
	}
	if err != nil && !errors.Is(err, errNotOurs) && c.ctx.Err() == nil {
		c.log.Warn("could not follow a command", "error", err)
	}
}

// obey returns what to say to a command.
func (c *Client) obey(ctx context.Context, who command.Who, ours, room string, order command.Command, mistake error, number string) string {
	switch {
	case !c.may.May(who.User, signalling.Receive):
		order, mistake = command.Command{Verb: command.Calls}, nil // refused in the same words
	case errors.Is(mistake, command.ErrNone):
		e164, err := c.numbers.Parse(number)
		if err != nil {
			return number + ": " + err.Error() + "."
		}
		return "Say !dial " + c.numbers.Format(e164) + " to call this number."
	}
	if mistake != nil {
		return mistake.Error()
	}
	if order.Verb == command.Dial || order.Verb == command.Transfer || order.Verb == command.Assign && order.Target != "" {
		if why, err := c.mayDialIn(ctx, who.Room, ours, who.User); why != "" || err != nil {
			return "You may not place calls from here: " + cmp.Or(why, "the homeserver does not say whether you may") + "."
		}
	}
	c.followed.add(order.Verb.String())
	o := &command.Operator{Desk: c.obeyed(), Placer: c, May: c.may, Numbers: c.numbers, Domain: c.cfg.Domain, Name: c.known,
		Keys: c.keydesk(ctx, ours, room, who.User)}
	if c.ordinary() {
		o.Book = book{ctx, c}
	}
	return o.Do(who, order)
}

// reply says something to a person in the room.
func (c *Client) reply(p *patron, ours string, w written, text string) {
	if len(text) > maxReply {
		text = strings.ToValidUTF8(text[:maxReply], "") + "…"
	}
	if p.in != w.room {
		p.out, p.in = c.outboxOf(ours, w.room), w.room
	}
	p.out.put(outgoing{eventType: typeNotice, final: true, until: time.Now().Add(maxCommandAge),
		content: storyOut{MsgType: string(event.MsgNotice), Body: text, Relates: &relation{ReplyTo: &replyTo{w.event}}}})
}
