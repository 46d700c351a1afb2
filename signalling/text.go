package signalling

import (
	"context"
	"errors"
	"time"
)

// Text is a text message from one party to another.
type Text struct {
	Via      string // who brings it: a trunk, or Matrix
	From, To Party
	Room     string // where it is to be shown; empty: in the room that both share
	Body     string // UTF-8, of any number of lines
}

// Correspondent takes text messages.
type Correspondent interface {
	// Text delivers a message and returns nil once somebody else answers for it.
	// The error is an Undelivered where there is something to say about it.
	Text(ctx context.Context, t Text) error
}

// ErrNoText tells that text messages do not go this way at all.
var ErrNoText = errors.New("no text messages are taken there")

// Undelivered is why a text message was not delivered.
type Undelivered Reason

func (u Undelivered) Error() string { return "not delivered: " + Reason(u).String() }

// Words say it to the person who wrote the message, without a full stop.
func (u Undelivered) Words() string {
	words, ok := undelivered[u.Cause]
	if !ok {
		words = "the telephone trunk reported a failure"
	}
	if u.Detail != "" {
		words += " (" + u.Detail + ")"
	}
	return words
}

var undelivered = map[Cause]string{
	NoRoute:          "there is no route to this number",
	Unallocated:      "this is not a number in service",
	InvalidNumber:    "this is not a complete telephone number",
	Busy:             "the other side takes no more messages for now",
	Unavailable:      "the other side cannot be reached at the moment",
	Rejected:         "the other side does not take it",
	Forbidden:        "it is not allowed",
	NoCodec:          "it cannot be carried there",
	TrunkAuth:        "the telephone trunk refused our user name or password",
	TrunkUnreachable: "the telephone trunk does not answer",
	Congestion:       "too much goes on; try again in a while",
	ShuttingDown:     "the telephone gateway is being restarted",
	Internal:         "there is a fault in the telephone gateway",
}

// Correspond gives the exchange a way for text messages. Names are those in routes.
func (x *Exchange) Correspond(name string, c Correspondent) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.writers[name] = c
}

// Text passes a message on, by the same dial plan as a call and under the same
// rights. ErrNoText is the error where its way takes none.
func (x *Exchange) Text(ctx context.Context, t Text) error {
	to, why, ok := x.opt.Router.Find(Incoming{Via: t.Via, From: t.From, To: t.To, Room: t.Room})
	switch {
	case !ok && t.Via == Matrix:
		return ErrNoText // nobody who writes there thinks of a message to a telephone
	case !ok:
		return Undelivered(why)
	case (t.Via == Matrix) == (to.Via == Matrix): // nor from trunk to trunk, where it could go round for ever
		return ErrNoText
	case x.Draining():
		return Undelivered{Cause: ShuttingDown}
	}
	writer, ok := x.writer(to.Via)
	if !ok {
		return ErrNoText
	}
	if t.Via == Matrix && x.opt.MayText != nil {
		if why, ok := x.opt.MayText(t.From.User, to.To.Number); !ok {
			return Undelivered(why)
		}
	}
	return deliver(ctx, writer, t, append([]Target{to}, to.Also...))
}

func (x *Exchange) writer(name string) (Correspondent, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	w, ok := x.writers[name]
	return w, ok
}

// deliver takes a message to everybody whom a rule names; one who has it is
// enough.
func deliver(ctx context.Context, w Correspondent, t Text, all []Target) error {
	var errs []error
	for _, to := range all {
		errs = append(errs, w.Text(ctx, Text{Via: t.Via, From: to.From, To: to.To, Room: to.Room, Body: t.Body}))
	}
	for _, err := range errs {
		if err == nil {
			return nil
		}
	}
	return errs[0]
}

// TextPatience is how long whoever takes a message may take for it: less than
// a SIP request waits for its answer (RFC 3261 §17.1.2.2).
const TextPatience = 20 * time.Second
