package rig

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Line is one call at a carrier, with a telephone on it.
type Line struct {
	*Audio
	c                  *Carrier
	id, tag            string
	invite             Message
	ours, far, contact string // From and To of ours, and where requests go
	cseq               int
	seen               []Message // what the gateway sent, in order
	began, ended       time.Time
	refuse             string // status for REFER; "" accepts
	holds              string // our direction
}

// Invite is the request that began the call.
func (l *Line) Invite() Message { return l.invite }

// Messages are all that the gateway has sent so far, in order.
func (l *Line) Messages() []Message {
	l.c.mu.Lock()
	defer l.c.mu.Unlock()
	return slices.Clone(l.seen)
}

// take is called with the carrier's lock held.
func (l *Line) take(m Message) {
	l.seen = append(l.seen, m)
	l.aim(audioOf(m.Body))
	switch m.Method() {
	case "INVITE": // one of a call that stands: a new direction
		l.c.send(m.reply("200 OK", l.tag, l.c.Addr(), l.sdp(answering(m.Direction(), l.holds))))
	case "REFER":
		l.c.send(m.reply(l.refused(), l.tag, l.c.Addr(), ""))
	case "BYE", "CANCEL":
		l.c.send(m.reply("200 OK", l.tag, l.c.Addr(), ""))
		if m.Method() == "CANCEL" {
			l.c.send(l.invite.reply("487 Request Terminated", l.tag, l.c.Addr(), ""))
		}
		l.end()
	case "ACK", "":
		l.response(m)
	default:
		l.c.send(m.reply("200 OK", l.tag, l.c.Addr(), ""))
	}
}

func (l *Line) refused() string {
	if l.refuse != "" {
		return l.refuse
	}
	return "202 Accepted"
}

// response acknowledges a final one to an INVITE of ours.
func (l *Line) response(m Message) {
	if m.Status() < "200" || !strings.HasSuffix(m.Get("Cseq"), "INVITE") {
		return
	}
	l.far = m.Get("To")
	if c := target(m.Get("Contact")); c != "" && m.Status() < "300" {
		l.contact = c
	}
	seq, _, _ := strings.Cut(m.Get("Cseq"), " ")
	l.write("ACK", seq, "")
	if m.Status() >= "300" && l.began.IsZero() {
		l.end()
	} else if l.began.IsZero() {
		l.began = time.Now()
	}
}

func (l *Line) end() {
	if l.ended.IsZero() {
		l.ended = time.Now()
	}
	l.close()
}

// request sends one of ours within the call, and returns it.
func (l *Line) request(method, body string, headers ...string) Message {
	l.cseq++
	return l.write(method, fmt.Sprint(l.cseq), body, headers...)
}

func (l *Line) write(method, seq, body string, headers ...string) Message {
	text := fmt.Sprintf("%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s;rport\r\nMax-Forwards: 70\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %s %s\r\nContact: <sip:%s>\r\n",
		method, l.contact, l.c.Addr(), rand.Text(), l.ours, l.far, l.id, seq, method, l.c.Addr()) + tailOf(body, headers)
	l.c.send(text)
	m, _ := parseSIP([]byte(text)) // it is ours
	return m
}

// Say sends a request within the call and returns its final response.
func (l *Line) Say(ctx context.Context, method, body string, headers ...string) (res Message, err error) {
	l.c.mu.Lock()
	from := len(l.seen)
	want := l.request(method, body, headers...).Get("Cseq")
	l.c.mu.Unlock()
	err = l.c.wait(ctx, "a response to "+method, func() bool {
		at := slices.IndexFunc(l.seen[from:], func(m Message) bool { return m.Status() >= "200" && m.Get("Cseq") == want })
		if at >= 0 {
			res = l.seen[from+at]
		}
		return at >= 0
	})
	return res, err
}

// Direct sends a re-INVITE with a new direction, and wants a 200.
func (l *Line) Direct(ctx context.Context, direction string, headers ...string) (Message, error) {
	l.c.mu.Lock()
	l.holds = direction
	l.c.mu.Unlock()
	res, err := l.Say(ctx, "INVITE", l.sdp(direction), headers...)
	if err == nil && res.Status() != "200" {
		err = fmt.Errorf("the re-INVITE was answered %q", res.First)
	}
	return res, err
}
