package rig

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Provide sends a provisional response: "180 Ringing".
func (l *Line) Provide(status string, headers ...string) {
	l.c.mu.Lock()
	defer l.c.mu.Unlock()
	l.c.send(l.invite.reply(status, l.tag, l.c.Addr(), "", headers...))
}

// Answer takes a call of the gateway's.
func (l *Line) Answer(headers ...string) {
	l.c.mu.Lock()
	defer l.c.mu.Unlock()
	l.began = time.Now()
	l.c.send(l.invite.reply("200 OK", l.tag, l.c.Addr(), l.sdp("sendrecv"), headers...))
}

// Refuse ends a call of the gateway's unanswered: "486 Busy Here".
func (l *Line) Refuse(status string) {
	l.c.mu.Lock()
	defer l.c.mu.Unlock()
	l.c.send(l.invite.reply(status, l.tag, l.c.Addr(), ""))
	l.end()
}

// RefuseRefer has every REFER answered so: "403 Forbidden".
func (l *Line) RefuseRefer(status string) {
	l.c.mu.Lock()
	defer l.c.mu.Unlock()
	l.refuse = status
}

// WaitAnswered returns when a call of ours has been answered.
func (l *Line) WaitAnswered(ctx context.Context) error {
	answered, last := false, ""
	err := l.c.wait(ctx, "an answer", func() bool {
		if answered = !l.began.IsZero(); len(l.seen) > 0 {
			last = l.seen[len(l.seen)-1].First
		}
		return answered || !l.ended.IsZero()
	})
	if err == nil && !answered {
		return errors.New("the call ended unanswered: " + last)
	}
	return err
}

// WaitEnded returns when the call is over.
func (l *Line) WaitEnded(ctx context.Context) error {
	return l.c.wait(ctx, "the call's end", func() bool { return !l.ended.IsZero() })
}

// WaitFor returns the first message of the gateway's, from the nth on, that f likes, and
// the number of the one after it.
func (l *Line) WaitFor(ctx context.Context, what string, n int, f func(Message) bool) (found Message, next int, err error) {
	err = l.c.wait(ctx, what, func() bool {
		for i, m := range l.seen[min(n, len(l.seen)):] {
			if f(m) {
				found, next = m, n+i+1
				return true
			}
		}
		return false
	})
	return found, next, err
}

// Request returns the gateway's next request of a method, from the nth message on.
func (l *Line) Request(ctx context.Context, method string, n int) (Message, int, error) {
	return l.WaitFor(ctx, method, n, func(m Message) bool { return m.Method() == method })
}

// Hangup ends the call.
func (l *Line) Hangup(ctx context.Context) error {
	_, err := l.Say(ctx, "BYE", "")
	l.c.mu.Lock()
	defer l.c.mu.Unlock()
	l.end()
	return err
}

// Replaces names the call's dialog as the gateway has it, for somebody else to
// take its place (RFC 3891): what follows "Replaces=" in a Refer-To is escaped.
func (l *Line) Replaces() string {
	l.c.mu.Lock()
	defer l.c.mu.Unlock()
	return fmt.Sprintf("%s%%3Bto-tag%%3D%s%%3Bfrom-tag%%3D%s", l.id, tag(l.far), l.tag)
}
