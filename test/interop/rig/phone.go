package rig

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// Phone is one call as the telephone at Asterisk's end sees it.
type Phone struct {
	bed *Bed
	ami *ami
	ch  *channel
	rec string
}

// Digit is one DTMF digit a phone has heard, and for how long.
type Digit struct {
	Key      byte
	Duration time.Duration
}

// Call is what Originate places: a telephone calls a number of the trunk.
type Call struct {
	To      string        // the number called, E.164
	From    string        // the caller's number, E.164; empty is withheld
	Name    string        // the caller's name
	Do      string        // what the phone does when answered: a tone in Hz ("1000"), or speech, record, digits, read, echo; "" is 1000
	Via     string        // the PJSIP endpoint: gw-ip, the gateway, unless set; "self" calls the exchange's own numbers
	At      string        // where the endpoint is reached, unless it knows: "127.8.1.2:5060;transport=tcp"
	Timeout time.Duration // how long it rings before the phone gives up; 0 is 60 s
}

// Originate makes a telephone call the gateway, and returns while it rings.
func (b *Bed) Originate(ctx context.Context, c Call) (*Phone, error) {
	id := "bed-" + rand.Text()
	where, do := "tone", c.Do
	switch do {
	case "":
		do = "1000"
	case "speech", "record", "digits", "read", "echo":
		where = "bed"
	}
	channel := "PJSIP/" + c.To + "@" + cmp.Or(c.Via, "gw-ip")
	if c.At != "" {
		channel = "PJSIP/" + c.Via + "/sip:" + c.To + "@" + c.At
	}
	pairs := []string{"Channel", channel, "Context", where, "Exten", do, "Priority", "1",
		"Timeout", fmt.Sprint(cmp.Or(c.Timeout, time.Minute).Milliseconds()), "Async", "true", "ChannelId", id, "Variable", "BED_NAME=" + id}
	if c.From != "" {
		pairs = append(pairs, "CallerID", fmt.Sprintf("%q <%s>", c.Name, c.From))
	}
	if _, err := b.ami.action(ctx, "Originate", pairs...); err != nil {
		return nil, err
	}
	p := &Phone{bed: b, ami: b.ami, rec: id}
	err := b.ami.wait(ctx, "a channel for the call", func() bool { p.ch = b.ami.calls[id]; return p.ch != nil })
	return p, err
}

// WaitCall returns the next call that reaches a number at Asterisk, each call once.
func (b *Bed) WaitCall(ctx context.Context, number string) (*Phone, error) {
	p := &Phone{bed: b, ami: b.ami}
	err := b.ami.wait(ctx, "a call at "+number, func() bool {
		for _, c := range b.ami.order {
			if c.exten == number && !c.taken {
				c.taken, p.ch, p.rec = true, c, number+"_"+c.id
				return true
			}
		}
		return false
	})
	return p, err
}

// Forget takes every call there has been, so that WaitCall returns only new ones.
func (b *Bed) Forget() {
	if b.ami == nil {
		return
	}
	b.ami.mu.Lock()
	defer b.ami.mu.Unlock()
	for _, c := range b.ami.order {
		c.taken = true
	}
}

// Live says how many channels Asterisk has open: nought between tests.
func (b *Bed) Live() int {
	if b.ami == nil {
		return 0
	}
	b.ami.mu.Lock()
	defer b.ami.mu.Unlock()
	n := 0
	for _, c := range b.ami.order {
		if !c.gone {
			n++
		}
	}
	return n
}

// HangupAll ends every call at Asterisk's end, and waits until they are gone.
func (b *Bed) HangupAll(ctx context.Context) error {
	if _, err := b.ami.action(ctx, "Command", "Command", "channel request hangup all"); err != nil {
		return err
	}
	return b.ami.wait(ctx, "all calls to end", func() bool {
		for _, c := range b.ami.order {
			if !c.gone {
				return false
			}
		}
		return true
	})
}

// Began is when Asterisk saw the call first.
func (p *Phone) Began() time.Time { return p.ch.began }

// Caller is the number that the call shows.
func (p *Phone) Caller() string { return p.ch.caller }

// WaitAnswered returns when the call has been answered, and the time of it.
func (p *Phone) WaitAnswered(ctx context.Context) (at time.Time, err error) {
	cause := 0
	err = p.ami.wait(ctx, "an answer", func() bool { at, cause = p.ch.answered, p.ch.cause; return p.ch.up || p.ch.gone })
	if err == nil && at.IsZero() {
		return at, fmt.Errorf("the call ended unanswered with cause %d", cause)
	}
	return at, err
}

// WaitEnded returns when the call is over: the time, and the cause as Q.850 and
// Asterisk number it (16 normal, 17 busy, 19 no answer, 21 rejected, 0 unknown).
func (p *Phone) WaitEnded(ctx context.Context) (at time.Time, cause int, err error) {
	err = p.ami.wait(ctx, "the call's end", func() bool { at, cause = p.ch.ended, p.ch.cause; return p.ch.gone })
	return at, cause, err
}

// WaitDigits returns when the phone has heard n DTMF digits.
func (p *Phone) WaitDigits(ctx context.Context, n int) (heard []Digit, err error) {
	err = p.ami.wait(ctx, fmt.Sprint(n, " digits"), func() bool {
		heard = append(heard[:0], p.ch.digits...)
		return len(heard) >= n || p.ch.gone
	})
	return heard, err
}

// Send has the phone do something else from now on, an extension of the bed's
// dialplan: Send(ctx, "hold", "s"), Send(ctx, "tone", "700"), Send(ctx, "refer", "+49...").
func (p *Phone) Send(ctx context.Context, where, extension string) error {
	_, err := p.ami.action(ctx, "Redirect", "Channel", p.ch.name, "Context", where, "Exten", extension, "Priority", "1")
	return err
}

// Hangup makes the phone hang up.
func (p *Phone) Hangup(ctx context.Context) error {
	_, err := p.ami.action(ctx, "Hangup", "Channel", p.ch.name)
	return err
}

// Heard is what the phone has recorded, once the call has ended. Only phones that
// play a tone or record do record.
func (p *Phone) Heard(ctx context.Context) (Sound, error) {
	path := filepath.Join(p.bed.Recordings, p.rec+".wav")
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		s, err := ReadWAV(path)
		if s.Complete {
			s.Began = p.ch.answered
			return s, nil
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return s, fmt.Errorf("%s is not complete: %w", path, errors.Join(ctx.Err(), err))
		}
	}
}
