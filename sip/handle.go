package sip

import (
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/media"
	"roomline/media/offer"
	"roomline/signalling"
)

// initial marks a request that came without a To tag, in a field of the
// library's that incoming requests do not use.
const initial = "initial"

// prepare sees every message before the library's transactions do, one after
// the other, in the reader's goroutine; it must not block. It gives a new
// INVITE its To tag there and then, so that every response has the same one
// (RFC 3261 §8.2.6.2), also the 487 that the library sends by itself. And it
// takes the ACKs: the library begins a goroutine for each message, in which a
// re-INVITE can overtake the ACK before it.
func (a *Agent) prepare(msg sipmsg.Message) {
	defer func() {
		if fault := recover(); fault != nil {
			a.log.Error("a SIP message broke its reader", "fault", fault, "stack", string(debug.Stack()))
		}
	}()
	req, ok := msg.(*sipmsg.Request)
	if !ok || req.To() == nil {
		return
	}
	received(req)
	if tagOf(req.To().Params) == "" {
		req.SetDestination(initial)
		if req.Method == sipmsg.INVITE {
			req.To().Params.Add("tag", newTag())
		}
		return
	}
	if req.Method != sipmsg.ACK || inspect(req).status != 0 {
		return
	}
	if l := a.find(string(*req.CallID()), tagOf(req.To().Params)); l != nil {
		l.mail.post(request{Request: req})
	}
}

// handle takes every request that is no retransmission. It never blocks: what
// belongs to a leg goes to its mailbox.
func (a *Agent) handle(req *sipmsg.Request, tx *sipmsg.ServerTx) {
	defer func() {
		if fault := recover(); fault != nil {
			a.log.Error("a SIP request broke its handler", "method", req.Method, "fault", fault, "stack", string(debug.Stack()))
			tx.Terminate()
		}
	}()
	a.attend(tx)
	trunks := a.spokesmen(req)
	if len(trunks) == 0 || req.Method == sipmsg.ACK { // an ACK needs no transaction, and prepare has seen it
		tx.Terminate()
		return
	}
	if r := inspect(req); r.status != 0 {
		a.refuse(req, tx, r)
		return
	}
	if a.overtaken(req, tx) {
		return
	}
	if r := a.looped(req); r.status != 0 {
		a.refuse(req, tx, r)
		return
	}
	if req.Method != sipmsg.CANCEL && req.Method != sipmsg.MESSAGE && req.Destination() != initial {
		a.within(req, tx, trunks)
		return
	}
	if trunks = a.proven(req, tx, trunks); len(trunks) == 0 {
		return
	}
	switch req.Method {
	case sipmsg.INVITE:
		if req.GetHeader("replaces") != nil {
			a.replacesDialog(req, tx, trunks)
			return
		}
		a.invited(req, tx, choose(trunks, req))
	case sipmsg.OPTIONS:
		status, phrase := 200, "OK"
		if a.draining.Load() {
			status, phrase = 503, "Service Unavailable"
		}
		a.respond(tx, trunks[0].capabilities(req, status, phrase))
	case sipmsg.MESSAGE:
		a.texted(req, tx, choose(trunks, req))
	case sipmsg.REFER: // RFC 3515 §2.4.2: nothing here is to be referred
		a.refuse(req, tx, refuse(403, "Forbidden"))
	default: // BYE, INFO, UPDATE, NOTIFY, and a CANCEL that the library found no INVITE for
		a.refuse(req, tx, refuse(481, "Call/Transaction Does Not Exist"))
	}
}

// trunksAt are those that speak from addr, by name.
func (a *Agent) trunksAt(addr netip.Addr) []*trunk {
	var at []*trunk
	for _, name := range a.names {
		if t := a.trunks[name]; t.trusts(addr) {
			at = append(at, t)
		}
	}
	return at
}

// choose prefers, of trunks that share an address, the one that registered where
// the request went, or whose number it is.
func choose(trunks []*trunk, req *sipmsg.Request) *trunk {
	for _, t := range trunks {
		if t.enrols.is(req.Recipient) {
			return t
		}
	}
	for _, t := range trunks {
		if t.owns(called(req, t).Number) {
			return t
		}
	}
	return trunks[0]
}

// looped finds our own mark in the path that a request took (RFC 3261 §16.3.4).
func (a *Agent) looped(req *sipmsg.Request) refusal {
	for _, h := range req.GetHeaders("via") {
		if via, ok := h.(*sipmsg.ViaHeader); ok {
			if branch, _ := via.Params.Get("branch"); strings.Contains(branch, a.token) {
				return refuse(482, "Loop Detected")
			}
		}
	}
	return refusal{}
}

// within hands a request to the leg whose dialog it names.
func (a *Agent) within(req *sipmsg.Request, tx *sipmsg.ServerTx, trunks []*trunk) {
	l := a.find(string(*req.CallID()), tagOf(req.To().Params))
	if l != nil && slices.Contains(trunks, l.trunk) && l.mail.post(request{req, tx}) {
		return
	}
	a.refuse(req, tx, refuse(481, "Call/Transaction Does Not Exist"))
}

// invited is a new call: it is refused before anything is made for it, or it
// becomes a leg.
func (a *Agent) invited(req *sipmsg.Request, tx *sipmsg.ServerTx, t *trunk) {
	if r := a.rejected.again(req); r.status != 0 {
		a.refuse(req, tx, r)
		return
	}
	if a.draining.Load() {
		a.refuse(req, tx, later())
		return
	}
	key := mergeKey{string(*req.CallID()), tagOf(req.From().Params), req.CSeq().SeqNo}
	if !a.admit(key) {
		a.refuse(req, tx, refuse(482, "Loop Detected"))
		return
	}
	remote, formats, r := offered(req, t)
	in := signalling.Incoming{Via: t.name, From: caller(req, t), To: called(req, t), Hops: hopsOf(req)}
	if r.status == 0 && in.To.Number == "" {
		r = refuse(484, "Address Incomplete")
	}
	if r.status == 0 {
		r = t.reliability(req)
	}
	if s := newSession(t); r.status == 0 {
		r = s.judge(req)
	}
	if r.status == 0 {
		r = exhausted(req)
	}
	if r.status != 0 {
		a.release(key)
		a.refuse(req, tx, r.explain(a.log.With("trunk", t.name)))
		return
	}
	a.respond(tx, a.response(req, 100, "Trying", nil))
	in.Leg = func(box *signalling.Inbox) signalling.Leg {
		l := &incoming{leg: newLeg(t, box, signalling.A), invite: req, tx: tx, key: key, remote: remote, formats: formats}
		l.begin(in.From)
		return l.leg
	}
	a.vouched(req, t, &in, func(r refusal) {
		if cancelledBefore(tx) {
			a.release(key)
			return
		}
		if r.status == 0 {
			why, ok := a.board.Accept(in)
			if ok {
				return
			}
			r = refusalOf(why.Cause)
		}
		a.release(key)
		a.refuse(req, tx, r)
	})
}

// offered reads an INVITE's offer, if it has one. remote is nil for a delayed
// offer (RFC 3261 §13.2.1).
func offered(req *sipmsg.Request, t *trunk) (*offer.Audio, []media.Format, refusal) {
	if len(req.Body()) == 0 {
		return nil, nil, refusal{}
	}
	remote, err := t.policy().Parse(req.Body())
	formats := media.Common(remote.Formats(), t.formats)
	if err != nil || len(formats) == 0 {
		return nil, nil, t.unacceptable(err)
	}
	return &remote, formats, refusal{}
}
