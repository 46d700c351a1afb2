package sip

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// party is one end of a dialog: what its From or To header holds.
type party struct {
	name string
	uri  sipmsg.Uri
	tag  string
}

// dialog is the state that two user agents share (RFC 3261 §12). It belongs to
// its leg's goroutine.
type dialog struct {
	agent         *Agent
	trunk         *trunk
	listener      *listener // that our requests leave from
	host          string    // ours, as the far end reaches it
	callID        string
	local, remote party
	localSeq      uint32
	remoteSeq     uint32
	recent        recently // of the far end's requests
	routes        []sipmsg.Uri
	target        sipmsg.Uri     // the far end's Contact
	peer          netip.AddrPort // where its messages come from
	flow          *flow          // the connection that its latest dialog-making message came by; nil: none
	first         bool           // we sent the first request, so the Call-ID is ours (RFC 3261 §14.1)
}

// newTag is a fresh 128-bit word, for tags and Call-IDs.
func newTag() string { return rand.Text() }

// newSeq is a random first CSeq, far below 2^31 (RFC 3261 §8.1.1.5).
func newSeq() uint32 {
	var b [4]byte
	rand.Read(b[:]) // never fails since Go 1.24
	return 1 + binary.BigEndian.Uint32(b[:])>>16
}

// contact is where the far end sends what belongs to the dialog.
func (d *dialog) contact() *sipmsg.ContactHeader {
	uri := sipmsg.Uri{Scheme: "sip", User: d.trunk.enrols.name(), Host: d.host, Port: int(d.listener.addr.Port())}
	if name := d.listener.row().uri; name != "" {
		uri.UriParams.Add("transport", name)
	}
	return &sipmsg.ContactHeader{Address: uri}
}

// establish takes what a 2xx to our INVITE settles (RFC 3261 §12.1.2).
func (d *dialog) establish(res *sipmsg.Response) {
	d.remote.tag, d.routes = tagOf(res.To().Params), nil
	for _, h := range res.GetHeaders("record-route") {
		if rr, ok := h.(*sipmsg.RecordRouteHeader); ok {
			d.routes = append(d.routes, rr.Address)
		}
	}
	slices.Reverse(d.routes)
	d.peer, d.flow = sourceOf(res), d.agent.flows.bring(res)
	d.refresh(res.Contact())
}

// refresh follows a target refresh (RFC 3261 §12.2.1.2).
func (d *dialog) refresh(c *sipmsg.ContactHeader) {
	if c != nil && c.Address.Host != "" && !c.Address.Wildcard {
		d.target = *c.Address.Clone()
	}
}

// request makes the next request of the dialog (RFC 3261 §12.2.1.1).
func (d *dialog) request(method sipmsg.RequestMethod) *sipmsg.Request {
	d.localSeq++
	return d.build(method, d.localSeq)
}

// ack makes the ACK for a 2xx, a request of its own that shares only the
// INVITE's sequence number (RFC 3261 §13.2.2.4).
func (d *dialog) ack(seq uint32) *sipmsg.Request { return d.build(sipmsg.ACK, seq) }

func (d *dialog) build(method sipmsg.RequestMethod, seq uint32) *sipmsg.Request {
	target, routes := d.target, slices.Clone(d.routes)
	if len(routes) > 0 && !routes[0].UriParams.Has("lr") { // a strict router of RFC 2543
		target, routes = routes[0], append(routes[1:], d.target)
	}
	target.Headers = nil
	req := sipmsg.NewRequest(method, target)
	d.identify(req, seq)
	for _, r := range routes {
		req.AppendHeader(&sipmsg.RouteHeader{Address: r})
	}
	req.SetBody(nil)
	d.aim(req, d.hop(routes, target))
	return req
}

// identify adds the headers that every request of a dialog has.
func (d *dialog) identify(req *sipmsg.Request, seq uint32) {
	via := &sipmsg.ViaHeader{ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: strings.ToUpper(d.listener.network),
		Host: d.host, Port: int(d.listener.addr.Port())}
	via.Params.Add("branch", sipmsg.RFC3261BranchMagicCookie+d.agent.token+rand.Text())
	via.Params.Add("rport", "") // RFC 3581
	req.AppendHeader(via)
	maxForwards := sipmsg.MaxForwardsHeader(70)
	req.AppendHeader(&maxForwards)
	from := &sipmsg.FromHeader{DisplayName: d.local.name, Address: d.local.uri}
	from.Params.Add("tag", d.local.tag)
	req.AppendHeader(from)
	to := &sipmsg.ToHeader{DisplayName: d.remote.name, Address: d.remote.uri}
	if d.remote.tag != "" {
		to.Params.Add("tag", d.remote.tag)
	}
	req.AppendHeader(to)
	callID := sipmsg.CallIDHeader(d.callID)
	req.AppendHeader(&callID)
	req.AppendHeader(&sipmsg.CSeqHeader{SeqNo: seq, MethodName: req.Method})
	req.AppendHeader(sipmsg.NewHeader("User-Agent", d.agent.product))
	d.agent.leaveFrom(req, d.listener)
	req.Laddr.Hostname = d.trunk.name // for reach: whose connection it needs
}

// hop is where a request goes: the first route or the target, as long as that
// is one of the trunk's addresses; else the address that the trunk's own
// messages came from. So nothing is sent to whom a message merely names, and
// a Contact behind NAT does no harm. Of several machines with one name it is
// the one that has the dialog.
func (d *dialog) hop(routes []sipmsg.Uri, target sipmsg.Uri) netip.AddrPort {
	next := target
	if len(routes) > 0 {
		next = routes[0]
	}
	port, name := uint16(next.Port), strings.Trim(next.Host, "[]")
	if d.remote.tag == "" && (len(routes) == 0 || strings.EqualFold(name, d.trunk.host.name)) {
		return d.peer // a call begins where its trunk was found
	}
	if port == 0 {
		port = d.usualPort(name)
	}
	addrs := d.addresses(name)
	if slices.Contains(addrs, d.peer.Addr()) {
		return netip.AddrPortFrom(d.peer.Addr(), port)
	}
	for _, a := range addrs {
		if d.trunk.trusts(a) && a.Is4() == d.listener.addr.Addr().Is4() {
			return netip.AddrPortFrom(a, port)
		}
	}
	return d.peer
}

// addresses are those of a name in the dialog; the trunk's own is known.
func (d *dialog) addresses(name string) []netip.Addr {
	if h := d.trunk.host; strings.EqualFold(name, h.name) {
		if h.has(d.peer.Addr()) {
			return []netip.Addr{d.peer.Addr()}
		}
		return h.now()
	} else if known := h.of(name); len(known) > 0 {
		return known
	}
	ctx, cancel := context.WithTimeout(d.agent.ctx, time.Second)
	defer cancel()
	addrs, _ := d.agent.resolve(ctx, name)
	return addrs
}

// usualPort is that of a URI without one: for the trunk's own name the DNS has
// it (RFC 3263 §4.2).
func (d *dialog) usualPort(name string) uint16 {
	if h := d.trunk.host; strings.EqualFold(name, h.name) {
		if port, ok := h.portAt(d.peer.Addr()); ok {
			return port
		}
	}
	return DefaultPort(d.listener.network)
}
