package matrix

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"maunium.net/go/mautrix"

	"roomline/media"
	"roomline/signalling"
)

// placeTimeout is how long a telephone waits for the homeserver to ring anyone.
const placeTimeout = 15 * time.Second

// callee is the recipe of a leg that rings a Matrix user (side B).
func (l *leg) callee(formats []media.Format) outcome {
	if formats == nil {
		formats = anyFormat()
	}
	answer, o := l.ring(formats)
	switch {
	case o != nil:
	case l.stage.placed:
		o = l.accept(formats)
	case answer.Type == typeInvite:
		o = l.yield(answer, formats)
	default:
		o = l.choose(answer)
	}
	if o == nil {
		o = l.connect(signalling.Answered)
	}
	if o != nil {
		return *o
	}
	return l.talk()
}

// ring lets a user's clients ring until one answers.
func (l *leg) ring(formats []media.Format) (answer heard, o *outcome) {
	if o = l.findRoom(); o != nil || l.stage.placed {
		return answer, o
	}
	if o = l.invite(formats); o == nil {
		answer, o = l.awaitAnswer()
	}
	return answer, o
}

// errFault is what became of a search that broke.
var errFault = errors.New("the room could not be looked for")

// findRoom asks for a room in a goroutine of its own, so that the telephone
// may hang up meanwhile.
func (l *leg) findRoom() *outcome {
	ctx, cancel := context.WithTimeout(l.c.ctx, placeTimeout)
	found := make(chan struct{})
	go func() { // ends with ctx at the latest; awaited below
		defer close(found)
		it := item{kind: roomFound, err: errFault}
		signalling.Survives(l.log, "the search for a room", func() { it.room, it.ghost, it.err = l.c.lines.find(ctx, l.target) })
		l.box.put(it)
	}()
	defer func() { cancel(); <-found }()
	for {
		it := l.wait(nil)
		if it.kind == roomFound {
			return l.begin(it)
		}
		if o := l.over(it); o != nil {
			return o
		}
	}
}

// begin takes up the call in the room that was found.
func (l *leg) begin(it item) *outcome {
	if it.err != nil {
		why := noRoom(it.err)
		if !l.asking && l.user != "" {
			l.c.missed(l.user, l.other, why, it.err)
		}
		return &outcome{reason: why, own: true}
	}
	l.room, l.ghost = it.room, it.ghost
	l.out = l.c.outboxOf(l.ghost, l.room)
	switch claimed := l.c.calls.claim(l); {
	case !claimed && l.asking: // it is the user's own call that it would take
		return &outcome{reason: signalling.Reason{Cause: signalling.Unavailable, Detail: "a call goes on in this room already"}, own: true}
	case !claimed:
		return l.meet()
	}
	if l.asking {
		l.c.calls.stopRinging(l) // a call that crosses this one is another call
	}
	ctx, cancel := context.WithTimeout(l.c.ctx, placeTimeout)
	defer cancel()
	row := openCall{Room: l.room, CallID: l.id, Ghost: l.ghost, Party: l.party, Role: roleCallee}
	if err := l.c.store.open(ctx, row); err != nil {
		l.log.Error("could not write down a call", "error", err)
	}
	if err := l.c.lines.rename(ctx, l, l.target.From); err != nil { // another call may have been named meanwhile
		l.log.Warn("could not show who calls", "error", err)
	}
	return nil
}

// noRoom is why nobody can be rung.
func noRoom(err error) signalling.Reason {
	var why unreachable
	if errors.As(err, &why) {
		return signalling.Reason{Cause: signalling.Unavailable, Detail: string(why)}
	}
	return signalling.Reason{Cause: signalling.Unavailable, Detail: "the homeserver does not answer"}
}

// anyFormat is what we offer when the telephone takes whatever we choose: what
// every telephone speaks comes first.
func anyFormat() []media.Format {
	return []media.Format{media.PCMA, media.PCMU, media.G722, media.Opus}
}

// invite rings the user. The offer has all candidates in it.
func (l *leg) invite(formats []media.Format) *outcome {
	p, sdp, err := l.c.peers.Offer(formats, l.onState)
	if err != nil {
		l.log.Warn("could not make an offer", "error", err)
		return l.fail(mediaCause(err), "")
	}
	l.peer = p
	life, until := l.c.cfg.RingTimeout, time.Now().Add(placeTimeout)
	l.post(outgoing{eventType: typeInvite, until: until, done: l.awaited(), content: inviteOut{
		head: l.head(), Lifetime: life.Milliseconds(), Invitee: l.user, Offer: sdpOut{"offer", sdp},
		Capabilities: ours(), Streams: usermedia(p.StreamID(), false),
	}})
	l.post(outgoing{eventType: typeCandidates, until: until, content: endOfCandidates(l.head())})
	l.identify()
	return nil
}

// awaitAnswer waits for the first answer of the user we rang, or for a call of
// the user's own that crossed ours. Candidates of every device of the user are
// kept, because any of them may answer.
func (l *leg) awaitAnswer() (heard, *outcome) {
	defer l.c.calls.stopRinging(l)
	timer := time.NewTimer(l.c.cfg.RingTimeout)
	defer timer.Stop()
	for {
		it := l.wait(timer.C)
		switch {
		case it.kind == wasSent && it.err == nil:
			if !l.asking {
				l.tell(ringing, signalling.Reason{})
			}
			l.report(signalling.Event{Kind: signalling.Ringing, Side: l.side})
			timer.Reset(l.c.cfg.RingTimeout)
			continue
		case it.kind == wasSent:
			return heard{}, &outcome{reason: refusedInvite(it.err), own: true, tell: true}
		case it.kind == timerFired:
			return heard{}, l.fail(signalling.NoAnswer, "")
		case it.kind == crossed:
			if l.crosses(it.heard) {
				return it.heard, nil
			}
			continue
		case it.kind == fromRoom:
			if h, o, decided := l.reply(it.heard); decided {
				return h, o
			}
			continue
		}
		if o := l.over(it); o != nil {
			return heard{}, o
		}
	}
}

// refusedInvite is why the homeserver did not take our invite.
func refusedInvite(err error) signalling.Reason {
	r := signalling.Reason{Cause: signalling.Unavailable, Detail: "the homeserver does not answer"}
	var refused mautrix.HTTPError
	if errors.As(err, &refused) && refused.RespError != nil {
		r.Detail = "the homeserver refused the call: " + clean(refused.RespError.Err)
	}
	return r
}

// newCallID begins with the last character of the grammar: where two calls
// meet in one room the lesser id wins, and that shall be the client's.
func newCallID() string { return "~" + rand.Text() }
