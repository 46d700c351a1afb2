package sip

import (
	"fmt"
	"math/rand/v2"
	"strconv"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/signalling"
)

// refuse answers with a status. A request to come back later keeps nothing
// here, not even its transaction.
func (a *Agent) refuse(req *sipmsg.Request, tx *sipmsg.ServerTx, r refusal) {
	res := a.response(req, r.status, r.phrase, nil)
	for _, h := range r.headers {
		res.AppendHeader(h)
	}
	a.rejected.add(req, res)
	a.respond(tx, res)
	if r.status == 503 {
		tx.Terminate()
	}
}

// later is the answer while this machine takes no calls (RFC 3261 §21.5.4).
func later() refusal {
	return refuse(503, "Service Unavailable", sipmsg.NewHeader("Retry-After", strconv.Itoa(5+rand.IntN(11))))
}

// refusalOf is how an INVITE is refused for a cause.
func refusalOf(c signalling.Cause) refusal {
	status, phrase := statusOf(c)
	if status == 503 {
		return later()
	}
	return refuse(status, phrase)
}

// capabilities answers OPTIONS from a trunk (RFC 3261 §11.2).
func (t *trunk) capabilities(req *sipmsg.Request, status int, phrase string) *sipmsg.Response {
	res := t.agent.response(req, status, phrase, nil)
	res.AppendHeader(sipmsg.NewHeader("Allow", t.allowed()))
	res.AppendHeader(sipmsg.NewHeader("Accept", sdpType))
	res.AppendHeader(sipmsg.NewHeader("Supported", supportedList))
	return res
}

// response makes a response with what all of ours hold.
func (a *Agent) response(req *sipmsg.Request, status int, phrase string, body []byte) *sipmsg.Response {
	res := sipmsg.NewResponseFromRequest(req, status, phrase, body)
	res.SipVersion = "SIP/2.0"
	res.AppendHeader(sipmsg.NewHeader("Server", a.product))
	if len(body) > 0 {
		ct := sipmsg.ContentTypeHeader(sdpType)
		res.AppendHeader(&ct)
	}
	return res
}

// respond sends through the request's transaction. A fault here is the far
// end's to notice: it repeats its request.
func (a *Agent) respond(tx *sipmsg.ServerTx, res *sipmsg.Response) {
	if err := deliver(tx, res); err != nil {
		a.log.Debug("a SIP response was not sent", "status", res.StatusCode, "fault", fmt.Sprintf("%T", err))
	}
}
