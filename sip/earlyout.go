package sip

import (
	"errors"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/media"
	"roomline/media/port"
	"roomline/signalling"
)

// This file is what may happen on a call of ours before it is answered.

// progress takes a provisional response. However many there are, it rings once.
func (o *outgoing) progress(res *sipmsg.Response) {
	o.trunk.report("up")
	if res.StatusCode == 100 {
		return
	}
	f := o.fork(res)
	if !o.inOrder(f, res) {
		return
	}
	o.recognise(res)
	if res.StatusCode == 180 {
		o.rings()
	}
	if f != nil && len(res.Body()) > 0 {
		heard := o.preview(f, res.Body())
		f.settled = f.settled || f.deal != nil && sequenceOf(res) > 0
		if heard {
			return
		}
	}
	if res.StatusCode == 183 {
		o.rings()
	}
}

func (o *outgoing) rings() {
	if !o.ringing {
		o.ringing = true
		o.post(signalling.Ringing)
	}
}

// beforehand takes one message before there is an answer.
func (o *outgoing) beforehand() {
	m, _ := o.mail.next()
	switch m := m.(type) {
	case toHangup:
		o.told = true
	case toShow:
		o.view, o.reoffer.wish = m.view, m.view.Held // a hold is told with the answer
	case toTransfer:
		o.cannotRefer("the call is not answered")
	case toDigit:
		o.pressEarly(m.digit)
	case pracked:
		o.acknowledged(m)
	case request:
		o.early(m)
	}
}

// early takes a request in an early dialog.
func (o *outgoing) early(m request) {
	if m.tx == nil {
		return
	}
	if m.Method == sipmsg.INVITE && o.trunk.trusts(sourceOf(m).Addr()) { // ours is open (RFC 3261 §14.2)
		o.agent.refuse(m.Request, m.tx, refuse(491, "Request Pending"))
		return
	}
	f := o.forkOf(tagOf(m.From().Params))
	question := m.Method == sipmsg.OPTIONS || m.Method == sipmsg.INFO
	if m.Method != sipmsg.UPDATE && !question || f == nil && (question || len(m.Body()) > 0) || !o.trunk.trusts(sourceOf(m).Addr()) {
		o.agent.refuse(m.Request, m.tx, refuse(481, "Call/Transaction Does Not Exist"))
		return
	}
	if f != nil {
		if r := f.belongs(m.Request); r.status != 0 {
			o.agent.refuse(m.Request, m.tx, r)
			return
		}
	}
	o.note(false, string(m.Method))
	switch {
	case m.Method == sipmsg.OPTIONS:
		o.send(m, o.trunk.capabilities(m.Request, 200, "OK"))
	case m.Method == sipmsg.INFO: // its digit waits for the answer
		o.info(m)
	case len(m.Body()) > 0:
		o.reoffered(f, m)
	default:
		o.recognise(m)
		o.upToDate(m, nil)
	}
}

// pressEarly sends a digit to a machine that wants it before it answers. INFO is
// for calls that are answered: some end the call over one that is not.
func (o *outgoing) pressEarly(d byte) {
	err := port.ErrNoEvent
	if o.trunk.DTMF != dtmfInband {
		err = o.port.SendDigit(d, digitLength)
	}
	if errors.Is(err, port.ErrNoEvent) && o.trunk.DTMF != dtmfEvent {
		err = o.port.SendTone(d, digitLength)
	}
	if err != nil {
		o.log.Info("a digit was not sent", "error", err)
	}
}

// reoffered takes a new offer in an early dialog, which may come once ours is
// answered reliably (RFC 3311 §5.1).
func (o *outgoing) reoffered(f *fork, m request) {
	if !f.settled || f.deal == nil {
		o.reply(m, refuse(491, "Request Pending"))
		return
	}
	local, codec := o.local, o.codec
	o.codec, o.agreed, o.local.Agreed = f.deal.Format, *f.deal, f.deal.Protection
	o.describe(false)
	body, n, err := o.answerTo(m.Body())
	o.local.Formats, o.codec = local.Formats, codec
	if err != nil {
		o.local = local
		o.reply(m, o.trunk.unacceptable(err))
		return
	}
	f.deal, f.updated = n, true
	f.refresh(m.Contact())
	o.hear(f)
	o.recognise(m)
	o.upToDate(m, body)
}

// insist asks for the codec that the call was promised, where the answer is in
// another one: who placed the call cannot be told of that (RFC 3261 §13.2.1).
func (l *leg) insist(n media.Negotiated) {
	l.agreed, l.local.Agreed, l.local.Greeted = n, n.Protection, n.Handshake
	l.agreed.Format = l.codec
	l.given, l.reoffer.tell = &n, true
}

// insisted is what became of that. Where the far end refuses, the call has the
// answer as it is, and knows whether anybody was promised anything else.
func (l *leg) insisted(agreed bool) {
	if l.given == nil {
		return
	}
	if !agreed {
		l.start(*l.given)
	}
	l.given = nil
	l.post(signalling.Answered)
}
