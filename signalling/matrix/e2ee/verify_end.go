package e2ee

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"
)

// This file holds how verifications end.

const (
	partingTime = 3 * time.Second // in which we say goodbye when we stop
	sweepEvery  = 5 * time.Second
)

// say sends what is to be said, in its order.
func (v *Verifier) say(t *liveTalk, all []said) error {
	for _, s := range all {
		ctx, cancel := context.WithTimeout(v.ctx, verifyTime)
		err := v.send(ctx, t.state(Asked), s)
		cancel()
		if err != nil {
			v.log.Warn("a verification could not go on", "user", t.them.User, "error", err)
			return broken{codeUser, "the homeserver did not take what we said"}
		}
	}
	return nil
}

// send takes one thing to the other side. A device that has not answered yet
// cannot be sent anything.
func (v *Verifier) send(ctx context.Context, to Verification, s said) error {
	content := linked(s.content, to.ID, to.Room != "")
	if to.Room != "" {
		_, err := v.post.Say(ctx, to.Ours, to.Room, s.kind, content)
		return err
	}
	return v.post.Send(ctx, to.Ours, to.User, to.Device, s.kind, content)
}

// fail cancels a verification, and forgets it.
func (v *Verifier) fail(t *liveTalk, err error) {
	v.refuse(t, err)
	v.forget(t)
	state := t.state(Ended)
	state.Why = reason(err).why
	v.tell(state)
}

// reason is how a verification is cancelled for an error.
func reason(err error) broken {
	why := broken{codeUser, "something went wrong here"}
	errors.As(err, &why)
	return why
}

// still lasts as long as what ends a verification may take.
func (v *Verifier) still() (context.Context, context.CancelFunc) {
	if v.parting != nil {
		return context.WithCancel(v.parting)
	}
	return context.WithTimeout(context.WithoutCancel(v.ctx), verifyTime)
}

// refuse tells the other side that there will be no verification, and whether
// the homeserver has taken that.
func (v *Verifier) refuse(t *liveTalk, err error) bool {
	why := reason(err)
	v.log.Info("a verification was cancelled", "user", t.them.User, "code", why.code, "why", why.why)
	ctx, cancel := v.still()
	defer cancel()
	v.keys.Engage(t.them.User, t.room, true)
	defer v.part(t.them.User, t.room)
	if err := v.send(ctx, t.state(Asked), said{verifyCancel, cancelContent{why.code, why.why}}); err != nil {
		v.log.Warn("a verification could not be cancelled", "user", t.them.User, "error", err)
		return false
	}
	return true
}

// cancelled: the other side has ended it.
func (v *Verifier) cancelled(t *liveTalk, content json.RawMessage) {
	var c cancelContent
	_ = json.Unmarshal(content, &c) // it is over in any case
	v.forget(t)
	v.log.Info("a verification was cancelled by the other side", "user", t.them.User, "code", strings.ToValidUTF8(c.Code[:min(len(c.Code), maxVerifyReason)], ""))
	state := t.state(Ended)
	state.Why = "it was cancelled on the other side"
	if c.Code == codeSAS {
		state.Why = "the other side says that the emoji are not the same"
	}
	v.tell(state)
}

// lost is an event of a verification that we know nothing of: of one that has
// ended, or was never begun. Who begins something is told that; the rest will
// time out. In rooms it may be between two other people.
func (v *Verifier) lost(w utterance, id string) {
	var s startContent
	if w.room != "" || w.kind != verifyStart && w.kind != verifyReady || read(w.content, &s) != nil || verifyName(s.From) == "" || !v.mayAsk(w.by, time.Now()) {
		return
	}
	v.refuse(newLive(id, "", Identity{User: w.to}, Identity{User: w.by, Device: s.From}, talkDone), broken{codeUnknown, "this verification is not known here"})
}

// part takes back what Engage has given, after a while.
func (v *Verifier) part(user, room string) {
	v.leaving = append(v.leaving, leaving{user, room, time.Now().Add(verifyGrace)})
}

// forget lets go of a verification.
func (v *Verifier) forget(t *liveTalk) {
	if k := talkKey(t.id, t.them.User); v.talks[k] == t {
		delete(v.talks, k)
		v.part(t.them.User, t.room)
	}
	ctx, cancel := v.still()
	defer cancel()
	if err := v.book.End(ctx, t.state(Ended)); err != nil {
		v.log.Warn("a verification that has ended is still written down", "error", err)
	}
}

// expire ends what nobody goes on with.
func (v *Verifier) expire(now time.Time) {
	for len(v.leaving) > 0 && now.After(v.leaving[0].at) {
		v.keys.Engage(v.leaving[0].user, v.leaving[0].room, false)
		v.leaving = v.leaving[1:]
	}
	v.clear(now)
	for _, t := range v.talks {
		if now.After(t.until) {
			v.fail(t, broken{codeTimeout, "nobody went on with it for ten minutes"})
		}
	}
}

// leave ends everything, because we stop.
func (v *Verifier) leave() {
	var cancel context.CancelFunc
	v.parting, cancel = context.WithTimeout(context.Background(), partingTime)
	defer cancel()
	for _, t := range v.talks {
		v.fail(t, broken{codeUser, "the gateway was stopped"})
	}
}

// sweep reads what a sudden end of the gateway has interrupted: nobody has the
// keys of it any more.
func (v *Verifier) sweep() {
	ctx, cancel := context.WithTimeout(v.ctx, verifyTime)
	defer cancel()
	left, err := v.book.Open(ctx)
	if err != nil {
		v.log.Warn("cannot read which verifications were interrupted", "error", err)
	}
	for _, old := range left {
		v.left = append(v.left, newLive(old.ID, old.Room, Identity{User: old.Ours}, Identity{User: old.User, Device: old.Device}, talkDone))
	}
	v.clear(time.Now())
}

// clear cancels what was interrupted, one at a time, as soon as the homeserver
// takes that.
func (v *Verifier) clear(now time.Time) {
	if len(v.left) == 0 || now.Before(v.again) {
		return
	}
	v.again = now.Add(sweepEvery)
	t := v.left[0]
	restarted := broken{codeUser, "the gateway was restarted"}
	if !v.refuse(t, restarted) && now.Before(t.until) {
		return
	}
	v.left, v.again = v.left[1:], now
	v.forget(t)
	state := t.state(Ended)
	state.Why = restarted.why
	v.tell(state)
}
