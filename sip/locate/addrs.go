package locate

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"

	"github.com/miekg/dns"
)

// hosts is this machine's own table of names: a resolver that can ask nobody.
func hosts(ctx context.Context, name string) []netip.Addr {
	table := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) { return nil, ErrNoAnswer }}
	found, _ := table.LookupNetIP(ctx, "ip", name)
	return usable(found)
}

// addrs finds the addresses of a machine, IPv4 before IPv6; near ones may be
// named without their domain.
func (l *lookup) addrs(ctx context.Context, name string, near bool) ([]netip.Addr, error) {
	if found := hosts(ctx, name); len(found) > 0 {
		return found, nil
	}
	names := []string{name}
	if near {
		names = l.conf.NameList(name)
	}
	err := ErrNone
	for _, n := range names {
		n, ok := fqdn(n)
		if !ok {
			continue
		}
		var found []netip.Addr
		if found, err = l.both(ctx, n); len(found) > 0 {
			return found, nil
		}
		if own, _ := fqdn(name); n == own && errors.Is(err, ErrNoAnswer) {
			return nil, err // it may well be there: who has it with our domain added is somebody else
		}
	}
	return nil, err
}

// both asks for both families at once. One that cannot be asked for is nothing
// to wait for if there is the other.
func (l *lookup) both(ctx context.Context, name string) ([]netip.Addr, error) {
	var v4, v6 []dns.RR
	var err4, err6 error
	var wg sync.WaitGroup
	wg.Go(func() { v6, err6 = l.ask(ctx, name, dns.TypeAAAA) }) // ends with ctx at the latest; awaited below
	v4, err4 = l.ask(ctx, name, dns.TypeA)
	wg.Wait()
	var found []netip.Addr
	for _, rr := range append(v4[:min(len(v4), maxAddrs)], v6[:min(len(v6), maxAddrs)]...) {
		var ip net.IP
		switch r := rr.(type) {
		case *dns.A:
			ip = r.A
		case *dns.AAAA:
			ip = r.AAAA
		}
		if addr, ok := netip.AddrFromSlice(ip); ok {
			found = append(found, addr)
		}
	}
	if found = usable(found); len(found) > 0 {
		return found, nil
	}
	if err := errors.Join(err4, err6); errors.Is(err, ErrNoAnswer) {
		return nil, err
	}
	return nil, ErrNone
}

// usable drops what no telephone can be at.
func usable(addrs []netip.Addr) []netip.Addr {
	var ok []netip.Addr
	for _, a := range addrs {
		if a = a.Unmap(); a.IsValid() && !a.IsUnspecified() && !a.IsMulticast() {
			ok = append(ok, a)
		}
	}
	return ok
}
