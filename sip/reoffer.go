package sip

import (
	"math/rand/v2"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// reoffer is our own re-INVITE: for hold, and where the far end takes no UPDATE,
// to tell who is here now and to refresh the session.
type reoffer struct {
	wish    bool // the call wants the far end on hold
	agreed  bool // it is
	asked   bool // what the offer under way says
	tell    bool // the far end does not know yet who is here
	refresh bool // the session is to be refreshed so (RFC 4028)
	fresh   bool // the one under way does that
	retried bool // it waited for the far end (RFC 3261 §14.2)
	req     *sipmsg.Request
	creds   credentials
	tx      *sipmsg.ClientTx
	timer   *time.Timer // until the next attempt after glare
}

func (r *reoffer) responses() <-chan *sipmsg.Response {
	if r.tx == nil {
		return nil
	}
	return r.tx.Responses()
}

func (r *reoffer) done() <-chan struct{} {
	if r.tx == nil {
		return nil
	}
	return r.tx.Done()
}

func (r *reoffer) again() <-chan time.Time {
	if r.timer == nil {
		return nil
	}
	return r.timer.C
}

// offerAgain sends a re-INVITE if the call's wish is not yet what was agreed
// and nothing else is under way (RFC 3261 §14.1).
func (l *leg) offerAgain() {
	r := &l.reoffer
	if r.wish == r.agreed && !r.tell && !r.refresh || r.tx != nil || r.timer != nil || l.unacked != nil || l.asking.refers() || l.over {
		return
	}
	r.fresh, r.refresh = r.refresh, false
	r.asked, r.tell, r.creds = r.wish, false, credentials{trunk: l.trunk, within: true}
	l.reinvite(nil, "re-INVITE")
}

// reinvite sends our offer, with credentials once there are any.
func (l *leg) reinvite(auth []sipmsg.Header, text string) {
	r := &l.reoffer
	l.describe(r.asked)
	r.req = l.dialog.request(sipmsg.INVITE)
	r.req.AppendHeader(l.dialog.contact())
	r.req.AppendHeader(sipmsg.NewHeader("Allow", l.trunk.allowed()))
	l.session.ask(r.req)
	l.assert(r.req)
	show(r.req, auth)
	write := l.offer
	if r.asked == r.agreed {
		write = l.offerAsBefore
	}
	body, _ := l.versioned(write)
	describeWith(r.req, body)
	tx, err := l.begin(r.req, text, time.Second)
	if err != nil {
		l.giveIn()
		if r.fresh {
			l.session.later()
		}
		return
	}
	l.heed(tx)
	r.tx = tx
}

// tellAgain has all that the offer said beside the hold said once more.
func (l *leg) tellAgain() {
	r := &l.reoffer
	r.tell, r.refresh = l.trunk.SendIdentity != assertNone || l.given != nil, r.fresh
}

// giveIn leaves the session as it was (RFC 3261 §14.1). What the call has come to
// wish since the offer left is no part of the refusal.
func (l *leg) giveIn() {
	if r := &l.reoffer; r.wish == r.asked {
		r.wish = r.agreed
	}
	l.insisted(false)
}

// glare is how long to wait after a 491: 2.1 to 4 s for the owner of the
// Call-ID, 0 to 2 s for the other (RFC 3261 §14.1), in units of 10 ms.
func (l *leg) glare() time.Duration {
	n := rand.IntN(201)
	if l.dialog.first {
		n = 210 + rand.IntN(191)
	}
	return time.Duration(n) * l.agent.timing.glare
}
