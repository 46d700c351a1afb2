package matrix

import (
	"cmp"
	"context"
	"errors"
	"time"

	"roomline/signalling"
)

// admitTimeout is for everything that is asked of the homeserver before a call
// is taken.
const admitTimeout = 10 * time.Second

// errNotOurs is an invite that is nobody's business here; it is not answered.
var errNotOurs = errors.New("not a call for us")

// invited weighs an m.call.invite by what needs nothing but the event (Matrix
// 1.18, "m.call.invite"). It returns at once.
func (c *Client) invited(h heard) {
	switch {
	case h.age() > h.life()-staleGrace:
		c.log.Info("ignored a stale invite", "age", h.age().Round(time.Second))
		c.calls.ignore(h.Type)
		c.calls.kill(callKey{h.Room, h.CallID})
	case c.calls.cross(h):
		c.log.Debug("a room and its telephone call each other")
	default:
		c.takeUp(h)
	}
}

// takeUp begins a call of its own for an invite. It returns at once.
func (c *Client) takeUp(h heard) {
	l := newLeg(c, signalling.A)
	l.room, l.id, l.offer, l.since = h.Room, h.CallID, h.SDP, h.At
	l.until = h.At.Add(h.life() - h.Age)
	l.stage, l.user, l.far, l.with = stage{placed: true, v0: h.V0}, h.Sender, h.party(), h.party()
	l.hearVoice(h.Voice)
	if h.V0 {
		l.party = ""
	}
	switch {
	case !c.calls.add(l):
		c.log.Debug("ignored an invite of a known call, or of too many")
	case !c.spawn(func() { c.admitSafely(l, h) }):
		c.log.Warn("ignored an invite: too many at once")
		c.calls.end(l)
	}
}

// admitSafely reads an offer that a stranger wrote.
func (c *Client) admitSafely(l *leg, h heard) {
	if !signalling.Survives(c.log, "a Matrix call", func() { c.admit(l, h) }) {
		l.conclude(*l.fail(signalling.Internal, ""))
	}
}

// admit asks what only the homeserver and the database know, and then offers
// the call to the switchboard.
func (c *Client) admit(l *leg, h heard) {
	ctx, cancel := context.WithTimeout(c.ctx, admitTimeout)
	defer cancel()
	why, ok, err := c.vet(ctx, l, h)
	switch {
	case errors.Is(err, errNotOurs):
		c.log.Debug("ignored an invite", "why", err)
		c.calls.ignore(h.Type)
		c.calls.end(l)
		return
	case c.ctx.Err() != nil: // stopping: the open call is ended after the next start
		return
	case err != nil:
		c.log.Warn("could not look at an invite", "error", err)
		why, ok = signalling.Reason{Cause: signalling.Internal, Detail: "the homeserver does not answer"}, false
	}
	if l.box.any(func(it item) bool { return it.is(typeHangup) && l.mine(it.heard) }) {
		c.forgetCall(l.room, l.id) // given up already: it never rang
		c.calls.end(l)
		return
	}
	if ok {
		why, ok = c.board.Accept(c.incoming(l))
	}
	if !ok {
		l.conclude(outcome{reason: why, tell: true})
	}
}

func (c *Client) incoming(l *leg) signalling.Incoming {
	return signalling.Incoming{
		Via: signalling.Matrix, From: signalling.Party{User: l.user, Name: l.name}, To: l.other, Room: l.room, At: l.since,
		Leg: func(in *signalling.Inbox) signalling.Leg {
			l.in, l.log = in, c.masking(in.Log())
			l.seat.Store(in)
			in.Note(signalling.Matrix, false, typeInvite)
			c.calls.dials(l, l.other.Number) // from now on: that number may call the room at this very moment
			c.goLeg(func() { l.run(func() outcome { return l.caller(time.Until(l.until)) }) })
			return l
		},
	}
}

// vet tells whether a call may be placed, and by whom to which number.
func (c *Client) vet(ctx context.Context, l *leg, h heard) (why signalling.Reason, ok bool, err error) {
	if l.ghost, err = c.ghostIn(ctx, h.Room); err != nil {
		return why, false, err
	}
	if l.ghost == "" && !c.ordinary() && c.ghosts.ours(h.Invitee) {
		l.ghost = h.Invitee
	}
	if l.ghost == "" {
		c.log.Warn("an invite in a room whose telephone is not known; dialling the number again, or inviting its user, makes it known", "room", h.Room)
	}
	if l.ghost == "" || h.Invitee != "" && h.Invitee != l.ghost {
		return why, false, errNotOurs
	}
	if !h.Sealed {
		if forged, err := c.forgedIn(ctx, h.Room, l.ghost, h.Sender, h.Type); err != nil {
			return why, false, err
		} else if forged {
			c.eraser.event(h.EventID)
			return why, false, errNotOurs
		}
	}
	l.out = c.outboxOf(l.ghost, l.room)
	fresh, err := c.store.openInvited(ctx, h.EventID, openCall{l.room, l.id, l.ghost, l.party, h.V0, roleCaller})
	if err != nil {
		return why, false, err
	}
	if !fresh {
		return why, false, errNotOurs
	}
	names, err := c.hs.members(ctx, l.ghost, h.Room)
	if gone(err) { // and can say nothing there
		c.forgetCall(l.room, l.id)
		return why, false, errors.Join(errNotOurs, c.store.forgetRoom(ctx, h.Room, l.ghost))
	}
	if err != nil {
		return why, false, err
	}
	if !c.rooms.fit(names, l.ghost, h) {
		c.forgetCall(l.room, l.id)
		return why, false, errNotOurs
	}
	l.name = clean(names[h.Sender])
	if l.other.Number, err = c.numberOf(ctx, h.Room, l.ghost); err != nil {
		return why, false, err
	}
	if why, ok, err = c.secretly(ctx, l, h); err == nil && ok {
		why, ok = c.mayCall(ctx, l, h)
	}
	if err != nil {
		return why, false, err
	}
	return why, ok, c.store.shareRoom(ctx, l.room, l.user)
}

// secretly tells whether an invite came as its room demands: encrypted in an
// encrypted room, in clear in any other. Whatever else comes proves nothing
// about who wrote it.
func (c *Client) secretly(ctx context.Context, l *leg, h heard) (signalling.Reason, bool, error) {
	veiled, err := c.encrypted(ctx, h.Room, l.ghost)
	can := c.ability()
	switch {
	case err != nil:
		return signalling.Reason{}, false, err
	case veiled && can != abilityOn:
		return can.refusal(), false, nil
	case veiled && !h.Sealed:
		return signalling.Reason{Cause: signalling.Forbidden, Detail: "the room is encrypted, and the call was not"}, false, nil
	case !veiled && h.Sealed:
		return signalling.Reason{Cause: signalling.Forbidden, Detail: "the call was encrypted, and the room is not"}, false, nil
	}
	return signalling.Reason{}, true, nil
}

// mayCall is the policy: who, from which room, to what, with what.
func (c *Client) mayCall(ctx context.Context, l *leg, h heard) (signalling.Reason, bool) {
	refuse := func(cause signalling.Cause, detail string) (signalling.Reason, bool) {
		return signalling.Reason{Cause: cause, Detail: detail}, false
	}
	switch {
	case c.draining.Load():
		return refuse(signalling.ShuttingDown, "")
	case !c.rooms.allowed(h.Sender):
		return refuse(signalling.Forbidden, "you may not place calls")
	case l.other.Number == "" && !c.ordinary():
		l.other.Name = "this line"
		return refuse(signalling.InvalidNumber, "it only takes calls; dial from the dial pad")
	}
	if why, err := c.mayDialIn(ctx, l.room, l.ghost, h.Sender); why != "" || err != nil {
		return refuse(signalling.Forbidden, cmp.Or(why, "the homeserver does not say whether you may"))
	}
	if l.other.Number == "" {
		l.puzzled = true
		return refuse(signalling.InvalidNumber, "this room has no number")
	}
	formats, err := c.peers.Formats(h.SDP)
	if err != nil || len(formats) == 0 {
		l.log.Info("an offer without audio that we speak", "error", err)
		return refuse(signalling.NoCodec, "")
	}
	l.can = formats
	return signalling.Reason{}, true
}
