package sip

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"roomline/sip/locate"
)

const (
	// believed is how long an address counts as a host's after a resolver last
	// named it: a host that moves may still end the calls it has, and one that is
	// named by other addresses at each look is known by all of them. For as long
	// an older answer is better than a guess.
	believed = time.Hour
	// relook is the longest time between two looks, whatever the DNS allows.
	relook = 10 * time.Minute
)

// host is a name and the machines behind it.
type host struct {
	name  string
	query locate.Query
	find  func(context.Context, locate.Query) (locate.Answer, error)
	found atomic.Pointer[located]

	// home is where we are registered; nil: nowhere. Of targets that are as good as
	// each other it goes first: the registrar calls us from there, a NAT lets only
	// that in, and some take calls only where the account is (RFC 3608 §4).
	home atomic.Pointer[netip.AddrPort]

	mu    sync.Mutex
	aside map[netip.AddrPort]time.Time // until when a target is tried last
}

// located is what is known of a host. It is never changed, only replaced.
type located struct {
	locate.Answer
	sound  time.Time                // when the answer was last no guess
	lately map[netip.Addr]time.Time // all addresses that were named within the last hour
}

// newHost is a host that nobody has looked for yet; port is 0 where none is
// configured.
func newHost(name string, port uint16, transport string) *host {
	h := &host{name: name, query: locate.Query{Host: name, Port: port, Transports: []string{transport}},
		find: new(locate.Finder).Locate, aside: map[netip.AddrPort]time.Time{}}
	h.found.Store(&located{})
	return h
}

// fixed tells whether the name is an address, which never changes.
func (h *host) fixed() bool {
	_, err := netip.ParseAddr(h.name)
	return err == nil
}

// now are the addresses of the latest answer.
func (h *host) now() []netip.Addr { return h.found.Load().Addrs() }

// known tells whether the host has an address at all.
func (h *host) known() bool { return len(h.now()) > 0 }

// has tells whether addr is the host's.
func (h *host) has(addr netip.Addr) bool {
	_, ok := h.found.Load().lately[addr]
	return ok
}

// lookup asks the DNS. Where it has no answer, the last one stays, for as long
// as it takes.
func (h *host) lookup(ctx context.Context, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	answer, err := h.find(ctx, h.query)
	now, at, before := answer.Addrs(), time.Now(), h.found.Load()
	if err == nil && len(now) == 0 {
		err = locate.ErrNone
	}
	if err != nil && (len(now) == 0 || len(before.Addrs()) > 0 && at.Sub(before.sound) < believed) { // F16
		return fmt.Errorf("resolve %s: %w", h.name, err)
	}
	next := &located{answer, before.sound, map[netip.Addr]time.Time{}}
	if err == nil {
		next.sound = at
	}
	for addr, seen := range before.lately {
		if at.Sub(seen) < believed {
			next.lately[addr] = seen
		}
	}
	for _, addr := range now {
		next.lately[addr] = at
	}
	h.found.Store(next)
	return nil
}

// due is how long the answer may be used: its time to live, within bounds.
func (h *host) due(least time.Duration) time.Duration {
	return max(min(h.found.Load().TTL, relook), least)
}

// draw are the targets in the order to try them: as the DNS has it, but those
// that were set aside last, the one first whose time is over first.
func (h *host) draw() []locate.Target {
	all, now := h.found.Load().Draw(rand.IntN), time.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	left := func(t locate.Target) time.Duration { return max(h.aside[t.Addr].Sub(now), 0) }
	slices.SortStableFunc(all, func(a, b locate.Target) int {
		return cmp.Or(cmp.Compare(left(a), left(b)), cmp.Compare(a.Tier, b.Tier), cmp.Compare(h.away(a), h.away(b)))
	})
	return all
}

// away is 0 for the target where we are registered, and 1 for all others.
func (h *host) away(t locate.Target) int {
	if home := h.home.Load(); home != nil && *home == t.Addr {
		return 0
	}
	return 1
}

// setAside has a target tried last for a while; 0 takes that back.
func (h *host) setAside(addr netip.AddrPort, d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for a, until := range h.aside {
		if time.Until(until) <= 0 {
			delete(h.aside, a)
		}
	}
	if delete(h.aside, addr); d > 0 {
		h.aside[addr] = time.Now().Add(d)
	}
}

// portAt is the one that the DNS names for the host on one of its machines.
func (h *host) portAt(addr netip.Addr) (uint16, bool) {
	for _, t := range h.found.Load().Draw(func(int) int { return 0 }) {
		if t.Addr.Addr() == addr {
			return t.Addr.Port(), true
		}
	}
	return 0, false
}

// of are the addresses of a machine that the DNS named for the host.
func (h *host) of(machine string) []netip.Addr {
	var all []netip.Addr
	for _, t := range h.found.Load().Of(strings.TrimSuffix(machine, ".")) {
		all = append(all, t.Addr.Addr())
	}
	return all
}

// resolve finds the addresses of a host, which may be one already.
func resolve(ctx context.Context, name string) ([]netip.Addr, error) {
	if addr, err := netip.ParseAddr(name); err == nil {
		return []netip.Addr{addr.Unmap()}, nil
	}
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", name)
	for i := range found {
		found[i] = found[i].Unmap()
	}
	return found, err
}
