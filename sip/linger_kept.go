package sip

import (
	"errors"
	"net"
	"net/netip"

	sipmsg "github.com/emiago/sipgo/sip"
)

// kept is what the library is told of a final response that has left: that it
// has not. A transaction that cannot send ends there and then, where one that
// can is kept for 32 s with all of its messages, even after Terminate: some of
// its timers are never stopped. What repetitions need is with finished.
type kept struct {
	status int
}

func (kept) Error() string { return "the response has left, and is kept" }

// keptOf judges what a transaction said of a response: a final one that was
// kept was sent; a transaction that keeps another was cancelled before.
func keptOf(err error, status int) error {
	var k kept
	switch {
	case !errors.As(err, &k):
		return err
	case k.status == status:
		return nil
	}
	return sipmsg.ErrTransactionCanceled
}

// finalIn is the status of a final response, 0 for all else.
func finalIn(b []byte) int {
	if len(b) < len("SIP/2.0 200 ") || string(b[:len("SIP/2.0 ")]) != "SIP/2.0 " {
		return 0
	}
	if status := digits(b[len("SIP/2.0 "):][:3]); status >= 200 {
		return status
	}
	return 0
}

// overtaken takes a repetition that was on its way through the library when its
// transaction ended. Whoever asks again is answered.
func (a *Agent) overtaken(req *sipmsg.Request, tx *sipmsg.ServerTx) bool {
	if sipmsg.IsReliable(req.Transport()) {
		return false
	}
	one, over := a.finished.repeated(rawOf(req), sourceOf(req).Addr())
	if !over {
		return false
	}
	if conn, ok := tx.Connection().(*sipmsg.UDPConnection); ok && len(one.answer) > 0 {
		_, _ = conn.PacketConn.WriteTo(one.answer, net.UDPAddrFromAddrPort(one.to)) // it will ask again
	}
	tx.Terminate()
	return true
}

// WriteTo implements net.PacketConn.
func (g *guardedPackets) WriteTo(b []byte, to net.Addr) (int, error) {
	addr, ok := to.(*net.UDPAddr)
	status := finalIn(b)
	keeps := ok && status > 0 && g.finished.keep(b, unmapped(addr.AddrPort()), g.say) // before anyone can ask again
	n, err := g.PacketConn.WriteTo(b, to)
	if err == nil && keeps {
		return n, kept{status}
	}
	return n, err
}

// say sends what is no transaction's. What is lost is asked for again.
func (g *guardedPackets) say(b []byte, to netip.AddrPort) {
	_, _ = g.PacketConn.WriteTo(b, net.UDPAddrFromAddrPort(to))
}

func unmapped(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }
