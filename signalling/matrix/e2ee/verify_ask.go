package e2ee

import (
	"context"
	"errors"
	"slices"
	"time"
)

// This file holds how verifications begin.

// requested takes a request of somebody, and answers it.
func (v *Verifier) requested(w utterance) {
	var r requestContent
	if read(w.content, &r) != nil {
		return
	}
	id, made := transactionOf(w.content, false), time.UnixMilli(r.Timestamp)
	if w.room != "" {
		id, made, w.to = verifyName(w.event), w.at, r.To // the others of a room are asked in the same words
	}
	now := time.Now()
	if id == "" || verifyName(r.From) == "" || now.Sub(made) > verifyLife || made.Sub(now) > verifyAhead {
		return
	}
	ctx, cancel := context.WithTimeout(v.ctx, verifyTime)
	defer cancel()
	us, err := v.keys.Own(ctx, w.to)
	if err != nil || us.User == w.by && us.Device == r.From || !v.mayAsk(w.by, now) {
		return // not to us, or by ourselves
	}
	if old := v.talks[talkKey(id, w.by)]; old != nil {
		v.fail(old, broken{codeUnexpected, "it was asked for twice"})
		return
	}
	v.supersede(w.by)
	t := newLive(id, w.room, us, Identity{User: w.by, Device: r.From}, talkReady)
	if err := v.suits(ctx, t, r); err != nil {
		v.refuse(t, err)
		return
	}
	v.admit(ctx, t)
	v.follow(t, t.at, []said{{verifyReady, requestOut{From: us.Device, Methods: []string{methodSAS}}}}, nil)
}

// suits tells whether a request can be answered, and learns who it is from.
func (v *Verifier) suits(ctx context.Context, t *liveTalk, r requestContent) error {
	switch {
	case !within(r.Methods, methodSAS):
		return broken{codeMethod, "only emoji and numbers can be compared here"}
	case len(v.talks) >= maxTalks:
		return broken{codeUser, "too many verifications are under way"}
	}
	return v.meet(ctx, t, r.From)
}

// meet learns the keys of the device at the other side.
func (v *Verifier) meet(ctx context.Context, t *liveTalk, device string) error {
	them, err := v.keys.Theirs(ctx, t.us.User, t.them.User, device)
	if err != nil {
		v.log.Warn("cannot verify a device", "user", t.them.User, "error", err)
		return broken{codeInvalid, "the homeserver does not list the device"}
	}
	t.them = them
	return nil
}

// requestOut is the part of a request that an answer has as well.
type requestOut struct {
	From    string   `json:"from_device"`
	Methods []string `json:"methods"`
	MsgType string   `json:"msgtype,omitempty"`
	Body    string   `json:"body,omitempty"`
	To      string   `json:"to,omitempty"`
}

// mayAsk counts the requests of one person.
func (v *Verifier) mayAsk(user string, now time.Time) bool {
	late := slices.DeleteFunc(v.askers[user], func(at time.Time) bool { return now.Sub(at) > verifyLife })
	if len(late) >= maxAsks || len(late) == 0 && len(v.askers) >= maxAskers && !v.room(now) {
		v.log.Warn("ignored a verification: too many are asked for", "user", user)
		return false
	}
	v.askers[user] = append(late, now)
	return true
}

// room forgets who has not asked for long, and tells whether somebody fits in.
func (v *Verifier) room(now time.Time) bool {
	for user, at := range v.askers {
		if now.Sub(at[len(at)-1]) > verifyLife {
			delete(v.askers, user)
		}
	}
	return len(v.askers) < maxAskers
}

// supersede ends what goes on with somebody: one verification is enough.
func (v *Verifier) supersede(user string) {
	for _, t := range v.talks {
		if t.them.User == user {
			v.fail(t, broken{codeUser, "another one was begun"})
		}
	}
}

// admit notes a verification.
func (v *Verifier) admit(ctx context.Context, t *liveTalk) {
	v.talks[talkKey(t.id, t.them.User)] = t
	v.keys.Engage(t.them.User, t.room, true)
	if err := v.book.Begin(ctx, t.state(Asked)); err != nil {
		v.log.Warn("a verification is not written down, and will not survive a restart", "error", err)
	}
	v.tell(t.state(Asked))
}

// Why something that people ask for cannot be done.
var (
	// ErrNoCompare says that no verification waits to be compared.
	ErrNoCompare = errors.New("there is nothing to compare now")

	errStopping = errors.New("the gateway is stopping")
	errTooMany  = errors.New("too many verifications are under way")
	errUnkeyed  = errors.New("our own user has no keys in this room")
)

// Ask begins a verification of somebody in a room of one of our users.
func (v *Verifier) Ask(ctx context.Context, ours, room, user string) error {
	return v.do(ctx, func() error {
		v.supersede(user)
		if len(v.talks) >= maxTalks {
			return errTooMany
		}
		ctx, cancel := context.WithTimeout(v.ctx, verifyTime)
		defer cancel()
		us, err := v.keys.Own(ctx, ours)
		if err != nil {
			return errUnkeyed
		}
		v.keys.Engage(user, room, true)
		defer v.part(user, room)
		id, err := v.post.Say(ctx, ours, room, "m.room.message", requestOut{From: us.Device, Methods: []string{methodSAS}, MsgType: verifyRequest,
			To: user, Body: ours + " asks to verify your keys. Your client cannot do that: use another one, like Element."})
		if err != nil {
			return err
		}
		v.admit(ctx, newLive(id, room, us, Identity{User: user}, talkAsked))
		return nil
	})
}

// Pending are the verifications that wait for somebody on our side: those with
// the user, and those of our own other devices if asked for.
func (v *Verifier) Pending(ctx context.Context, user string, own bool) (all []Verification, err error) {
	err = v.do(ctx, func() error {
		for _, t := range v.talks {
			if t.concerns(user, own) {
				stage := Asked
				if t.at == talkShown && !t.yes {
					stage = Comparing
				}
				all = append(all, t.state(stage))
			}
		}
		return nil
	})
	return all, err
}

func (t *liveTalk) concerns(user string, own bool) bool {
	return t.them.User == user || own && t.them.User == t.us.User
}

// Answer says what somebody has found who has compared: that it is the same on
// both sides, or not. The error is ErrNoCompare if nothing waits for that.
func (v *Verifier) Answer(ctx context.Context, user string, own, same bool) error {
	return v.do(ctx, func() error {
		for _, t := range v.talks {
			if !t.concerns(user, own) || t.at != talkShown || t.yes {
				continue
			}
			if !same {
				v.fail(t, broken{codeSAS, "the emoji are not the same on both sides"})
				return nil
			}
			before := t.at
			say, err := t.confirm()
			v.follow(t, before, say, err)
			return nil
		}
		return ErrNoCompare
	})
}

// Cancel ends what goes on with a user, and tells how many verifications.
func (v *Verifier) Cancel(ctx context.Context, user string, own bool) (n int, err error) {
	err = v.do(ctx, func() error {
		for _, t := range v.talks {
			if t.concerns(user, own) {
				v.fail(t, broken{codeUser, "it was cancelled"})
				n++
			}
		}
		return nil
	})
	return n, err
}

// do has our own goroutine do something, and waits for it.
func (v *Verifier) do(ctx context.Context, f func() error) error {
	result := make(chan error, 1)
	select {
	case v.inbox <- func() { result <- f() }:
	case <-v.ctx.Done():
		return errStopping
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-result:
		return err
	case <-v.ctx.Done():
		return errStopping
	case <-ctx.Done():
		return ctx.Err()
	}
}
