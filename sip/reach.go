package sip

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"

	sipmsg "github.com/emiago/sipgo/sip"
)

// way is the transport that a request of ours names in its Via.
func way(msg sipmsg.Message) transportRow {
	if via := msg.Via(); via != nil {
		row, _ := transportOf(via.Transport)
		return row
	}
	return transportRow{}
}

// reach finds or makes the connection on which a request leaves, and binds the
// request to it; it returns nil for UDP, which needs none. The library then finds
// that very connection, by its own end if we dialled, else by the other.
func (a *Agent) reach(ctx context.Context, req *sipmsg.Request) (*flow, error) {
	row := way(req)
	if !row.reliable {
		return nil, nil
	}
	f, err := a.flowFor(ctx, req, row)
	if err != nil {
		return nil, err
	}
	req.SetDestination(f.remote.String())
	req.Laddr = sipmsg.Addr{Hostname: req.Laddr.Hostname, Zone: req.Laddr.Zone}
	if f.dialled() {
		req.Laddr.IP, req.Laddr.Port = net.IP(f.local.Addr().AsSlice()), int(f.local.Port())
	}
	return f, nil
}

func (a *Agent) flowFor(ctx context.Context, req *sipmsg.Request, row transportRow) (*flow, error) {
	local, _ := netip.AddrFromSlice(req.Laddr.IP)
	local = local.Unmap()
	if f := a.flows.from(netip.AddrPortFrom(local, uint16(req.Laddr.Port))); f.alive() { // a CANCEL goes its INVITE's way
		return f, nil
	}
	to, ok := addrPort(req.Destination())
	t := a.trunkFor(req, row, to.Addr())
	if f := a.flows.at(to); f.serves(t, row, req.Laddr.Zone == bound) {
		return f, nil
	}
	if !ok || t == nil {
		return nil, errors.New("it is no trunk's address")
	}
	return a.flows.to(ctx, t, row, to, local)
}

// trunkFor is whose request it is. What says nothing of that is the first
// trunk's that is reached so.
func (a *Agent) trunkFor(req *sipmsg.Request, row transportRow, to netip.Addr) *trunk {
	if t, ok := a.trunks[req.Laddr.Hostname]; ok {
		return t
	}
	for _, t := range a.speakers(to, row.secure) {
		return t
	}
	return nil
}

// speakers are the trunks that speak from an address: a trunk of tls or wss does
// so by these alone, so that nobody who forges its address is taken for it (S17).
func (a *Agent) speakers(addr netip.Addr, secure bool) []*trunk {
	var all []*trunk
	for _, t := range a.trunksAt(addr) {
		if secure || !t.secure() {
			all = append(all, t)
		}
	}
	return all
}

// spokesmen are the trunks that a message may be from.
func (a *Agent) spokesmen(msg interface {
	Source() string
	Transport() string
}) []*trunk {
	if sipmsg.NetworkToLower(msg.Transport()) == "udp" {
		return a.speakers(sourceOf(msg).Addr(), false)
	}
	f := a.flows.at(sourceOf(msg))
	if f == nil || f.trunks != nil {
		return f.speaksFor()
	}
	return a.speakers(f.remote.Addr(), f.row.secure)
}

func (f *flow) speaksFor() []*trunk {
	if f == nil {
		return nil
	}
	return f.trunks
}

// row is the trunk's transport.
func (t *trunk) row() transportRow {
	row, _ := transportOf(t.Transport)
	return row
}

// secure tells whether the trunk has to prove who it is by TLS.
func (t *trunk) secure() bool { return t.row().secure }

// identity is whom the trunk's certificate has to name: the host that is
// configured, whatever the DNS made of it (RFC 5922 §4).
func (t *trunk) identity() string {
	if t.TLS.ServerName != "" {
		return t.TLS.ServerName
	}
	return t.host.name
}

// gate is what a listener or connection lets through.
func (a *Agent) gate(row transportRow) *gate {
	return &gate{admits: func(addr netip.Addr) bool { return len(a.speakers(addr, row.secure)) > 0 }, dropped: &a.dropped, screen: a.screen, finished: a.finished}
}

// received notes in a request's Via where it came from, if that is not what the
// Via says (RFC 3261 §18.2.1). With rport the library does so (RFC 3581 §4).
func received(req *sipmsg.Request) {
	via, from := req.Via(), sourceOf(req).Addr()
	if via == nil || via.Params.Has("rport") || !from.IsValid() {
		return
	}
	if host, err := netip.ParseAddr(strings.Trim(via.Host, "[]")); err != nil || host.Unmap() != from {
		via.Params.Add("received", from.String())
	}
}

// bound marks, in a field that the library does not use, a request for the very
// connection on which its dialog came.
const bound = "bound"

// aim says where a request of the dialog goes that should go to next: to the
// connection on which the far end called us or, where there is no other way to
// it, on which we called it, if that still lives and is with the same machine
// (RFC 5923, RFC 7118 §5).
func (d *dialog) aim(req *sipmsg.Request, next netip.AddrPort) {
	f := d.flow
	if !f.alive() || f.remote.Addr() != next.Addr() || f.dialled() && !f.row.outward {
		req.SetDestination(next.String())
		return
	}
	req.SetDestination(f.remote.String())
	if f.dialled() {
		req.Laddr.IP, req.Laddr.Port = net.IP(f.local.Addr().AsSlice()), int(f.local.Port())
	} else {
		req.Laddr.Zone = bound
	}
}

// serves tells whether a request may leave on a connection that the far end made.
// Its address says nothing of who is there: with TLS it serves the calls that
// came by it, and for others it must have proved to be the trunk, by its
// certificate (RFC 5923 §8.1, §9.1).
func (f *flow) serves(t *trunk, row transportRow, within bool) bool {
	if !f.alive() || f.dialled() || f.row != row {
		return false
	}
	return within || !row.secure || t != nil && slices.Contains(f.trunks, t)
}
