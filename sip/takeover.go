package sip

import (
	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/signalling"
)

// takeOver is an INVITE that takes the place of an answered dialog.
type takeOver request

// replacesDialog hands an INVITE with Replaces to the leg whose dialog it names
// (RFC 3891 §3). The call goes on with whoever sent it, so that neither the
// switchboard nor the number called are asked.
func (a *Agent) replacesDialog(req *sipmsg.Request, tx *sipmsg.ServerTx, trunks []*trunk) {
	r, ok := parseReplaces(req.GetHeader("replaces").Value())
	if !ok {
		a.refuse(req, tx, refuse(400, "Bad Replaces"))
		return
	}
	l := a.legOf(r, trunks...)
	switch {
	case l == nil: // or it rings still: RFC 3891 §3 wants the same answer then
		a.refuse(req, tx, refuse(481, "Call/Transaction Does Not Exist"))
	case r.earlyOnly:
		a.refuse(req, tx, refuse(486, "Busy Here"))
	case !l.mail.post(takeOver{req, tx}):
		a.refuse(req, tx, refuse(481, "Call/Transaction Does Not Exist"))
	}
}

// dialogOf is the dialog that an INVITE begins (RFC 3261 §12.1.1).
func (a *Agent) dialogOf(req *sipmsg.Request, tx *sipmsg.ServerTx, t *trunk) *dialog {
	from, to, peer := req.From(), req.To(), sourceOf(req)
	listener := a.listenerOf(tx, peer.Addr())
	d := &dialog{agent: a, flow: flowOf(tx.Connection()), trunk: t, listener: listener, peer: peer, callID: string(*req.CallID()),
		local:    party{to.DisplayName, to.Address, tagOf(to.Params)},
		remote:   party{from.DisplayName, from.Address, tagOf(from.Params)},
		localSeq: newSeq(), remoteSeq: req.CSeq().SeqNo}
	d.host = listener.hostFor(d.peer)
	for _, h := range req.GetHeaders("record-route") {
		if rr, ok := h.(*sipmsg.RecordRouteHeader); ok {
			d.routes = append(d.routes, rr.Address)
		}
	}
	d.refresh(req.Contact())
	return d
}

// takenOver goes on in the dialog of m, in the call's one codec and on its one
// port, and leaves the dialog before.
func (l *leg) takenOver(m takeOver) {
	if !m.tx.OnCancel(func(*sipmsg.Request) {}) || cancelledBefore(m.tx) {
		return // it was given up, which the library has answered
	}
	if l.unacked != nil || l.reoffer.tx != nil || l.told {
		l.agent.refuse(m.Request, m.tx, refuse(486, "Busy Here"))
		return
	}
	if r := l.session.judge(m.Request); r.status != 0 {
		l.agent.refuse(m.Request, m.tx, r)
		return
	}
	local, said := l.local, l.said
	l.local.Lines, l.local.Index, l.said = nil, 0, nil // another session
	l.describe(l.reoffer.wish)
	body, n, err := l.answerTo(m.Body())
	if err != nil {
		l.local, l.said = local, said
		l.agent.refuse(m.Request, m.tx, l.trunk.unacceptable(err).explain(l.log))
		return
	}
	before := l.dialog
	l.note(false, "INVITE (with Replaces)")
	l.move(l.agent.dialogOf(m.Request, m.tx, l.trunk))
	if n != nil {
		l.start(*n)
	}
	l.agent.wg.Go(func() { l.agent.farewell(before) }) // ends with the answer to BYE, in time; awaited by Close
	if err := l.okay(m.tx, m.Request, body, n == nil); err != nil {
		l.part(signalling.Reason{Cause: signalling.PeerTimeout, Detail: "the answer could not be sent"})
		return
	}
	l.note(true, "200 OK")
	l.reoffer.agreed = l.reoffer.wish
	l.learnMethods(m)
	if p := caller(m.Request, l.trunk); p != l.party {
		l.party = p
		l.in.Post(signalling.Event{Kind: signalling.Identified, Side: l.side, Party: p})
	}
}

// move makes d the leg's dialog. What was asked in the one before is forgotten.
func (l *leg) move(d *dialog) {
	l.agent.scribe.forget(entryKey(l.dialog.callID, l.dialog.local.tag))
	l.agent.mu.Lock()
	delete(l.agent.legs, l.key())
	l.dialog = d
	l.agent.legs[l.key()] = l
	l.agent.mu.Unlock()
	if l.asking.tx != nil {
		l.asking.tx.Terminate() // nobody reads what comes
	}
	if l.transfer != nil {
		l.notReferred(signalling.Unavailable, "the far end was replaced by another")
	}
	l.asking, l.referral, l.referrals, l.transferred = asking{}, nil, 0, false
	l.session.stop()
	l.session, l.noUpdate, l.methods = newSession(l.trunk), false, ""
	l.publish()
}
