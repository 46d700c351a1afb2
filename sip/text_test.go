package sip

import (
	"context"
	"strings"
	"testing"
	"time"

	"roomline/signalling"
)

// desk takes text messages and answers as the test says.
type desk struct {
	got chan signalling.Text
	say chan error
}

func (d desk) Text(ctx context.Context, t signalling.Text) error {
	d.got <- t
	select {
	case err := <-d.say:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// newTextBed is a bed whose trunk sends and takes text messages.
func newTextBed(t *testing.T, change ...func(*TrunkConfig, *timing)) (*bed, desk) {
	t.Helper()
	b := &bed{peer: newPeer(t, "127.0.0.1"), board: &board{calls: make(chan signalling.Incoming, 10)}, ports: newPorts(t)}
	cfg, times := TrunkDefaults(), realTiming()
	cfg.Host, cfg.Numbers, cfg.Username, cfg.Password, cfg.Messages = b.addr().String(), []string{"+4930555"}, "gw", "s3cret", true
	for _, c := range change {
		c(&cfg, &times)
	}
	a, err := New(Config{Listen: []string{"udp://127.0.0.1:0"}, Read: german}, map[string]TrunkConfig{"carrier": cfg}, b.ports, b.board, nil, discard())
	if err != nil {
		t.Fatal(err)
	}
	d := desk{make(chan signalling.Text, 100), make(chan error, 100)}
	a.timing = times
	a.Correspond(d)
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	b.agent, b.to, b.box = a, a.listeners[0].addr, signalling.NewInbox("call", discard())
	return b, d
}

// writes has the peer send a MESSAGE.
func (b *bed) writes(kind, body string, headers ...string) {
	b.id = newTag()
	b.send(b.text("MESSAGE", "+4930555", []byte(body), append(headers, "Content-Type: "+kind)...))
}

// S16: what comes from a trunk that may write is delivered before it is answered.
func TestTextComesIn(t *testing.T) {
	b, d := newTextBed(t)
	for body, want := range map[string]string{
		"Grüße 👋":                        "Grüße 👋",
		"two\r\nlines\tand a tab":        "two\nlines\tand a tab",
		"a\x1b[31mb\x00c\u202ed":         "a[31mbcd",
		"  " + strings.Repeat("x", 1000): strings.Repeat("x", 1000),
	} {
		b.writes("text/plain;charset=UTF-8", body)
		got := <-d.got
		if got.Body != want || got.Via != "carrier" || got.To.Number != "+4930555" || got.From.Number != "+4940111" || got.From.Name != "Bob" {
			t.Errorf("%q became %+v", body, got)
		}
		d.say <- nil
		b.response("200 MESSAGE")
	}
}

func TestTextIsAnsweredByWhatBecameOfIt(t *testing.T) {
	b, d := newTextBed(t)
	for want, err := range map[string]error{
		"404": signalling.Undelivered{Cause: signalling.Unallocated}, "503": signalling.Undelivered{Cause: signalling.Congestion},
		"603": signalling.Undelivered{Cause: signalling.Rejected}, "486": signalling.Undelivered{Cause: signalling.Busy},
		"500": signalling.Undelivered{Cause: signalling.Internal},
	} {
		b.writes("text/plain", "hello")
		<-d.got
		d.say <- err
		b.response(want + " MESSAGE")
	}
	b.writes("text/plain", "hello")
	<-d.got
	d.say <- signalling.ErrNoText
	b.response("404 MESSAGE")
	b.writes("text/plain", "hello")
	<-d.got
	d.say <- context.DeadlineExceeded
	b.response("503 MESSAGE")
}

func TestOnlyPlainText(t *testing.T) {
	b, d := newTextBed(t)
	for _, c := range []struct{ want, kind, body, header string }{
		{"415", "text/html", "<b>x</b>", ""},
		{"415", "application/im-iscomposing+xml", "<x/>", ""},
		{"415", "message/cpim", "From: x", ""},
		{"415", "text/plain;charset=iso-8859-1", "x", ""},
		{"415", "text/plain", "\xff\xfe", ""},
		{"415", "text/plain", "x", "Content-Encoding: gzip"},
		{"413", "text/plain", strings.Repeat("x", maxText+1), ""},
		{"400", "text/plain", " \r\n", ""},
	} {
		var headers []string
		if c.header != "" {
			headers = append(headers, c.header)
		}
		b.writes(c.kind, c.body, headers...)
		res := b.response(c.want + " MESSAGE")
		if c.want == "415" && !strings.HasPrefix(res.GetHeader("Accept").Value(), "text/plain") {
			t.Errorf("%s: no Accept in\n%s", c.kind, res)
		}
	}
	if len(d.got) > 0 {
		t.Errorf("%+v was delivered", <-d.got)
	}
}

// S16: no trunk may write unless it is allowed to, whatever the body is; nor
// within a call, nor while we drain, nor past the proof that a trunk must bring.
func TestTextsThatAreNotTaken(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*TrunkConfig, *timing)
		before func(*bed)
		want   string
	}{
		"not allowed":   {func(c *TrunkConfig, _ *timing) { c.Messages = false }, nil, "405"},
		"within a call": {nil, func(b *bed) { b.far = "x" }, "405"},
		"draining":      {nil, func(b *bed) { b.agent.Drain() }, "503"},
		"no proof": {func(c *TrunkConfig, _ *timing) {
			c.Challenge.Username, c.Challenge.Password = "carrier", "proof"
		}, nil, "401"},
	} {
		t.Run(name, func(t *testing.T) {
			change := c.change
			if change == nil {
				change = func(*TrunkConfig, *timing) {}
			}
			b, d := newTextBed(t, change)
			if c.before != nil {
				c.before(b)
			}
			b.writes("text/plain", "hello")
			res := b.response(c.want + " MESSAGE")
			if allow := res.GetHeader("Allow"); c.want == "405" && strings.Contains(allow.Value(), "MESSAGE") == (name == "not allowed") {
				t.Errorf("Allow: %s", allow.Value())
			}
			if len(d.got) > 0 {
				t.Error("it was delivered")
			}
		})
	}
}

// A homeserver that hangs holds so many messages and no more; Close waits for none.
func TestTooManyTexts(t *testing.T) {
	b, d := newTextBed(t)
	for range maxLetters {
		b.writes("text/plain", "hello")
		<-d.got
	}
	b.writes("text/plain", "one more")
	b.response("503 MESSAGE")
	d.say <- nil
	b.response("200 MESSAGE")
	if err := b.agent.Close(); err != nil {
		t.Error(err)
	}
}

// sends has the agent send a text in the background.
func (b *bed) sends(body string) <-chan error {
	b.t.Helper()
	w, ok := b.agent.Writer("carrier")
	if !ok {
		b.t.Fatal("the trunk takes no text messages")
	}
	done := make(chan error, 1)
	go func() { // ends with the answer, in time
		done <- w.Text(b.t.Context(), signalling.Text{Via: signalling.Matrix, To: signalling.Party{Number: "+4930123"}, Body: body})
	}()
	return done
}

func TestTextGoesOut(t *testing.T) {
	b, _ := newTextBed(t)
	done := b.sends("Grüße")
	first := b.request("MESSAGE")
	b.reply(first, 401, "Unauthorized", nil, challenge)
	second := first
	for second.CSeq().SeqNo == first.CSeq().SeqNo { // it may have been repeated
		second = b.request("MESSAGE")
	}
	right(t, second, "Authorization", "s3cret")
	if second.Recipient.User != "+4930123" || second.From().Address.User != "+4930555" || string(second.Body()) != "Grüße" ||
		second.Contact() != nil || !strings.EqualFold(second.ContentType().Value(), "text/plain;charset=utf-8") {
		t.Errorf("MESSAGE\n%s", second)
	}
	b.reply(second, 202, "Accepted", nil)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestTextThatIsRefused(t *testing.T) {
	b, _ := newTextBed(t)
	for want, c := range map[signalling.Cause]struct {
		status int
		words  string
	}{
		signalling.Unallocated: {404, "this is not a number in service (404 No)"},
		signalling.Forbidden:   {403, "it is not allowed (403 No)"},
		signalling.NoCodec:     {415, "it cannot be carried there (415 No)"},
	} {
		done := b.sends("x")
		b.reply(b.request("MESSAGE"), c.status, "No", nil)
		why, ok := (<-done).(signalling.Undelivered)
		if !ok || why.Cause != want || why.Words() != c.words {
			t.Errorf("%d: %+v, %q", c.status, why, why.Words())
		}
	}
	if why, ok := (<-b.sends(strings.Repeat("x", 2000))).(signalling.Undelivered); !ok || !strings.Contains(why.Detail, "too large for UDP") {
		t.Errorf("a long text over UDP: %+v", why)
	}
	if why, ok := (<-b.sends(strings.Repeat("x", maxText+1))).(signalling.Undelivered); !ok || why.Words() != "it cannot be carried there (it is too long)" {
		t.Errorf("a very long text: %+v", why)
	}
}

// A message that may have arrived is not sent to another machine as well.
func TestSilentTrunkForTexts(t *testing.T) {
	b, _ := newTextBed(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	w, _ := b.agent.Writer("carrier")
	err := w.Text(ctx, signalling.Text{To: signalling.Party{Number: "+4930123"}, Body: "x"})
	if why, ok := err.(signalling.Undelivered); !ok || why.Cause != signalling.TrunkUnreachable {
		t.Errorf("%v", err)
	}
	if h := b.agent.trunks["carrier"].host; len(h.aside) != 1 { // nobody else is at it any more
		t.Error("the silent machine keeps its place")
	}
	if _, ok := b.agent.Writer("nobody"); ok {
		t.Error("a trunk that is not there takes text messages")
	}
}
