package matrix

import (
	"errors"
	"time"

	"roomline/media"
	"roomline/media/peer"
	"roomline/signalling"
)

// This file holds calls that a user asks for in words: the user is rung first,
// and when it can be heard, the number is dialled.

const (
	maxBacks     = 50 // users who are rung back at once
	maxBacksEach = 3  // of them the same
)

// Errors of callBack.
var (
	errNoBacks  = errors.New("too many people are being called back already; try again in a moment")
	errNotToday = errors.New("the telephone gateway is being restarted")
)

// callBack rings a user in a room, or where the telephone of the number rings
// when that is empty, and then places a call to the number in the user's name.
// It returns at once; what comes of it is told in the room. Whether the user
// may dial the number is asked when the user has answered.
func (c *Client) callBack(user, room string, to signalling.Party) error {
	c.mu.Lock()
	begun := c.begun && !c.ended
	c.mu.Unlock()
	if !begun || c.draining.Load() {
		return errNotToday
	}
	if !c.calls.callsBack(user) {
		return errNoBacks
	}
	l := newLeg(c, signalling.A)
	l.id, l.since, l.asking = newCallID(), time.Now(), true
	l.target = signalling.Target{Via: signalling.Matrix, To: signalling.Party{User: user}, From: to, Room: room}
	l.user, l.far, l.other = user, party{User: user}, to
	c.goLeg(func() {
		defer c.calls.calledBack(user)
		l.run(l.back)
	})
	return nil
}

// callsBack counts a user who is rung back, unless there are too many.
func (c *calls) callsBack(user string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := 0
	for _, n := range c.backs {
		all += n
	}
	if all >= maxBacks || c.backs[user] >= maxBacksEach {
		return false
	}
	c.backs[user]++
	return true
}

func (c *calls) calledBack(user string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.backs[user]--; c.backs[user] <= 0 {
		delete(c.backs, user)
	}
}

// RingBack lets those who are called back hear m while the telephone rings;
// without it they hear nothing. It is called before Start.
func (c *Client) RingBack(m signalling.Music) { c.ringback = m }

// back is the recipe of a leg that is rung although it places the call.
func (l *leg) back() outcome {
	answer, o := l.ring(anyFormat())
	if o == nil {
		o = l.choose(answer)
	}
	if o == nil {
		o = l.connected()
	}
	if o != nil {
		return *o
	}
	l.asking, l.can = false, []media.Format{l.peer.Format()}
	why, ok := l.c.board.Accept(signalling.Incoming{Via: signalling.Matrix, From: signalling.Party{User: l.user}, To: l.other,
		Room: l.room, At: time.Now(), Leg: l.adopt})
	if !ok {
		return outcome{reason: why, tell: true}
	}
	o = l.placing()
	if o != nil && o.reason.Cause == signalling.NormalClearing {
		o.reason.Cause = signalling.Cancelled // hung up before there was anybody to talk to
	}
	if o != nil {
		return *o
	}
	return l.talk()
}

// adopt gives the leg to the call that it has placed.
func (l *leg) adopt(in *signalling.Inbox) signalling.Leg {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.given = in
	l.seat.Store(in)
	if l.ended { // hung up in this very moment
		l.leave(in)
		return l
	}
	l.box.put(item{kind: adopted})
	return l
}

// leave is what a call hears of a leg that was over before it was adopted.
func (l *leg) leave(in *signalling.Inbox) {
	in.Post(signalling.Event{Kind: signalling.HungUp, Side: l.side, Reason: signalling.Reason{Cause: signalling.Cancelled}})
	in.Post(signalling.Event{Kind: signalling.Gone, Side: l.side})
}

// orphaned ends a leg that no call has taken. A call that does it too late, or
// is doing it now, hears so.
func (l *leg) orphaned() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	if l.given != nil {
		l.leave(l.given)
	}
}

// placing waits for the telephone to be answered, with a ringing tone.
func (l *leg) placing() *outcome {
	l.tell(dialling, signalling.Reason{})
	silence := func() {}
	defer func() { silence() }()
	for {
		it := l.wait(nil)
		switch {
		case it.kind == adopted:
			l.mu.Lock()
			l.in = l.given
			l.mu.Unlock()
			l.log = l.c.masking(l.in.Log())
		case it.kind == otherRings:
			l.tell(ringing, signalling.Reason{})
			silence()
			silence = l.tone()
		case it.kind == answerIt && it.format != l.peer.Format():
			return l.fail(signalling.NoCodec, "")
		case it.kind == answerIt:
			silence()
			l.ready(signalling.Confirmed)
			return nil
		case it.kind == mediaIs && it.state == peer.Lost:
			return l.fail(signalling.MediaLost, "")
		default:
			if o := l.during(it); o != nil {
				return o
			}
		}
	}
}

// tone plays ringing to the user until the function it returns is called.
func (l *leg) tone() func() {
	if l.c.ringback == nil {
		return func() {}
	}
	return l.c.ringback.Play(l.peer, l.peer.Format())
}

// inWords is how the end of a leg is told. Who did not take the call that was
// their own wish knows it as that.
func (l *leg) inWords(r signalling.Reason) signalling.Reason {
	if !l.asking {
		return r
	}
	switch r.Cause {
	case signalling.Rejected, signalling.Elsewhere, signalling.Busy:
		r.Detail = "you declined"
	case signalling.NoAnswer:
		r.Detail = "you did not answer"
	}
	return signalling.Reason{Cause: signalling.Cancelled, Detail: r.Detail}
}
