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
				o.abandoned(lostWhy(tx.Connection()))
				return nil
			}
			o.hungUp(signalling.Reason{Cause: signalling.TrunkUnreachable, Detail: lostWhy(tx.Connection())})
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

// cancel asks the far end to stop (RFC 3261 §9.1).
func (o *outgoing) cancel() *sipmsg.ClientTx {
	tx, err := o.begin(following(o.invite, sipmsg.CANCEL, o.invite.To()), "CANCEL", time.Second)
	if err != nil {
		return nil
	}
	return tx
}
