package sip

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"roomline/media"
	"roomline/signalling"
	"roomline/sip/proof"
)

// trunk is a configured carrier. It makes outgoing legs and knows which
// addresses incoming ones may come from.
type trunk struct {
	TrunkConfig
	name    string
	agent   *Agent
	formats []media.Format
	domain  string     // of its URIs: the configured host's name
	host    *host      // where calls go: the same, or outbound_proxy
	client  *client    // of its TLS
	enrols  *enrolment // with a registrar; nil: it needs none
	allow   []netip.Prefix
	gate    *proof.Gate // nil: its addresses are enough
	nonces  nonceCounts
	notary  *notary
	proved  atomic.Pointer[string] // the realms that took the password, a line each; nil: none yet

	lost chan struct{} // a connection to it is

	mu     sync.Mutex
	state  string // "unknown", "up" or a cause's label
	health health
}

func newTrunk(a *Agent, label string, cfg TrunkConfig) (*trunk, error) {
	cfg = cfg.withDefaults()
	t := &trunk{TrunkConfig: cfg, name: label, agent: a, formats: formats(cfg.Codecs), gate: cfg.Challenge.gate(), state: "unknown", lost: make(chan struct{}, 1)}
	t.domain, _, _ = splitHost(cfg.Host)
	name, port, _ := splitHost(cmp.Or(cfg.OutboundProxy, cfg.Host))
	t.host = newHost(name, port, cfg.Transport)
	t.enrols = newEnrolment(t)
	t.notary = newNotary(cfg.STIR, a.web)
	t.client = newClient(cfg.TLS, t.identity())
	for _, s := range cfg.AllowFrom {
		if p, err := parseSource(s); err == nil {
			t.allow = append(t.allow, p)
		}
	}
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("trunk %q: %w", label, err)
	}
	return t, nil
}

// follow keeps up with where the host is: soon again while it is nowhere, or
// nobody can say.
func (t *trunk) follow(ctx context.Context) {
	times, lost := t.agent.timing, !t.host.known()
	for {
		wait := t.host.due(times.follow)
		if lost {
			wait = times.follow
		}
		if !t.host.known() {
			wait = times.search
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		err := t.host.lookup(ctx, times.lookup)
		if err != nil && !lost {
			t.agent.log.Warn("a trunk's host has no address any more; the last one is kept", "trunk", t.name, "error", err)
		}
		if err == nil && lost {
			t.agent.log.Info("a trunk's host has an address", "trunk", t.name)
		}
		lost = err != nil
	}
}

// isHost tells whether addr is the trunk's own host, where credentials may go.
func (t *trunk) isHost(addr netip.AddrPort) bool {
	return t.host.has(addr.Addr()) || t.enrols.at(addr.Addr())
}

// named tells whether a host in a URI is the trunk itself, and nobody behind it:
// by an address, or a name of its own. What another's name leads to is for its
// owner to say, to us now and to the trunk a moment later (S10).
func (t *trunk) named(host string) bool {
	host = strings.Trim(host, "[]")
	if strings.EqualFold(host, t.host.name) || strings.EqualFold(host, t.domain) || len(t.host.of(host)) > 0 {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && t.trusts(addr.Unmap())
}

// trusts tells whether what comes from addr speaks for the trunk.
func (t *trunk) trusts(addr netip.Addr) bool {
	return t.host.has(addr) || t.enrols.at(addr) || slices.ContainsFunc(t.allow, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// owns tells whether number is one of the trunk's own.
func (t *trunk) owns(number string) bool {
	return number != "" && slices.ContainsFunc(t.Numbers, func(n string) bool {
		return outward(n, formatPlusLess) == outward(number, formatPlusLess)
	})
}

// Dial implements signalling.Dialler.
func (t *trunk) Dial(to signalling.Target, offer []media.Format, in *signalling.Inbox) signalling.Leg {
	o := &outgoing{leg: newLeg(t, in, signalling.B), to: to, formats: media.Common(t.formats, offer)}
	if offer == nil { // the caller waits for our offer, and takes what it can
		o.formats = t.formats
	}
	o.view.Party, o.party = to.From, signalling.Party{Number: to.To.Number}
	t.agent.adopt(o.leg, o.run)
	return o.leg
}

// allowed are the methods that we handle on the trunk, as Allow lists them.
func (t *trunk) allowed() string {
	list := allowList
	if t.AcceptRefer {
		list += ", REFER"
	}
	if t.Messages {
		list += ", MESSAGE"
	}
	return list
}

// report remembers how the trunk is, as calls find it.
func (t *trunk) report(state string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.state = state
}

func (t *trunk) lastState() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.state
}

// learn draws from how a call ended whether the trunk itself is at fault.
func (t *trunk) learn(c signalling.Cause) {
	switch c {
	case signalling.TrunkAuth, signalling.TrunkUnreachable, signalling.TrunkFailure:
		t.report(c.String())
	}
}

// sourceOf is where a message came from, as the socket saw it.
func sourceOf(msg interface{ Source() string }) netip.AddrPort {
	addr, _ := addrPort(msg.Source())
	return addr
}

func addrPort(s string) (netip.AddrPort, bool) {
	addr, err := netip.ParseAddrPort(s)
	return netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port()), err == nil
}
