package sip

import (
	"bytes"
	"net/netip"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/media"
)

// maxWaiting is how many server transactions may wait for their final response.
const maxWaiting = 10_000

// affordable tells whether a source may have a message looked at. What belongs
// to a call, and answers to our own requests, always may.
func (a *Agent) affordable(m raw, from netip.Addr) bool {
	c, counted := a.classOf(m)
	if !counted || a.budgets.allow(from, c) {
		return true
	}
	a.tooMany()
	return false
}

// classOf is what a message counts as, if it counts.
func (a *Agent) classOf(m raw) (class, bool) {
	tag := tagIn(m.to)
	switch {
	case !m.request:
		return junk, !bytes.Contains(branchIn(m.via), []byte(a.token))
	case len(tag) > 0 && a.find(string(m.callID), string(tag)) != nil:
		return 0, false
	case len(tag) > 0 || string(m.method) == string(sipmsg.CANCEL) || string(m.method) == string(sipmsg.ACK):
		return trailing, true
	case string(m.method) == string(sipmsg.INVITE):
		return calling, true
	}
	return probing, true
}

// tooMany counts what was dropped for the number of its like, and says so every
// ten seconds.
func (a *Agent) tooMany() {
	n, now := a.excess.Add(1), time.Now().Unix()
	if told := a.excessTold.Load(); now-told >= 10 && a.excessTold.CompareAndSwap(told, now) {
		a.log.Warn("SIP messages were dropped: there are too many from a trunk's address", "dropped", n)
	}
}

// crowded tells whether a request would be one too many at a time.
func (a *Agent) crowded(m raw) bool {
	c, counted := a.classOf(m)
	return counted && (c == calling || c == probing) && a.pending.Load() >= maxWaiting
}

// attend counts a transaction until its end.
func (a *Agent) attend(tx *sipmsg.ServerTx) {
	a.pending.Add(1)
	if !tx.OnTerminate(func(string, error) { a.pending.Add(-1) }) {
		a.pending.Add(-1)
	}
}

// Malformed counts messages from trunks' addresses that made no sense.
func (a *Agent) Malformed() uint64 { return a.malformed.Load() }

// Excess counts messages that were dropped because their source sent too many.
func (a *Agent) Excess() uint64 { return a.excess.Load() }

// giveBack closes the RTP port. One that the far end was never told of is free
// at once: calls that go nowhere, however many, leave the ports to others (S7).
func (l *leg) giveBack() {
	if l.port == nil {
		return
	}
	if l.dialog != nil && !l.dialog.first && l.codec == (media.Format{}) { // we have described nothing yet
		l.port.Untold()
	}
	l.port.Close()
}
