package sip

import (
	"time"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/signalling"
)

// talk is a leg's life within an answered dialog, the same for both kinds.
func (l *leg) talk() {
	watch := time.NewTicker(l.agent.timing.watch)
	defer watch.Stop()
	l.offerAgain() // what had to wait for the answer
	for !l.over {
		select {
		case <-l.mail.ready:
			l.before()
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
		case res := <-l.asking.responses():
			l.replied(res)
		case <-l.asking.done():
			l.unreplied()
		case <-l.digits.due():
			l.believed()
		case <-l.session.due():
			l.sessionDue()
		case <-l.transfer.late():
			l.notReferred(signalling.PeerTimeout, "the far end did not say how the transfer went")
		case <-l.left():
			l.bye(*l.parting)
		case <-l.agent.ctx.Done():
			l.part(signalling.Reason{Cause: signalling.ShuttingDown})
		}
		l.offerAgain() // whatever had to wait for what just happened
		l.askNext()
		if l.leaving != nil && !l.replaced && !l.owes() && !l.over {
			l.bye(*l.parting)
		}
	}
}

// before takes an answer to our re-INVITE that came before a message: where both
// are there, the order is not chance's to choose.
func (l *leg) before() {
	select {
	case res := <-l.reoffer.responses():
		l.reanswered(res)
	default:
	}
}

// on takes one message.
func (l *leg) on(m any) {
	switch m := m.(type) {
	case toHangup:
		l.hangup(m.reason)
	case toShow:
		l.show(m.view)
	case toTransfer:
		l.transferTo(m.dest)
	case toTransferee:
		l.conclude(m.reason)
	case toDigit:
		l.press(m.digit)
	case heardTone:
		l.toned(m.digit)
	case request:
		l.asked(m)
	case pracked: // the call was answered meanwhile
		l.settled(m.tx, m.res)
	case anotherOkay:
		l.okayAgain(m.Response)
	case takeOver:
		l.takenOver(m)
	}
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
	case sipmsg.PRACK:
		l.pracked(m)
	case sipmsg.UPDATE:
		l.updated(m)
	case sipmsg.REFER:
		l.referred(m)
	case sipmsg.NOTIFY:
		l.notified(m)
	case sipmsg.BYE:
		l.reply(m, refuse(200, "OK"))
		if l.transfer != nil && l.transfer.accepted { // it left without a word of how it went
			l.referredAway()
		}
		l.hungUp(goodbye(m.Request))
	case sipmsg.INFO:
		l.info(m)
	case sipmsg.OPTIONS:
		l.send(m, l.trunk.capabilities(m.Request, 200, "OK")) // also while draining: the call is up
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
