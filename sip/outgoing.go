package sip

import (
	"fmt"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/media"
	"roomline/media/offer"
	"roomline/signalling"
)

// outgoing is the leg that we dial.
type outgoing struct {
	*leg
	to      signalling.Target
	formats []media.Format // in the trunk's order, of those that the other side speaks

	invite  *sipmsg.Request
	creds   credentials
	ringing bool             // we said so
	heard   bool             // and that there is something to be heard
	forks   []*fork          // in the order in which they came
	pracks  int              // that wait for their answers
	shown   signalling.Party // whom the INVITE named
	hunt    hunt
}

// run is the leg's life, one step after the other.
func (o *outgoing) run() {
	why, ok := o.prepare()
	if !ok {
		o.hungUp(why)
		return
	}
	res := o.call()
	if res == nil || !o.answered(res) {
		return
	}
	if o.view.Party != o.shown && o.trunk.SendIdentity != assertNone { // it changed while it rang
		o.reidentify()
	}
	o.talk()
}

// prepare gathers what an INVITE needs.
func (o *outgoing) prepare() (signalling.Reason, bool) {
	if len(o.formats) == 0 {
		return signalling.Reason{Cause: signalling.NoCodec}, false
	}
	number := outward(o.to.To.Number, o.trunk.NumberFormat)
	if number == "" {
		return signalling.Reason{Cause: signalling.InvalidNumber}, false
	}
	if !o.aim() {
		return signalling.Reason{Cause: signalling.TrunkUnreachable, Detail: o.trunk.host.name + " has no address"}, false
	}
	if why, ok := o.open(); !ok {
		return why, false
	}
	t, remote, listener := o.trunk, o.hunt.now.addr, o.hunt.now.listener
	uri := sipmsg.Uri{Scheme: "sip", User: number, Host: t.domain}
	me := party{displayName(o.to.From.Name), sipmsg.Uri{Scheme: "sip", User: outward(t.CallerID, t.NumberFormat), Host: t.domain}, newTag()}
	if o.to.From.Hidden { // RFC 3323 §4.1.1.3
		me.name, me.uri = "Anonymous", sipmsg.Uri{Scheme: "sip", User: "anonymous", Host: "anonymous.invalid"}
	}
	o.dialog = &dialog{agent: o.agent, trunk: t, listener: listener, host: listener.hostFor(remote), callID: newTag(),
		local: me, remote: party{"", uri, ""},
		localSeq: newSeq(), peer: remote, first: true, target: uri, routes: t.preloaded()}
	if _, port, _ := splitHost(t.Host); port != 0 {
		o.dialog.target.Port = int(port)
	}
	o.local.Formats = o.formats
	o.creds.trunk = t
	o.hunt.way.number = o.to.To.Number
	o.hunt.gone = []detour{o.hunt.way}
	o.agent.enrol(o.leg)
	return signalling.Reason{}, true
}

// next is the INVITE, with credentials once there are any. The refusal of the one
// before has ended its early dialogs (RFC 3261 §12.3), and what was agreed on there.
func (o *outgoing) next(auth []sipmsg.Header) *sipmsg.Request {
	o.forks, o.local.Agreed = nil, media.Protection{}
	o.local.Proto, o.local.Lines, o.local.Index = "", nil, 0
	req := o.dialog.request(sipmsg.INVITE)
	limitHops(req, o.to.Hops)
	req.AppendHeader(o.dialog.contact())
	req.AppendHeader(sipmsg.NewHeader("Allow", o.trunk.allowed()))
	o.trunk.offerReliably(req)
	if r, ok := parseReplaces(o.to.Replaces); ok { // RFC 3891 §4: without Require it might become a call of its own
		req.AppendHeader(sipmsg.NewHeader("Replaces", r.String()))
		req.AppendHeader(sipmsg.NewHeader("Require", "replaces"))
	}
	o.session.ask(req)
	o.shown = o.view.Party
	o.identify(req)
	o.vouchFor(req)
	show(req, auth)
	o.said = offer.Offer(o.local)
	describeWith(req, o.said)
	return req
}

// identify says who calls, to a trunk that trusts us with that, and that the
// caller stays unknown if so (RFC 3325 §9.1).
func (o *outgoing) identify(req *sipmsg.Request) {
	o.assert(req)
	if o.to.From.Hidden && o.trunk.SendIdentity == assertNone {
		req.AppendHeader(sipmsg.NewHeader("Privacy", "id"))
	}
}

// attempt sends INVITEs to one target until one has an answer that is not a
// challenge, and returns a 2xx; of whatever else came it has said how it is to
// go on.
func (o *outgoing) attempt() *sipmsg.Response {
	o.invite = o.next(nil)
	text := "INVITE"
	for {
		tx, err := o.begin(o.invite, text, o.trunk.ConnectTimeout)
		if err != nil {
			o.missed(signalling.Reason{Cause: signalling.TrunkUnreachable, Detail: short(err)}, 0)
			return nil
		}
		o.heed(tx)
		res := o.await(tx)
		o.settled(tx, res)
		if res == nil {
			tx.Terminate() // what comes now comes late
			return nil
		}
		if res.StatusCode == 503 {
			o.missed(causeOf(res), retryAfter(res))
			return nil
		}
		o.trunk.host.setAside(o.hunt.now.addr, 0)
		if res.IsSuccess() {
			o.creds.worked()
			return res
		}
		if o.session.tooSmall(res) && !o.told {
			o.creds = credentials{trunk: o.trunk} // the credentials were for the INVITE before
			o.invite, text = o.next(nil), "INVITE (with a longer session timer)"
			continue
		}
		challenge := res.StatusCode == 401 || res.StatusCode == 407
		if !challenge || o.told {
			o.final(res)
			return nil
		}
		auth, err := o.creds.answer(o.invite, res)
		if err != nil {
			o.hungUp(signalling.Reason{Cause: signalling.TrunkAuth, Detail: fmt.Sprintf("%s: %v", statusLine(res), err)})
			return nil
		}
		o.invite, text = o.next(auth), "INVITE (with credentials)"
	}
}

// answered makes the dialog and lets audio flow. A 2xx that crossed our CANCEL
// made a dialog all the same: it gets its ACK and a BYE.
func (o *outgoing) answered(res *sipmsg.Response) bool {
	o.learnMethods(res)
	o.recognise(res)
	f := o.forkOf(tagOf(res.To().Params))
	if f != nil {
		o.dialog.remoteSeq, o.dialog.recent = f.remoteSeq, f.recent
	}
	o.dialog.establish(res)
	o.farewell = o.bye
	o.session.answered(res)
	o.publish()
	o.acknowledge(res)
	o.trunk.report("up")
	if o.told {
		o.bye(signalling.Reason{Cause: signalling.Cancelled})
		return false
	}
	n, err := o.described(res, f)
	if err != nil {
		o.part(answerFault(err))
		return false
	}
	if o.heard && !n.Format.Same(o.codec) {
		o.insist(n)
		return true
	}
	o.start(n)
	o.media.Store(o.port)
	o.post(signalling.Answered)
	return true
}
