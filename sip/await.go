package sip

import (
	"time"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/signalling"
)

// await reads responses up to the final one. It returns nil when there will be
// none, having said why, or that the next target may have one. A hang-up becomes a CANCEL as soon as the far end has
// answered anything at all (RFC 3261 §9.1).
func (o *outgoing) await(tx *sipmsg.ClientTx) *sipmsg.Response {
	timer := time.NewTimer(o.trunk.ConnectTimeout)
	defer timer.Stop()
	heard, cancelling := false, (*sipmsg.ClientTx)(nil)
	closing := o.agent.ctx.Done()
	for {
		if o.told && heard && cancelling == nil {
			if cancelling = o.cancel(); cancelling == nil {
				return nil
			}
			timer.Reset(o.patience())
		}
		select {
		case res := <-tx.Responses():
			o.note(false, statusLine(res))
			if res.To() == nil { // of no dialog: nothing could be said in it
				o.hungUp(signalling.Reason{Cause: signalling.TrunkFailure, Detail: "an answer without To"})
				return nil
			}
			if !res.IsProvisional() {
				return res
			}
			if !heard && !o.told {
				timer.Stop()
			}
			heard = true
			o.progress(res)
		case <-tx.Done():
			if !heard {
				o.abandoned("the connection was lost")
				return nil
			}
			o.hungUp(signalling.Reason{Cause: signalling.TrunkUnreachable, Detail: "the connection was lost"})
			return nil
		case <-timer.C:
			late := "no answer within " + o.trunk.ConnectTimeout.String()
			if !heard {
				o.agent.shun(tx.Connection())
				o.abandoned(late)
				return nil
			}
			o.hungUp(signalling.Reason{Cause: signalling.TrunkUnreachable, Detail: late})
			return nil
		case res := <-answersTo(cancelling):
			o.note(false, statusLine(res)+" (CANCEL)")
		case <-o.mail.ready:
			o.beforehand()
		case <-closing:
			o.hungUp(signalling.Reason{Cause: signalling.ShuttingDown})
			if o.told, closing = true, nil; !heard {
				return nil
			}
		}
	}
}

// patience is how long a cancelled INVITE may take to end.
func (o *outgoing) patience() time.Duration {
	if o.agent.ctx.Err() != nil {
		return o.agent.timing.bye
	}
	return o.agent.timing.cancel
}

func answersTo(tx *sipmsg.ClientTx) <-chan *sipmsg.Response {
	if tx == nil {
		return nil
	}
	return tx.Responses()
}

// beforehand takes one message before there is a dialog.
func (o *outgoing) beforehand() {
	m, _ := o.mail.next()
	switch m := m.(type) {
	case toHangup:
		o.told = true
	case toShow:
		o.view = m.view
	case toTransfer:
		o.cannotRefer("the call is not answered")
	case request:
		o.early(m)
	}
}

// early takes a request in an early dialog. Which of several forks it is from
// does not matter: an UPDATE tells only who is there (RFC 3311 §5.2).
func (o *outgoing) early(m request) {
	switch {
	case m.tx == nil:
	case m.Method == sipmsg.INVITE && o.trunk.trusts(sourceOf(m).Addr()): // ours is open (RFC 3261 §14.2)
		o.agent.refuse(m.Request, m.tx, refuse(491, "Request Pending"))
	case m.Method != sipmsg.UPDATE || !o.trunk.trusts(sourceOf(m).Addr()):
		o.agent.refuse(m.Request, m.tx, refuse(481, "Call/Transaction Does Not Exist"))
	case len(m.Body()) > 0: // our own offer is not answered
		o.note(false, "UPDATE")
		o.reply(m, refuse(491, "Request Pending"))
	default:
		o.note(false, "UPDATE")
		o.recognise(m)
		o.upToDate(m, nil)
	}
}

// progress takes a provisional response.
func (o *outgoing) progress(res *sipmsg.Response) {
	o.trunk.report("up")
	if res.StatusCode == 100 {
		return
	}
	o.recognise(res)
	if len(res.Body()) > 0 {
		o.draft = earlyAnswer{tagOf(res.To().Params), res.Body()}
	}
	if (res.StatusCode == 180 || res.StatusCode == 183) && !o.ringing {
		o.ringing = true
		o.post(signalling.Ringing)
	}
}

// cancel asks the far end to stop (RFC 3261 §9.1).
func (o *outgoing) cancel() *sipmsg.ClientTx {
	tx, err := o.begin(following(o.invite, sipmsg.CANCEL, o.invite.To()), "CANCEL", time.Second)
	if err != nil {
		return nil
	}
	return tx
}
