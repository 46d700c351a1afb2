package sip

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/media"
	"roomline/signalling"
)

// trunk is a configured carrier. It makes outgoing legs and knows which
// addresses incoming ones may come from.
type trunk struct {
	TrunkConfig
	name     string
	agent    *Agent
	formats  []media.Format
	host     string
	port     uint16
	allow    []netip.Prefix
	listener *listener // from which it is called

	addrs atomic.Pointer[[]netip.Addr] // of host, as last resolved

	mu    sync.Mutex
	state string // "unknown", "up" or a cause's label
}

func newTrunk(a *Agent, name string, cfg TrunkConfig) (*trunk, error) {
	cfg = cfg.withDefaults()
	t := &trunk{TrunkConfig: cfg, name: name, agent: a, formats: formats(cfg.Codecs), state: "unknown"}
	t.host, t.port, _ = splitHost(cfg.Host)
	if t.port == 0 {
		t.port = uint16(sipmsg.DefaultPort(cfg.Transport))
	}
	for _, s := range cfg.AllowFrom {
		if p, err := parseSource(s); err == nil {
			t.allow = append(t.allow, p)
		}
	}
	t.addrs.Store(&[]netip.Addr{})
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("trunk %q: %w", name, err)
	}
	return t, nil
}

// lookup resolves the host anew and keeps what it had if that fails.
func (t *trunk) lookup(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, t.ConnectTimeout)
	defer cancel()
	addrs, err := resolve(ctx, t.host)
	if err != nil && len(*t.addrs.Load()) == 0 {
		return fmt.Errorf("resolve trunk host %s: %w", t.host, err)
	}
	if err == nil {
		t.addrs.Store(&addrs)
	}
	return nil
}

// remote is where calls go: the first address in the listener's family.
func (t *trunk) remote() (netip.AddrPort, bool) {
	for _, a := range *t.addrs.Load() {
		if a.Is4() == t.listener.addr.Addr().Is4() {
			return netip.AddrPortFrom(a, t.port), true
		}
	}
	return netip.AddrPort{}, false
}

// isHost tells whether addr is the trunk's own host, where credentials may go.
func (t *trunk) isHost(addr netip.AddrPort) bool {
	return slices.Contains(*t.addrs.Load(), addr.Addr())
}

// trusts tells whether what comes from addr speaks for the trunk.
func (t *trunk) trusts(addr netip.Addr) bool {
	return slices.Contains(*t.addrs.Load(), addr) ||
		slices.ContainsFunc(t.allow, func(p netip.Prefix) bool { return p.Contains(addr) })
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
	t.agent.adopt(o.leg, o.run)
	return o.leg
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
	addr, err := netip.ParseAddrPort(msg.Source())
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
}

// holdLimit is how long a call on hold may be silent.
const holdLimit = 1800 * time.Second
