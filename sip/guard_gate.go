package sip

import (
	"net/netip"
	"runtime/debug"
	"sync/atomic"

	sipmsg "github.com/emiago/sipgo/sip"
)

// gate is what everything from outside passes before the library sees it:
// first its source, then its bytes.
type gate struct {
	admits  func(netip.Addr) bool
	dropped *atomic.Uint64 // from strangers
	screen  func(b []byte, from netip.AddrPort, network string) verdict

	finished *finished
}

// verdict is what becomes of a message. Both may be empty.
type verdict struct {
	pass  []byte         // what the library may read
	reply []byte         // what is sent back to its source at once
	to    netip.AddrPort // where that goes over UDP
	fatal bool           // over a stream: nothing after it can be understood
}

// screen judges one whole message. What is answered here costs a look, no
// transaction and no goroutine, and what the library gets cannot break it.
func (a *Agent) screen(b []byte, from netip.AddrPort, network string) (v verdict) {
	defer func() {
		if fault := recover(); fault != nil {
			a.log.Error("a SIP message broke its reader", "fault", fault, "stack", string(debug.Stack()))
			v = verdict{fatal: true}
		}
	}()
	m, r := read(b)
	if m.lost = m.lost || m.length < 0; r.status == 0 {
		b, r = m.bounds(b, network)
	}
	if r.status != 0 {
		return a.objection(b, m, r, from)
	}
	if v, over := a.repeated(b, m, from, network); over {
		return v
	}
	if !a.affordable(m, from.Addr()) {
		return verdict{}
	}
	if a.crowded(m) {
		return verdict{reply: a.answer(b, m, later(), "", from), to: m.returnTo(from)}
	}
	msg, err := a.parser.ParseSIP(b)
	if err != nil {
		return a.objection(b, m, refuse(400, "Bad Request"), from)
	}
	if req, ok := msg.(*sipmsg.Request); ok {
		if r := inspect(req); r.status != 0 && req.Method != sipmsg.ACK {
			return verdict{reply: a.answer(b, m, r, "", from), to: m.returnTo(from)}
		}
	}
	return verdict{pass: b}
}

// repeated answers what repeats a transaction that is over. ACKs of refusals and
// what a 2xx had answered are absorbed; a CANCEL that is too late gets its 200
// (RFC 3261 §9.2). The ACK of a 2xx is the leg's, also under the INVITE's branch,
// where RFC 2543 had it.
func (a *Agent) repeated(b []byte, m raw, from netip.AddrPort, network string) (verdict, bool) {
	if network != "udp" {
		return verdict{}, false
	}
	if ack := a.finished.acknowledgement(m, from.Addr()); ack != nil && a.budgets.allow(from.Addr(), again) {
		return verdict{reply: ack.answer, to: ack.to}, true
	}
	one, over := a.finished.repeated(m, from.Addr())
	switch {
	case !over, string(m.method) == string(sipmsg.ACK) && len(one.answer) == 0:
		return verdict{}, false
	case string(m.method) == string(sipmsg.ACK):
		return verdict{}, true
	case !a.budgets.allow(from.Addr(), again):
		a.tooMany()
		return verdict{}, true
	case string(m.method) == string(sipmsg.CANCEL):
		return verdict{reply: a.answer(b, m, refuse(200, "OK"), one.tag, from), to: m.returnTo(from)}, true
	}
	return verdict{reply: one.answer, to: one.to}, true
}

// bounds checks where the message ends. In a datagram what follows it is no
// message, and is cut off (RFC 3261 §18.3).
func (m raw) bounds(b []byte, network string) ([]byte, refusal) {
	if m.length > len(b)-m.head {
		return b, refuse(400, "Content-Length Too Large")
	}
	if m.length < 0 && network != "udp" {
		return b, refuse(400, "Missing Content-Length")
	}
	if m.length >= 0 {
		b = b[:m.head+m.length]
	}
	if len(b)-m.head > maxBody {
		return b, refuse(413, "Request Entity Too Large")
	}
	return b, refusal{}
}
