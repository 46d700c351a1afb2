package sip

import (
	"slices"
	"strings"

	sipmsg "github.com/emiago/sipgo/sip"
)

const sdpType = "application/sdp"

// allowed are the methods that are really handled, as Allow lists them.
var allowed = []sipmsg.RequestMethod{sipmsg.INVITE, sipmsg.ACK, sipmsg.CANCEL, sipmsg.BYE, sipmsg.OPTIONS, sipmsg.INFO,
	sipmsg.PRACK, sipmsg.UPDATE, sipmsg.NOTIFY, sipmsg.REFER, sipmsg.MESSAGE}

// allowList is the same as a header value; REFER and MESSAGE are added where a trunk may.
const allowList = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, PRACK, UPDATE, NOTIFY"

// registered are methods that exist and that we do not handle: 405, not 501.
var registered = []sipmsg.RequestMethod{sipmsg.REGISTER, sipmsg.SUBSCRIBE, sipmsg.PUBLISH}

// refusal is how a request is turned away; the zero value lets it pass.
type refusal struct {
	status  int
	phrase  string
	headers []sipmsg.Header
}

func refuse(status int, phrase string, headers ...sipmsg.Header) refusal {
	return refusal{status, phrase, headers}
}

// inspect judges a request before anything is done with it, in the order of
// RFC 3261 §8.2 and §16.3.
func inspect(req *sipmsg.Request) refusal {
	for _, check := range []func(*sipmsg.Request) refusal{checkShape, checkSize, checkMethod, checkTarget, checkRequire, checkBody} {
		if r := check(req); r.status != 0 {
			return r
		}
	}
	return refusal{}
}

// checkShape wants every header that a transaction and a dialog stand on, once
// (RFC 3261 §8.1.1).
func checkShape(req *sipmsg.Request) refusal {
	if !strings.EqualFold(req.SipVersion, "SIP/2.0") {
		return refuse(505, "Version Not Supported")
	}
	cseq := req.CSeq()
	if req.Via() == nil || req.From() == nil || req.To() == nil || req.CallID() == nil || cseq == nil {
		return refuse(400, "Missing Header Field")
	}
	if repeated(req) {
		return refuse(400, "Repeated Header Field")
	}
	sloppy := req.Method == sipmsg.ACK && cseq.MethodName == sipmsg.INVITE           // as SIPp's users write it; no harm in it
	if !strings.EqualFold(string(cseq.MethodName), string(req.Method)) && !sloppy || // the library writes the one in capitals
		cseq.SeqNo > maxCSeq {
		return refuse(400, "Bad CSeq")
	}
	if tag, _ := req.From().Params.Get("tag"); tag == "" || len(*req.CallID()) == 0 {
		return refuse(400, "Missing Dialog Identifier")
	}
	if req.Method == sipmsg.INVITE && req.Contact() == nil {
		return refuse(400, "Missing Contact")
	}
	return refusal{}
}

// singletons may stand in a message once only; two of them are a way to make
// two readers see two messages.
var singletons = map[string]bool{"to": true, "t": true, "from": true, "f": true, "call-id": true, "i": true, "cseq": true,
	"max-forwards": true, "replaces": true, "content-length": true, "l": true, "content-type": true, "c": true}

func repeated(req *sipmsg.Request) bool {
	seen := map[string]bool{}
	for _, h := range req.Headers() {
		name := strings.ToLower(h.Name())
		if singletons[name] && seen[name] {
			return true
		}
		seen[name] = true
	}
	return false
}

func checkSize(req *sipmsg.Request) refusal {
	via := 0
	for _, h := range req.Headers() {
		if len(h.Value()) > maxLine {
			return refuse(400, "Header Field Too Long")
		}
		if strings.EqualFold(h.Name(), "Via") {
			via++
		}
	}
	switch {
	case len(req.Headers()) > maxHeaders || via > maxVia:
		return refuse(400, "Too Many Header Fields")
	case len(req.Body()) > maxBody:
		return refuse(413, "Request Entity Too Large")
	case len(req.Recipient.String()) > maxURI:
		return refuse(414, "Request-URI Too Long")
	}
	if mf := req.MaxForwards(); mf != nil && mf.Val() > 255 {
		return refuse(400, "Bad Max-Forwards")
	}
	return refusal{}
}

func checkMethod(req *sipmsg.Request) refusal {
	for _, m := range allowed {
		if m == req.Method {
			return refusal{}
		}
	}
	for _, m := range registered {
		if m == req.Method {
			return refuse(405, "Method Not Allowed", sipmsg.NewHeader("Allow", allowList))
		}
	}
	return refuse(501, "Not Implemented", sipmsg.NewHeader("Allow", allowList))
}

// checkTarget knows sip: and tel: only (RFC 3261 §8.2.2.1).
func checkTarget(req *sipmsg.Request) refusal {
	if len(req.Recipient.Headers) > 0 { // RFC 3261 §19.1.1: not allowed there
		return refuse(400, "Bad Request-URI")
	}
	switch strings.ToLower(req.Recipient.Scheme) {
	case "", "sip", "tel":
		return refusal{}
	}
	return refuse(416, "Unsupported URI Scheme")
}

// checkRequire refuses what we do not support, by name (RFC 3261 §8.2.2.3);
// ACK and CANCEL are never refused so.
func checkRequire(req *sipmsg.Request) refusal {
	if req.Method == sipmsg.ACK || req.Method == sipmsg.CANCEL {
		return refusal{}
	}
	var unknown []string
	for _, h := range req.GetHeaders("require") {
		for _, tag := range strings.Split(h.Value(), ",") {
			if tag = strings.TrimSpace(tag); tag != "" && !supports(tag) {
				unknown = append(unknown, tag)
			}
		}
	}
	if len(unknown) > 0 {
		return refuse(420, "Bad Extension", sipmsg.NewHeader("Unsupported", strings.Join(unknown, ", ")))
	}
	return refusal{}
}

// checkBody wants session descriptions, unencoded, and nothing else (RFC 3261 §8.2.3).
func checkBody(req *sipmsg.Request) refusal {
	switch req.Method {
	case sipmsg.INVITE, sipmsg.ACK, sipmsg.UPDATE:
	default:
		return refusal{}
	}
	if req.Method == sipmsg.INVITE && !takesSDP(req) {
		return refuse(406, "Not Acceptable")
	}
	if len(req.Body()) == 0 {
		return refusal{}
	}
	accept := sipmsg.NewHeader("Accept", sdpType)
	if req.GetHeader("content-encoding") != nil || !isType(req, sdpType) {
		return refuse(415, "Unsupported Media Type", accept)
	}
	return refusal{}
}

// takesSDP tells whether our description may be in the answer (RFC 3261 §20.1).
func takesSDP(req *sipmsg.Request) bool {
	all := req.GetHeaders("accept")
	return len(all) == 0 || slices.ContainsFunc(all, func(h sipmsg.Header) bool {
		value := strings.ToLower(h.Value())
		return strings.Contains(value, sdpType) || strings.Contains(value, "*/*") || strings.Contains(value, "application/*")
	})
}

// isType compares a message's media type without its parameters.
func isType(msg interface {
	ContentType() *sipmsg.ContentTypeHeader
}, want string) bool {
	ct := msg.ContentType()
	if ct == nil {
		return false
	}
	have, _, _ := strings.Cut(ct.Value(), ";")
	return strings.EqualFold(strings.TrimSpace(have), want)
}

// tagOf is the dialog tag of a From or To header, "" without one.
func tagOf(p sipmsg.HeaderParams) string {
	tag, _ := p.Get("tag")
	return tag
}
