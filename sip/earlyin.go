package sip

import (
	"time"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/media"
	"roomline/media/offer"
	"roomline/signalling"
)

// This file is what a caller on a trunk is told and may hear before the answer.

// foretaste is what a caller is to hear before the answer.
type foretaste struct {
	format media.Format
	deal   *media.Negotiated // what was agreed on for it; nil: nothing yet
	agreed bool              // for good: the description came reliably (RFC 3262 §5)
	wanted bool              // as soon as the response before has its PRACK
	told   bool              // the description is on its way
}

// ring tells the caller once that the other side is alerting. It is said
// reliably only to who takes nothing else.
func (i *incoming) ring() {
	if i.rang {
		return
	}
	i.rang = true
	switch {
	case !i.sure.must:
		i.provide(180, "Ringing", nil, false)
	case i.remote == nil: // who waits for our offer must find it in the first (RFC 3262 §5)
	case i.sure.waits != nil:
		i.rang, i.owes = false, true
	default:
		i.provide(180, "Ringing", nil, true)
	}
}

// catchUp sends what had to wait for a PRACK (RFC 3262 §3).
func (i *incoming) catchUp() {
	if i.sure.waits == nil && i.owes {
		i.owes = false
		i.ring()
	}
	if i.sure.waits == nil && i.early.wanted {
		i.preview()
	}
}

// progress is that the other side has something to be heard.
func (i *incoming) progress(f media.Format) {
	if i.early.told || i.early.wanted {
		return
	}
	i.early.format = f
	i.preview()
}

// preview tells the caller how to hear what the other side plays before it
// answers. Who waits for our offer can be told only in a response that comes
// reliably (RFC 3261 §13.2.1).
func (i *incoming) preview() {
	e := &i.early
	if e.wanted = i.sure.waits != nil; e.wanted {
		return
	}
	if i.remote == nil && !i.sure.can {
		i.ring()
		return
	}
	body, n, err := i.describeIn(e.format)
	if err != nil {
		i.ring()
		return
	}
	if e.deal = n; n != nil {
		i.port.Start(*n) // before the answer leaves: the far end may speak at once (RFC 3264 §6.1)
	}
	e.told, i.said = true, body
	i.provide(183, "Session Progress", body, i.sure.can)
	if i.remote != nil {
		i.audible()
	}
}

// audible shows the audio to the call before the answer.
func (i *incoming) audible() {
	i.media.Store(i.port)
	i.post(signalling.Early)
}

// provide sends a provisional response.
func (i *incoming) provide(status int, phrase string, body []byte, reliably bool) {
	res := i.agent.response(i.invite, status, phrase, body)
	res.AppendHeader(i.dialog.contact())
	res.AppendHeader(sipmsg.NewHeader("Allow", i.trunk.allowed()))
	i.assert(res)
	if reliably {
		i.sure.send(res, i.agent.timing)
	}
	i.note(true, statusLine(res))
	i.agent.respond(i.tx, res)
}

// settle takes the PRACK of a description. Ours was an answer, or it is an offer
// that the PRACK answers; one with an answer of ours may hold a new offer
// (RFC 3262 §5).
func (i *incoming) settle(m request) {
	e := &i.early
	switch {
	case i.remote == nil:
		n, err := i.accept(m.Body())
		i.reply(m, refuse(200, "OK"))
		if err != nil {
			i.turnAway(refuse(488, "Not Acceptable Here"), signalling.Reason{Cause: signalling.NoCodec, Detail: "the PRACK holds no answer that fits"})
			return
		}
		e.deal, e.agreed = &n, true
		i.start(n)
		i.audible()
	case len(m.Body()) > 0:
		e.agreed = true
		i.start(*e.deal)
		body, _, err := i.renegotiate(m)
		if err != nil {
			i.reply(m, i.trunk.unacceptable(err))
			return
		}
		i.send(m, i.agent.response(m.Request, 200, "OK", body))
	default:
		e.agreed = true
		i.start(*e.deal)
		i.reply(m, refuse(200, "OK"))
	}
}

// ready tells whether the call may be answered now: not before a description
// that was sent reliably has its PRACK (RFC 3262 §3).
func (i *incoming) ready() bool {
	return i.answer != nil && (i.sure.waits == nil || !i.sure.waits.described)
}

// describeIn makes our description for the caller in one format; n is nil where
// it is an offer.
func (i *incoming) describeIn(format media.Format) (body []byte, n *media.Negotiated, err error) {
	i.codec, i.local.Formats = format, []media.Format{format}
	if i.remote == nil {
		return offer.Offer(i.local), nil, nil
	}
	i.local.Proto = i.remote.Lines[i.remote.Index].Proto
	body, deal, err := offer.Answer(*i.remote, i.local, format)
	if err == nil {
		i.local.Lines, i.local.Index = i.remote.Lines, i.remote.Index
	}
	return body, &deal, err
}

// described is what the 200 says, and whether that is an offer. Where it is
// known already the 200 holds the same once more, unless it came reliably
// (RFC 3261 §13.2.1, RFC 6337 §2.2).
func (i *incoming) described(format media.Format) (body []byte, offered bool, err error) {
	switch e := &i.early; {
	case e.agreed:
		i.since = time.Now() // since when silence counts
		return nil, false, nil
	case e.deal != nil:
		i.start(*e.deal)
		return i.said, false, nil
	}
	body, n, err := i.describeIn(format)
	if err != nil {
		return nil, false, err
	}
	if n != nil {
		i.start(*n) // before the answer leaves: the far end may speak at once (RFC 3264 §6.1)
	}
	i.said = body
	return body, n == nil, nil
}
