package port

import "net/netip"

// learnt is how many packets in sequence make a far end of a stranger.
const learnt = 4

// rank is how far an address is trusted to be the far end.
type rank uint8

const (
	nobody  rank = iota
	other        // another IP address than the SDP's: the far end is behind NAT
	sameIP       // the SDP's IP address, another port
	sdpSaid      // exactly what the SDP says
)

// latch decides whose packets are heard (symmetric RTP, RFC 4961). It takes the
// SDP's address at its first packet, anyone else only after four in sequence
// with one SSRC, and then stays: none but a better rank takes over, until the
// next negotiation. Packets that were proved by their key are believed sooner:
// the first of them counts, and four in sequence bring any address to the fore.
type latch struct {
	learn  bool // else the SDP's address alone is heard
	sdp    netip.AddrPort
	locked netip.AddrPort
	rank   rank
	hopes  [4]hopeful
	turn   int // the hopeful to be replaced next
}

// hopeful is an address on its way to be learnt.
type hopeful struct {
	from netip.AddrPort
	ssrc uint32
	next uint16
	run  int
}

// start takes a new negotiation. A far end that is heard and stays where it was
// need not be learnt again, nor does one that holds the RFC 2543 way.
func (l *latch) start(sdp netip.AddrPort, heard bool) {
	sdp = netip.AddrPortFrom(sdp.Addr().Unmap(), sdp.Port())
	if heard && (sdp == l.sdp || sdp.Addr().IsUnspecified()) {
		return
	}
	*l = latch{learn: l.learn, sdp: sdp}
}

// accept reports whether a valid packet comes from the far end.
func (l *latch) accept(from netip.AddrPort, ssrc uint32, seq uint16, proved bool) bool {
	if from == l.locked {
		return true
	}
	r := l.rankOf(from)
	switch {
	case r == nobody, !proved && r <= l.rank:
		return false
	case r > l.rank && (r == sdpSaid || proved && l.rank == nobody):
	case !l.inSequence(from, ssrc, seq):
		return false
	}
	l.locked, l.rank, l.hopes = from, r, [4]hopeful{}
	return true
}

func (l *latch) rankOf(from netip.AddrPort) rank {
	switch {
	case from == l.sdp:
		return sdpSaid
	case !l.learn:
		return nobody
	case from.Addr() == l.sdp.Addr():
		return sameIP
	}
	return other
}

// inSequence counts packets in sequence, for a few addresses at once so that one
// stranger cannot keep another from being learnt.
func (l *latch) inSequence(from netip.AddrPort, ssrc uint32, seq uint16) bool {
	for i := range l.hopes {
		h := &l.hopes[i]
		if h.from != from {
			continue
		}
		if h.ssrc != ssrc || h.next != seq {
			h.ssrc, h.run = ssrc, 0
		}
		h.next, h.run = seq+1, h.run+1
		return h.run >= learnt
	}
	l.hopes[l.turn] = hopeful{from, ssrc, seq + 1, 1}
	l.turn = (l.turn + 1) % len(l.hopes)
	return false
}

// target is where to send: to whom we hear, else to what the SDP says.
func (l *latch) target() (netip.AddrPort, bool) {
	if l.rank > nobody {
		return l.locked, true
	}
	return l.sdp, l.sdp.IsValid() && l.sdp.Port() != 0 && !l.sdp.Addr().IsUnspecified()
}
