package matrix

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"roomline/signalling"
)

// pigeons take what people write to telephones.
type pigeons struct {
	mu  sync.Mutex
	got []signalling.Text
	say error
}

func (p *pigeons) Text(_ context.Context, t signalling.Text) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.got = append(p.got, t)
	return p.say
}

func (p *pigeons) bodies() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []string
	for _, t := range p.got {
		all = append(all, t.Body)
	}
	return all
}

// textRig is a rig in whose telephone's room alice writes.
func textRig(t *testing.T, p *pigeons) (*rig, *desk) {
	return attended(t, func(_ *Config, c *Client) {
		if c != nil {
			c.Correspond(p)
		}
	})
}

// attendedTo waits until all that alice has written was looked at, and nothing
// was said to it: one thing after the other is.
func (r *rig) attendedTo() {
	r.t.Helper()
	last := r.message(office, alice, "!calls")
	r.push(last)
	r.replied(last, botUser, "test: ")
}

// What a person writes in a telephone's room goes to that telephone, once, in
// order; commands do not, nor what machines and telephones say.
func TestTextToATelephone(t *testing.T) {
	t.Parallel()
	p := &pigeons{}
	r, _ := textRig(t, p)
	first := r.message(room, alice, "Hello!")
	own := r.message(room, ghost, "I am the telephone")
	notice := r.message(room, alice, "x")
	notice["content"] = map[string]any{"msgtype": "m.notice", "body": "I am a machine"}
	edit := r.message(room, alice, "x")
	edit["content"] = map[string]any{"msgtype": "m.text", "body": "* Hello?", "m.relates_to": map[string]any{"rel_type": "m.replace", "event_id": "$x"}}
	reply := r.message(room, alice, "x")
	reply["content"] = map[string]any{"msgtype": "m.text", "body": "> <@tel> Hi\n\nYes", "m.relates_to": map[string]any{"m.in_reply_to": map[string]any{"event_id": "$x"}}}
	old := r.message(room, alice, "Long ago")
	old["unsigned"] = map[string]any{"age": (maxTextAge + time.Minute).Milliseconds()}
	r.push(first, own, notice, edit, old)
	calls := r.message(room, alice, "!calls")
	r.push(first, calls, r.message(room, alice, "+49 30 1234"), reply, r.message(office, alice, "talk to the bot"))
	r.replied(calls, ghost, "test: ")
	r.attendedTo()
	if got := strings.Join(p.bodies(), "|"); got != "Hello!|+49 30 1234|Yes" {
		t.Errorf("sent %q", got)
	}
	if one := p.got[0]; one.Via != signalling.Matrix || one.From.User != alice || one.To.Number != dialled {
		t.Errorf("sent %+v", one)
	}
}

func TestTextIsNotSent(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"Your message was not sent: this is not a number in service (404 Not Found).": signalling.Undelivered{Cause: signalling.Unallocated, Detail: "404 Not Found"},
		"": signalling.ErrNoText,
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			p := &pigeons{say: err}
			r, _ := textRig(t, p)
			m := r.message(room, alice, "Hello!")
			r.push(m)
			if want != "" {
				r.replied(m, ghost, want)
			}
			r.attendedTo()
			if len(p.bodies()) != 1 {
				t.Errorf("sent %q", p.bodies())
			}
		})
	}
}

// Where others listen, nothing is sent.
func TestTextAmongOthers(t *testing.T) {
	t.Parallel()
	p := &pigeons{}
	r, _ := textRig(t, p)
	r.hs.set(func() { r.hs.members[room] = []string{alice, ghost, "@bob:example.org"} })
	r.push(r.message(room, alice, "Hello!"))
	r.attendedTo()
	if got := p.bodies(); len(got) > 0 {
		t.Errorf("sent %q", got)
	}
}

// A message from a telephone is said by its own user, and only then answered.
func TestTextFromATelephone(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	text := signalling.Text{Via: "trunk", From: signalling.Party{Number: dialled}, To: signalling.Party{User: alice, Number: "+4930555"}, Body: "Grüße\n@alice:example.org"}
	if err := r.c.Text(t.Context(), text); err != nil {
		t.Fatal(err)
	}
	e := r.expect(typeNotice)
	r.wantBody(e, "msgtype", "m.text")
	r.wantBody(e, "body", text.Body)
	r.wantBody(e, "m.mentions", map[string]any{})
	if e.As != ghost || e.Room != room {
		t.Errorf("%s said it in %s", e.As, e.Room)
	}
}

// On a line, who wrote it stands in the message.
func TestTextOnALine(t *testing.T) {
	t.Parallel()
	r := lined(t)
	r.hs.set(func() { r.hs.members[made1] = []string{line, alice} })
	text := signalling.Text{Via: "trunk", From: signalling.Party{Number: "+4989555", Name: "Eve"}, To: signalling.Party{User: alice}, Body: "hi"}
	if err := r.c.Text(t.Context(), text); err != nil {
		t.Fatal(err)
	}
	if e := r.expect(typeNotice); e.Body["body"] != "Eve (+49 89555):\nhi" || e.As != line {
		t.Errorf("%s said %q", e.As, e.Body["body"])
	}
}

// Where the homeserver does not answer, or nobody can be told, the sender hears
// of it in time.
func TestTextCannotBeSaid(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	r.hs.set(func() { r.hs.down = true })
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	text := signalling.Text{Via: "trunk", From: signalling.Party{Number: dialled}, To: signalling.Party{User: alice}, Body: "hi"}
	var why signalling.Undelivered
	if err := r.c.Text(ctx, text); !errors.As(err, &why) || why.Cause != signalling.Congestion {
		t.Errorf("while the homeserver is down: %v", err)
	}
	r.hs.set(func() { r.hs.down = false })
	r.c.Drain()
	if err := r.c.Text(t.Context(), text); !errors.As(err, &why) || why.Cause != signalling.ShuttingDown {
		t.Errorf("while draining: %v", err)
	}
}

// X6: in an encrypted room only what was encrypted is sent; what comes from a
// telephone is said encrypted.
func TestTextInAnEncryptedRoom(t *testing.T) {
	t.Parallel()
	p := &pigeons{}
	r, _ := sealedRig(t, func(_ *Config, c *Client) {
		if c != nil {
			c.Obey(&desk{})
			c.Correspond(p)
		}
	})
	r.push(r.message(room, alice, "in clear"))
	r.push(r.seal(r.message(room, alice, "encrypted"), "D1", "S1"))
	r.until("the message", func() bool { return len(p.bodies()) > 0 })
	if got := p.bodies(); len(got) != 1 || got[0] != "encrypted" {
		t.Errorf("sent %q", got)
	}
	text := signalling.Text{Via: "trunk", From: signalling.Party{Number: dialled}, To: signalling.Party{User: alice}, Body: "hi"}
	if err := r.c.Text(t.Context(), text); err != nil {
		t.Fatal(err)
	}
	if e := r.utters(typeNotice); e.Body["body"] != "hi" {
		t.Errorf("said %s", e.Raw)
	}
}

// Whoever may not call from a room may not write to a telephone there either.
func TestPowerToWrite(t *testing.T) {
	t.Parallel()
	p := &pigeons{}
	r, _ := attended(t, func(cfg *Config, c *Client) {
		if cfg.Rooms = (Rooms{EveryRoom: {Story: StoryShort}, room: {Story: StoryShort, WhoCanDial: 50}}); c != nil {
			c.Correspond(p)
		}
	})
	r.hs.set(func() { r.hs.states = map[string]string{"m.room.power_levels": `{"users_default":0}`} })
	m := r.message(room, alice, "Hello!")
	r.push(m)
	r.replied(m, ghost, "Your message was not sent: in this room that takes a power level of 50, and yours is 0.")
	if got := p.bodies(); len(got) > 0 {
		t.Errorf("sent %q", got)
	}
}
