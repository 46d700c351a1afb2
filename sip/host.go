package sip

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"
)

// believed is how long an address counts as a host's after a resolver last
// named it: a host that moves may still end the calls it has, and one that is
// named by other addresses at each look is known by all of them.
const believed = time.Hour

// host is a name and the addresses behind it.
type host struct {
	name  string
	find  func(context.Context, string) ([]netip.Addr, error)
	found atomic.Pointer[addresses]
}

// addresses are what is known of a host. They are never changed, only replaced.
type addresses struct {
	now    []netip.Addr             // the latest answer, in the resolver's order
	lately map[netip.Addr]time.Time // all that were named within the last hour
}

func newHost(name string) *host {
	h := &host{name: name, find: resolve}
	h.found.Store(&addresses{})
	return h
}

// fixed tells whether the name is an address, which never changes.
func (h *host) fixed() bool {
	_, err := netip.ParseAddr(h.name)
	return err == nil
}

// known tells whether the host has an address at all.
func (h *host) known() bool { return len(h.found.Load().now) > 0 }

// has tells whether addr is the host's.
func (h *host) has(addr netip.Addr) bool {
	_, ok := h.found.Load().lately[addr]
	return ok
}

// lookup asks the resolver. Where it has no answer, the last one stays, for as
// long as it takes.
func (h *host) lookup(ctx context.Context, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	now, err := h.find(ctx, h.name)
	if err != nil || len(now) == 0 {
		return fmt.Errorf("resolve %s: %w", h.name, err)
	}
	at, lately := time.Now(), map[netip.Addr]time.Time{}
	for addr, seen := range h.found.Load().lately {
		if at.Sub(seen) < believed {
			lately[addr] = seen
		}
	}
	for _, addr := range now {
		lately[addr] = at
	}
	h.found.Store(&addresses{slices.Clone(now), lately})
	return nil
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
