package peer

import (
	"errors"
	"net"
	"net/netip"
	"strings"

	"github.com/pion/ice/v4"
	"github.com/pion/webrtc/v4"
)

const (
	maxCandidates = 256 // taken in one generation of ICE
	maxChecked    = 100 // of these, handed to ICE: pairs that it may probe
	maxCandidate  = 1024
)

// Errors of a candidate; the peer is none the worse for any of them.
var (
	ErrCandidate  = errors.New("candidate cannot be read")
	ErrCandidates = errors.New("too many candidates")
)

// Candidate is one ICE candidate as m.call.candidates carries it. An empty
// Candidate marks the end of them.
type Candidate struct {
	Candidate        string
	SDPMid           *string
	SDPMLineIndex    *uint16
	UsernameFragment *string
}

// AddCandidate takes a candidate of the far end, also before its description
// is known. What we cannot or will not use is dropped without an error: other
// transports than UDP, names (which are never looked up), addresses where only
// our own machine would be reached, other sections than the audio's.
func (p *Peer) AddCandidate(c Candidate) error {
	c.Candidate = strings.TrimPrefix(strings.TrimSpace(c.Candidate), "a=")
	if len(c.Candidate) > maxCandidate {
		return ErrCandidate
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return ErrClosed
	case p.given >= maxCandidates:
		return ErrCandidates
	}
	p.given++
	if c.Candidate == "" {
		return p.endOfCandidates()
	}
	if _, err := parseCandidate(c.Candidate); err != nil {
		return err
	}
	if p.remote == nil {
		p.pending = append(p.pending, c)
		return nil
	}
	if !p.remote.concerns(c) {
		return nil
	}
	return p.check(c.Candidate)
}

// concerns tells whether a candidate is for the transport that the audio uses.
func (d *description) concerns(c Candidate) bool {
	if c.UsernameFragment != nil && *c.UsernameFragment != "" && *c.UsernameFragment != d.ufrag {
		return false // of another generation (RFC 8838 §12)
	}
	if c.SDPMid == nil || *c.SDPMid == "" {
		return true
	}
	mid, _ := d.section().Attribute("mid")
	if *c.SDPMid == mid || d.bundled != nil && d.inBundle(*c.SDPMid) {
		return true
	}
	for _, m := range d.sdp.MediaDescriptions {
		if other, ok := m.Attribute("mid"); ok && other == *c.SDPMid {
			return false
		}
	}
	return true
}

// endOfCandidates passes the mark on. Nothing waits for it: many clients never
// send it. The lock is held.
func (p *Peer) endOfCandidates() error {
	if p.remote == nil {
		return nil
	}
	return p.pc.AddICECandidate(webrtc.ICECandidateInit{})
}

// check hands a usable candidate to ICE. The lock is held.
func (p *Peer) check(line string) error {
	ip, err := parseCandidate(line)
	if err != nil || !ip.IsValid() || !p.factory.reaches(ip) || p.checked >= maxChecked {
		return err
	}
	p.checked++
	return p.pc.AddICECandidate(webrtc.ICECandidateInit{Candidate: line})
}

// parseCandidate gives the address of a candidate that ICE could use, and no
// valid one for a transport or name that it cannot (RFC 8839 §5.1).
func parseCandidate(line string) (netip.Addr, error) {
	line = strings.TrimPrefix(line, "candidate:")
	fields := strings.Fields(line)
	if len(fields) < 8 || fields[6] != "typ" {
		return netip.Addr{}, ErrCandidate
	}
	ip, err := netip.ParseAddr(fields[4])
	if err != nil || !strings.EqualFold(fields[2], "udp") {
		return netip.Addr{}, nil
	}
	if _, err := ice.UnmarshalCandidate(line); err != nil {
		return netip.Addr{}, errors.Join(ErrCandidate, err)
	}
	return ip, nil
}

// reaches tells whether ICE may probe an address: of our family, of one host,
// and never of this machine or its link, where services listen that trust
// whoever can reach them. A peer that is itself on loopback may stay there.
func (f *Factory) reaches(ip netip.Addr) bool {
	ip = ip.Unmap()
	switch {
	case ip.Is4() != f.addr.Addr().Is4(), ip.Zone() != "":
		return false
	case ip.IsLoopback():
		return f.addr.Addr().IsLoopback()
	case ip.IsUnspecified(), ip.IsMulticast(), ip.IsLinkLocalUnicast(), ip == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return false
	}
	return true
}

func (f *Factory) reachable(ip net.IP) bool {
	a, ok := netip.AddrFromSlice(ip)
	return ok && f.reaches(a)
}
