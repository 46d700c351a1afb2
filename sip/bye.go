package sip

import (
	"time"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/signalling"
)

// hangup ends the dialog for the call. An INVITE of theirs that we accepted
// must have its ACK first (RFC 3261 §15).
func (l *leg) hangup(r signalling.Reason) {
	l.told = true
	if l.unacked != nil && l.unacked.first {
		l.unacked.parting = &r
		return
	}
	if l.referral != nil { // nobody will tell any more
		l.conclude(signalling.Reason{Cause: signalling.Unavailable})
	}
	if l.replaced || l.owes() {
		l.linger(r)
		return
	}
	l.bye(r)
}

// part ends the dialog because of what the leg found itself.
func (l *leg) part(r signalling.Reason) {
	l.hungUp(r)
	l.bye(r)
}

// bye says goodbye and waits a moment for the answer.
func (l *leg) bye(r signalling.Reason) {
	l.over = true
	creds := credentials{trunk: l.trunk, within: true}
	auth := l.goodbye(r, nil, "BYE", &creds)
	for auth != nil {
		auth = l.goodbye(r, auth, "BYE (with credentials)", &creds)
	}
}

// goodbye sends one BYE. It returns the credentials that it was asked for.
func (l *leg) goodbye(r signalling.Reason, auth []sipmsg.Header, text string, creds *credentials) []sipmsg.Header {
	req := l.dialog.request(sipmsg.BYE)
	req.AppendHeader(reasonHeader(r))
	show(req, auth)
	tx, err := l.begin(req, text, time.Second)
	if err != nil {
		return nil
	}
	wait := time.NewTimer(l.agent.timing.bye)
	defer wait.Stop()
	for {
		select {
		case res := <-tx.Responses():
			l.note(false, statusLine(res)+" (BYE)")
			if !res.IsProvisional() {
				l.settled(tx, res)
				again, _ := creds.answer(req, res) // nil where there is nothing to prove, or to be proved
				return again
			}
		case <-l.mail.ready:
			if m, ok := l.mail.next(); ok {
				l.crossing(m)
			}
		case <-tx.Done():
			return nil
		case <-wait.C:
			return nil
		case <-l.agent.ctx.Done():
			return nil
		}
	}
}

// crossing takes what was on its way while we said goodbye.
func (l *leg) crossing(m any) {
	switch m := m.(type) {
	case toHangup:
		l.told = true
	case anotherOkay:
		l.okayAgain(m.Response)
	case takeOver:
		l.agent.refuse(m.Request, m.tx, refuse(481, "Call/Transaction Does Not Exist"))
	case request:
		if r := l.dialog.belongs(m.Request); r.status == 0 && m.Method == sipmsg.BYE {
			l.note(false, "BYE")
			l.reply(m, refuse(200, "OK"))
		} else if m.tx != nil {
			l.agent.refuse(m.Request, m.tx, refuse(481, "Call/Transaction Does Not Exist"))
		}
	}
}
