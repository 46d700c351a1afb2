package sip

import (
	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/signalling"
)

// recognise takes what a message says of who is at the far end by now, and
// tells the call where that is news (RFC 5876 §4, RFC 4916).
func (l *leg) recognise(msg sipmsg.Message) {
	p, ok := identity(msg, l.trunk)
	if !ok {
		p, ok = l.changedFrom(msg)
	}
	if !ok || p.Hidden && l.dialog.remote.tag == "" { // who hides as the one we called is known all the same
		return
	}
	if sameLine(p.Number, l.party.Number) && !p.Hidden { // the spelling that is known stays
		p.Number, p.User, p.Forwarder, p.Assured = l.party.Number, l.party.User, l.party.Forwarder, l.party.Assured
		if p.Name == "" {
			p.Name = l.party.Name
		}
	}
	if p == l.party {
		return
	}
	l.party = p
	l.in.Post(signalling.Event{Kind: signalling.Identified, Side: l.side, Party: p})
}

// show tells the far end what changed of the other side: a hold by a
// re-INVITE, who it is where the trunk wants to know (RFC 5876 §4.1).
func (l *leg) show(v signalling.View) {
	changed := v.Party != l.view.Party
	l.view, l.reoffer.wish = v, v.Held
	if changed && l.trunk.SendIdentity != assertNone {
		l.reidentify()
	}
	l.offerAgain()
}

// reidentify sends an UPDATE where the far end takes one, else a re-INVITE.
func (l *leg) reidentify() {
	l.changeFrom()
	if !l.allows(sipmsg.UPDATE) || l.noUpdate {
		l.reoffer.tell = true
		return
	}
	l.refreshSession()
}

// assert adds who is at our end, for a trunk that trusts us with that
// (RFC 3325 §9.1): a number of its own, or that of a telephone elsewhere.
func (l *leg) assert(msg sipmsg.Message) {
	t, p := l.trunk, l.view.Party
	if t.SendIdentity == assertNone {
		return
	}
	number := outward(p.Number, t.NumberFormat)
	if number == "" {
		number = outward(t.CallerID, t.NumberFormat)
	}
	id := sipmsg.FromHeader{DisplayName: displayName(p.Name), Address: sipmsg.Uri{Scheme: "sip", User: number, Host: t.domain}}
	msg.AppendHeader(t.SendIdentity.header(id, l.dialog.first, p.Hidden, p.Number == "" || p.Assured.Screened()))
	if p.Hidden {
		msg.AppendHeader(sipmsg.NewHeader("Privacy", "id"))
	}
}
