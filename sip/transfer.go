package sip

import (
	"net/url"
	"strings"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/signalling"
)

// transfer is a REFER of ours, until it is known what became of it.
type transfer struct {
	accepted bool        // by a 2xx
	timer    *time.Timer // until it counts as failed
}

func (t *transfer) late() <-chan time.Time {
	if t == nil {
		return nil
	}
	return t.timer.C
}

// transferTo asks the far end to connect itself to dest in place of the other
// side (RFC 3515; RFC 5589 §6 and §7).
func (l *leg) transferTo(dest signalling.Destination) {
	to, why := l.referredTo(dest)
	if to == "" {
		l.cannotRefer(why)
		return
	}
	l.transfer = &transfer{timer: time.NewTimer(l.agent.timing.refer)}
	l.ask(question{method: sipmsg.REFER, final: l.agreedToRefer, dress: func(req *sipmsg.Request) {
		req.AppendHeader(l.dialog.contact())
		req.AppendHeader(sipmsg.NewHeader("Refer-To", "<"+to+">"))
		by := sipmsg.Uri{Scheme: "sip", User: outward(l.trunk.CallerID, l.trunk.NumberFormat), Host: l.trunk.domain}
		req.AppendHeader(sipmsg.NewHeader("Referred-By", "<"+by.String()+">")) // RFC 3892 §3
		req.AppendHeader(sipmsg.NewHeader("Allow", l.trunk.allowed()))
	}})
}

// referredTo is the URI for a destination; empty, and why, where the far end
// cannot be asked to go there.
func (l *leg) referredTo(dest signalling.Destination) (uri, why string) {
	t := l.trunk
	switch {
	case l.transfer != nil || l.referral != nil:
		return "", "another transfer is under way"
	case t.Transfer == transferBridge:
		return "", "the trunk is not asked to transfer calls"
	case t.Transfer == transferAuto && !l.allows(sipmsg.REFER):
		return "", "the far end does not transfer calls"
	case dest.With != "":
		return l.otherDialog(dest.Leg)
	}
	number := outward(dest.To.Number, t.NumberFormat)
	if number == "" {
		return "", "not a telephone number"
	}
	if t.ReferTo == "tel" && dest.Replaces == "" {
		return "tel:" + number, ""
	}
	to := sipmsg.Uri{Scheme: "sip", User: number, Host: t.domain}
	if _, port, _ := splitHost(t.Host); port != 0 {
		to.Port = int(port)
	}
	if dest.Replaces == "" {
		return to.String(), ""
	}
	r, ok := parseReplaces(dest.Replaces)
	if !ok {
		return "", "not the name of a dialog"
	}
	return replacing(to, r), ""
}

// otherDialog is the URI of a party that we talk to in another answered dialog
// on the same trunk, which the new one replaces (RFC 5589 §7.3).
func (l *leg) otherDialog(other signalling.Leg) (uri, why string) {
	o, ours := other.(*leg)
	if !ours || o.trunk != l.trunk {
		return "", "the other call is not on this trunk"
	}
	k := o.known.Load()
	if k == nil {
		return "", "the other call is not answered"
	}
	return replacing(k.target, replaces{callID: k.callID, toTag: k.remoteTag, fromTag: k.localTag}), ""
}

// replacing is a URI that brings a Replaces header into the INVITE to it.
func replacing(to sipmsg.Uri, r replaces) string {
	to.Headers = nil
	return to.String() + "?Replaces=" + url.QueryEscape(r.String())
}

// agreedToRefer takes the answer to our REFER.
func (l *leg) agreedToRefer(res *sipmsg.Response) {
	switch {
	case l.transfer == nil: // it is known already how it went
	case res == nil:
		l.notReferred(signalling.PeerTimeout, "no answer to REFER")
	case !res.IsSuccess():
		l.notReferred(causeOf(res).Cause, statusLine(res)+" (REFER)")
	case unsubscribed(res): // nobody will tell: RFC 4488 §4
		l.referredAway()
	default:
		l.transfer.accepted = true
	}
}

// notified takes a NOTIFY, which is about our REFER or about nothing that we
// asked for (RFC 6665 §4.1.3).
func (l *leg) notified(m request) {
	event := append(headersOf(m, "event", "o"), "")[0]
	event, _, _ = strings.Cut(event, ";")
	switch {
	case !strings.EqualFold(strings.TrimSpace(event), "refer"):
		l.reply(m, refuse(489, "Bad Event"))
		return
	case l.transfer == nil && !l.transferred:
		l.reply(m, refuse(481, "Subscription Does Not Exist"))
		return
	}
	l.reply(m, refuse(200, "OK"))
	if l.transfer == nil {
		return
	}
	status, words := fragment(m)
	switch {
	case status >= 300:
		l.notReferred(causeOfStatus(status), words)
	case status >= 200:
		l.referredAway()
	case expired(m):
		l.notReferred(signalling.Unavailable, "the far end no longer tells how the transfer goes")
	}
}

// fragment reads the status line in a NOTIFY (RFC 3420); 0 where there is none.
func fragment(m request) (status int, words string) {
	if !isType(m, fragType) {
		return 0, ""
	}
	line, _, _ := strings.Cut(string(m.Body()[:min(len(m.Body()), 256)]), "\n")
	version, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	rest = strings.TrimSpace(rest)
	if !strings.EqualFold(version, "SIP/2.0") || len(rest) < 3 || len(rest) > 3 && rest[3] != ' ' {
		return 0, ""
	}
	for _, c := range []byte(rest[:3]) {
		if c < '0' || c > '9' {
			return 0, ""
		}
		status = 10*status + int(c-'0')
	}
	return status, displayName(rest)
}

// expired tells whether a NOTIFY is the last (RFC 6665 §4.1.3).
func expired(m request) bool {
	for _, h := range m.GetHeaders("subscription-state") {
		state, _, _ := strings.Cut(h.Value(), ";")
		if strings.EqualFold(strings.TrimSpace(state), "terminated") {
			return true
		}
	}
	return false
}

// cannotRefer refuses a transfer before the far end is asked.
func (l *leg) cannotRefer(why string) {
	l.in.Post(signalling.Event{Kind: signalling.NotReferred, Side: l.side, Reason: signalling.Reason{Cause: signalling.Rejected, Detail: why}})
}

func (l *leg) referredAway() {
	l.endTransfer()
	l.post(signalling.Referred)
}

func (l *leg) notReferred(c signalling.Cause, detail string) {
	l.endTransfer()
	l.in.Post(signalling.Event{Kind: signalling.NotReferred, Side: l.side, Reason: signalling.Reason{Cause: c, Detail: detail}})
}

func (l *leg) endTransfer() {
	if l.transfer != nil {
		l.transfer.timer.Stop()
		l.transfer, l.transferred = nil, true
	}
}
