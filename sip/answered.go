package sip

import (
	"slices"
	"strings"

	sipmsg "github.com/emiago/sipgo/sip"
)

// answered is what others than its own goroutine may know of a leg's dialog. It
// is never changed, only replaced.
type answered struct {
	callID, localTag, remoteTag string
	target                      sipmsg.Uri
}

// publish makes the answered dialog known, or how it has changed, and writes it
// down for the next start.
func (l *leg) publish() {
	d := l.dialog
	l.known.Store(&answered{d.callID, d.local.tag, d.remote.tag, *d.target.Clone()})
	l.agent.scribe.keep(d.entry())
}

// retarget follows a target refresh (RFC 3261 §12.2.1.2).
func (l *leg) retarget(c *sipmsg.ContactHeader) {
	before := l.dialog.target.String()
	l.dialog.refresh(c)
	if l.known.Load() != nil && l.dialog.target.String() != before {
		l.publish()
	}
}

// legOf finds the answered dialog on one of the trunks that r names, from whichever
// side it was written.
func (a *Agent) legOf(r replaces, trunks ...*trunk) *leg {
	for _, tags := range [...][2]string{{r.toTag, r.fromTag}, {r.fromTag, r.toTag}} {
		l := a.find(r.callID, tags[0])
		if l == nil || !slices.Contains(trunks, l.trunk) {
			continue
		}
		if k := l.known.Load(); k != nil && k.remoteTag == tags[1] {
			return l
		}
	}
	return nil
}

// supported are the extensions that a request may require of us.
var supported = []string{"replaces", "norefersub", "timer", fromChange, reliably}

// supportedList is the same as a header value.
const supportedList = "replaces, norefersub, timer, from-change"

// supports tells whether we know an extension (RFC 3261 §19.2).
func supports(tag string) bool {
	for _, s := range supported {
		if strings.EqualFold(s, tag) {
			return true
		}
	}
	return false
}
