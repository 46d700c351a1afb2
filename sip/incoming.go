package sip

import (
	"errors"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/media"
	"roomline/media/offer"
	"roomline/signalling"
)

// incoming is the leg that a trunk brings.
type incoming struct {
	*leg
	invite  *sipmsg.Request
	tx      *sipmsg.ServerTx
	key     mergeKey
	remote  *offer.Audio // nil: the far end waits for our offer
	formats []media.Format
	rang    bool          // we said so
	owes    bool          // we say so after the next PRACK
	refused bool          // and the INVITE has its final response
	early   foretaste     // what is heard before the answer
	answer  *media.Format // the call wants it answered so
}

// begin makes the dialog and starts the leg's goroutine.
func (i *incoming) begin(from signalling.Party) {
	i.offers = i.formats
	i.dialog, i.farewell = i.agent.dialogOf(i.invite, i.tx, i.trunk), i.refuse
	i.party = from
	i.learnMethods(i.invite)
	i.sure, i.foretold = newReliable(i.trunk, i.invite), i.settle
	i.note(false, "INVITE")
	i.note(true, "100 Trying")
	if !i.tx.OnCancel(func(req *sipmsg.Request) { i.mail.post(cancel{req}) }) || cancelledBefore(i.tx) {
		i.mail.post(cancel{})
	}
	i.agent.adopt(i.leg, i.run)
}

// run is the leg's life, one step after the other.
func (i *incoming) run() {
	defer i.agent.release(i.key)
	if why, ok := i.open(); !ok {
		i.refuse(why)
		i.hungUp(why)
		return
	}
	format, ok := i.await()
	if !ok || !i.pickUp(format) {
		return
	}
	i.talk()
}

// await rings, until the call answers or either side gives up.
func (i *incoming) await() (media.Format, bool) {
	for {
		if i.ready() {
			return *i.answer, true
		}
		i.catchUp()
		select {
		case <-i.mail.ready:
			m, _ := i.mail.next()
			switch m := m.(type) {
			case toAnswer:
				i.answer = &m.format
			case toRing:
				i.ring()
			case toProgress:
				i.progress(m.format)
			case toHangup:
				i.told = true
				i.refuse(m.reason)
				return media.Format{}, false
			case toShow:
				i.view, i.reoffer.wish = m.view, m.view.Held
			case toTransfer:
				i.cannotRefer("the call is not answered")
			case cancel:
				i.cancelled(m.Request)
				return media.Format{}, false
			case request:
				i.meanwhile(m)
			}
		case <-i.sure.due():
			i.insistAgain()
		case <-i.tx.Done():
			if i.mail.cancelled() { // that is why
				i.cancelled(nil)
				return media.Format{}, false
			}
			i.hungUp(signalling.Reason{Cause: signalling.PeerTimeout, Detail: "the connection was lost"})
		case <-i.agent.ctx.Done():
			why := signalling.Reason{Cause: signalling.ShuttingDown}
			i.refuse(why)
			i.hungUp(why)
		}
		if i.over {
			return media.Format{}, false
		}
	}
}

// meanwhile takes a request in the early dialog: the caller may end it by BYE as
// well (RFC 3261 §15).
func (i *incoming) meanwhile(m request) {
	if m.tx != nil && m.Method == sipmsg.INVITE { // the first has no answer yet (RFC 3261 §14.2)
		i.agent.refuse(m.Request, m.tx, soon())
		return
	}
	i.asked(m)
	if i.over && !i.refused {
		i.refuse(signalling.Reason{Cause: signalling.Cancelled})
	}
}

// refuse answers the INVITE for good. The library repeats it until its ACK.
func (i *incoming) refuse(why signalling.Reason) { i.reject(refusalOf(why.Cause), why) }

func (i *incoming) reject(r refusal, why signalling.Reason) {
	i.refused = true
	res := i.agent.response(i.invite, r.status, r.phrase, nil)
	res.AppendHeader(reasonHeader(why))
	for _, h := range r.headers {
		res.AppendHeader(h)
	}
	i.note(true, statusLine(res))
	i.agent.rejected.add(i.invite, res)
	i.agent.respond(i.tx, res)
}

// cancelled is told after the library has answered both the CANCEL and the
// INVITE.
func (i *incoming) cancelled(req *sipmsg.Request) {
	i.note(false, "CANCEL")
	i.note(true, "200 OK (CANCEL)")
	i.note(true, "487 Request Terminated")
	i.hungUp(cancelled(req))
}

// pickUp answers in one format. Audio flows from this moment, so that the
// first word is not lost; Confirmed follows the ACK.
func (i *incoming) pickUp(format media.Format) bool {
	body, offered, err := i.described(format)
	if err != nil {
		why := signalling.Reason{Cause: signalling.NoCodec}
		i.refuse(why)
		i.hungUp(why)
		return false
	}
	i.publish() // so that it is written down about when the 200 arrives
	if err := i.okay(i.tx, i.invite, body, offered); err != nil {
		i.unanswerable(err)
		return false
	}
	i.note(true, "200 OK")
	i.unacked.first, i.farewell = true, i.bye
	return true
}

// unanswerable puts things right when there is nobody to answer any more. After
// a CANCEL that was faster than our 200 the library would now repeat the 200 in
// place of the 487 it sent.
func (i *incoming) unanswerable(err error) {
	if !errors.Is(err, sipmsg.ErrTransactionCanceled) {
		i.hungUp(signalling.Reason{Cause: signalling.PeerTimeout, Detail: "the answer could not be sent"})
		return
	}
	i.agent.respond(i.tx, i.agent.response(i.invite, 487, "Request Terminated", nil))
	i.cancelled(nil)
}
