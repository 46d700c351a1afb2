package sip

import (
	"time"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/signalling"
)

// digitLength is how long a digit from the other side sounds here.
const digitLength = 160 * time.Millisecond

// talk is a leg's life within an answered dialog, the same for both kinds.
func (l *leg) talk() {
	watch := time.NewTicker(l.agent.timing.watch)
	defer watch.Stop()
	for !l.over {
		select {
		case <-l.mail.ready:
			if m, ok := l.mail.next(); ok {
				l.on(m)
			}
		case now := <-watch.C:
			l.watch(now)
		case <-l.unacked.due():
			l.repeat()
		case <-l.accepted.acks(): // the library's copy of an ACK that wrongly reuses the INVITE's branch
		case res := <-l.reoffer.responses():
			l.reanswered(res)
		case <-l.reoffer.done():
			l.reunanswered()
		case <-l.reoffer.again():
			l.reoffer.timer = nil
			l.offerAgain()
		case <-l.agent.ctx.Done():
			l.part(signalling.Reason{Cause: signalling.ShuttingDown})
		}
	}
}

// on takes one message.
func (l *leg) on(m any) {
	switch m := m.(type) {
	case toHangup:
		l.hangup(m.reason)
	case toHold:
		l.reoffer.wish = m.on
		l.offerAgain()
	case toDigit:
		if err := l.port.SendDigit(m.digit, digitLength); err != nil {
			l.log.Info("a digit was not sent", "error", err)
		}
	case request:
		l.asked(m)
	case anotherOkay:
		l.okayAgain(m.Response)
	}
}

// hangup ends the dialog for the call. An INVITE of theirs that we accepted
// must have its ACK first (RFC 3261 §15).
func (l *leg) hangup(r signalling.Reason) {
	l.told = true
	if l.unacked != nil && l.unacked.first {
		l.unacked.parting = &r
		return
	}
	l.bye(r)
}

// part ends the dialog because of what the leg found itself.
func (l *leg) part(r signalling.Reason) {
	l.hungUp(r)
	l.bye(r)
}

// asked judges and answers a request within the dialog.
func (l *leg) asked(m request) {
	if r := l.dialog.belongs(m.Request); r.status != 0 {
		if m.tx != nil {
			l.agent.refuse(m.Request, m.tx, r)
		}
		return
	}
	if m.Method == sipmsg.ACK {
		l.acked(m.Request)
		return
	}
	text := string(m.Method)
	if m.Method == sipmsg.INVITE {
		text = "re-INVITE"
	}
	l.note(false, text)
	switch m.Method {
	case sipmsg.INVITE:
		l.reinvited(m)
	case sipmsg.BYE:
		l.reply(m, refuse(200, "OK"))
		l.hungUp(goodbye(m.Request))
	case sipmsg.INFO:
		l.info(m)
	case sipmsg.OPTIONS:
		l.send(m, l.agent.capabilities(m.Request, 200, "OK")) // also while draining: the call is up
	}
}

// info takes a digit that came as a message (RFC 6086, the older of the two
// ways without an RFC).
func (l *leg) info(m request) {
	if len(m.Body()) > 0 && !isType(m, "application/dtmf-relay") && !isType(m, "application/dtmf") {
		l.reply(m, refuse(415, "Unsupported Media Type", sipmsg.NewHeader("Accept", "application/dtmf-relay, application/dtmf")))
		return
	}
	l.reply(m, refuse(200, "OK"))
	if d, ok := digitOf(m.Body()); ok {
		l.in.Post(signalling.Event{Kind: signalling.Digit, Side: l.side, Digit: d})
	}
}

// okayAgain answers another 2xx to an INVITE of ours: the same dialog's gets
// its ACK again, that of another fork gets a BYE as well (RFC 3261 §13.2.2.4).
func (l *leg) okayAgain(res *sipmsg.Response) {
	if tagOf(res.To().Params) != l.dialog.remote.tag {
		l.agent.stray(res)
		return
	}
	l.acknowledge(res)
}

func (l *leg) acknowledge(res *sipmsg.Response) {
	if err := l.agent.write(l.dialog.ack(res.CSeq().SeqNo)); err != nil {
		l.log.Warn("an ACK was not sent", "error", short(err))
		return
	}
	l.note(true, "ACK")
}

// bye says goodbye and waits a moment for the answer. A challenge to it is
// never answered.
func (l *leg) bye(r signalling.Reason) {
	l.over = true
	req := l.dialog.request(sipmsg.BYE)
	req.AppendHeader(reasonHeader(r))
	tx, err := l.begin(req, "BYE", time.Second)
	if err != nil {
		return
	}
	wait := time.NewTimer(l.agent.timing.bye)
	defer wait.Stop()
	for {
		select {
		case res := <-tx.Responses():
			l.note(false, statusLine(res)+" (BYE)")
			if !res.IsProvisional() {
				l.settled(tx)
				return
			}
		case <-l.mail.ready:
			if m, ok := l.mail.next(); ok {
				l.crossing(m)
			}
		case <-tx.Done():
			return
		case <-wait.C:
			return
		case <-l.agent.ctx.Done():
			return
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
	case request:
		if r := l.dialog.belongs(m.Request); r.status == 0 && m.Method == sipmsg.BYE {
			l.note(false, "BYE")
			l.reply(m, refuse(200, "OK"))
		} else if m.tx != nil {
			l.agent.refuse(m.Request, m.tx, refuse(481, "Call/Transaction Does Not Exist"))
		}
	}
}
