package sip

import (
	"errors"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/signalling"
)

// sessionDue refreshes the session, or ends the call that the far end should
// have refreshed by now (RFC 4028 §10).
func (l *leg) sessionDue() {
	if !l.session.ours {
		l.part(signalling.Reason{Cause: signalling.PeerTimeout, Detail: "the far end did not refresh the session"})
		return
	}
	l.refreshSession()
}

// refreshSession says by UPDATE that the call is still up, where the far end
// takes one, else by a re-INVITE with the description that it knows (RFC 4028 §7.4).
func (l *leg) refreshSession() {
	if !l.allows(sipmsg.UPDATE) || l.noUpdate {
		l.reoffer.refresh = true
		return
	}
	l.ask(question{method: sipmsg.UPDATE, final: l.refreshed, dress: func(req *sipmsg.Request) {
		req.AppendHeader(l.dialog.contact())
		req.AppendHeader(sipmsg.NewHeader("Allow", l.trunk.allowed()))
		l.session.ask(req)
		l.assert(req)
	}})
}

// refreshed takes the answer to an UPDATE that refreshed the session; nil where
// there was none.
func (l *leg) refreshed(res *sipmsg.Response) {
	switch {
	case res == nil && l.asking.mute:
		l.part(signalling.Reason{Cause: signalling.PeerTimeout, Detail: "no answer to the refresh of the session"})
	case res == nil: // it was not sent
		l.session.later()
	case res.IsSuccess():
		l.retarget(res.Contact())
		l.recognise(res)
		l.session.answered(res)
	case res.StatusCode == 405 || res.StatusCode == 501:
		l.noUpdate = true
		l.refreshSession()
	default:
		l.unrefreshed(res)
	}
}

// unrefreshed judges a refusal. Only one that says that the dialog is gone ends
// the call: whoever answers anything else is there (RFC 4028 §10).
func (l *leg) unrefreshed(res *sipmsg.Response) {
	switch {
	case res.StatusCode == 408 || res.StatusCode == 481:
		l.part(signalling.Reason{Cause: signalling.PeerTimeout, Detail: statusLine(res)})
	case l.session.tooSmall(res):
		l.refreshSession()
	default:
		l.session.later()
	}
}

// timedOut tells whether a transaction ended because nothing came.
func timedOut(tx *sipmsg.ClientTx) bool { return errors.Is(tx.Err(), sipmsg.ErrTransactionTimeout) }
