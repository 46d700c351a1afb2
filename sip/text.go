package sip

import (
	"context"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/signalling"
)

// Correspondent takes the text messages that trunks bring; signalling.Exchange
// does it.
type Correspondent interface {
	Text(ctx context.Context, t signalling.Text) error
}

const (
	textType   = "text/plain"
	maxText    = 8 << 10 // bytes of one message
	maxLetters = 32      // that are being delivered at once
)

// Correspond has text messages of trunks delivered. It is called before Start;
// without it there are none.
func (a *Agent) Correspond(c Correspondent) { a.letters = c }

// texted takes a MESSAGE (RFC 3428 §7). Its body is not looked at unless the
// trunk may send any (S16). The answer comes when somebody else has the message.
func (a *Agent) texted(req *sipmsg.Request, tx *sipmsg.ServerTx, t *trunk) {
	text, r := t.readText(req)
	switch {
	case !t.Messages || a.letters == nil || req.Destination() != initial: // none is taken within a call
		r = refuse(405, "Method Not Allowed", sipmsg.NewHeader("Allow", t.allowed()))
	case r.status == 0 && (a.draining.Load() || !a.post(req, tx, text)):
		r = later()
	}
	if r.status != 0 {
		a.refuse(req, tx, r)
	}
}

// post delivers a message in a goroutine of its own, which ends in time or with
// a.ctx and is awaited by Close. It tells whether there was room for it.
func (a *Agent) post(req *sipmsg.Request, tx *sipmsg.ServerTx, text signalling.Text) bool {
	select {
	case a.texts <- struct{}{}:
	default:
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		<-a.texts
		return false
	}
	a.running.Go(func() {
		defer func() { <-a.texts }()
		ctx, cancel := context.WithTimeout(a.ctx, signalling.TextPatience)
		defer cancel()
		err := error(signalling.Undelivered{Cause: signalling.Internal})
		signalling.Survives(a.log, "a text message", func() { err = a.letters.Text(ctx, text) })
		a.refuse(req, tx, textAnswer(err))
	})
	return true
}

// textAnswer is what a delivery becomes. Nobody who is there but cannot be asked
// now is a reason to try again later, for all of them.
func textAnswer(err error) refusal {
	var why signalling.Undelivered
	switch {
	case err == nil:
		return refuse(200, "OK")
	case errors.Is(err, signalling.ErrNoText):
		return refuse(404, "Not Found")
	case !errors.As(err, &why):
		return later()
	}
	return refusalOf(why.Cause)
}

// readText reads a message of plain text (RFC 3428 §8).
func (t *trunk) readText(req *sipmsg.Request) (signalling.Text, refusal) {
	if !t.Messages {
		return signalling.Text{}, refusal{}
	}
	if !isType(req, textType) || req.GetHeader("content-encoding") != nil || !plainCharset(req) || !utf8.Valid(req.Body()) {
		return signalling.Text{}, refuse(415, "Unsupported Media Type", sipmsg.NewHeader("Accept", textType+";charset=utf-8"))
	}
	if len(req.Body()) > maxText {
		return signalling.Text{}, refuse(413, "Request Entity Too Large")
	}
	text := signalling.Text{Via: t.name, From: caller(req, t), To: called(req, t), Body: legible(string(req.Body()))}
	if text.Body == "" {
		return text, refuse(400, "Empty Message")
	}
	if text.To.Number == "" {
		return text, refuse(404, "Not Found")
	}
	return text, refusal{}
}

// plainCharset tells whether a text is in UTF-8, or in ASCII, which is.
func plainCharset(req *sipmsg.Request) bool {
	_, params, _ := strings.Cut(req.ContentType().Value(), ";")
	for _, p := range strings.Split(params, ";") {
		if name, value, _ := strings.Cut(strings.TrimSpace(p), "="); strings.EqualFold(name, "charset") {
			value = strings.ToLower(strings.Trim(value, `"`))
			return value == "utf-8" || value == "us-ascii"
		}
	}
	return true
}

// legible drops what nobody could read, and what turns text round; lines stay.
func legible(s string) string {
	s = strings.ReplaceAll(s, "\r\n", "\n")
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || r == '\u200d' || unicode.IsPrint(r) { // U+200D joins the parts of emoji
			return r
		}
		return -1
	}, s))
}
