package sip

import (
	"time"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/signalling"
)

// reinvited answers a re-INVITE (RFC 3261 §14.2): a new address, a hold, or a
// question for our offer. The format stays, so that packets still pass through.
func (l *leg) reinvited(m request) {
	if l.reoffer.tx != nil || l.unacked != nil {
		l.reply(m, refuse(491, "Request Pending"))
		return
	}
	if r := l.session.judge(m.Request); r.status != 0 {
		l.reply(m, r)
		return
	}
	body, offered, err := l.renegotiate(m)
	if err != nil {
		l.reply(m, l.trunk.unacceptable(err).explain(l.log))
		return
	}
	l.agree(m, body, offered)
}

// renegotiate makes our description for a request that may change the session,
// and tells whether it is an offer. Where it fails, nothing has changed.
func (l *leg) renegotiate(m request) (body []byte, offered bool, err error) {
	before := l.local
	l.describe(l.reoffer.wish)
	body, n, err := l.answerTo(m.Body())
	if err != nil {
		l.local = before
		return nil, false, err
	}
	if n != nil {
		l.start(*n)
	}
	l.retarget(m.Contact())
	l.learnMethods(m)
	l.recognise(m)
	return body, n == nil, nil
}

func (l *leg) agree(m request, body []byte, offered bool) {
	l.note(true, "200 OK (re-INVITE)")
	if err := l.okay(m.tx, m.Request, body, offered); err != nil {
		l.log.Debug("a re-INVITE could not be answered")
	}
	l.reoffer.agreed = l.reoffer.wish
}

// another is the library's callback for a further 2xx.
func (l *leg) another(res *sipmsg.Response) {
	if res.To() == nil {
		return
	}
	if !l.mail.post(anotherOkay{res}) {
		l.agent.stray(res)
	}
}

func describeWith(req *sipmsg.Request, body []byte) {
	ct := sipmsg.ContentTypeHeader(sdpType)
	req.AppendHeader(&ct)
	req.RemoveHeader("Content-Length")
	req.SetBody(body)
}

// reanswered takes a response to our re-INVITE.
func (l *leg) reanswered(res *sipmsg.Response) {
	if res.IsProvisional() {
		return
	}
	r := &l.reoffer
	l.note(false, statusLine(res)+" (re-INVITE)")
	l.settled(r.tx, res)
	r.tx = nil
	switch {
	case res.IsSuccess():
		l.retarget(res.Contact()) // which the ACK goes to (RFC 3261 §12.2.1.2)
		l.acknowledge(res)
		l.recognise(res)
		l.session.answered(res)
		r.agreed, r.retried = r.asked, false
		n, err := l.accept(res.Body())
		if err == nil {
			l.start(n)
		} else if why, ok := unprotected(err); ok { // the far end speaks plainly from now on
			l.part(signalling.Reason{Cause: signalling.MediaFailed, Detail: why})
		}
		l.insisted(err == nil)
	case res.StatusCode == 491:
		l.tellAgain()
		r.timer = time.NewTimer(l.glare())
	case res.StatusCode == 408 || res.StatusCode == 481:
		l.part(signalling.Reason{Cause: signalling.PeerTimeout, Detail: statusLine(res)})
	default:
		l.reinviteAgain(res)
	}
}

// reinviteAgain answers a challenge once, and waits once where the far end asks
// for that; any other refusal leaves the session as it was (RFC 3261 §14.1).
func (l *leg) reinviteAgain(res *sipmsg.Response) {
	r := &l.reoffer
	if wait, ok := comeAgain(res); ok && !r.retried {
		l.tellAgain()
		r.retried, r.timer = true, time.NewTimer(wait)
		return
	}
	if l.session.tooSmall(res) { // RFC 4028 §7.3
		r.tell, r.refresh = true, r.fresh
		return
	}
	if res.StatusCode == 401 || res.StatusCode == 407 {
		if auth, err := r.creds.answer(r.req, res); err == nil {
			l.reinvite(auth, "re-INVITE (with credentials)")
			return
		}
	}
	r.retried = false
	l.giveIn()
	if r.fresh {
		l.unrefreshed(res)
	}
}

// reunanswered ends the dialog (RFC 3261 §14.1: no answer is like a 408).
func (l *leg) reunanswered() {
	l.reoffer.tx = nil
	l.part(signalling.Reason{Cause: signalling.PeerTimeout, Detail: "no answer to a re-INVITE"})
}
