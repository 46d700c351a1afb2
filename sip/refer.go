package sip

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/signalling"
)

const fragType = "message/sipfrag"

// referral is a transfer that the far end asked for: its REFER is a
// subscription to how that goes (RFC 3515 §2.4.4).
type referral struct {
	id    string // of Event (RFC 3515 §2.4.6); empty for the first of a dialog
	quiet bool   // it does not want to be told (RFC 4488)
}

// referred judges a REFER. Whether the new call is allowed at all is the call's
// to say; here it is only taken on.
func (l *leg) referred(m request) {
	to, r := l.referTo(m)
	if r.status != 0 {
		l.reply(m, r)
		return
	}
	l.referrals++
	l.referral = &referral{quiet: unsubscribed(m)}
	if l.referrals > 1 {
		l.referral.id = strconv.FormatUint(uint64(m.CSeq().SeqNo), 10)
	}
	res := l.agent.response(m.Request, 202, "Accepted", nil)
	res.AppendHeader(l.dialog.contact())
	if l.referral.quiet {
		res.AppendHeader(sipmsg.NewHeader("Refer-Sub", "false"))
	}
	l.send(m, res)
	l.notify(100, "Trying", "active;expires=330") // longer than anything rings
	l.in.Post(signalling.Event{Kind: signalling.Refer, Side: l.side, To: to})
}

// referTo is where the far end wants the other side to go.
func (l *leg) referTo(m request) (signalling.Destination, refusal) {
	values := headersOf(m, "refer-to", "r")
	bad := refuse(400, "Bad Refer-To")
	switch {
	case !l.trunk.AcceptRefer:
		return signalling.Destination{}, refuse(405, "Method Not Allowed", sipmsg.NewHeader("Allow", l.trunk.allowed()))
	case l.known.Load() == nil || l.told:
		return signalling.Destination{}, refuse(403, "Forbidden") // of a call that is not up
	case l.referral != nil || l.transfer != nil:
		return signalling.Destination{}, refuse(491, "Request Pending")
	case len(values) != 1:
		return signalling.Destination{}, bad
	}
	to, ok := parseReferTo(values[0])
	if !ok {
		return signalling.Destination{}, bad
	}
	dest := signalling.Destination{To: signalling.Party{Number: l.trunk.read(to.number)}, Replaces: to.replaces}
	if r, ok := parseReplaces(to.replaces); ok {
		if other := l.agent.legOf(r, l.trunk); other == l {
			return signalling.Destination{}, bad
		} else if other != nil {
			call, side := other.in.Of(other.side)
			return signalling.Destination{With: call, WithSide: side}, refusal{}
		}
	}
	if dest.To.Number == "" { // nobody whom a trunk could call
		return signalling.Destination{}, bad
	}
	return dest, refusal{}
}

// unsubscribed tells whether a REFER or its answer says that nobody will be
// told how it goes (RFC 4488 §4).
func unsubscribed(msg sipmsg.Message) bool {
	for _, h := range msg.GetHeaders("refer-sub") {
		value, _, _ := strings.Cut(h.Value(), ";")
		if strings.EqualFold(strings.TrimSpace(value), "false") {
			return true
		}
	}
	return false
}

// notify tells the far end how its transfer goes (RFC 3515 §2.4.5).
func (l *leg) notify(status int, phrase, state string) {
	r := *l.referral
	if r.quiet {
		return
	}
	event := "refer"
	if r.id != "" {
		event += ";id=" + r.id
	}
	l.ask(question{method: sipmsg.NOTIFY, dress: func(req *sipmsg.Request) {
		req.AppendHeader(l.dialog.contact())
		req.AppendHeader(sipmsg.NewHeader("Event", event))
		req.AppendHeader(sipmsg.NewHeader("Subscription-State", state))
		ct := sipmsg.ContentTypeHeader(fragType + ";version=2.0")
		req.AppendHeader(&ct)
		req.RemoveHeader("Content-Length")
		req.SetBody(fmt.Appendf(nil, "SIP/2.0 %d %s\r\n", status, phrase))
	}})
}

// conclude says what became of the transfer. Who asked for one that went well
// has nothing left to do here, and is given the time to hang up first.
func (l *leg) conclude(r signalling.Reason) {
	if l.referral == nil {
		return
	}
	status, phrase := 200, "OK"
	if r.Cause != signalling.NormalClearing {
		status, phrase = statusOf(r.Cause)
	}
	l.notify(status, phrase, "terminated;reason=noresource")
	l.referral, l.replaced = nil, status == 200
}

// linger puts off our BYE until a far end that has been transferred away has
// sent its own, or any other has been told what there is to tell.
func (l *leg) linger(r signalling.Reason) {
	l.parting = &r
	l.leaving = time.NewTimer(l.agent.timing.linger)
}

// owes tells whether there is still something to be told of a transfer.
func (l *leg) owes() bool {
	return slices.ContainsFunc(l.asking.queue, func(q question) bool { return q.method == sipmsg.NOTIFY })
}

func (l *leg) left() <-chan time.Time {
	if l.leaving == nil {
		return nil
	}
	return l.leaving.C
}
