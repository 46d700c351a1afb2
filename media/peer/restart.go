package peer

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/pion/webrtc/v4"
)

// maxPaths is how many addresses of the far end outlive a restart of ICE.
const maxPaths = 4

// paths are the far end's addresses that have answered a check of this
// generation of ICE. The lock is held.
func (p *Peer) paths() []netip.AddrPort {
	report := p.pc.GetStats()
	var list []netip.AddrPort
	for _, s := range report {
		pair, ok := s.(webrtc.ICECandidatePairStats)
		if !ok || pair.State != webrtc.StatsICECandidatePairStateSucceeded || len(list) == maxPaths {
			continue
		}
		remote, ok := report[pair.RemoteCandidateID].(webrtc.ICECandidateStats)
		ip, err := netip.ParseAddr(remote.IP)
		if !ok || err != nil {
			continue
		}
		if at := netip.AddrPortFrom(ip.Unmap(), uint16(remote.Port)); !slices.Contains(list, at) {
			list = append(list, at)
		}
	}
	return list
}

// hearStill lets audio in from where it came before ICE began anew: a browser
// goes on sending on the path that works until another one does, as RFC 8445
// §9 has it, and Chrome takes seconds to leave it. Pion forgets every path at
// once, and drops what comes from an address that is nobody's candidate; so the
// old ones become candidates of the new generation, the last of all. They
// answer no check under its names, and are never chosen. The lock is held.
func (p *Peer) hearStill(paths []netip.AddrPort) {
	for i, at := range paths {
		line := fmt.Sprintf("candidate:old%d 1 udp 1 %s %d typ host", i, at.Addr(), at.Port())
		_ = p.pc.AddICECandidate(webrtc.ICECandidateInit{Candidate: line}) // without it, audio pauses
	}
}
